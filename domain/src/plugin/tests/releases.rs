use proptest::prelude::*;

use super::*;

fn version(text: &str) -> ReleaseVersion {
    text.parse().unwrap()
}

fn gone(text: &str) -> PluginEvent {
    PluginEvent::ReleaseRemoved { plugin_uid: id(), version: version(text), reason: "bad".to_owned() }
}

fn remove_release(text: &str) -> PluginCommand {
    PluginCommand::RemoveRelease { version: version(text), reason: "bad".to_owned() }
}

#[test]
fn a_version_is_released_only_once() {
    plugin().given(published("1.0.0", 1)).when(publish("1.0.0", 1)).then_expect_events(vec![]);
    let taken = PluginError::VersionTaken(version("1.0.0"));
    plugin().given(published("1.0.0", 1)).when(publish("1.0.0", 2)).then_expect_error(taken);
}

#[test]
fn the_newest_release_describes_the_plugin() {
    let newer = vec![
        PluginEvent::PluginDescribed(Box::new(described("1.0.1"))),
        PluginEvent::ReleasePublished(Box::new(release("1.0.1", 2))),
    ];
    plugin().given(published("1.0.0", 1)).when(publish("1.0.1", 2)).then_expect_events(newer);
    for older in ["0.9.0", "1.1.0-beta.1"] {
        let event = PluginEvent::ReleasePublished(Box::new(release(older, 2)));
        plugin().given(published("1.0.0", 1)).when(publish(older, 2)).then_expect_events(vec![event]);
    }
}

#[test]
fn a_removed_version_comes_back_with_the_same_bytes_or_not_at_all() {
    let given = || after(published("1.0.0", 1), vec![gone("1.0.0")]);
    let back = vec![
        PluginEvent::PluginDescribed(Box::new(described("1.0.0"))),
        PluginEvent::ReleasePublished(Box::new(release("1.0.0", 1))),
    ];
    plugin().given(given()).when(publish("1.0.0", 1)).then_expect_events(back);
    let taken = || PluginError::VersionTaken(version("1.0.0"));
    plugin().given(given()).when(publish("1.0.0", 2)).then_expect_error(taken());
    let buried = after(published("1.0.0", 1), vec![removed()]);
    plugin().given(buried).when(publish("1.0.0", 2)).then_expect_error(taken());
}

#[test]
fn a_plugin_has_so_many_releases_and_room_for_another_one_once_one_is_removed() {
    let mut full = published("1.0.0", 1);
    full.extend(
        (1..MOST_RELEASES)
            .map(|patch| PluginEvent::ReleasePublished(Box::new(release(&format!("1.0.{patch}"), 1)))),
    );
    plugin().given(full.clone()).when(publish("1.0.7", 1)).then_expect_events(vec![]);
    let another = || publish("0.9.0", 1);
    plugin().given(full.clone()).when(another()).then_expect_error(PluginError::TooManyReleases);
    let room = after(full.clone(), vec![gone("1.0.7")]);
    let event = PluginEvent::ReleasePublished(Box::new(release("0.9.0", 1)));
    plugin().given(room.clone()).when(another()).then_expect_events(vec![event.clone()]);
    let back = plugin().given(after(room, vec![event])).when(publish("1.0.7", 1));
    back.then_expect_error(PluginError::TooManyReleases);
    let buried = after(full, vec![removed()]);
    plugin().given(buried).when(publish("0.9.0", 1)).then_expect_events(published("0.9.0", 1));
}

#[test]
fn a_removed_plugin_comes_back_by_publishing_again() {
    let given = after(published("1.0.0", 1), vec![removed()]);
    plugin().given(given).when(publish("1.0.1", 2)).then_expect_events(published("1.0.1", 2));
}

#[test]
fn a_version_is_yanked_for_a_while() {
    let (unyank, reason) = (PluginCommand::Unyank { version: version("1.0.0") }, "broken".to_owned());
    let yank = || PluginCommand::Yank { version: version("1.0.0"), reason: reason.clone() };
    let yanked =
        || PluginEvent::ReleaseYanked { plugin_uid: id(), version: version("1.0.0"), reason: reason.clone() };
    let unyanked = PluginEvent::ReleaseUnyanked { plugin_uid: id(), version: version("1.0.0") };
    plugin().given(published("1.0.0", 1)).when(yank()).then_expect_events(vec![yanked()]);
    let given = || after(published("1.0.0", 1), vec![yanked()]);
    plugin().given(given()).when(yank()).then_expect_events(vec![]);
    plugin().given(given()).when(unyank.clone()).then_expect_events(vec![unyanked]);
    plugin().given(published("1.0.0", 1)).when(unyank).then_expect_events(vec![]);
}

