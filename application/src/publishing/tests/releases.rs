use bytes::Bytes;
use domain::plugin::{Icon, MOST_RELEASES};

use super::*;
use crate::{
    error::Kind,
    ports::packages::{IconFile, Scan},
    publishing::{naming::Named, publication},
    queries::catalogue::{PluginView, ReleaseView},
};

#[tokio::test]
async fn a_first_publication_makes_the_plugin_and_its_publisher() {
    let ground = Ground::new();
    let ann = ground.holder("ann", Role::Publisher).await;
    let published = ground.publish(&difypkg("acme", "agent", "0.0.1"), for_dify(), &ann).await.unwrap();
    assert_eq!((published.outcome, published.quarantine.clone()), (PublishOutcome::NewPlugin, None));
    assert!(published.position.is_some());
    let view = ground.view(published.plugin).await;
    assert!(view.is_visible(Dialect::Dify) && !view.is_visible(Dialect::Backstage));
    assert_eq!((view.publisher.as_str(), view.name.as_str(), view.owner), ("acme", "agent", ann.account));
    assert_eq!((view.number, view.verified), (1000, None));
    let owner = ground.shelf.publisher("ACME").await.unwrap().unwrap();
    assert_eq!((owner.number, owner.owner), (1000, ann.account));
    assert_eq!(ground.blobs.digests(), [view.releases[0].artifact.sha256.clone()]);
}

#[tokio::test]
async fn the_same_bytes_again_are_what_is_there_and_other_bytes_are_a_conflict() {
    let ground = Ground::new();
    let ann = ground.holder("ann", Role::Publisher).await;
    let package = difypkg("acme", "agent", "0.0.1");
    let first = ground.publish(&package, for_dify(), &ann).await.unwrap();
    let events = ground.shelf.recorded().len();
    let again = ground.publish(&package, for_dify(), &ann).await.unwrap();
    assert_eq!((again.plugin, again.outcome), (first.plugin, PublishOutcome::Unchanged));
    assert_eq!((again.position, ground.shelf.recorded().len()), (None, events));
    let other = Package { readme: Some("other".to_owned()), ..package };
    let refused = ground.publish(&other, for_dify(), &ann).await.unwrap_err();
    assert_eq!(refused.kind, Kind::Conflict);
    assert!(refused.message.contains("0.0.1"), "{refused}");
    let next = Package { version: "0.0.2".parse().unwrap(), ..other };
    let next = ground.publish(&next, for_dify(), &ann).await.unwrap();
    assert_eq!((next.plugin, next.outcome), (first.plugin, PublishOutcome::NewVersion));
}

#[tokio::test]
async fn a_release_too_many_is_refused_before_anything_is_stored() {
    let ground = Ground::new();
    let ann = ground.holder("ann", Role::Publisher).await;
    let package = |version: &str| difypkg("acme", "agent", version);
    let first = ground.publish(&package("1.0.0"), for_dify(), &ann).await.unwrap();
    let mut view = ground.view(first.plugin).await;
    let judge = |view: &PluginView, version: &str| {
        let (package, order) = (package(version), for_dify());
        let named = Named::of(&order, &package, &ann).unwrap();
        publication::judged(view.id, named, package, Some(view.clone()), order.expects, &ann)
    };
    while view.releases.len() < MOST_RELEASES {
        assert_eq!(judge(&view, "0.0.1").unwrap().outcome, PublishOutcome::NewVersion);
        let version = format!("1.1.{}", view.releases.len()).parse().unwrap();
        view.releases.push(ReleaseView { version, ..view.releases[0].clone() });
    }
    let refused = judge(&view, "0.0.1").map(|plan| plan.outcome).unwrap_err();
    assert_eq!(refused.kind, Kind::Conflict);
    assert!(refused.message.contains("1000 releases; remove one"), "{refused}");
    let there = judge(&view, "1.0.0").map(|plan| plan.outcome).unwrap_err();
    assert!(there.message.contains("Version 1.0.0 was published already"), "{there}");
}

