//! The feed: all events in log order, up to the horizon.
//!
//! The cursor is the pair (transaction, position) behind the horizon, preceded by the epoch. A position alone
//! would lose events, because positions are drawn before the commit.

use chrono::{DateTime, Utc};
use domain::{
    recorded::{Cursor, Event, Payload, Recorded, Stream, Unreadable},
    values::Metadata,
};
use serde_json::Value;
use sqlx::{PgExecutor, PgPool, Row, postgres::PgRow};
use uuid::Uuid;

use crate::upcasters::{self, Stored};

const COLUMNS: &str = "e.epoch, e.transaction_id::text as xid, e.global_position, e.event_id, e.aggregate_type, \
                       e.aggregate_id, e.sequence, e.event_type, e.event_version, e.recorded_at, e.payload::text, e.metadata::text";
/// The same, without the contents of the types in `$8`.
const COLUMNS_OF_SOME: &str = "e.epoch, e.transaction_id::text as xid, e.global_position, e.event_id, e.aggregate_type, \
                               e.aggregate_id, e.sequence, e.event_type, e.event_version, e.recorded_at, \
                               case when e.event_type = any($8) then 'null' else e.payload::text end, \
                               case when e.event_type = any($8) then 'null' else e.metadata::text end";

/// An event of an older epoch is complete by definition; of this one, everything before the oldest transaction
/// that may still write.
const BEHIND_THE_HORIZON: &str = "(e.epoch < (select epoch from es.log_epoch) \
                                   or e.transaction_id < pg_snapshot_xmin(pg_current_snapshot()))";

/// Reads pages of the feed.
#[derive(Debug, Clone, Copy)]
pub struct Feed;

/// A stored event as it is, before upcasters and parsing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Raw {
    pub cursor: Cursor,
    pub event_id: Uuid,
    pub stream: Stream,
    pub sequence: i64,
    pub event_type: String,
    pub event_version: String,
    pub recorded_at: DateTime<Utc>,
    /// JSON, read by who needs it and as what it is.
    payload: String,
    metadata: String,
}

impl Feed {
    /// At most `limit` events after the cursor and, if given, up to and including another one.
    pub async fn page(
        executor: impl PgExecutor<'_>,
        after: Cursor,
        up_to: Option<Cursor>,
        limit: i64,
    ) -> Result<Vec<Raw>, sqlx::Error> {
        Self::columns(executor, COLUMNS, &[], (after, up_to), limit).await
    }

    /// The same for a reader that takes these types: of other types that the product knows, there is a place in the
    /// page and no content.
    pub(crate) async fn page_for(
        executor: impl PgExecutor<'_>,
        takes: &[&str],
        after: Cursor,
        up_to: Option<Cursor>,
        limit: i64,
    ) -> Result<Vec<Raw>, sqlx::Error> {
        let others: Vec<&str> = Event::known_types().filter(|known| !takes.contains(known)).collect();
        Self::columns(executor, COLUMNS_OF_SOME, &others, (after, up_to), limit).await
    }

    async fn columns(
        executor: impl PgExecutor<'_>,
        columns: &str,
        without: &[&str],
        (after, up_to): (Cursor, Option<Cursor>),
        limit: i64,
    ) -> Result<Vec<Raw>, sqlx::Error> {
        let up_to = up_to.unwrap_or(Cursor { epoch: i32::MAX, transaction: 0, position: 0 });
        let query = format!(
            "select {columns} from es.events e
              where (e.epoch, e.transaction_id, e.global_position) > ($1, $2::text::xid8, $3)
                and (e.epoch, e.transaction_id, e.global_position) <= ($4, $5::text::xid8, $6)
                and {BEHIND_THE_HORIZON}
              order by e.epoch, e.transaction_id, e.global_position limit $7"
        );
        let query = sqlx::query(&query)
            .bind(after.epoch)
            .bind(after.transaction.to_string())
            .bind(after.position)
            .bind(up_to.epoch)
            .bind(up_to.transaction.to_string())
            .bind(up_to.position)
            .bind(limit);
        let query = if without.is_empty() { query } else { query.bind(without) };
        query.fetch_all(executor).await?.iter().map(Raw::from_row).collect()
    }

    /// The same for a page of thousands. Whatever is known of the table, the index gives them in their order: sorting all
    /// that follows for every page would take longer the more there is to read.
    pub(crate) async fn long_page_for(
        pool: &PgPool,
        takes: &[&str],
        after: Cursor,
        up_to: Option<Cursor>,
        limit: i64,
    ) -> Result<Vec<Raw>, sqlx::Error> {
        // It writes nothing, so it holds no horizon.
        let mut reading = pool.begin().await?;
        sqlx::query("set local enable_sort = off").execute(&mut *reading).await?;
        let page = Self::page_for(&mut *reading, takes, after, up_to, limit).await;
        reading.rollback().await?;
        page
    }

