//! Removes what only operations needed: answered idempotency keys, finished job rows, told news, tickets that nobody took and rate
//! buckets that are full. Never an event.

use std::time::Duration;

use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

const EVERY: Duration = Duration::from_hours(1);
const STATEMENTS: [&str; 8] = [
    "delete from es.commands where created_at < clock_timestamp() - interval '7 days'",
    "delete from es.jobs where finished_at < clock_timestamp() - interval '14 days'",
    "delete from es.tickets where expires_at < clock_timestamp()",
    "delete from es.notices where ended_at < clock_timestamp() - interval '14 days'",
    "delete from es.telemetry where recorded_at < clock_timestamp() - interval '14 days'",
    "delete from read.plugin_logs where at < clock_timestamp() - interval '14 days'",
    "delete from read.plugin_metrics where bucket < clock_timestamp() - case resolution
        when 1 then interval '48 hours' when 5 then interval '7 days' when 15 then interval '30 days'
        else interval '400 days' end",
    // Nodes that settle hold these rows in an order of their own.
    "delete from es.rate_buckets where bucket in
        (select bucket from es.rate_buckets where full_at < clock_timestamp() for update skip locked)",
];

pub async fn keep_house(pool: PgPool, stop: CancellationToken) {
    loop {
        for statement in STATEMENTS {
            if let Err(error) = sqlx::query(statement).execute(&pool).await {
                tracing::warn!(%error, "old rows were not removed");
            }
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}
