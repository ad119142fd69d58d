//! Writing a batch: the events, the lines, and the buckets that the figures fall into.

use std::{collections::BTreeMap, time::Duration};

use application::{
    ports::{
        hosting::{Level, LogLine, Sample},
        telemetry::Observed,
    },
    queries::telemetry::{Bucket, Histogram, Resolution},
};
use chrono::{DateTime, Utc};
use domain::values::InstallationId;
use serde_json::{Map, Value, json};
use sqlx::{PgConnection, PgPool, types::Json};
use uuid::Uuid;

use crate::reading::count;

const MOST_CALLERS: i64 = 1_000;

pub(super) async fn keep(pool: &PgPool, observed: &[(InstallationId, Observed)]) -> Result<(), sqlx::Error> {
    let mut transaction = pool.begin().await?;
    // Lost with a crash at the worst: figures and lines of the last moments.
    sqlx::query("set local synchronous_commit = off").execute(&mut *transaction).await?;
    events(&mut transaction, observed).await?;
    lines(&mut transaction, observed).await?;
    let mut changes = BTreeMap::new();
    for (installation, one) in observed {
        let Observed::Sample(sample) = one else { continue };
        for resolution in Resolution::ALL {
            let at = resolution.floor(sample.window_start);
            let key = (installation.0, minutes(resolution), at);
            changes.entry(key).or_insert_with(Bucket::default).merge(&bucket(sample));
        }
        callers(&mut transaction, *installation, sample).await?;
    }
    // In one order, so that two batches never wait for each other.
    for ((installation, resolution, at), change) in changes {
        add(&mut transaction, installation, resolution, at, &change).await?;
    }
    transaction.commit().await
}

async fn events(
    transaction: &mut PgConnection,
    observed: &[(InstallationId, Observed)],
) -> Result<(), sqlx::Error> {
    let (mut installations, mut types, mut payloads) = (Vec::new(), Vec::new(), Vec::new());
    for (installation, one) in observed {
        installations.push(installation.0);
        let (name, payload) = match one {
            Observed::Lines { lines, dropped } => {
                let lines: Vec<Value> = lines.iter().map(line).collect();
                ("LogRecorded", json!({"lines": lines, "dropped": dropped}))
            }
            Observed::Sample(sample) => ("MetricsSampled", of_sample(sample)),
        };
        types.push(name);
        payloads.push(Json(payload));
    }
    sqlx::query(
        "insert into es.telemetry (installation_id, event_type, payload)
         select * from unnest($1::uuid[], $2::text[], $3::jsonb[])",
    )
    .bind(installations)
    .bind(types)
    .bind(payloads)
    .execute(transaction)
    .await
    .map(drop)
}

fn line(line: &LogLine) -> Value {
    json!({"at": line.at, "level": line.level.as_str(), "text": line.text, "metadata": line.metadata})
}

fn of_sample(sample: &Sample) -> Value {
    json!({
        "window_start": sample.window_start,
        "window_s": sample.window.as_secs_f64(),
        "requests": sample.requests,
        "ok": sample.ok,
        "errors": sample.errors,
        "timeouts": sample.timeouts,
        "latency_hist": sample.latency,
        "latency_sum_ms": milliseconds(sample.latency_sum),
        "rss_max": sample.rss_max,
        "rss_avg": sample.rss_mean,
        "cpu_ms": milliseconds(sample.cpu),
        "fds_max": sample.file_handles_max,
    })
}

