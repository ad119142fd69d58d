use application::queries::activity::{ActivityKind, ActivityQueries as _};
use domain::{plugin::PluginEvent, values::Dialect};

use crate::{
    given::{id, published, registered},
    yard::{Yard, at, plugin},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_happened_is_told_newest_first_of_what_is_visible() {
    let yard = Yard::start().await;
    let released = published(1, "acme", "tool")
        .release_with("1.1.0", |release| {
            (release.at, release.changelog) = (at(50), Some("Better".to_owned()));
        })
        .release_with("1.2.0", |release| {
            (release.at, release.quarantine) = (at(60), Some("not scanned".to_owned()));
        });
    let hidden = registered(2, "acme", "hidden").release("1.0.0").listed(Dialect::Nexus);
    let held = PluginEvent::PluginQuarantined { plugin_uid: id(2), reason: "odd".to_owned() };
    yard.given([released.story(), hidden.event(held).story()]).await;
    let kinds = async |one, dialect| {
        let activity = yard.activity().recent(one, dialect, 10).await.unwrap();
        activity
            .iter()
            .map(|entry| (entry.kind, entry.version.clone().unwrap_or_default()))
            .collect::<Vec<_>>()
    };
    let all = [
        (ActivityKind::Released, "1.1.0".to_owned()),
        (ActivityKind::Released, "1.0.0".to_owned()),
        (ActivityKind::Registered, String::new()),
    ];
    assert_eq!(kinds(None, None).await, all);
    assert_eq!(kinds(Some(id(1)), Some(Dialect::Dify)).await, all);
    assert_eq!(kinds(None, Some(Dialect::Inkdrop)).await, []);
    assert_eq!(kinds(Some(id(2)), None).await, []);
    let newest = yard.activity().recent(None, None, 1).await.unwrap().remove(0);
    assert_eq!((newest.text.as_deref(), newest.at, newest.name.as_str()), (Some("Better"), at(50), "tool"));
    let (plugin_uid, reason) = (id(1), "broken".to_owned());
    let yanked = PluginEvent::ReleaseYanked { plugin_uid, version: "1.1.0".parse().unwrap(), reason };
    let metric = "downloads".to_owned();
    let milestone = PluginEvent::MilestoneReached { plugin_uid, metric, threshold: 100 };
    yard.given([plugin(plugin_uid, vec![yanked, milestone])]).await;
    let newest = kinds(None, None).await;
    assert!(newest[..2].contains(&(ActivityKind::Yanked, "1.1.0".to_owned())), "{newest:?}");
    assert!(newest[..2].contains(&(ActivityKind::Milestone, String::new())), "{newest:?}");
    yard.rebuilt_is_the_same().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_removal_is_told_to_those_who_could_see_what_was_removed() {
    let yard = Yard::start().await;
    let removed = |number, shown_in: &[Dialect]| PluginEvent::PluginRemoved {
        plugin_uid: id(number),
        reason: "no longer needed".to_owned(),
        shown_in: shown_in.iter().copied().collect(),
    };
    let seen = published(1, "acme", "seen").event(removed(1, &[Dialect::Dify, Dialect::Backstage]));
    let unseen = registered(2, "acme", "unseen").release("1.0.0").event(removed(2, &[]));
    yard.given([seen.story(), unseen.story()]).await;
    let told = async |one, dialect| {
        let activity = yard.activity().recent(one, dialect, 10).await.unwrap();
        activity.into_iter().map(|entry| (entry.kind, entry.name, entry.text)).collect::<Vec<_>>()
    };
    let removal = [(ActivityKind::Removed, "seen".to_owned(), Some("no longer needed".to_owned()))];
    assert_eq!(told(None, None).await, removal, "and nothing of what it was before");
    assert_eq!(told(Some(id(1)), Some(Dialect::Dify)).await, removal);
    assert_eq!(told(None, Some(Dialect::Space)).await, []);
    assert_eq!(told(Some(id(2)), None).await, []);
    yard.rebuilt_is_the_same().await;
}
