use cqrs_es::test::TestFramework;
use uuid::Uuid;

use super::*;
use crate::values::{AccountId, Dialect, Role};

fn login() -> TestFramework<DeviceLogin> {
    TestFramework::with(())
}

fn at(second: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(second, 0).unwrap()
}

fn device(number: u8) -> Digest {
    Digest::of_bytes([number; 32])
}

/// Good for ten seconds.
fn requested(number: u8, second: i64) -> DeviceLoginRequested {
    DeviceLoginRequested {
        device_sha256: device(number),
        dialect: Dialect::Space,
        at: at(second),
        expires_at: at(second + 10),
    }
}

fn was_requested() -> DeviceLoginEvent {
    DeviceLoginEvent::DeviceLoginRequested(requested(1, 0))
}

fn grant() -> DeviceGrant {
    DeviceGrant {
        account_uid: AccountId(Uuid::from_u128(1)),
        role: Role::Publisher,
        scopes: Role::Publisher.scopes(),
        by_key: None,
        ends_at: at(1_000),
    }
}

fn was_approved() -> DeviceLoginEvent {
    DeviceLoginEvent::DeviceLoginApproved(grant())
}

fn approve(second: i64) -> DeviceLoginCommand {
    DeviceLoginCommand::Approve { grant: grant(), at: at(second) }
}

fn redeem(number: u8, second: i64) -> DeviceLoginCommand {
    DeviceLoginCommand::Redeem { device_sha256: device(number), key: key(), at: at(second) }
}

fn key() -> KeyId {
    KeyId(Uuid::from_u128(9))
}

fn was_redeemed() -> DeviceLoginEvent {
    DeviceLoginEvent::DeviceLoginRedeemed { key_uid: key() }
}

#[test]
fn what_was_approved_is_given_once_to_the_device_that_asked() {
    let approved = || vec![was_requested(), was_approved()];
    login().given(vec![was_requested()]).when(approve(9)).then_expect_events(vec![was_approved()]);
    login().given(approved()).when(redeem(1, 9)).then_expect_events(vec![was_redeemed()]);
    login().given(approved()).when(redeem(2, 9)).then_expect_error(DeviceLoginError::Unknown);
    let over = vec![was_requested(), was_approved(), was_redeemed()];
    login().given(over).when(redeem(1, 9)).then_expect_error(DeviceLoginError::Unknown);
}

#[test]
fn nothing_is_given_before_it_is_approved_and_nothing_approved_twice() {
    login().given(vec![was_requested()]).when(redeem(1, 9)).then_expect_error(DeviceLoginError::Waiting);
    login().given(vec![was_requested()]).when(redeem(2, 9)).then_expect_error(DeviceLoginError::Unknown);
    let approved = vec![was_requested(), was_approved()];
    login().given(approved).when(approve(9)).then_expect_error(DeviceLoginError::AlreadyApproved);
    for command in [approve(0), redeem(1, 0)] {
        login().given_no_previous_events().when(command).then_expect_error(DeviceLoginError::Unknown);
    }
}

#[test]
fn codes_end_and_are_free_again_only_then() {
    for command in [approve(10), redeem(1, 10)] {
        login().given(vec![was_requested()]).when(command).then_expect_error(DeviceLoginError::Unknown);
    }
    let late = vec![was_requested(), was_approved()];
    login().given(late).when(redeem(1, 10)).then_expect_error(DeviceLoginError::Unknown);
    let again = |second| DeviceLoginCommand::Request(requested(2, second));
    login().given(vec![was_requested()]).when(again(9)).then_expect_error(DeviceLoginError::Taken);
    let begun = DeviceLoginEvent::DeviceLoginRequested(requested(2, 10));
    login().given(vec![was_requested()]).when(again(10)).then_expect_events(vec![begun]);
}
