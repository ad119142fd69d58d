use chrono::TimeDelta;
use futures::future::join_all;

use super::*;
use crate::error::Kind;

#[tokio::test]
async fn of_many_who_want_a_name_at_once_one_owner_gets_it() {
    let ground = Ground::new();
    let (ann, bob) =
        (ground.holder("ann", Role::Publisher).await, ground.holder("bob", Role::Publisher).await);
    let publish = async |number: u32| {
        let by = if number.is_multiple_of(2) { &ann } else { &bob };
        let package = tarball("notes", &format!("1.0.{number}"));
        (by.account, ground.publish(&package, for_inkdrop(Expects::Any), by).await)
    };
    let outcomes = join_all((0..20).map(publish)).await;
    let plugins: std::collections::BTreeSet<_> =
        outcomes.iter().filter_map(|(_, outcome)| outcome.as_ref().ok()).map(|done| done.plugin).collect();
    assert_eq!(plugins.len(), 1);
    let owner = ground.view(*plugins.first().unwrap()).await.owner;
    for (by, outcome) in outcomes {
        assert_eq!(outcome.is_ok(), by == owner, "{outcome:?}");
    }
}

#[tokio::test]
async fn the_author_of_a_two_word_name_belongs_to_whoever_came_first() {
    let ground = Ground::new();
    let (ann, bob) =
        (ground.holder("ann", Role::Publisher).await, ground.holder("bob", Role::Publisher).await);
    ground.publish(&difypkg("acme", "agent", "0.0.1"), for_dify(), &ann).await.unwrap();
    for name in ["agent", "other"] {
        let refused = ground.publish(&difypkg("acme", name, "0.0.1"), for_dify(), &bob).await.unwrap_err();
        assert_eq!(refused.kind, Kind::Forbidden, "{refused}");
    }
    let same_name = ground.publish(&difypkg("bobs", "agent", "0.0.1"), for_dify(), &bob).await.unwrap();
    assert!(same_name.quarantine.unwrap().contains("acme/agent"), "held, as it could be taken for the other");
}

#[tokio::test]
async fn what_looks_like_another_is_held_back_and_its_owner_is_locked() {
    let ground = Ground::new();
    let (ann, bob) =
        (ground.holder("ann", Role::Publisher).await, ground.holder("bob", Role::Publisher).await);
    ground.publish(&tarball("solarized", "1.0.0"), for_inkdrop(Expects::Any), &ann).await.unwrap();
    let held = ground.publish(&tarball("so1arized", "1.0.0"), for_inkdrop(Expects::Any), &bob).await.unwrap();
    assert!(held.quarantine.unwrap().contains("/solarized"));
    assert!(!ground.view(held.plugin).await.is_visible(Dialect::Inkdrop));
    let again =
        ground.publish(&tarball("so1arized", "1.0.0"), for_inkdrop(Expects::Any), &bob).await.unwrap();
    assert_eq!(again.outcome, PublishOutcome::Unchanged);
    let next = ground.publish(&tarball("so1arized", "1.0.1"), for_inkdrop(Expects::Any), &bob).await;
    assert_eq!(next.unwrap_err().kind, Kind::Conflict);
    let removed = ground.change(held.plugin, Change::Remove { reason: "mine".to_owned() }, &bob).await;
    assert_eq!(removed.unwrap_err().kind, Kind::Conflict);

    let clear = Change::Clear { version: None, evidence: "asked the author".to_owned() };
    ground.change(held.plugin, clear, &Principal::bootstrap()).await.unwrap();
    assert!(ground.view(held.plugin).await.is_visible(Dialect::Inkdrop));
    ground.publish(&tarball("so1arized", "1.0.1"), for_inkdrop(Expects::Any), &bob).await.unwrap();
}

#[tokio::test]
async fn an_operators_names_are_not_judged_nor_is_the_next_version() {
    let ground = Ground::new();
    let (ann, admin) = (ground.holder("ann", Role::Publisher).await, Principal::bootstrap());
    ground.publish(&tarball("solarized", "1.0.0"), for_inkdrop(Expects::Any), &ann).await.unwrap();
    let own =
        ground.publish(&tarball("so1arized", "1.0.0"), for_inkdrop(Expects::Any), &admin).await.unwrap();
    assert_eq!((own.quarantine, own.publisher.as_str()), (None, "operator"));
    let next = ground.publish(&tarball("solarized", "1.0.1"), for_inkdrop(Expects::Any), &ann).await.unwrap();
    assert_eq!(next.quarantine, None);
}

#[tokio::test]
async fn an_operator_publishes_for_the_owner_of_a_plugin() {
    let ground = Ground::new();
    let (ann, admin) = (ground.holder("ann", Role::Publisher).await, Principal::bootstrap());
    let first = ground.publish(&difypkg("acme", "agent", "0.0.1"), for_dify(), &ann).await.unwrap();
    let next = ground.publish(&difypkg("acme", "agent", "0.0.2"), for_dify(), &admin).await.unwrap();
    let other = ground.publish(&difypkg("acme", "tool", "0.0.1"), for_dify(), &admin).await.unwrap();
    assert_eq!((next.plugin, next.outcome), (first.plugin, PublishOutcome::NewVersion));
    for plugin in [next.plugin, other.plugin] {
        assert_eq!(ground.view(plugin).await.owner, ann.account);
    }
}

