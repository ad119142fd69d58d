mod releases;

use chrono::{DateTime, Utc};
use cqrs_es::test::TestFramework;
use uuid::Uuid;

use super::*;
use crate::values::Digest;

fn plugin() -> TestFramework<Plugin> {
    TestFramework::with(())
}

fn id() -> PluginId {
    PluginId(Uuid::from_u128(7))
}

fn account(number: u128) -> AccountId {
    AccountId(Uuid::from_u128(number))
}

fn at() -> DateTime<Utc> {
    DateTime::UNIX_EPOCH
}

fn registered() -> PluginRegistered {
    PluginRegistered {
        plugin_uid: id(),
        number: 1000,
        owner: Some(account(1)),
        publisher: "acme".parse().unwrap(),
        name: "agent".parse().unwrap(),
        kind: PluginKind::Plugin,
        at: at(),
    }
}

fn described(name: &str) -> Described {
    let description = Description { display_name: name.to_owned(), ..Description::default() };
    Described { plugin_uid: id(), at: at(), description }
}

/// A release whose bytes are named by one of theirs.
fn release(version: &str, bytes: u8) -> ReleasePublished {
    let sha256 = Digest::of_bytes([bytes; 32]);
    ReleasePublished {
        plugin_uid: id(),
        version: version.parse().unwrap(),
        at: at(),
        artifact: Artifact { sha256, size: 1, format: PackageFormat::Difypkg, content_checksum: None },
        manifest: serde_json::json!({}),
        engines: BTreeMap::new(),
        dependencies: BTreeMap::new(),
        peer_dependencies: BTreeMap::new(),
        permissions: Vec::new(),
        config_schema: None,
        changelog: None,
        readme: None,
        prerelease: false,
        quarantine: None,
        described: None,
    }
}

fn publication(version: &str, bytes: u8) -> Publication {
    Publication {
        registered: registered(),
        described: Some(described(version)),
        release: release(version, bytes),
        dialects: BTreeSet::from([Dialect::Dify]),
        verified: None,
        quarantine: None,
        may_begin: true,
    }
}

fn publish(version: &str, bytes: u8) -> PluginCommand {
    PluginCommand::Publish(Box::new(publication(version, bytes)))
}

fn listed() -> PluginEvent {
    PluginEvent::PluginListed { plugin_uid: id(), dialect: Dialect::Dify }
}

/// What a first publication leaves.
fn published(version: &str, bytes: u8) -> Vec<PluginEvent> {
    vec![
        PluginEvent::PluginRegistered(registered()),
        PluginEvent::PluginDescribed(Box::new(described(version))),
        PluginEvent::ReleasePublished(Box::new(release(version, bytes))),
        listed(),
    ]
}

fn removed() -> PluginEvent {
    PluginEvent::PluginRemoved {
        plugin_uid: id(),
        reason: "done".to_owned(),
        shown_in: [Dialect::Dify].into(),
    }
}

fn remove() -> PluginCommand {
    PluginCommand::Remove { reason: "done".to_owned() }
}

fn after(mut given: Vec<PluginEvent>, more: Vec<PluginEvent>) -> Vec<PluginEvent> {
    given.extend(more);
    given
}

#[test]
fn a_first_publication_is_the_plugin_and_its_release_at_once() {
    let events = published("1.0.0", 1);
    plugin().given_no_previous_events().when(publish("1.0.0", 1)).then_expect_events(events);
}

#[test]
fn a_verified_publishers_plugin_is_verified_and_a_suspect_one_held_in_the_same_breath() {
    let wish = Publication {
        verified: Some(("publisher".to_owned(), "acme".to_owned())),
        quarantine: Some("odd".to_owned()),
        ..publication("1.0.0", 1)
    };
    let (method, evidence) = ("publisher".to_owned(), "acme".to_owned());
    let more = vec![
        PluginEvent::PluginVerified { plugin_uid: id(), method, evidence },
        PluginEvent::PluginQuarantined { plugin_uid: id(), reason: "odd".to_owned() },
    ];
    let expected = after(published("1.0.0", 1), more);
    let command = || PluginCommand::Publish(Box::new(wish.clone()));
    plugin().given_no_previous_events().when(command()).then_expect_events(expected.clone());
    plugin().given(expected).when(command()).then_expect_events(vec![]);
}

#[test]
fn an_id_is_one_plugins() {
    let other = PluginRegistered { plugin_uid: PluginId(Uuid::from_u128(8)), ..registered() };
    let wish = Publication { registered: other, ..publication("1.0.1", 2) };
    let command = PluginCommand::Publish(Box::new(wish));
    plugin().given(published("1.0.0", 1)).when(command).then_expect_error(PluginError::AlreadyRegistered);
}

#[test]
fn what_was_never_published_or_was_removed_is_not_changed() {
    let commands = || {
        vec![
            PluginCommand::Feature,
            PluginCommand::Describe(Box::new(described("x"))),
            PluginCommand::Yank { version: "1.0.0".parse().unwrap(), reason: "x".to_owned() },
            PluginCommand::ReachMilestone { threshold: 100 },
            remove(),
        ]
    };
    for command in commands() {
        plugin().given_no_previous_events().when(command).then_expect_error(PluginError::Unknown);
    }
    for command in commands() {
        let given = after(published("1.0.0", 1), vec![removed()]);
        plugin().given(given).when(command).then_expect_error(PluginError::Removed);
    }
}

