//! Making a read model again from the beginning, while the old one serves.

use std::time::{Duration, Instant};

use domain::recorded::{Cursor, Event, Recorded};
use sqlx::{Connection, PgConnection};

use super::{ApplyError, Projection, checkpoint};
use crate::event_log::{Feed, Raw};

const PAGE: i64 = 10_000;
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

/// Replays from zero into the next generation in short transactions, then swaps in one.
pub async fn rebuild(
    owner: &mut PgConnection,
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
    let rebuilt = replay_and_swap(owner, projection, &mut on_events).await;
    sqlx::query("select pg_advisory_unlock(hashtextextended('rebuild:' || $1, 0))")
        .bind(name)
        .execute(owner)
        .await?;
    rebuilt
}

async fn replay_and_swap(
    owner: &mut PgConnection,
    projection: &dyn Projection,
    on_events: &mut impl FnMut(u64),
) -> Result<Rebuilt, RebuildError> {
    let generation = begin(owner, projection).await?;
    let mut replay = Replay { projection, generation, cursor: Cursor::default(), events: 0 };
    replay.catch_up(owner, on_events).await?;
    projection.index(owner, generation).await?;
    replay.catch_up(owner, on_events).await?;
    let began = Instant::now();
    let mut swapped = swap(owner, &mut replay).await;
    for _ in 1..SWAPS {
        if !matches!(&swapped, Err(RebuildError::Apply(ApplyError::Database(error))) if is_lock_timeout(error))
        {
            break;
        }
        swapped = swap(owner, &mut replay).await;
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

struct Replay<'a> {
    projection: &'a dyn Projection,
    generation: i32,
    cursor: Cursor,
    events: u64,
}

impl Replay<'_> {
    /// Up to where the live one is.
    async fn catch_up(
        &mut self,
        owner: &mut PgConnection,
        on_events: &mut impl FnMut(u64),
    ) -> Result<(), RebuildError> {
        let name = self.projection.name();
        loop {
            let live = checkpoint::live(&mut *owner, name).await?.ok_or(RebuildError::NotLive(name))?;
            let moved = self.page(owner, live.cursor).await?;
            on_events(self.events);
            if !moved {
                return Ok(());
            }
        }
    }

    /// Applies the next page up to the live cursor in a transaction of its own; false at the end.
    async fn page(&mut self, owner: &mut PgConnection, up_to: Cursor) -> Result<bool, RebuildError> {
        let page = Feed::page(&mut *owner, self.cursor, Some(up_to), PAGE).await?;
        if page.is_empty() {
            return Ok(false);
        }
        let mut transaction = owner.begin().await?;
        self.apply(&mut transaction, &page).await?;
        transaction.commit().await?;
        Ok(true)
    }

    async fn apply(&mut self, transaction: &mut PgConnection, page: &[Raw]) -> Result<(), RebuildError> {
        let mut events: Vec<Recorded> = Vec::with_capacity(page.len());
        for raw in page {
            let taken = self.projection.takes().contains(&raw.event_type.as_str());
            if taken || !Event::known_types().any(|known| known == raw.event_type) {
                match raw.read() {
                    Ok(read) => events.extend(read),
                    Err(why) => return Err(RebuildError::Unreadable(raw.event_id, why.to_string())),
                }
            }
        }
        self.projection.apply(transaction, self.generation, &events).await?;
        let Some(last) = page.last() else { return Ok(()) };
        checkpoint::advance(transaction, self.projection.name(), self.generation, last.cursor, true).await?;
        self.cursor = last.cursor;
        self.events += page.len() as u64;
        Ok(())
    }
}

fn is_lock_timeout(error: &sqlx::Error) -> bool {
    error.as_database_error().and_then(sqlx::error::DatabaseError::code).is_some_and(|code| code == "55P03")
}

/// One transaction: holds both checkpoints, brings the new one to the same cursor, compares, swaps.
async fn swap(owner: &mut PgConnection, replay: &mut Replay<'_>) -> Result<bool, RebuildError> {
    let (cursor, events) = (replay.cursor, replay.events);
    let swapped = swap_once(owner, replay).await;
    if swapped.is_err() {
        // What it applied was rolled back with it.
        (replay.cursor, replay.events) = (cursor, events);
    }
    swapped
}

async fn swap_once(owner: &mut PgConnection, replay: &mut Replay<'_>) -> Result<bool, RebuildError> {
    let (projection, name) = (replay.projection, replay.projection.name());
    let mut transaction = owner.begin().await?;
    // Queries on the view are waited for a moment; then the swap gives way to them and is tried again.
    sqlx::query("set local lock_timeout = '2s'").execute(&mut *transaction).await?;
    let live = checkpoint::wait_for_lock(&mut transaction, name).await?.ok_or(RebuildError::NotLive(name))?;
    loop {
        let page = Feed::page(&mut *transaction, replay.cursor, Some(live.cursor), PAGE).await?;
        if page.is_empty() {
            break;
        }
        replay.apply(&mut transaction, &page).await?;
    }
    let before = projection.fingerprint(&mut transaction, live.generation).await?;
    let after = projection.fingerprint(&mut transaction, replay.generation).await?;
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
    Ok(before == after)
}