    /// The events of one stream, in order, horizon or not: what was acknowledged is there.
    pub async fn stream(executor: impl PgExecutor<'_>, stream: &Stream) -> Result<Vec<Raw>, sqlx::Error> {
        let query = format!(
            "select {COLUMNS} from es.events e where e.aggregate_type = $1 and e.aggregate_id = $2 order by e.sequence"
        );
        let rows = sqlx::query(&query)
            .bind(&stream.aggregate_type)
            .bind(&stream.aggregate_id)
            .fetch_all(executor)
            .await?;
        rows.iter().map(Raw::from_row).collect()
    }

    pub async fn event(executor: impl PgExecutor<'_>, id: Uuid) -> Result<Option<Raw>, sqlx::Error> {
        let query = format!("select {COLUMNS} from es.events e where e.event_id = $1");
        let row = sqlx::query(&query).bind(id).fetch_optional(executor).await?;
        row.as_ref().map(Raw::from_row).transpose()
    }

    /// Whether anything at all lies after the cursor, behind the horizon or beyond it.
    pub async fn anything_after(executor: impl PgExecutor<'_>, after: Cursor) -> Result<bool, sqlx::Error> {
        // The order makes a generic plan take the index; an `exists` would scan the log.
        let next = sqlx::query(
            "select e.global_position from es.events e
              where (e.epoch, e.transaction_id, e.global_position) > ($1, $2::text::xid8, $3)
              order by e.epoch, e.transaction_id, e.global_position limit 1",
        )
        .bind(after.epoch)
        .bind(after.transaction.to_string())
        .bind(after.position)
        .fetch_optional(executor)
        .await?;
        Ok(next.is_some())
    }

    /// The place after which the last `count` readable events lie.
    pub async fn before_the_last(executor: impl PgExecutor<'_>, count: i64) -> Result<Cursor, sqlx::Error> {
        let query = format!(
            "select e.epoch, e.transaction_id::text as xid, e.global_position from es.events e
              where {BEHIND_THE_HORIZON}
              order by e.epoch desc, e.transaction_id desc, e.global_position desc offset $1 limit 1"
        );
        let row = sqlx::query(&query).bind(count).fetch_optional(executor).await?;
        row.as_ref().map_or(Ok(Cursor::default()), cursor)
    }

    /// The last readable event's place.
    pub async fn head(executor: impl PgExecutor<'_>) -> Result<Cursor, sqlx::Error> {
        let query = format!(
            "select e.epoch, e.transaction_id::text as xid, e.global_position from es.events e
              where {BEHIND_THE_HORIZON}
              order by e.epoch desc, e.transaction_id desc, e.global_position desc limit 1"
        );
        let row = sqlx::query(&query).fetch_optional(executor).await?;
        row.as_ref().map_or(Ok(Cursor::default()), cursor)
    }
}

/// Of the first three columns.
fn cursor(row: &PgRow) -> Result<Cursor, sqlx::Error> {
    let xid: &str = row.try_get(1)?;
    let transaction = xid.parse().map_err(|error| sqlx::Error::Decode(Box::new(error)))?;
    Ok(Cursor { epoch: row.try_get(0)?, transaction, position: row.try_get(2)? })
}

impl Raw {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            cursor: cursor(row)?,
            event_id: row.try_get(3)?,
            stream: Stream { aggregate_type: row.try_get(4)?, aggregate_id: row.try_get(5)? },
            sequence: row.try_get(6)?,
            event_type: row.try_get(7)?,
            event_version: row.try_get(8)?,
            recorded_at: row.try_get(9)?,
            payload: row.try_get(10)?,
            metadata: row.try_get(11)?,
        })
    }

    pub fn payload(&self) -> Value {
        serde_json::from_str(&self.payload).unwrap_or_default()
    }

    pub fn metadata(&self) -> Value {
        serde_json::from_str(&self.metadata).unwrap_or_default()
    }

    /// The event in its newest shape; several if an upcaster splits it, none if one drops it.
    pub fn read(&self) -> Result<Vec<Recorded>, Unreadable> {
        if upcasters::is_newest(&self.event_type, &self.event_version) {
            return Ok(vec![self.recorded(&self.event_type, self.payload.as_str())?]);
        }
        let stored = Stored {
            event_type: self.event_type.clone(),
            event_version: self.event_version.clone(),
            payload: self.payload(),
        };
        let read = |current: Stored| self.recorded(&current.event_type, current.payload);
        upcasters::upcast(stored).into_iter().map(read).collect()
    }

    fn recorded<'a>(
        &'a self,
        event_type: &'a str,
        payload: impl Into<Payload<'a>>,
    ) -> Result<Recorded, Unreadable> {
        let metadata: Metadata = serde_json::from_str(&self.metadata)
            .map_err(|error| Unreadable::Malformed(self.event_type.clone(), error.to_string()))?;
        Ok(Recorded {
            cursor: self.cursor,
            event_id: self.event_id,
            stream: self.stream.clone(),
            sequence: self.sequence,
            event: Event::read(&self.stream, event_type, payload)?,
            metadata,
            recorded_at: self.recorded_at,
        })
    }
}
