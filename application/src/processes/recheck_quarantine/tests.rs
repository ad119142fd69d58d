use domain::values::{Dialect, Role};

use super::*;
use crate::{
    publishing::{
        Expects,
        tests::{Ground, for_inkdrop, tarball},
    },
    queries::catalogue::CatalogueQueries as _,
};

fn process(ground: &Ground) -> RecheckQuarantine {
    let directory = ground.directory.path().to_owned();
    RecheckQuarantine { publishing: ground.publishing.clone(), directory }
}

#[tokio::test]
async fn a_release_is_held_until_the_scanner_has_run() {
    let ground = Ground::new();
    let ann = ground.holder("ann", Role::Publisher).await;
    ground.shelf.lock().scan = Some(Scan::NotRun("down".to_owned()));
    let package = tarball("notes", "1.0.0");
    let published = ground.publish(&package, for_inkdrop(Expects::NewPlugin), &ann).await.unwrap();
    assert!(published.quarantine.unwrap().starts_with(UNCHECKED));
    let is_shown = async || ground.view(published.plugin).await.is_visible(Dialect::Inkdrop);
    assert!(!is_shown().await);

    process(&ground).recheck().await.unwrap();
    assert!(!is_shown().await, "the scanner is still down");
    ground.shelf.lock().scan = None;
    process(&ground).recheck().await.unwrap();
    assert!(is_shown().await);
    assert_eq!(ground.shelf.quarantined().await.unwrap(), []);
    assert_eq!(std::fs::read_dir(ground.directory.path()).unwrap().count(), 1, "no copy stays");
}

#[tokio::test]
async fn what_the_scanner_finds_later_is_held_for_that() {
    let ground = Ground::new();
    let ann = ground.holder("ann", Role::Publisher).await;
    ground.shelf.lock().scan = Some(Scan::NotRun("down".to_owned()));
    let package = tarball("notes", "1.0.0");
    let published = ground.publish(&package, for_inkdrop(Expects::NewPlugin), &ann).await.unwrap();
    ground.shelf.lock().scan = Some(Scan::Found("EICAR".to_owned()));
    process(&ground).recheck().await.unwrap();
    let held = ground.view(published.plugin).await.releases[0].quarantine.clone().unwrap();
    assert!(held.contains("EICAR") && !held.starts_with(UNCHECKED), "{held}");
    ground.shelf.lock().scan = None;
    process(&ground).recheck().await.unwrap();
    assert_eq!(ground.view(published.plugin).await.releases[0].quarantine, Some(held), "an operator decides");
}

#[tokio::test]
async fn a_name_that_could_not_be_compared_is_compared_later() {
    let ground = Ground::new();
    let (ann, bob) =
        (ground.holder("ann", Role::Publisher).await, ground.holder("bob", Role::Publisher).await);
    ground.shelf.lock().is_blind = true;
    let new = || for_inkdrop(Expects::NewPlugin);
    let first = ground.publish(&tarball("notes", "1.0.0"), new(), &ann).await.unwrap();
    let second = ground.publish(&tarball("n0tes", "1.0.0"), new(), &bob).await.unwrap();
    let other = ground.publish(&tarball("sketch", "1.0.0"), new(), &bob).await.unwrap();
    for plugin in [first.plugin, second.plugin, other.plugin] {
        assert!(ground.view(plugin).await.quarantine.unwrap().starts_with(UNCHECKED));
    }
    ground.shelf.lock().is_blind = false;
    process(&ground).recheck().await.unwrap();
    assert_eq!(ground.view(other.plugin).await.quarantine, None);
    let held = ground.view(second.plugin).await.quarantine.unwrap();
    assert!(held.contains("/notes"), "{held}");
}
