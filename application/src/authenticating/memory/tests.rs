use domain::{
    api_key::KeyKind,
    values::{AccountId, Dialect, Role},
};
use uuid::Uuid;

use super::*;

fn key(number: u128, secret: u8) -> KeyView {
    KeyView {
        id: KeyId(Uuid::from_u128(number)),
        account: AccountId(Uuid::nil()),
        kind: KeyKind::Token,
        dialects: [Dialect::Nexus].into(),
        role: Role::User,
        scopes: Role::User.scopes(),
        secret_sha256: Digest::of_bytes([secret; 32]),
        label: None,
        expires_at: None,
        allowance: None,
        issued_at: chrono::DateTime::UNIX_EPOCH,
        revoked_at: None,
    }
}

async fn passes(millis: u64) {
    tokio::time::advance(Duration::from_millis(millis)).await;
}

/// In which revocations have just been looked for.
async fn looked() -> Memory {
    let memory = Memory::default();
    memory.looked(Instant::now());
    passes(1).await;
    memory
}

#[tokio::test(start_paused = true)]
async fn a_key_is_found_by_its_id_and_by_its_secret() {
    let memory = looked().await;
    let one = memory.put(key(1, 1), Instant::now());
    assert_eq!(memory.by_id(one.id), Some(one.clone()));
    assert_eq!(memory.by_secret(&one.secret_sha256), Some(one));
    assert_eq!(memory.by_secret(&Digest::of_bytes([2; 32])), None);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_kept_before_revocations_are_looked_for() {
    let memory = Memory::default();
    let before = Instant::now();
    memory.put(key(1, 1), before);
    memory.looked(before);
    assert_eq!(memory.by_id(key(1, 1).id), None);
    memory.put(key(1, 1), before);
    assert_eq!(memory.by_id(key(1, 1).id), None, "it may have been revoked before the first look");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_trusted_when_nobody_has_looked_for_a_second_and_a_half() {
    let memory = looked().await;
    let one = memory.put(key(1, 1), Instant::now());
    passes(1_498).await;
    assert!(memory.by_id(one.id).is_some());
    passes(1).await;
    assert_eq!(memory.by_id(one.id), None);
    assert_eq!(memory.by_secret(&one.secret_sha256), None);
    memory.looked(Instant::now());
    assert!(memory.by_id(one.id).is_some(), "the look says that it still holds");
}

#[tokio::test(start_paused = true)]
async fn an_answer_read_before_a_revocation_is_not_put_back_after_it() {
    let memory = looked().await;
    let read = Instant::now();
    passes(1).await;
    memory.forget(&[key(1, 1).id]);
    memory.put(key(1, 1), read);
    assert_eq!(memory.by_id(key(1, 1).id), None);
    passes(1).await;
    memory.put(key(1, 1), Instant::now());
    assert!(memory.by_id(key(1, 1).id).is_some(), "what was read after it is newer");
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_took_long_is_not_kept() {
    let memory = looked().await;
    let read = Instant::now();
    passes(1_500).await;
    memory.looked(Instant::now());
    memory.put(key(1, 1), read);
    assert_eq!(memory.by_id(key(1, 1).id), None);
}

#[tokio::test(start_paused = true)]
async fn a_replaced_secret_finds_nothing() {
    let memory = looked().await;
    memory.put(key(1, 1), Instant::now());
    memory.put(key(1, 2), Instant::now());
    assert_eq!(memory.by_secret(&Digest::of_bytes([1; 32])), None);
    assert!(memory.by_secret(&Digest::of_bytes([2; 32])).is_some());
}

#[tokio::test(start_paused = true)]
async fn more_changes_than_can_be_remembered_empty_it() {
    let memory = looked().await;
    let kept = memory.put(key(0, 1), Instant::now());
    let read = Instant::now();
    passes(1).await;
    let others: Vec<KeyId> = (1..5_000).map(|number| KeyId(Uuid::from_u128(number))).collect();
    memory.forget(&others);
    assert_eq!(memory.by_id(kept.id), None);
    memory.put(key(1, 1), read);
    assert_eq!(memory.by_id(others[0]), None, "it was read before");
    passes(1).await;
    memory.put(key(1, 1), Instant::now());
    assert!(memory.by_id(others[0]).is_some());
}
