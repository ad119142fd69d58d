//! Rotation: another master key, the same secrets; killed at any point and run again.

use std::{future::poll_fn, task::Poll};

use application::{error::Kind, ports::vault::Vault};
use domain::values::Sealed;
use infrastructure::vault::{Keyring, MasterKey, PgVault, VaultError, rotate, wrappings};

use crate::support::{Yard, open, plain, seal};

async fn sealed_by(vault: &PgVault, count: usize) -> Vec<Sealed> {
    let mut all = Vec::new();
    for n in 0..count {
        all.push(seal(vault, &format!("account/{n}"), &n.to_string()).await);
    }
    all
}

async fn all_open(vault: &PgVault, sealed: &[Sealed]) {
    for (n, sealed) in sealed.iter().enumerate() {
        assert_eq!(open(vault, sealed).await, plain(&n.to_string()));
    }
}

fn key(n: u8) -> MasterKey {
    hex::encode([n; 32]).parse().unwrap()
}

async fn masters(yard: &Yard) -> Vec<(String, i64)> {
    let wrappings = wrappings(&yard.pools.reads, &yard.keyring()).await.unwrap();
    wrappings.into_iter().map(|wrapping| (wrapping.master, wrapping.keys)).collect()
}

#[tokio::test]
async fn a_rotation_changes_the_master_key_and_nothing_else_and_a_running_server_goes_on() {
    let yard = Yard::fresh().await;
    let server = yard.vault().await;
    let sealed = sealed_by(&server, 5).await;
    server.erase("account/4").await.unwrap();
    let (before, derived) = (yard.keyring().ids(), server.derived_key("sessions").await.unwrap());
    let mut heard = Vec::new();
    let rotated = rotate(&yard.pools, yard.keyring(), |done, all| heard.push((done, all))).await.unwrap();
    assert_eq!((rotated.keys, rotated.resumed), (5, false), "four accounts and the service itself");
    assert_eq!(heard.last(), Some(&(5, 5)));
    let after = yard.keyring().ids();
    assert_eq!(after, [rotated.master]);
    assert_ne!(after, before);
    assert_eq!(masters(&yard).await, [(after[0].clone(), 5)]);
    for vault in [&server, &yard.vault().await] {
        all_open(vault, &sealed[..4]).await;
        assert_eq!(open(vault, &sealed[4]).await.shown(), "[erased]");
        assert_eq!(vault.derived_key("sessions").await.unwrap(), derived);
    }
    seal(&server, "account/new", "x").await;
    assert_eq!(masters(&yard).await, [(after[0].clone(), 6)]);
}

#[tokio::test]
async fn a_rotation_that_was_killed_is_brought_to_its_end_by_the_next_one() {
    let yard = Yard::fresh().await;
    let server = yard.vault().await;
    let sealed = sealed_by(&server, 3).await;
    let mut ended = None;
    let mut killed = 0;
    while ended.is_none() {
        // The one before holds its lock until the database has noticed that it is gone.
        yard.until(
            "not exists (select 1 from pg_locks l join pg_database d on d.oid = l.database
                          where l.locktype = 'advisory' and d.datname = current_database())",
        )
        .await;
        ended = within(killed, rotate(&yard.pools, yard.keyring(), |_, _| {})).await;
        all_open(&server, &sealed).await;
        all_open(&yard.vault().await, &sealed).await;
        killed += 1;
    }
    assert!(killed > 10, "{killed}");
    assert!(ended.unwrap().unwrap().resumed);
    assert_eq!(yard.keyring().ids().len(), 1, "the old key is gone");
    assert_eq!(masters(&yard).await, [(yard.keyring().ids()[0].clone(), 4)]);
}

/// Drops the work at the point at which it would wait once too often.
async fn within<T>(waits: usize, work: impl Future<Output = T>) -> Option<T> {
    let (mut work, mut left) = (Box::pin(work), waits);
    poll_fn(|context| match work.as_mut().poll(context) {
        Poll::Ready(done) => Poll::Ready(Some(done)),
        Poll::Pending if left == 0 => Poll::Ready(None),
        Poll::Pending => {
            left -= 1;
            Poll::Pending
        }
    })
    .await
}

