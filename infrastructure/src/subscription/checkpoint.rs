//! Checkpoint rows: where a reader stands, and the lock that makes it the only one.

use domain::recorded::Cursor;
use sqlx::{PgConnection, PgExecutor, Row, postgres::PgRow};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Checkpoint {
    pub(super) generation: i32,
    pub(super) cursor: Cursor,
}

/// The live one, unlocked.
pub(super) async fn live(
    executor: impl PgExecutor<'_>,
    name: &str,
) -> Result<Option<Checkpoint>, sqlx::Error> {
    let row = sqlx::query(
        "select generation, epoch, transaction_id::text as xid, global_position from es.checkpoints
          where subscription = $1 and status = 'live'",
    )
    .bind(name)
    .fetch_optional(executor)
    .await?;
    row.as_ref().map(read).transpose()
}

const LOCK: &str =
    "select generation, epoch, transaction_id::text as xid, global_position from es.checkpoints
                      where subscription = $1 and status = 'live' for update";

/// The live one, locked until the transaction ends; `None` when another node holds it or it is not live.
pub(super) async fn lock(
    transaction: &mut PgConnection,
    name: &str,
) -> Result<Option<Checkpoint>, sqlx::Error> {
    let query = format!("{LOCK} skip locked");
    let row = sqlx::query(&query).bind(name).fetch_optional(transaction).await?;
    row.as_ref().map(read).transpose()
}

/// The same, after whoever holds it.
pub(super) async fn wait_for_lock(
    transaction: &mut PgConnection,
    name: &str,
) -> Result<Option<Checkpoint>, sqlx::Error> {
    let row = sqlx::query(LOCK).bind(name).fetch_optional(transaction).await?;
    row.as_ref().map(read).transpose()
}

/// Rows differ, and the place is the same.
pub(super) async fn changed(
    transaction: &mut PgConnection,
    name: &str,
    generation: i32,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update es.checkpoints set changes = changes + 1, changed_at = clock_timestamp()
          where subscription = $1 and generation = $2",
    )
    .bind(name)
    .bind(generation)
    .execute(transaction)
    .await
    .map(drop)
}

/// `changed`: rows may differ from what they were, and validators of answers are to be others.
pub(super) async fn advance(
    transaction: &mut PgConnection,
    name: &str,
    generation: i32,
    to: Cursor,
    changed: bool,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update es.checkpoints
            set epoch = $3, transaction_id = $4::text::xid8, global_position = $5, updated_at = clock_timestamp(),
                changes = changes + $6::integer,
                changed_at = case when $6 = 0 then changed_at else clock_timestamp() end
          where subscription = $1 and generation = $2",
    )
    .bind(name)
    .bind(generation)
    .bind(to.epoch)
    .bind(to.transaction.to_string())
    .bind(to.position)
    .bind(i32::from(changed))
    .execute(transaction)
    .await
    .map(drop)
}

pub(super) async fn set_status(
    executor: impl PgExecutor<'_>,
    name: &str,
    generation: i32,
    status: &str,
    error: Option<&str>,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update es.checkpoints set status = $3, error = $4 where subscription = $1 and generation = $2",
    )
    .bind(name)
    .bind(generation)
    .bind(status)
    .bind(error)
    .execute(executor)
    .await
    .map(drop)
}

pub(super) async fn insert(
    executor: impl PgExecutor<'_>,
    name: &str,
    generation: i32,
    status: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into es.checkpoints (subscription, generation, status) values ($1, $2, $3) on conflict do nothing",
    )
    .bind(name)
    .bind(generation)
    .bind(status)
    .execute(executor)
    .await
    .map(drop)
}

fn read(row: &PgRow) -> Result<Checkpoint, sqlx::Error> {
    let xid: String = row.try_get("xid")?;
    let transaction = xid.parse().map_err(|error| sqlx::Error::Decode(Box::new(error)))?;
    Ok(Checkpoint {
        generation: row.try_get("generation")?,
        cursor: Cursor {
            epoch: row.try_get("epoch")?,
            transaction,
            position: row.try_get("global_position")?,
        },
    })
}
