use std::collections::BTreeSet;

use cqrs_es::test::TestFramework;

use super::*;
use crate::values::{AccountId, Dialect, Digest, KeyId, Role, Scope};

fn key() -> TestFramework<ApiKey> {
    TestFramework::with(())
}

fn issued(kind: KeyKind) -> ApiKeyIssued {
    ApiKeyIssued {
        key_uid: KeyId("123e4567-e89b-42d3-a456-426614174000".parse().unwrap()),
        account_uid: AccountId("123e4567-e89b-42d3-a456-426614174001".parse().unwrap()),
        kind,
        dialects: BTreeSet::from([Dialect::Nexus]),
        role: Role::User,
        scopes: Role::User.scopes(),
        secret_sha256: Digest::of_bytes([7; 32]),
        label: None,
        expires_at: None,
        allowance: None,
        tenant: "default".to_owned(),
    }
}

fn was(kind: KeyKind) -> ApiKeyEvent {
    ApiKeyEvent::ApiKeyIssued(issued(kind))
}

fn revoked() -> ApiKeyEvent {
    ApiKeyEvent::ApiKeyRevoked { by: "a".to_owned(), reason: "lost".to_owned() }
}

fn revoke() -> ApiKeyCommand {
    ApiKeyCommand::Revoke { by: "a".to_owned(), reason: "lost".to_owned() }
}

fn refresh() -> ApiKeyCommand {
    ApiKeyCommand::Refresh {
        used_sha256: Digest::of_bytes([7; 32]),
        secret_sha256: Digest::of_bytes([8; 32]),
        expires_at: chrono::DateTime::UNIX_EPOCH,
    }
}

fn refreshed() -> ApiKeyEvent {
    ApiKeyEvent::ApiKeyRefreshed {
        secret_sha256: Digest::of_bytes([8; 32]),
        expires_at: chrono::DateTime::UNIX_EPOCH,
    }
}

#[test]
fn a_key_is_issued_once() {
    let command = || ApiKeyCommand::Issue(issued(KeyKind::Token));
    key().given_no_previous_events().when(command()).then_expect_events(vec![was(KeyKind::Token)]);
    key().given(vec![was(KeyKind::Token)]).when(command()).then_expect_error(ApiKeyError::AlreadyIssued);
    key()
        .given(vec![was(KeyKind::Token), revoked()])
        .when(command())
        .then_expect_error(ApiKeyError::AlreadyIssued);
}

#[test]
fn a_key_has_a_dialect_and_scopes_within_its_role() {
    let nowhere = ApiKeyIssued { dialects: BTreeSet::new(), ..issued(KeyKind::Token) };
    let beyond = ApiKeyIssued { scopes: BTreeSet::from([Scope::Admin]), ..issued(KeyKind::Token) };
    let useless = ApiKeyIssued { scopes: BTreeSet::new(), ..issued(KeyKind::Token) };
    for (wish, refusal) in [
        (nowhere, ApiKeyError::NoDialect),
        (beyond, ApiKeyError::ScopeBeyondRole),
        (useless, ApiKeyError::ScopeBeyondRole),
    ] {
        key().given_no_previous_events().when(ApiKeyCommand::Issue(wish)).then_expect_error(refusal);
    }
}

#[test]
fn revoking_twice_is_revoking_once() {
    key().given(vec![was(KeyKind::Token)]).when(revoke()).then_expect_events(vec![revoked()]);
    key().given(vec![was(KeyKind::Token), revoked()]).when(revoke()).then_expect_events(vec![]);
    key().given_no_previous_events().when(revoke()).then_expect_error(ApiKeyError::Unknown);
}

#[test]
fn only_a_live_session_is_refreshed() {
    key().given(vec![was(KeyKind::Session)]).when(refresh()).then_expect_events(vec![refreshed()]);
    key().given(vec![was(KeyKind::Token)]).when(refresh()).then_expect_error(ApiKeyError::NotASession);
    key()
        .given(vec![was(KeyKind::Session), revoked()])
        .when(refresh())
        .then_expect_error(ApiKeyError::Revoked);
}

#[test]
fn the_secret_of_a_session_gets_a_new_one_only_once() {
    key()
        .given(vec![was(KeyKind::Session), refreshed()])
        .when(refresh())
        .then_expect_error(ApiKeyError::SecretUsed);
}