#[tokio::test]
async fn half_way_both_keys_are_kept_and_a_server_that_starts_opens_everything() {
    let yard = Yard::fresh().await;
    let sealed = sealed_by(&yard.vault().await, 3).await;
    let old = std::fs::read_to_string(yard.key_file()).unwrap();
    let rows: Vec<(Vec<u8>, String)> = sqlx::query_as(
        "select wrapped, subject from es.subject_keys where subject in ('account/1', 'account/2')",
    )
    .fetch_all(&yard.pools.reads)
    .await
    .unwrap();
    rotate(&yard.pools, yard.keyring(), |_, _| {}).await.unwrap();
    // As it was before the last two rows were moved.
    let new = std::fs::read_to_string(yard.key_file()).unwrap();
    let old_id = Keyring::given(old.parse().unwrap(), None).unwrap().ids().remove(0);
    std::fs::write(yard.key_file(), format!("{new}{old}")).unwrap();
    for (wrapped, subject) in rows {
        sqlx::query("update es.subject_keys set wrapped = $1, master_id = $2 where subject = $3")
            .bind(wrapped)
            .bind(&old_id)
            .bind(subject)
            .execute(&yard.pools.writes)
            .await
            .unwrap();
    }
    all_open(&yard.vault().await, &sealed).await;
    let rotated = rotate(&yard.pools, yard.keyring(), |_, _| {}).await.unwrap();
    assert_eq!((rotated.keys, rotated.resumed), (2, true));
    assert_eq!(std::fs::read_to_string(yard.key_file()).unwrap(), new, "no third key was made");
    all_open(&yard.vault().await, &sealed).await;
}

#[tokio::test]
async fn a_server_that_starts_while_the_file_changes_reads_it_again() {
    let yard = Yard::fresh().await;
    let sealed = sealed_by(&yard.vault().await, 2).await;
    let (early, old) = (yard.keyring(), own_row(&yard).await);
    let old_key = std::fs::read_to_string(yard.key_file()).unwrap();
    rotate(&yard.pools, yard.keyring(), |_, _| {}).await.unwrap();
    all_open(&yard.try_vault(early.clone()).await.unwrap(), &sealed).await;
    // Only the accounts are moved yet.
    let new_key = std::fs::read_to_string(yard.key_file()).unwrap();
    std::fs::write(yard.key_file(), format!("{new_key}{old_key}")).unwrap();
    set_own_row(&mut yard.pools.writes.acquire().await.unwrap(), &old).await;
    all_open(&yard.try_vault(early).await.unwrap(), &sealed).await;
}

#[tokio::test]
async fn keys_of_the_settings_are_changed_once_every_node_has_both() {
    let yard = Yard::fresh().await;
    let old = yard.try_vault(Keyring::given(key(1), None).unwrap()).await.unwrap();
    let sealed = sealed_by(&old, 2).await;
    let both = Keyring::given(key(2), Some(key(1))).unwrap();
    let new = yard.try_vault(both.clone()).await.unwrap();
    // Until the rotation a node with both wraps with what all the others know.
    let early = seal(&new, "account/early", "x").await;
    assert_eq!(open(&old, &early).await, plain("x"));
    let refused = rotate(&yard.pools, Keyring::given(key(1), None).unwrap(), |_, _| {}).await;
    assert!(matches!(refused, Err(VaultError::NothingToChangeTo)), "{refused:?}");
    let rotated = rotate(&yard.pools, both, |_, _| {}).await.unwrap();
    assert_eq!((rotated.keys, &rotated.master), (4, &key(2).id()));
    all_open(&new, &sealed).await;
    let alone = yard.try_vault(Keyring::given(key(2), None).unwrap()).await.unwrap();
    all_open(&alone, &sealed).await;
    // A node that was forgotten makes no key that the others could not open.
    let forgotten = old.seal("account/late", "name", &"x".to_owned().into()).await.unwrap_err();
    assert_eq!(forgotten.kind, Kind::Unavailable);
}