#[tokio::test]
async fn every_dialect_has_names_of_its_own() {
    let ground = Ground::new();
    let ann = ground.holder("ann", Role::Publisher).await;
    let zip = |name: &str| prepared(PackageFormat::Zip, Some("acme"), name, "1.0.0");
    let refused = vec![
        (difypkg("acme", "Agent", "0.0.1"), Dialect::Dify),
        (difypkg("acme", "a.b", "0.0.1"), Dialect::Dify),
        (difypkg("acme", "agent", "0.0.1-a.b"), Dialect::Dify),
        (zip("agent"), Dialect::Dify),
        (tarball("Notes", "1.0.0"), Dialect::Inkdrop),
        (tarball("search", "1.0.0"), Dialect::Inkdrop),
        (zip("plugin_123"), Dialect::Backstage),
        (zip("123e4567-e89b-42d3-a456-426614174000"), Dialect::Backstage),
        (zip("Auth"), Dialect::Nexus),
        (zip("repositories"), Dialect::Nexus),
        (zip("agent"), Dialect::Cli),
        (prepared(PackageFormat::Lbpkg, Some("u-123456789abc"), "agent", "1.0.0"), Dialect::Space),
        (prepared(PackageFormat::Lbpkg, Some("operator"), "agent", "1.0.0"), Dialect::Space),
        (prepared(PackageFormat::Lbpkg, Some("search"), "agent", "1.0.0"), Dialect::Space),
        (prepared(PackageFormat::Lbpkg, None, "agent", "1.0.0"), Dialect::Space),
    ];
    for (package, dialect) in refused {
        let outcome = ground.publish(&package, order(package.artifact.format, &[dialect]), &ann).await;
        assert_eq!(outcome.map_err(|error| error.kind), Err(Kind::Invalid), "{} {dialect:?}", package.name);
    }
    assert_eq!(ground.shelf.recorded().len(), 0);
    let lbpkg = prepared(PackageFormat::Lbpkg, Some("langbot-team"), "LocalAgent", "0.1.7");
    ground.publish(&lbpkg, order(PackageFormat::Lbpkg, &[Dialect::Space]), &ann).await.unwrap();
    let both = order(PackageFormat::Zip, &[Dialect::Backstage, Dialect::Nexus]);
    let published = ground.publish(&zip("auth-plugin"), both, &ann).await.unwrap();
    let view = ground.view(published.plugin).await;
    assert!(view.is_visible(Dialect::Backstage) && view.is_visible(Dialect::Nexus));
}

#[tokio::test]
async fn a_package_without_a_publisher_is_published_under_its_account() {
    let ground = Ground::new();
    let ann = ground.holder("ann", Role::Publisher).await;
    let published =
        ground.publish(&tarball("notes", "1.0.0"), for_inkdrop(Expects::Any), &ann).await.unwrap();
    assert_eq!(published.publisher, personal_publisher(ann.account).unwrap().as_str());
    let author = prepared(PackageFormat::Zip, Some("Ann & Friends"), "auth", "1.0.0");
    let published =
        ground.publish(&author, order(PackageFormat::Zip, &[Dialect::Nexus]), &ann).await.unwrap();
    assert_eq!(published.publisher, personal_publisher(ann.account).unwrap().as_str());
}

#[tokio::test]
async fn a_plugin_stays_with_its_publisher() {
    let ground = Ground::new();
    let ann = ground.holder("ann", Role::Publisher).await;
    let zip = |version: &str| prepared(PackageFormat::Zip, None, "auth", version);
    let by = |publisher: &str| Order {
        publisher: Some(publisher.to_owned()),
        ..order(PackageFormat::Zip, &[Dialect::Nexus])
    };
    let first = ground.publish(&zip("1.0.0"), by("acme"), &ann).await.unwrap();
    let refused = ground.publish(&zip("1.0.1"), by("other"), &ann).await.unwrap_err();
    assert_eq!(refused.kind, Kind::Invalid);
    let unsaid = order(PackageFormat::Zip, &[Dialect::Nexus]);
    let next = ground.publish(&zip("1.0.1"), unsaid, &ann).await.unwrap();
    assert_eq!((next.plugin, next.publisher.as_str()), (first.plugin, "acme"));
}

#[tokio::test]
async fn a_name_that_was_given_back_is_kept_for_its_former_owner() {
    let ground = Ground::new();
    let (ann, bob) =
        (ground.holder("ann", Role::Publisher).await, ground.holder("bob", Role::Publisher).await);
    let first = ground.publish(&tarball("notes", "1.0.0"), for_inkdrop(Expects::Any), &ann).await.unwrap();
    ground.change(first.plugin, Change::Remove { reason: "done".to_owned() }, &ann).await.unwrap();
    let new = || for_inkdrop(Expects::NewPlugin);
    let refused = ground.publish(&tarball("notes", "2.0.0"), new(), &bob).await.unwrap_err();
    assert_eq!(refused.kind, Kind::Forbidden);
    assert!(refused.message.contains("1970-04-01"), "{refused}");
    let again = ground.publish(&tarball("notes", "1.0.1"), new(), &ann).await.unwrap();
    assert_eq!((again.plugin, again.outcome), (first.plugin, PublishOutcome::NewPlugin));
    let other = Package { readme: Some("other".to_owned()), ..tarball("notes", "1.0.0") };
    let refused = ground.publish(&other, for_inkdrop(Expects::Any), &ann).await.unwrap_err();
    assert_eq!(refused.kind, Kind::Conflict, "a removed version never comes back with other bytes");

    ground.change(first.plugin, Change::Remove { reason: "done".to_owned() }, &ann).await.unwrap();
    ground.registry.passes(TimeDelta::days(91).to_std().unwrap());
    let strangers = ground.publish(&tarball("notes", "2.0.0"), new(), &bob).await.unwrap();
    assert_ne!(strangers.plugin, first.plugin);
}
