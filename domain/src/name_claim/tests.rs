use chrono::TimeDelta;
use cqrs_es::test::TestFramework;
use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::values::{Dialect, PluginName};

fn name() -> TestFramework<NameClaim> {
    TestFramework::with(())
}

fn key() -> ClaimKey {
    ClaimKey::word(Dialect::Inkdrop, &PluginName::new("Notes").unwrap())
}

fn plugin(number: u128) -> PluginId {
    PluginId(Uuid::from_u128(number))
}

fn account(number: u128) -> AccountId {
    AccountId(Uuid::from_u128(number))
}

fn at(days: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::days(days)
}

fn claim(number: u128, days: i64) -> NameClaimCommand {
    NameClaimCommand::Claim { key: key(), plugin: plugin(number), owner: Some(account(number)), at: at(days) }
}

fn claimed(number: u128, days: i64) -> NameClaimEvent {
    NameClaimEvent::NameClaimed {
        key: key(),
        plugin_uid: plugin(number),
        owner: Some(account(number)),
        at: at(days),
    }
}

fn release(number: u128, days: i64) -> NameClaimCommand {
    NameClaimCommand::Release { plugin: plugin(number), at: at(days), reason: "gone".to_owned() }
}

fn released(number: u128, days: i64) -> NameClaimEvent {
    let until = at(days) + KEPT;
    NameClaimEvent::NameReleased { plugin_uid: plugin(number), until, reason: "gone".to_owned() }
}

fn reassign(from: u128, to: u128) -> NameClaimCommand {
    let reason = "never came".to_owned();
    NameClaimCommand::Reassign {
        from: plugin(from),
        plugin: plugin(to),
        owner: Some(account(to)),
        at: at(9),
        reason,
    }
}

fn reassigned(to: u128) -> NameClaimEvent {
    let reason = "never came".to_owned();
    NameClaimEvent::NameReassigned { plugin_uid: plugin(to), owner: Some(account(to)), at: at(9), reason }
}

fn taken(by: u128, days: i64) -> NameClaimError {
    NameClaimError::Taken { by: plugin(by), owner: Some(account(by)), since: at(days) }
}

#[test]
fn a_name_belongs_to_whoever_came_first() {
    assert_eq!(key().to_string(), "inkdrop:notes");
    name().given_no_previous_events().when(claim(1, 0)).then_expect_events(vec![claimed(1, 0)]);
    name().given(vec![claimed(1, 0)]).when(claim(2, 5)).then_expect_error(taken(1, 0));
    name().given(vec![claimed(1, 0)]).when(claim(1, 5)).then_expect_events(vec![]);
}

#[test]
fn a_name_that_was_given_back_is_kept_for_its_plugin_and_then_free() {
    let given = || vec![claimed(1, 0), released(1, 10)];
    let kept = NameClaimError::Kept { by: plugin(1), owner: Some(account(1)), until: at(100) };
    name().given(given()).when(claim(2, 99)).then_expect_error(kept);
    name().given(given()).when(claim(2, 100)).then_expect_events(vec![claimed(2, 100)]);
    name().given(given()).when(claim(1, 11)).then_expect_events(vec![claimed(1, 11)]);
}

#[test]
fn only_what_has_a_name_gives_it_back_and_once() {
    name().given_no_previous_events().when(release(1, 0)).then_expect_error(NameClaimError::NotHeld);
    name().given(vec![claimed(1, 0)]).when(release(2, 1)).then_expect_error(NameClaimError::NotHeld);
    name().given(vec![claimed(1, 0)]).when(release(1, 1)).then_expect_events(vec![released(1, 1)]);
    name().given(vec![claimed(1, 0), released(1, 1)]).when(release(1, 2)).then_expect_events(vec![]);
}

#[test]
fn a_name_changes_hands_only_from_whoever_has_it() {
    name().given(vec![claimed(1, 0)]).when(reassign(1, 2)).then_expect_events(vec![reassigned(2)]);
    name().given(vec![claimed(1, 0)]).when(reassign(3, 2)).then_expect_error(NameClaimError::NotHeld);
    name().given_no_previous_events().when(reassign(1, 2)).then_expect_error(NameClaimError::NotHeld);
    name().given(vec![claimed(1, 0), reassigned(2)]).when(claim(1, 12)).then_expect_error(taken(2, 9));
}

fn any_command() -> impl Strategy<Value = NameClaimCommand> {
    (0..3_u8, 1..4_u128, 1..4_u128, 0..400_i64).prop_map(|(kind, one, other, days)| match kind {
        0 => claim(one, days),
        1 => release(one, days),
        _ => reassign(one, other),
    })
}

proptest! {
    /// A name goes from one plugin to another only by being reassigned, or after it was kept long enough.
    #[test]
    fn nobody_takes_a_name_that_another_has(commands in prop::collection::vec(any_command(), 0..30)) {
        let mut state = NameClaim::default();
        for command in commands {
            let before = state.clone();
            let Ok(events) = state.decide(command.clone()) else { continue };
            for event in events {
                state.evolve(event);
            }
            if let (NameClaim::Held { plugin: was, .. }, NameClaim::Held { plugin: is, .. }) = (&before, &state)
                && was != is
            {
                let is_reassigned = matches!(command, NameClaimCommand::Reassign { .. });
                prop_assert!(is_reassigned, "{:?}", command);
            }
        }
    }
}