#[test]
fn what_is_so_already_is_no_event() {
    let quarantine = |reason: &str| PluginCommand::Quarantine { reason: reason.to_owned() };
    let held = |reason: &str| PluginEvent::PluginQuarantined { plugin_uid: id(), reason: reason.to_owned() };
    let given = || after(published("1.0.0", 1), vec![held("odd")]);
    plugin().given(given()).when(quarantine("odd")).then_expect_events(vec![]);
    plugin().given(given()).when(quarantine("worse")).then_expect_events(vec![held("worse")]);
    let pairs = [
        (PluginCommand::Feature, PluginEvent::PluginFeatured { plugin_uid: id() }),
        (
            PluginCommand::Deprecate { reason: "old".to_owned(), replacement: None },
            PluginEvent::PluginDeprecated { plugin_uid: id(), reason: "old".to_owned(), replacement: None },
        ),
        (
            PluginCommand::List { dialect: Dialect::Nexus },
            PluginEvent::PluginListed { plugin_uid: id(), dialect: Dialect::Nexus },
        ),
        (
            PluginCommand::ReachMilestone { threshold: 100 },
            PluginEvent::MilestoneReached {
                plugin_uid: id(),
                metric: "downloads".to_owned(),
                threshold: 100,
            },
        ),
    ];
    for (command, event) in pairs {
        plugin().given(published("1.0.0", 1)).when(command.clone()).then_expect_events(vec![event.clone()]);
        plugin().given(after(published("1.0.0", 1), vec![event])).when(command).then_expect_events(vec![]);
    }
    for command in [PluginCommand::Unfeature, PluginCommand::Undeprecate] {
        plugin().given(published("1.0.0", 1)).when(command).then_expect_events(vec![]);
    }
}

#[test]
fn a_transfer_says_from_whom_to_whom() {
    let transfer = || PluginCommand::Transfer { to_owner: account(2), to_publisher: "bobs".parse().unwrap() };
    let transferred = PluginEvent::PluginTransferred {
        plugin_uid: id(),
        from_owner: Some(account(1)),
        from_publisher: "acme".parse().unwrap(),
        to_owner: account(2),
        to_publisher: "bobs".parse().unwrap(),
    };
    plugin().given(published("1.0.0", 1)).when(transfer()).then_expect_events(vec![transferred.clone()]);
    plugin()
        .given(after(published("1.0.0", 1), vec![transferred]))
        .when(transfer())
        .then_expect_events(vec![]);
}

#[test]
fn a_milestone_is_reached_once_in_all_lives_of_a_plugin() {
    let reached =
        PluginEvent::MilestoneReached { plugin_uid: id(), metric: "downloads".to_owned(), threshold: 100 };
    let given = after(published("1.0.0", 1), vec![reached, removed()]);
    let given = after(given, published("1.0.1", 2));
    plugin().given(given).when(PluginCommand::ReachMilestone { threshold: 100 }).then_expect_events(vec![]);
}

#[test]
fn a_plugin_that_changed_hands_or_went_meanwhile_is_not_published_to() {
    let theirs = PluginRegistered { owner: Some(account(9)), ..registered() };
    let wish = Publication { registered: theirs, ..publication("1.0.1", 2) };
    let command = PluginCommand::Publish(Box::new(wish));
    plugin().given(published("1.0.0", 1)).when(command).then_expect_error(PluginError::ChangedMeanwhile);
    let wish = Publication { may_begin: false, ..publication("1.0.1", 2) };
    let command = || PluginCommand::Publish(Box::new(wish.clone()));
    let given = after(published("1.0.0", 1), vec![removed()]);
    plugin().given(given).when(command()).then_expect_error(PluginError::ChangedMeanwhile);
    let events = vec![
        PluginEvent::PluginDescribed(Box::new(described("1.0.1"))),
        PluginEvent::ReleasePublished(Box::new(release("1.0.1", 2))),
    ];
    plugin().given(published("1.0.0", 1)).when(command()).then_expect_events(events);
}

#[test]
fn what_was_proved_of_one_owner_says_nothing_of_another() {
    let verified = PluginEvent::PluginVerified {
        plugin_uid: id(),
        method: "domain".to_owned(),
        evidence: "dns".to_owned(),
    };
    let transfer = PluginCommand::Transfer { to_owner: account(2), to_publisher: "bobs".parse().unwrap() };
    let events =
        plugin().given(after(published("1.0.0", 1), vec![verified])).when(transfer).inspect_result().unwrap();
    let names: Vec<&str> = events.iter().map(PluginEvent::name).collect();
    assert_eq!(names, ["PluginTransferred", "PluginUnverified"]);
}

#[test]
fn a_removal_tells_where_it_was_shown_and_nothing_of_what_nobody_saw() {
    let unseen = || PluginEvent::PluginRemoved {
        plugin_uid: id(),
        reason: "done".to_owned(),
        shown_in: std::collections::BTreeSet::new(),
    };
    let held = PluginEvent::PluginQuarantined { plugin_uid: id(), reason: "looks like another".to_owned() };
    let yanked = PluginEvent::ReleaseYanked {
        plugin_uid: id(),
        version: "1.0.0".parse().unwrap(),
        reason: "broken".to_owned(),
    };
    plugin().given(published("1.0.0", 1)).when(remove()).then_expect_events(vec![removed()]);
    for hidden in [held, yanked] {
        let given = after(published("1.0.0", 1), vec![hidden]);
        plugin().given(given).when(remove()).then_expect_events(vec![unseen()]);
    }
}