#[test]
fn a_release_is_held_and_let_out_again() {
    let quarantine = |reason: &str| PluginCommand::QuarantineRelease {
        version: version("1.0.0"),
        reason: reason.to_owned(),
    };
    let held = |reason: &str| PluginEvent::ReleaseQuarantined {
        plugin_uid: id(),
        version: version("1.0.0"),
        reason: reason.to_owned(),
    };
    let clear_of = |held_for: HeldFor| PluginCommand::ClearRelease {
        version: version("1.0.0"),
        evidence: "clean".to_owned(),
        held_for,
    };
    let clear = || clear_of(HeldFor::Whatever);
    let cleared = PluginEvent::ReleaseCleared {
        plugin_uid: id(),
        version: version("1.0.0"),
        evidence: "clean".to_owned(),
    };
    let given = || after(published("1.0.0", 1), vec![held("unchecked")]);
    plugin().given(given()).when(quarantine("unchecked")).then_expect_events(vec![]);
    plugin().given(given()).when(quarantine("infected")).then_expect_events(vec![held("infected")]);
    plugin().given(given()).when(clear_of(HeldFor::This("infected".to_owned()))).then_expect_events(vec![]);
    let meant = clear_of(HeldFor::This("unchecked".to_owned()));
    plugin().given(given()).when(meant).then_expect_events(vec![cleared.clone()]);
    plugin().given(given()).when(clear()).then_expect_events(vec![cleared]);
    plugin().given(published("1.0.0", 1)).when(clear()).then_expect_events(vec![]);
}

/// As the log holds a release that waits for its check.
fn waiting(version: &str, bytes: u8) -> PluginEvent {
    let described = Some(Box::new(described(version)));
    let quarantine = Some("unchecked".to_owned());
    PluginEvent::ReleasePublished(Box::new(ReleasePublished {
        quarantine,
        described,
        ..release(version, bytes)
    }))
}

#[test]
fn a_release_that_is_held_changes_no_description_until_it_is_let_out() {
    let held = ReleasePublished { quarantine: Some("unchecked".to_owned()), ..release("1.0.1", 2) };
    let wish = Publication { release: held, ..publication("1.0.1", 2) };
    let command = PluginCommand::Publish(Box::new(wish));
    plugin().given(published("1.0.0", 1)).when(command).then_expect_events(vec![waiting("1.0.1", 2)]);
    let clear = PluginCommand::ClearRelease {
        version: version("1.0.1"),
        evidence: "clean".to_owned(),
        held_for: HeldFor::Whatever,
    };
    let cleared = PluginEvent::ReleaseCleared {
        plugin_uid: id(),
        version: version("1.0.1"),
        evidence: "clean".to_owned(),
    };
    let shown = PluginEvent::PluginDescribed(Box::new(described("1.0.1")));
    let given = after(published("1.0.0", 1), vec![waiting("1.0.1", 2)]);
    plugin().given(given).when(clear).then_expect_events(vec![cleared, shown]);
}

#[test]
fn a_release_that_was_held_when_it_was_removed_is_held_when_it_comes_back() {
    let given = after(published("1.0.0", 1), vec![waiting("1.0.1", 2), gone("1.0.1")]);
    let back = plugin().given(given).when(publish("1.0.1", 2));
    back.then_expect_events(vec![waiting("1.0.1", 2)]);
}

#[test]
fn what_is_not_there_is_neither_yanked_nor_removed() {
    let missing = || PluginError::NoSuchVersion(version("9.9.9"));
    let yank = PluginCommand::Yank { version: version("9.9.9"), reason: "x".to_owned() };
    plugin().given(published("1.0.0", 1)).when(yank).then_expect_error(missing());
    plugin().given(published("1.0.0", 1)).when(remove_release("9.9.9")).then_expect_error(missing());
    let given = after(published("1.0.0", 1), vec![gone("1.0.0")]);
    let missing = PluginError::NoSuchVersion(version("1.0.0"));
    plugin().given(given).when(remove_release("1.0.0")).then_expect_error(missing);
}

fn any_command() -> impl Strategy<Value = PluginCommand> {
    (0..4_u8, 0..3_u8, 1..4_u8).prop_map(|(kind, version, bytes)| {
        let version = format!("1.0.{version}");
        match kind {
            0 | 1 => publish(&version, bytes),
            2 => remove_release(&version),
            _ => remove(),
        }
    })
}

proptest! {
    /// Whatever is published, removed and published again: a version has one content for ever.
    #[test]
    fn a_version_never_has_two_contents(commands in prop::collection::vec(any_command(), 0..60)) {
        let mut state = Plugin::default();
        let mut contents: BTreeMap<ReleaseVersion, Digest> = BTreeMap::new();
        for command in commands {
            for event in state.decide(command).unwrap_or_default() {
                if let PluginEvent::ReleasePublished(release) = &event {
                    let first = contents
                        .entry(release.version.clone())
                        .or_insert_with(|| release.artifact.sha256.clone());
                    prop_assert_eq!(&*first, &release.artifact.sha256);
                }
                state.evolve(event);
            }
        }
    }
}
