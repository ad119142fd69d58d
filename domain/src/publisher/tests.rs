use cqrs_es::test::TestFramework;
use uuid::Uuid;

use super::*;

fn publisher() -> TestFramework<Publisher> {
    TestFramework::with(())
}

fn account(number: u128) -> AccountId {
    AccountId(Uuid::from_u128(number))
}

fn registered(owner: Option<u128>) -> PublisherRegistered {
    PublisherRegistered {
        name: "acme".parse().unwrap(),
        number: 1000,
        owner: owner.map(account),
        at: DateTime::UNIX_EPOCH,
    }
}

fn was(owner: Option<u128>) -> PublisherEvent {
    PublisherEvent::PublisherRegistered(registered(owner))
}

fn verify() -> PublisherCommand {
    PublisherCommand::Verify { method: "domain".to_owned(), evidence: "acme.example.org".to_owned() }
}

fn verified() -> PublisherEvent {
    PublisherEvent::PublisherVerified { method: "domain".to_owned(), evidence: "acme.example.org".to_owned() }
}

#[test]
fn a_publisher_belongs_to_whoever_came_first() {
    let register = |owner| PublisherCommand::Register(registered(owner));
    publisher().given_no_previous_events().when(register(Some(1))).then_expect_events(vec![was(Some(1))]);
    publisher().given(vec![was(Some(1))]).when(register(Some(1))).then_expect_events(vec![]);
    for other in [Some(2), None] {
        publisher().given(vec![was(Some(1))]).when(register(other)).then_expect_error(PublisherError::Taken);
    }
}

#[test]
fn a_publisher_is_verified_until_that_is_taken_back() {
    let unverify = || PublisherCommand::Unverify { reason: "sold".to_owned() };
    let revoked = || PublisherEvent::PublisherVerificationRevoked { reason: "sold".to_owned() };
    publisher().given(vec![was(None)]).when(verify()).then_expect_events(vec![verified()]);
    publisher().given(vec![was(None), verified()]).when(verify()).then_expect_events(vec![]);
    publisher().given(vec![was(None), verified()]).when(unverify()).then_expect_events(vec![revoked()]);
    publisher()
        .given(vec![was(None), verified(), revoked()])
        .when(verify())
        .then_expect_events(vec![verified()]);
}

#[test]
fn a_transferred_publisher_is_its_new_owners() {
    let transfer = || PublisherCommand::Transfer { to_owner: account(2) };
    let transferred = || PublisherEvent::PublisherTransferred { to_owner: account(2) };
    publisher().given(vec![was(Some(1))]).when(transfer()).then_expect_events(vec![transferred()]);
    publisher().given(vec![was(Some(1)), transferred()]).when(transfer()).then_expect_events(vec![]);
    let again = PublisherCommand::Register(registered(Some(1)));
    publisher().given(vec![was(Some(1)), transferred()]).when(again).then_expect_error(PublisherError::Taken);
}

#[test]
fn what_was_proved_of_one_owner_says_nothing_of_another() {
    let transferred = PublisherEvent::PublisherTransferred { to_owner: account(2) };
    let revoked = PublisherEvent::PublisherVerificationRevoked { reason: "it was transferred".to_owned() };
    publisher()
        .given(vec![was(Some(1)), verified()])
        .when(PublisherCommand::Transfer { to_owner: account(2) })
        .then_expect_events(vec![transferred, revoked]);
}

#[test]
fn nothing_is_said_of_a_publisher_that_is_not_there() {
    let describe = PublisherCommand::Describe(PublisherProfile::default());
    let transfer = PublisherCommand::Transfer { to_owner: account(2) };
    for command in [describe, verify(), transfer] {
        publisher().given_no_previous_events().when(command).then_expect_error(PublisherError::Unknown);
    }
}
