//! Changing the master key: every data key is wrapped anew, nothing that was sealed changes. May be killed at any point
//! and run again: until the last row is moved both keys are kept.

use sqlx::{Connection as _, PgConnection, PgPool, Row};
use uuid::Uuid;

use super::{
    MasterKey, SubjectKey, VaultError, YARD, keyring::Keyring, own_key, sealing::DataKey, subject_key, unwrap,
};
use crate::postgres::Pools;

const AT_A_TIME: i64 = 500;

/// What a rotation did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rotated {
    /// The master key that wraps everything now.
    pub master: String,
    /// How many data keys were wrapped anew.
    pub keys: u64,
    /// A rotation that was cut short was brought to its end; none was begun.
    pub resumed: bool,
}

/// How many data keys one master key wraps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrapping {
    pub master: String,
    pub keys: i64,
    /// Whether the keyring has it.
    pub known: bool,
}

/// By the ids of the master keys that anything is wrapped with.
pub async fn wrappings(pool: &PgPool, keyring: &Keyring) -> Result<Vec<Wrapping>, VaultError> {
    let query = "select master_id, count(*) as keys from es.subject_keys where master_id is not null
                  group by master_id order by master_id";
    let rows = sqlx::query(query).fetch_all(pool).await?;
    let read = |row: &sqlx::postgres::PgRow| {
        let master: String = row.try_get("master_id")?;
        Ok(Wrapping { known: keyring.find(&master).is_some(), keys: row.try_get("keys")?, master })
    };
    Ok(rows.iter().map(read).collect::<Result<_, sqlx::Error>>()?)
}

/// To a new key where they are kept in a file, to the current one of the settings otherwise. `progress` hears how many
/// of how many keys are done.
pub async fn rotate(
    pools: &Pools,
    keyring: Keyring,
    mut progress: impl FnMut(u64, u64),
) -> Result<Rotated, VaultError> {
    // Ends with its connection, so also with this process.
    let mut alone = pools.own_connection().await?;
    let locked: bool =
        sqlx::query_scalar("select pg_try_advisory_lock(hashtextextended('plugyard master key', 0))")
            .fetch_one(&mut alone)
            .await?;
    if !locked {
        return Err(VaultError::Rotating);
    }
    let mut ring = keyring.read_again()?;
    own_key(&pools.writes, &mut ring).await?;
    let resumed = ring.is_file() && ring.previous.is_some();
    if ring.previous.is_none() {
        ring = ring.with_new_key()?.ok_or(VaultError::NothingToChangeTo)?;
    }
    let Some(from) = ring.previous.clone() else { return Err(VaultError::NothingToChangeTo) };
    let keys = move_all(&mut alone, &from, &ring.current, &mut progress).await?;
    let master = ring.current.id();
    ring.without_previous()?;
    // What happens to the connection now is all the same.
    let _ = alone.close().await;
    Ok(Rotated { master, keys, resumed })
}

async fn move_all(
    connection: &mut PgConnection,
    from: &MasterKey,
    to: &MasterKey,
    progress: &mut impl FnMut(u64, u64),
) -> Result<u64, VaultError> {
    // First the service's own: from here on every node wraps new keys with the new master key, and whoever was just
    // making one with the old one has finished.
    let own = "select key_id, subject, wrapped, master_id from es.subject_keys
                where master_id = $1 and subject = $2 limit $3 for update";
    let others = "select key_id, subject, wrapped, master_id from es.subject_keys
                   where master_id = $1 and subject <> $2 order by key_id limit $3 for update";
    let mut done = move_some(connection, own, from, to).await?;
    let all: i64 = sqlx::query_scalar("select count(*) from es.subject_keys where master_id = $1")
        .bind(from.id())
        .fetch_one(&mut *connection)
        .await?;
    let all = done + all.unsigned_abs();
    loop {
        let moved = move_some(connection, others, from, to).await?;
        done += moved;
        progress(done, all.max(done));
        if moved == 0 {
            return Ok(done);
        }
    }
}

/// One batch, in one transaction.
async fn move_some(
    connection: &mut PgConnection,
    query: &'static str,
    from: &MasterKey,
    to: &MasterKey,
) -> Result<u64, VaultError> {
    let mut transaction = connection.begin().await?;
    let rows =
        sqlx::query(query).bind(from.id()).bind(YARD).bind(AT_A_TIME).fetch_all(&mut *transaction).await?;
    let (mut ids, mut wrapped): (Vec<Uuid>, Vec<Vec<u8>>) = (Vec::new(), Vec::new());
    for row in &rows {
        let row = subject_key(row)?;
        if let Some(key) = opened(from, &row)? {
            wrapped.push(key.wrap(to, &row.subject, row.id)?);
            ids.push(row.id);
        }
    }
    sqlx::query(
        "update es.subject_keys k set wrapped = n.wrapped, master_id = $3
           from unnest($1::uuid[], $2::bytea[]) as n (key_id, wrapped) where k.key_id = n.key_id",
    )
    .bind(&ids)
    .bind(wrapped)
    .bind(to.id())
    .execute(&mut *transaction)
    .await?;
    transaction.commit().await?;
    Ok(ids.len() as u64)
}

fn opened(master: &MasterKey, row: &SubjectKey) -> Result<Option<DataKey>, VaultError> {
    row.wrapped.as_ref().map(|(wrapped, _)| unwrap(master, wrapped, row)).transpose()
}
