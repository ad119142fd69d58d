//! Reading what plugins said and how they did.

use application::{
    error::Error,
    queries::telemetry::{Bucket, LogQueries, LogView, LogsWanted, MetricQueries, Resolution, Totals},
};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::values::InstallationId;
use serde_json::{Map, Value};
use sqlx::{Row, postgres::PgRow, types::Json};

use super::{
    PgTelemetry,
    keeping::{level, minutes, number},
};
use crate::reading::{bounded, count, unavailable};

const WHERE: &str = "from read.plugin_logs
    where installation_id = $1 and ($2::smallint is null or level = $2)
      and ($3::timestamptz is null or at >= $3) and ($4::timestamptz is null or at < $4)
      and ($5::text is null or text ilike $5)";

#[async_trait]
impl LogQueries for PgTelemetry {
    async fn logs(&self, wanted: &LogsWanted) -> Result<(Vec<LogView>, u64), Error> {
        let (wanted_level, search) = (wanted.level.map(number), wanted.search.as_deref().map(pattern));
        let lines = format!(
            "select at, level, text, metadata {WHERE} order by at desc, line desc offset $6 limit $7"
        );
        let lines = sqlx::query(&lines)
            .bind(wanted.installation.0)
            .bind(wanted_level)
            .bind(wanted.from)
            .bind(wanted.until)
            .bind(search.clone())
            .bind(bounded(wanted.offset))
            .bind(i64::from(wanted.limit))
            .fetch_all(&self.reads);
        let total = format!("select count(*) {WHERE}");
        let total = sqlx::query_scalar(&total)
            .bind(wanted.installation.0)
            .bind(wanted_level)
            .bind(wanted.from)
            .bind(wanted.until)
            .bind(search)
            .fetch_one(&self.reads);
        let (lines, total): (Vec<PgRow>, i64) =
            futures::future::try_join(lines, total).await.map_err(unavailable)?;
        let lines = lines.iter().map(view).collect::<Result<_, _>>().map_err(unavailable)?;
        Ok((lines, count(total)))
    }
}

fn view(row: &PgRow) -> Result<LogView, sqlx::Error> {
    Ok(LogView {
        at: row.try_get("at")?,
        level: level(row.try_get("level")?),
        text: row.try_get("text")?,
        metadata: row.try_get::<Json<Map<String, Value>>, _>("metadata")?.0,
    })
}

/// Somewhere in the text, as it stands.
fn pattern(search: &str) -> String {
    let mut pattern = String::from("%");
    for letter in search.chars() {
        if matches!(letter, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(letter);
    }
    pattern.push('%');
    pattern
}

#[async_trait]
impl MetricQueries for PgTelemetry {
    async fn buckets(
        &self,
        installation: InstallationId,
        from: DateTime<Utc>,
        until: DateTime<Utc>,
        resolution: Resolution,
    ) -> Result<Vec<Bucket>, Error> {
        let found: Vec<Json<Bucket>> = sqlx::query_scalar(
            "select figures from read.plugin_metrics
             where installation_id = $1 and resolution = $2 and bucket >= $3 and bucket < $4 order by bucket",
        )
        .bind(installation.0)
        .bind(minutes(resolution))
        .bind(from)
        .bind(until)
        .fetch_all(&self.reads)
        .await
        .map_err(unavailable)?;
        Ok(found.into_iter().map(|bucket| bucket.0).collect())
    }

    async fn totals(&self, installation: InstallationId) -> Result<Totals, Error> {
        let row = sqlx::query(
            "select coalesce(sum((figures->>'requests')::bigint), 0)::bigint as requests,
                    coalesce(sum((figures->>'ok')::bigint), 0)::bigint as ok,
                    (select count(*) from read.plugin_callers where installation_id = $1) as users
             from read.plugin_metrics where installation_id = $1 and resolution = 60",
        )
        .bind(installation.0)
        .fetch_one(&self.reads)
        .await
        .map_err(unavailable)?;
        let figure = |name: &str| row.try_get::<i64, _>(name).map(count).map_err(unavailable);
        let (requests, ok) = (figure("requests")?, figure("ok")?);
        Ok(Totals { requests, ok, failed: requests.saturating_sub(ok), unique_users: figure("users")? })
    }
}
