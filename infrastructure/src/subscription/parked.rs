//! Events a reader could not apply, and the later events of their streams.

use std::collections::HashSet;

use domain::recorded::Stream;
use sqlx::{PgConnection, PgExecutor, Row};
use uuid::Uuid;

use crate::event_log::Raw;

/// The streams whose events must wait.
pub(super) async fn streams(
    executor: impl PgExecutor<'_>,
    name: &str,
    generation: i32,
) -> Result<HashSet<Stream>, sqlx::Error> {
    let rows = sqlx::query(
        "select distinct aggregate_type, aggregate_id from es.parked_events where subscription = $1 and generation = $2",
    )
    .bind(name)
    .bind(generation)
    .fetch_all(executor)
    .await?;
    rows.iter()
        .map(|row| {
            Ok(Stream {
                aggregate_type: row.try_get("aggregate_type")?,
                aggregate_id: row.try_get("aggregate_id")?,
            })
        })
        .collect()
}

pub(super) async fn park(
    transaction: &mut PgConnection,
    name: &str,
    generation: i32,
    event: &Raw,
    tries: i32,
    error: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into es.parked_events
                (subscription, generation, event_id, aggregate_type, aggregate_id, sequence, tries, error)
         values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict do nothing",
    )
    .bind(name)
    .bind(generation)
    .bind(event.event_id)
    .bind(&event.stream.aggregate_type)
    .bind(&event.stream.aggregate_id)
    .bind(event.sequence)
    .bind(tries)
    .bind(error)
    .execute(transaction)
    .await
    .map(drop)
}

/// Ids in the order in which they may be tried again.
pub(super) async fn list(
    executor: impl PgExecutor<'_>,
    name: &str,
    generation: i32,
) -> Result<Vec<Uuid>, sqlx::Error> {
    sqlx::query_scalar(
        "select event_id from es.parked_events where subscription = $1 and generation = $2
          order by aggregate_type, aggregate_id, sequence",
    )
    .bind(name)
    .bind(generation)
    .fetch_all(executor)
    .await
}

pub(super) async fn release(
    transaction: &mut PgConnection,
    name: &str,
    generation: i32,
    event_id: Uuid,
) -> Result<(), sqlx::Error> {
    sqlx::query("delete from es.parked_events where subscription = $1 and generation = $2 and event_id = $3")
        .bind(name)
        .bind(generation)
        .bind(event_id)
        .execute(transaction)
        .await
        .map(drop)
}
