use chrono::TimeDelta;

use super::*;
use crate::error::Kind;

fn to_both() -> Order {
    order(PackageFormat::Zip, &[Dialect::Backstage, Dialect::Nexus])
}

fn zip(version: &str) -> Package {
    prepared(PackageFormat::Zip, Some("acme"), "auth", version)
}

/// Publisher, three names and the release itself: five appends.
const APPENDS: usize = 5;

#[tokio::test]
async fn wherever_a_publication_breaks_off_nothing_is_shown_and_its_owner_goes_on() {
    for survived in 0..APPENDS {
        let ground = Ground::new();
        let ann = ground.holder("ann", Role::Publisher).await;
        ground.shelf.lock().room = Some(survived);
        let broken = ground.publish(&zip("1.0.0"), to_both(), &ann).await.unwrap_err();
        assert_eq!((broken.kind, ground.shelf.recorded().len()), (Kind::Unavailable, survived));
        let found = ground.shelf.publishers(Dialect::Nexus).await.unwrap();
        assert_eq!(found, Vec::<String>::new());
        ground.shelf.lock().room = None;
        let published = ground.publish(&zip("1.0.0"), to_both(), &ann).await.unwrap();
        assert_eq!(published.outcome, PublishOutcome::NewPlugin);
        let view = ground.view(published.plugin).await;
        assert!(view.is_visible(Dialect::Backstage) && view.is_visible(Dialect::Nexus));
        let claimed = ground.shelf.recorded().len();
        ground.publish(&zip("1.0.1"), to_both(), &ann).await.unwrap();
        // Every name is the plugin's: only the release and its description are new.
        assert_eq!(ground.shelf.recorded().len(), claimed + 2, "after {survived}");
    }
}

#[tokio::test]
async fn a_name_whose_plugin_never_came_blocks_others_for_an_hour() {
    let ground = Ground::new();
    let (ann, bob) =
        (ground.holder("ann", Role::Publisher).await, ground.holder("bob", Role::Publisher).await);
    ground.shelf.lock().room = Some(3);
    let new = || for_inkdrop(Expects::NewPlugin);
    let broken = ground.publish(&tarball("notes", "1.0.0"), new(), &ann).await;
    assert_eq!(broken.unwrap_err().kind, Kind::Unavailable);
    ground.shelf.lock().room = None;
    let refused = ground.publish(&tarball("notes", "1.0.0"), new(), &bob).await.unwrap_err();
    assert_eq!(refused.kind, Kind::Forbidden);
    ground.registry.passes(TimeDelta::hours(1).to_std().unwrap());
    let published = ground.publish(&tarball("notes", "1.0.0"), new(), &bob).await.unwrap();
    assert_eq!(ground.view(published.plugin).await.owner, bob.account);
    let late = ground.publish(&tarball("notes", "1.0.0"), for_inkdrop(Expects::Any), &ann).await.unwrap_err();
    assert_eq!(late.kind, Kind::Forbidden);
}

#[tokio::test]
async fn a_removal_that_broke_off_before_the_names_were_given_back_keeps_nobody_out_for_ever() {
    let ground = Ground::new();
    let (ann, bob) =
        (ground.holder("ann", Role::Publisher).await, ground.holder("bob", Role::Publisher).await);
    let new = || for_inkdrop(Expects::NewPlugin);
    let first = ground.publish(&tarball("notes", "1.0.0"), new(), &ann).await.unwrap();
    ground.shelf.lock().room = Some(1);
    let broken = ground.change(first.plugin, Change::Remove { reason: "done".to_owned() }, &ann).await;
    assert_eq!(broken.unwrap_err().kind, Kind::Unavailable);
    ground.shelf.lock().room = None;
    assert!(ground.view(first.plugin).await.removed.is_some());
    let kept = ground.publish(&tarball("notes", "1.0.1"), new(), &bob).await.unwrap_err();
    assert_eq!(kept.kind, Kind::Forbidden);
    ground.registry.passes(TimeDelta::days(91).to_std().unwrap());
    ground.publish(&tarball("notes", "1.0.1"), new(), &bob).await.unwrap();
}
