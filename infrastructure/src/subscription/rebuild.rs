//! Making a read model again from the beginning, while the old one serves.

use std::time::{Duration, Instant};

use sqlx::{Connection, PgConnection, PgPool};

use super::{ApplyError, Projection, checkpoint, replay::Replay};

/// How often a swap gives way to long queries.
const SWAPS: u32 = 10;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rebuilt {
    pub generation: i32,
    pub events: u64,
    /// Whether the new rows equal the old ones at the same cursor.
    pub same_as_before: bool,
    pub swap: Duration,
}

#[derive(Debug, thiserror::Error)]
pub enum RebuildError {
    #[error("{0} has effects beyond its own tables: it is never replayed")]
    NotRebuildable(&'static str),
    #[error("{0} has no live generation; start the server once, or retry it first")]
    NotLive(&'static str),
    #[error("{0} is being rebuilt already")]
    Busy(&'static str),
    #[error(transparent)]
    Apply(#[from] ApplyError),
    #[error("{0}: the reader of the log ended early; try again")]
    Interrupted(&'static str),
    #[error("event {0} cannot be read by this build: {1}")]
    Unreadable(uuid::Uuid, String),
}

impl From<sqlx::Error> for RebuildError {
    fn from(error: sqlx::Error) -> Self {
        Self::Apply(ApplyError::Database(error))
    }
}

/// Makes the first generation of a projection, or nothing if there is one.
pub async fn first_generation(
    owner: &mut PgConnection,
    projection: &dyn Projection,
) -> Result<(), sqlx::Error> {
    let mut transaction = owner.begin().await?;
    sqlx::query("select pg_advisory_xact_lock(hashtextextended('projection:' || $1, 0))")
        .bind(projection.name())
        .execute(&mut *transaction)
        .await?;
    let there: bool =
        sqlx::query_scalar("select exists (select 1 from es.checkpoints where subscription = $1)")
            .bind(projection.name())
            .fetch_one(&mut *transaction)
            .await?;
    if !there {
        projection.create(&mut transaction, 1).await?;
        projection.index(&mut transaction, 1).await?;
        projection.show(&mut transaction, 1).await?;
        checkpoint::insert(&mut *transaction, projection.name(), 1, "live").await?;
    }
    transaction.commit().await
}

/// Replays from zero into the next generation in short transactions, then swaps in one. The log is read through the pool.
pub async fn rebuild(
    owner: &mut PgConnection,
    pool: &PgPool,
    projection: &dyn Projection,
    mut on_events: impl FnMut(u64),
) -> Result<Rebuilt, RebuildError> {
    let name = projection.name();
    if !projection.can_be_rebuilt() {
        return Err(RebuildError::NotRebuildable(name));
    }
    // Held by the connection: it goes with it, whatever happens to this process.
    let alone: bool =
        sqlx::query_scalar("select pg_try_advisory_lock(hashtextextended('rebuild:' || $1, 0))")
            .bind(name)
            .fetch_one(&mut *owner)
            .await?;
    if !alone {
        return Err(RebuildError::Busy(name));
    }
    let rebuilt = replay_and_swap(owner, pool, projection, &mut on_events).await;
    sqlx::query("select pg_advisory_unlock(hashtextextended('rebuild:' || $1, 0))")
        .bind(name)
        .execute(owner)
        .await?;
    rebuilt
}

async fn replay_and_swap(
    owner: &mut PgConnection,
    pool: &PgPool,
    projection: &dyn Projection,
    on_events: &mut impl FnMut(u64),
) -> Result<Rebuilt, RebuildError> {
    let generation = begin(owner, projection).await?;
    let mut replay = Replay::new(projection, generation);
    replay.catch_up(owner, pool, on_events).await?;
    replay.index(owner).await?;
    replay.catch_up(owner, pool, on_events).await?;
    let began = Instant::now();
    let mut swapped = swap(owner, pool, &mut replay).await;
    for _ in 1..SWAPS {
        if !matches!(&swapped, Err(RebuildError::Apply(ApplyError::Database(error))) if is_lock_timeout(error))
        {
            break;
        }
        swapped = swap(owner, pool, &mut replay).await;
    }
    let same_as_before = swapped?;
    Ok(Rebuilt { generation, events: replay.events, same_as_before, swap: began.elapsed() })
}

async fn begin(owner: &mut PgConnection, projection: &dyn Projection) -> Result<i32, RebuildError> {
    let name = projection.name();
    let mut transaction = owner.begin().await?;
    // An interrupted rebuild leaves its generation behind.
    let abandoned: Vec<i32> = sqlx::query_scalar(
        "delete from es.checkpoints where subscription = $1 and status = 'building' returning generation",
    )
    .bind(name)
    .fetch_all(&mut *transaction)
    .await?;
    for generation in abandoned {
        projection.remove(&mut transaction, generation).await?;
    }
    let newest: Option<i32> =
        sqlx::query_scalar("select max(generation) from es.checkpoints where subscription = $1")
            .bind(name)
            .fetch_one(&mut *transaction)
            .await?;
    let generation = newest.ok_or(RebuildError::NotLive(name))? + 1;
    projection.create(&mut transaction, generation).await?;
    checkpoint::insert(&mut *transaction, name, generation, "building").await?;
    transaction.commit().await?;
    Ok(generation)
}

fn is_lock_timeout(error: &sqlx::Error) -> bool {
    error.as_database_error().and_then(sqlx::error::DatabaseError::code).is_some_and(|code| code == "55P03")
}

/// One transaction: holds both checkpoints, brings the new one to the same cursor, compares, swaps.
async fn swap(
    owner: &mut PgConnection,
    pool: &PgPool,
    replay: &mut Replay<'_>,
) -> Result<bool, RebuildError> {
    let before = replay.clone();
    let swapped = swap_once(owner, pool, replay).await;
    if swapped.is_err() {
        // What it applied was rolled back with it.
        *replay = before;
    }
    swapped
}

async fn swap_once(
    owner: &mut PgConnection,
    pool: &PgPool,
    replay: &mut Replay<'_>,
) -> Result<bool, RebuildError> {
    let (projection, name) = (replay.projection(), replay.projection().name());
    let mut transaction = owner.begin().await?;
    // Queries on the view are waited for a moment; then the swap gives way to them and is tried again.
    sqlx::query("set local lock_timeout = '2s'").execute(&mut *transaction).await?;
    let live = checkpoint::wait_for_lock(&mut transaction, name).await?.ok_or(RebuildError::NotLive(name))?;
    replay.finish(&mut transaction, live.cursor).await?;
    // Nobody writes to the live one while its checkpoint is held.
    let mut beside = pool.acquire().await?;
    let (before, after) = ((&mut *beside, live.generation), (&mut *transaction, replay.generation));
    let same_as_before = projection.is_same(before, after).await?;
    drop(beside);
    projection.show(&mut transaction, replay.generation).await?;
    checkpoint::advance(&mut transaction, name, replay.generation, live.cursor, true).await?;
    checkpoint::set_status(&mut *transaction, name, live.generation, "retired", None).await?;
    checkpoint::set_status(&mut *transaction, name, replay.generation, "live", None).await?;
    // The one before stays for a rollback; older ones go.
    let old: Vec<i32> = sqlx::query_scalar(
        "delete from es.checkpoints where subscription = $1 and status = 'retired' and generation < $2
         returning generation",
    )
    .bind(name)
    .bind(live.generation)
    .fetch_all(&mut *transaction)
    .await?;
    for generation in old {
        projection.remove(&mut transaction, generation).await?;
    }
    transaction.commit().await?;
    Ok(same_as_before)
}