#[tokio::test]
async fn a_repeat_under_a_key_is_answered_with_the_first_answer() {
    let ground = Ground::new();
    let ann = ground.holder("ann", Role::Publisher).await;
    let once = |hash| Caller { once: Some(("key".to_owned(), [hash; 32])), ..caller() };
    let package = difypkg("acme", "agent", "0.0.1");
    let first = ground.publish_as(&package, for_dify(), &ann, once(1)).await.unwrap();
    let again = ground.publish_as(&package, for_dify(), &ann, once(1)).await.unwrap();
    assert_eq!(again, Published { position: None, ..first });
    let refused = ground.publish_as(&package, for_dify(), &ann, once(2)).await.unwrap_err();
    assert_eq!(refused.reason, Some(crate::failure::Reason::IdempotencyKeyReused));
}

#[tokio::test]
async fn what_a_client_expects_to_find_decides_what_it_is_told() {
    let ground = Ground::new();
    let ann = ground.holder("ann", Role::Publisher).await;
    let bob = ground.holder("bob", Role::Publisher).await;
    let package = tarball("notes", "1.0.0");
    let missing = ground.publish(&package, for_inkdrop(Expects::NewVersion), &ann).await.unwrap_err();
    assert_eq!(missing.kind, Kind::NotFound);
    ground.publish(&package, for_inkdrop(Expects::NewPlugin), &ann).await.unwrap();
    for by in [&ann, &bob] {
        let there = ground.publish(&package, for_inkdrop(Expects::NewPlugin), by).await.unwrap_err();
        assert_eq!(there.kind, Kind::Conflict);
    }
    let foreign =
        ground.publish(&tarball("notes", "1.0.1"), for_inkdrop(Expects::NewVersion), &bob).await.unwrap_err();
    assert_eq!(
        (foreign.kind, foreign.message.as_str()),
        (Kind::Forbidden, "The name notes belongs to somebody else")
    );
}

#[tokio::test]
async fn a_package_that_says_otherwise_than_its_request_is_refused() {
    let ground = Ground::new();
    let ann = ground.holder("ann", Role::Publisher).await;
    let said = [
        Order { name: Some("other".to_owned()), ..for_dify() },
        Order { version: Some("9.9.9".to_owned()), ..for_dify() },
        Order { publisher: Some("other".to_owned()), ..for_dify() },
        Order { repository: Some("no repository".to_owned()), ..for_dify() },
        Order { changelog: Some("\0".to_owned()), ..for_dify() },
        Order { dialects: vec![], ..for_dify() },
        Order { formats: vec![PackageFormat::Zip], ..for_dify() },
    ];
    for order in said {
        let package = difypkg("acme", "agent", "0.0.1");
        let refused = ground.publish(&package, order.clone(), &ann).await.unwrap_err();
        assert_eq!(refused.kind, Kind::Invalid, "{order:?}");
    }
    assert_eq!((ground.shelf.recorded().len(), ground.blobs.digests().len()), (0, 0));
}

#[tokio::test]
async fn a_release_that_another_listed_dialect_cannot_take_is_refused() {
    let ground = Ground::new();
    let ann = ground.holder("ann", Role::Publisher).await;
    let package = |format, version: &str| prepared(format, Some("acme"), "agent", version);
    let both = order(PackageFormat::Zip, &[Dialect::Backstage, Dialect::Nexus]);
    let plugin = ground.publish(&package(PackageFormat::Zip, "1.0.0"), both, &ann).await.unwrap().plugin;
    let tarball = package(PackageFormat::Tarball, "1.1.0");
    let for_backstage = || order(PackageFormat::Tarball, &[Dialect::Backstage]);
    let refused = ground.publish(&tarball, for_backstage(), &ann).await.unwrap_err();
    assert_eq!(refused.kind, Kind::Invalid, "{refused}");
    assert!(refused.message.starts_with("Nexus takes ZIP files"), "{refused}");
    assert_eq!(ground.view(plugin).await.releases.len(), 1);
    let unlist = Change::Unlist { dialect: Dialect::Nexus, reason: "only here".to_owned() };
    ground.change(plugin, unlist, &ann).await.unwrap();
    ground.publish(&tarball, for_backstage(), &ann).await.unwrap();
    assert_eq!(ground.view(plugin).await.releases.len(), 2);
}

