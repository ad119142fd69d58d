use cqrs_es::test::TestFramework;

use super::*;
use crate::values::{AccountId, Role, Sealed};

fn account() -> TestFramework<Account> {
    TestFramework::with(())
}

fn sealed() -> Sealed {
    "sealed:v1:123e4567-e89b-42d3-a456-426614174000:AbC".parse().unwrap()
}

fn registration() -> AccountRegistered {
    AccountRegistered {
        account_uid: AccountId("123e4567-e89b-42d3-a456-426614174001".parse().unwrap()),
        name: sealed(),
        role: Role::User,
        tenant: "default".to_owned(),
    }
}

fn registered() -> AccountEvent {
    AccountEvent::AccountRegistered(registration())
}

fn erased() -> AccountEvent {
    AccountEvent::SubjectErased { by: "a".to_owned(), reason: "asked".to_owned() }
}

fn erase() -> AccountCommand {
    AccountCommand::Erase { by: "a".to_owned(), reason: "asked".to_owned() }
}

#[test]
fn a_name_is_registered_once_and_never_again_after_it_was_erased() {
    let register = || AccountCommand::Register(registration());
    account().given_no_previous_events().when(register()).then_expect_events(vec![registered()]);
    account().given(vec![registered()]).when(register()).then_expect_error(AccountError::AlreadyRegistered);
    account().given(vec![registered(), erased()]).when(register()).then_expect_error(AccountError::Erased);
}

#[test]
fn an_acknowledgement_changes_nothing_wherever_an_account_stands() {
    for given in [vec![], vec![registered()], vec![registered(), erased()]] {
        account().given(given).when(AccountCommand::Acknowledge).then_expect_events(vec![]);
    }
}

#[test]
fn erasing_twice_is_erasing_once() {
    account().given(vec![registered()]).when(erase()).then_expect_events(vec![erased()]);
    account().given(vec![registered(), erased()]).when(erase()).then_expect_events(vec![]);
    account().given_no_previous_events().when(erase()).then_expect_error(AccountError::Unknown);
}

#[test]
fn an_erased_account_has_no_password_and_no_role_to_change() {
    for command in [
        AccountCommand::ChangePassword { password: sealed() },
        AccountCommand::ChangeRole { role: Role::Admin },
    ] {
        account()
            .given(vec![registered(), erased()])
            .when(command.clone())
            .then_expect_error(AccountError::Erased);
        account().given_no_previous_events().when(command).then_expect_error(AccountError::Unknown);
    }
}

#[test]
fn the_role_it_has_already_is_no_change() {
    let change = |role| AccountCommand::ChangeRole { role };
    account().given(vec![registered()]).when(change(Role::User)).then_expect_events(vec![]);
    let promoted = AccountEvent::AccountRoleChanged { role: Role::Admin };
    account().given(vec![registered()]).when(change(Role::Admin)).then_expect_events(vec![promoted]);
}
