use domain::values::ReleaseVersion;

use super::*;
use crate::error::Kind;

const WHY: &str = "broken";

fn version() -> ReleaseVersion {
    "1.0.0".parse().unwrap()
}

/// What owners may do, with what undoes it.
fn owners() -> Vec<Change> {
    let (reason, version) = (WHY.to_owned(), version());
    vec![
        Change::Yank { version: version.clone(), reason: reason.clone() },
        Change::Unyank { version: version.clone() },
        Change::Deprecate { reason: reason.clone(), replacement: Some("other".to_owned()) },
        Change::Undeprecate,
        Change::RemoveRelease { version, reason: reason.clone() },
        Change::Unlist { dialect: Dialect::Inkdrop, reason: reason.clone() },
        Change::Remove { reason },
    ]
}

fn operators() -> Vec<Change> {
    let (evidence, version) = (WHY.to_owned(), Some(version()));
    vec![
        Change::Verify { method: "manual".to_owned(), evidence: evidence.clone() },
        Change::Unverify { reason: WHY.to_owned() },
        Change::Feature,
        Change::Unfeature,
        Change::Quarantine { version: version.clone(), reason: WHY.to_owned() },
        Change::Clear { version, evidence: evidence.clone() },
        Change::Quarantine { version: None, reason: WHY.to_owned() },
        Change::Clear { version: None, evidence },
    ]
}

#[tokio::test]
async fn owners_change_what_is_theirs_and_operators_everything() {
    let ground = Ground::new();
    let (ann, bob) =
        (ground.holder("ann", Role::Publisher).await, ground.holder("bob", Role::Publisher).await);
    let new = || for_inkdrop(Expects::Any);
    let plugin = ground.publish(&tarball("notes", "1.0.0"), new(), &ann).await.unwrap().plugin;
    for change in operators() {
        let refused = ground.change(plugin, change.clone(), &ann).await.unwrap_err();
        assert_eq!(refused.kind, Kind::Forbidden, "{change:?}");
        let done = ground.change(plugin, change.clone(), &Principal::bootstrap()).await;
        assert!(done.unwrap().is_some(), "{change:?}");
    }
    for change in owners() {
        if ground.view(plugin).await.is_visible(Dialect::Inkdrop) {
            let refused = ground.change(plugin, change.clone(), &bob).await.unwrap_err();
            assert_eq!(refused.kind, Kind::Forbidden, "{change:?}");
        } else {
            let refused = ground.change(plugin, change.clone(), &bob).await.unwrap_err();
            assert_eq!((refused.kind, refused.message.as_str()), (Kind::NotFound, NO_PLUGIN), "{change:?}");
        }
        assert!(ground.change(plugin, change.clone(), &ann).await.unwrap().is_some(), "{change:?}");
    }
    let gone = ground.change(plugin, Change::Feature, &Principal::bootstrap()).await.unwrap_err();
    assert_eq!((gone.kind, gone.message.as_str()), (Kind::NotFound, "This plugin was removed"));
    let unknown = ground.change(PluginId(uuid::Uuid::nil()), Change::Undeprecate, &ann).await.unwrap_err();
    assert_eq!(unknown.kind, Kind::NotFound);
}

#[tokio::test]
async fn what_is_so_already_changes_nothing() {
    let ground = Ground::new();
    let ann = ground.holder("ann", Role::Publisher).await;
    let new = for_inkdrop(Expects::Any);
    let plugin = ground.publish(&tarball("notes", "1.0.0"), new, &ann).await.unwrap().plugin;
    let yank = || Change::Yank { version: version(), reason: WHY.to_owned() };
    assert!(ground.change(plugin, yank(), &ann).await.unwrap().is_some());
    assert_eq!(ground.change(plugin, yank(), &ann).await.unwrap(), None);
    assert_eq!(ground.change(plugin, Change::Undeprecate, &ann).await.unwrap(), None);
}

#[tokio::test]
async fn a_reason_is_one_line() {
    let ground = Ground::new();
    let ann = ground.holder("ann", Role::Publisher).await;
    let new = for_inkdrop(Expects::Any);
    let plugin = ground.publish(&tarball("notes", "1.0.0"), new, &ann).await.unwrap().plugin;
    for reason in [String::new(), "a\nb".to_owned(), "\u{1b}[2J".to_owned(), "x".repeat(201)] {
        let refused = ground.change(plugin, Change::Remove { reason }, &ann).await.unwrap_err();
        assert_eq!(refused.kind, Kind::Invalid);
    }
}