async fn lines(
    transaction: &mut PgConnection,
    observed: &[(InstallationId, Observed)],
) -> Result<(), sqlx::Error> {
    let (mut installations, mut ats, mut levels) = (Vec::new(), Vec::new(), Vec::new());
    let (mut texts, mut metadata) = (Vec::new(), Vec::new());
    let mut add = |installation: InstallationId, at: DateTime<Utc>, level: Level, text: String, more| {
        installations.push(installation.0);
        ats.push(at);
        levels.push(number(level));
        texts.push(text);
        metadata.push(Json(more));
    };
    for (installation, one) in observed {
        let Observed::Lines { lines, dropped } = one else { continue };
        for line in lines {
            add(*installation, line.at, line.level, line.text.clone(), line.metadata.clone());
        }
        if let (Some(last), true) = (lines.last(), *dropped > 0) {
            let text = format!("{dropped} lines were dropped: the plugin writes faster than is kept");
            let more = Map::from_iter([("dropped".to_owned(), Value::from(*dropped))]);
            add(*installation, last.at, Level::Warning, text, more);
        }
    }
    if texts.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "insert into read.plugin_logs (installation_id, at, level, text, metadata)
         select * from unnest($1::uuid[], $2::timestamptz[], $3::smallint[], $4::text[], $5::jsonb[])",
    )
    .bind(installations)
    .bind(ats)
    .bind(levels)
    .bind(texts)
    .bind(metadata)
    .execute(transaction)
    .await
    .map(drop)
}

async fn callers(
    transaction: &mut PgConnection,
    installation: InstallationId,
    sample: &Sample,
) -> Result<(), sqlx::Error> {
    if sample.callers.is_empty() {
        return Ok(());
    }
    let callers: Vec<i64> = sample.callers.iter().map(|caller| caller.cast_signed()).collect();
    sqlx::query(
        "insert into read.plugin_callers (installation_id, caller)
         select $1, caller from unnest($2::bigint[]) caller
         where (select count(*) from read.plugin_callers where installation_id = $1) < $3
         on conflict do nothing",
    )
    .bind(installation.0)
    .bind(callers)
    .bind(MOST_CALLERS)
    .execute(transaction)
    .await
    .map(drop)
}

async fn add(
    transaction: &mut PgConnection,
    installation: Uuid,
    resolution: i16,
    at: DateTime<Utc>,
    change: &Bucket,
) -> Result<(), sqlx::Error> {
    let found: Option<Json<Bucket>> = sqlx::query_scalar(
        "select figures from read.plugin_metrics
         where installation_id = $1 and resolution = $2 and bucket = $3 for update",
    )
    .bind(installation)
    .bind(resolution)
    .bind(at)
    .fetch_optional(&mut *transaction)
    .await?;
    let mut bucket = found.map_or_else(Bucket::default, |found| found.0);
    bucket.at = at;
    bucket.merge(change);
    sqlx::query(
        "insert into read.plugin_metrics (installation_id, resolution, bucket, figures) values ($1, $2, $3, $4)
         on conflict (installation_id, resolution, bucket) do update set figures = excluded.figures",
    )
    .bind(installation)
    .bind(resolution)
    .bind(at)
    .bind(Json(bucket))
    .execute(transaction)
    .await
    .map(drop)
}

fn bucket(sample: &Sample) -> Bucket {
    let seconds = sample.window.as_secs_f64();
    Bucket {
        at: sample.window_start,
        seconds,
        requests: sample.requests,
        ok: sample.ok,
        errors: sample.errors,
        timeouts: sample.timeouts,
        latency: Histogram::of(sample.latency.iter().copied()),
        latency_sum_ms: milliseconds(sample.latency_sum),
        rss_max: sample.rss_max,
        rss_seconds: bytes(sample.rss_mean) * seconds,
        cpu_ms: milliseconds(sample.cpu),
        file_handles_max: sample.file_handles_max,
    }
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}

#[expect(clippy::cast_precision_loss, reason = "no memory is that large")]
fn bytes(number: u64) -> f64 {
    number as f64
}

pub(super) fn minutes(resolution: Resolution) -> i16 {
    i16::try_from(resolution.length().num_minutes()).unwrap_or(i16::MAX)
}

pub(super) fn number(level: Level) -> i16 {
    match level {
        Level::Debug => 0,
        Level::Info => 1,
        Level::Warning => 2,
        Level::Error => 3,
    }
}

pub(super) fn level(number: i16) -> Level {
    match count(number.into()) {
        0 => Level::Debug,
        1 => Level::Info,
        2 => Level::Warning,
        _ => Level::Error,
    }
}
