//! Which state the read models of the catalogue are in together: another one whenever an answer made of them may differ.

use application::{
    error::Error,
    identity::ACCOUNTS,
    queries::{activity, catalogue, catalogue::State, downloads, repositories, reviews},
};
use chrono::{DateTime, Utc};
use sqlx::PgPool;

/// Names of accounts are in reviews.
const MODELS: [&str; 8] = [
    catalogue::READ_MODEL,
    catalogue::PUBLISHERS,
    reviews::READ_MODEL,
    reviews::LIKES,
    downloads::READ_MODEL,
    activity::READ_MODEL,
    repositories::READ_MODEL,
    ACCOUNTS,
];

pub(crate) async fn of_catalogue(pool: &PgPool) -> Result<State, Error> {
    let state: Result<(String, DateTime<Utc>), sqlx::Error> = sqlx::query_as(
        "select coalesce(string_agg(generation || '.' || changes, ' ' order by subscription), ''),
                coalesce(max(changed_at), to_timestamp(0))
           from es.checkpoints where subscription = any($1) and status in ('live', 'halted')",
    )
    .bind(&MODELS[..])
    .fetch_one(pool)
    .await;
    let (tag, at) = state.map_err(|error| {
        tracing::debug!(%error, "the state of the read models cannot be read");
        Error::unavailable()
    })?;
    Ok(State { tag, at })
}