#[tokio::test]
async fn a_dry_run_checks_everything_and_stores_nothing() {
    let ground = Ground::new();
    let ann = ground.holder("ann", Role::Publisher).await;
    let dry = || Order { dry_run: true, ..for_inkdrop(Expects::NewPlugin) };
    let checked = ground.publish(&tarball("notes", "1.0.0"), dry(), &ann).await.unwrap();
    assert_eq!((checked.outcome, checked.name.as_str()), (PublishOutcome::WouldPublish, "notes"));
    ground.shelf.lock().scan = Some(Scan::Found("EICAR".to_owned()));
    assert!(ground.publish(&tarball("notes", "1.0.0"), dry(), &ann).await.is_err());
    assert!(ground.publish(&tarball("Notes", "1.0.0"), dry(), &ann).await.is_err());
    assert_eq!((ground.shelf.recorded().len(), ground.blobs.digests().len()), (0, 0));
}

#[tokio::test]
async fn only_publishers_publish() {
    let ground = Ground::new();
    let user = ground.holder("eve", Role::User).await;
    for (by, kind) in [(&Principal::anonymous(), Kind::Unauthenticated), (&user, Kind::Forbidden)] {
        let refused = ground.publish(&difypkg("acme", "agent", "0.0.1"), for_dify(), by).await.unwrap_err();
        assert_eq!(refused.kind, kind);
    }
}

#[tokio::test]
async fn the_icon_of_a_package_is_stored_beside_it() {
    let ground = Ground::new();
    let ann = ground.holder("ann", Role::Publisher).await;
    let icon = IconFile { media_type: "image/png".to_owned(), bytes: Bytes::from_static(b"\x89PNG") };
    let package = Package { icon: Some(icon), ..difypkg("acme", "agent", "0.0.1") };
    let published = ground.publish(&package, for_dify(), &ann).await.unwrap();
    let view = ground.view(published.plugin).await;
    let Some(Icon::Blob { sha256, size: 4, media_type }) = view.description.icon else { panic!("no icon") };
    assert_eq!(media_type, "image/png");
    assert!(ground.blobs.digests().contains(&sha256) && ground.shelf.uses(&sha256).await.unwrap());
    let names = std::fs::read_dir(ground.directory.path()).unwrap().count();
    assert_eq!(names, 1, "nothing stays beside the package");
}

#[tokio::test]
async fn what_the_request_says_of_a_release_comes_before_what_the_package_says() {
    let ground = Ground::new();
    let ann = ground.holder("ann", Role::Publisher).await;
    let package =
        Package { changelog: Some("of the package".to_owned()), ..tarball("notes", "1.0.0-beta.1") };
    let order = Order {
        changelog: Some("of the request".to_owned()),
        repository: Some("ann/notes".to_owned()),
        ..for_inkdrop(Expects::NewPlugin)
    };
    let published = ground.publish(&package, order, &ann).await.unwrap();
    let view = ground.view(published.plugin).await;
    assert_eq!(view.releases[0].changelog.as_deref(), Some("of the request"));
    assert_eq!(view.description.repository.as_deref(), Some("ann/notes"));
    assert!(view.releases[0].prerelease);
}

#[tokio::test]
async fn a_verified_publisher_has_verified_plugins() {
    let ground = Ground::new();
    let (ann, admin) = (ground.holder("ann", Role::Publisher).await, Principal::bootstrap());
    let first = ground.publish(&difypkg("acme", "agent", "0.0.1"), for_dify(), &ann).await.unwrap();
    let name = "acme".parse().unwrap();
    let verify = async |by: &Principal| {
        let (method, evidence) = ("domain".to_owned(), "acme.example.org".to_owned());
        let by = Asker { principal: by, caller: caller() };
        ground.publishing.verify_publisher(&name, method, evidence, by).await
    };
    assert_eq!(verify(&ann).await.unwrap_err().kind, Kind::Forbidden);
    assert!(verify(&admin).await.unwrap().is_some());
    let second = ground.publish(&difypkg("acme", "tool", "0.0.1"), for_dify(), &ann).await.unwrap();
    for plugin in [first.plugin, second.plugin] {
        let verified = ground.view(plugin).await.verified.unwrap();
        assert_eq!((verified.method.as_str(), verified.evidence.as_str()), ("publisher", "acme"));
    }
    assert_eq!(verify(&admin).await.unwrap(), None);
}