#[tokio::test]
async fn two_rotations_at_once_are_refused() {
    let yard = Yard::fresh().await;
    yard.vault().await;
    let (one, other) = tokio::join!(
        rotate(&yard.pools, yard.keyring(), |_, _| {}),
        rotate(&yard.pools, yard.keyring(), |_, _| {}),
    );
    let done: Vec<_> =
        [one, other].into_iter().filter(|ended| !matches!(ended, Err(VaultError::Rotating))).collect();
    assert!(done.iter().all(Result::is_ok) && !done.is_empty(), "{done:?}");
    let keyring = yard.keyring();
    assert_eq!(masters(&yard).await, [(keyring.ids()[0].clone(), 1)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_are_made_during_rotations_are_not_lost() {
    let yard = Yard::fresh().await;
    let server = yard.vault().await;
    let making = async {
        let mut sealed = Vec::new();
        for n in 0..60 {
            sealed.push(seal(&server, &format!("account/{n}"), &n.to_string()).await);
        }
        sealed
    };
    let rotating = async {
        for _ in 0..6 {
            rotate(&yard.pools, yard.keyring(), |_, _| {}).await.unwrap();
        }
    };
    let (sealed, ()) = tokio::join!(making, rotating);
    assert_eq!(masters(&yard).await, [(yard.keyring().ids()[0].clone(), 61)]);
    all_open(&server, &sealed).await;
    all_open(&yard.vault().await, &sealed).await;
}

const WAITING: &str = "from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";

#[tokio::test]
async fn a_rotation_waits_for_a_key_that_is_just_being_made() {
    let yard = Yard::fresh().await;
    let server = yard.vault().await;
    // Whoever makes the key of this account must wait for this, with the old master key in its hand.
    let mut first = yard.pools.writes.begin().await.unwrap();
    sqlx::query("insert into es.subject_keys (key_id, subject, erased_at) values (gen_random_uuid(), 'account/0', now())")
        .execute(&mut *first)
        .await
        .unwrap();
    let making = seal(&server, "account/0", "0");
    let rotating = async {
        yard.until(&format!("(select count(*) = 1 {WAITING})")).await;
        rotate(&yard.pools, yard.keyring(), |_, _| {}).await.unwrap()
    };
    let releasing = async {
        yard.until(&format!("(select count(*) = 2 {WAITING})")).await;
        first.rollback().await.unwrap();
    };
    let (sealed, rotated, ()) = tokio::join!(making, rotating, releasing);
    assert_eq!(masters(&yard).await, [(rotated.master, 2)]);
    all_open(&yard.vault().await, &[sealed]).await;
}

#[tokio::test]
async fn a_key_that_was_made_with_the_old_master_key_too_late_is_made_again() {
    let yard = Yard::fresh().await;
    let old = yard.try_vault(Keyring::given(key(1), None).unwrap()).await.unwrap();
    let before = own_row(&yard).await;
    let both = Keyring::given(key(2), Some(key(1))).unwrap();
    rotate(&yard.pools, both.clone(), |_, _| {}).await.unwrap();
    let after = own_row(&yard).await;
    set_own_row(&mut yard.pools.writes.acquire().await.unwrap(), &before).await;
    let server = yard.try_vault(both).await.unwrap();
    // A rotation that is about to commit.
    let mut moving = yard.pools.writes.begin().await.unwrap();
    set_own_row(&mut moving, &after).await;
    let releasing = async {
        yard.until(&format!("(select count(*) = 1 {WAITING})")).await;
        moving.commit().await.unwrap();
    };
    let (sealed, ()) = tokio::join!(seal(&server, "account/0", "0"), releasing);
    assert_eq!(masters(&yard).await, [(key(2).id(), 2)]);
    all_open(&server, std::slice::from_ref(&sealed)).await;
    assert!(old.open(&sealed, "name").await.is_err());
}

async fn own_row(yard: &Yard) -> (Vec<u8>, String) {
    sqlx::query_as("select wrapped, master_id from es.subject_keys where subject = 'yard'")
        .fetch_one(&yard.pools.reads)
        .await
        .unwrap()
}

async fn set_own_row(connection: &mut sqlx::PgConnection, (wrapped, master): &(Vec<u8>, String)) {
    sqlx::query("update es.subject_keys set wrapped = $1, master_id = $2 where subject = 'yard'")
        .bind(wrapped)
        .bind(master)
        .execute(connection)
        .await
        .unwrap();
}