#[tokio::test]
async fn a_transferred_plugin_keeps_its_id_and_its_one_word_names() {
    let ground = Ground::new();
    let (ann, bob) =
        (ground.holder("ann", Role::Publisher).await, ground.holder("bob", Role::Publisher).await);
    let new = || for_inkdrop(Expects::Any);
    let plugin = ground.publish(&tarball("notes", "1.0.0"), new(), &ann).await.unwrap().plugin;
    let to = |owner: &Principal, publisher: &str| Change::Transfer {
        to_owner: owner.account.unwrap(),
        to_publisher: publisher.parse().unwrap(),
    };
    let anns = personal_publisher(ann.account).unwrap();
    let refused = ground.change(plugin, to(&bob, anns.as_str()), &ann).await.unwrap_err();
    assert_eq!(refused.kind, Kind::Invalid, "a name made from an account is that account's");
    let unasked = ground.change(plugin, to(&bob, "bobs"), &ann).await.unwrap_err();
    assert_eq!(unasked.kind, Kind::Forbidden, "under which name it goes on is for its new owner to say");
    let bobs = personal_publisher(bob.account).unwrap();
    ground.change(plugin, to(&bob, bobs.as_str()), &ann).await.unwrap();
    ground.change(plugin, to(&bob, "bobs"), &bob).await.unwrap();
    let view = ground.view(plugin).await;
    assert_eq!((view.owner, view.publisher.as_str()), (bob.account, "bobs"));

    let refused = ground.publish(&tarball("notes", "1.0.1"), new(), &ann).await.unwrap_err();
    assert_eq!(refused.kind, Kind::Forbidden);
    let next = ground.publish(&tarball("notes", "1.0.1"), new(), &bob).await.unwrap();
    assert_eq!((next.plugin, next.publisher.as_str()), (plugin, "bobs"));
    ground.change(plugin, to(&ann, anns.as_str()), &bob).await.unwrap();
    assert_eq!(ground.view(plugin).await.owner, ann.account, "and back again");
}

#[tokio::test]
async fn a_plugin_is_not_transferred_onto_anothers_name() {
    let ground = Ground::new();
    let (ann, bob) =
        (ground.holder("ann", Role::Publisher).await, ground.holder("bob", Role::Publisher).await);
    let first = ground.publish(&difypkg("acme", "agent", "0.0.1"), for_dify(), &ann).await.unwrap();
    ground.publish(&difypkg("bobs", "agent", "0.0.1"), for_dify(), &bob).await.unwrap();
    let to = |publisher: &str| Change::Transfer {
        to_owner: bob.account.unwrap(),
        to_publisher: publisher.parse().unwrap(),
    };
    let operator = Principal::bootstrap();
    let onto = ground.change(first.plugin, to("bobs"), &operator).await.unwrap_err();
    assert_eq!(onto.kind, Kind::Conflict, "{onto}");
    let foreign = ground.change(first.plugin, to("acme"), &operator).await.unwrap_err();
    assert_eq!(foreign.kind, Kind::Forbidden, "the publisher stays with whoever has it: {foreign}");
    assert_eq!(ground.view(first.plugin).await.owner, ann.account);
}

#[tokio::test]
async fn only_an_operator_transfers_a_plugin_to_a_publisher_that_is_known_elsewhere() {
    let ground = Ground::new();
    let ann = ground.holder("ann", Role::Publisher).await;
    let plugin = ground.publish(&difypkg("acme", "agent", "0.0.1"), for_dify(), &ann).await.unwrap().plugin;
    ground.elsewhere("langgenius", "other").await;
    let to = |publisher: &str| Change::Transfer {
        to_owner: ann.account.unwrap(),
        to_publisher: publisher.parse().unwrap(),
    };
    let refused = ground.change(plugin, to("LangGenius"), &ann).await.unwrap_err();
    assert_eq!(refused.kind, Kind::Invalid, "Dify takes no such name: {refused}");
    let refused = ground.change(plugin, to("langgenius"), &ann).await.unwrap_err();
    assert_eq!(refused.kind, Kind::Forbidden, "{refused}");
    assert!(refused.message.contains("langgenius of the repository market"), "{refused}");
    assert_eq!(ground.view(plugin).await.publisher, "acme");
    ground.change(plugin, to("free"), &ann).await.unwrap();
    ground.change(plugin, to("langgenius"), &Principal::bootstrap()).await.unwrap();
    assert_eq!(ground.view(plugin).await.publisher, "langgenius");
}

#[tokio::test]
async fn a_name_that_is_not_listed_any_more_is_given_back() {
    let ground = Ground::new();
    let ann = ground.holder("ann", Role::Publisher).await;
    let zip = |version: &str| prepared(PackageFormat::Zip, Some("acme"), "auth", version);
    let both = || order(PackageFormat::Zip, &[Dialect::Backstage, Dialect::Nexus]);
    let plugin = ground.publish(&zip("1.0.0"), both(), &ann).await.unwrap().plugin;
    let unlist = Change::Unlist { dialect: Dialect::Nexus, reason: WHY.to_owned() };
    ground.change(plugin, unlist, &ann).await.unwrap();
    let mut released = Vec::new();
    for recorded in ground.shelf.recorded() {
        if let domain::recorded::Event::NameClaim(key, event) = recorded.event
            && event.name() == "NameReleased"
        {
            released.push(key.to_string());
        }
    }
    assert_eq!(released, ["nexus:auth"]);
    let again = ground.publish(&zip("1.0.1"), both(), &ann).await.unwrap();
    assert!(again.plugin == plugin && ground.view(plugin).await.is_visible(Dialect::Nexus));
}
