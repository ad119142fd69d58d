use std::time::Duration;

use application::{
    ports::{
        hosting::{Level, LogLine, Sample},
        telemetry::{Observed, Telemetry as _},
    },
    queries::telemetry::{LogQueries as _, LogsWanted, MetricQueries as _, Resolution},
};
use chrono::{DateTime, TimeDelta, Utc};
use domain::values::InstallationId;
use projections::PgTelemetry;
use uuid::Uuid;

use crate::yard::Yard;

fn at(minute: i64) -> DateTime<Utc> {
    "2026-11-20T10:00:00Z".parse::<DateTime<Utc>>().unwrap() + TimeDelta::minutes(minute)
}

fn line(minute: i64, level: Level, text: &str) -> LogLine {
    let metadata = serde_json::Map::from_iter([("n".to_owned(), minute.into())]);
    LogLine { number: 0, at: at(minute), level, text: text.to_owned(), metadata }
}

fn wanted(installation: InstallationId) -> LogsWanted {
    LogsWanted { installation, level: None, from: None, until: None, search: None, offset: 0, limit: 100 }
}

#[tokio::test]
async fn lines_are_found_by_level_time_and_words_the_newest_first() {
    let yard = Yard::start().await;
    let telemetry = PgTelemetry::new(yard.pools.writes.clone(), yard.pools.reads.clone());
    let (one, other) = (InstallationId(Uuid::from_u128(1)), InstallationId(Uuid::from_u128(2)));
    let lines = vec![
        line(0, Level::Debug, "loading 100% of it"),
        line(1, Level::Info, "Ready"),
        line(2, Level::Error, "it_failed"),
    ];
    let batch = [
        (one, Observed::Lines { lines, dropped: 7 }),
        (other, Observed::Lines { lines: vec![line(0, Level::Info, "elsewhere")], dropped: 0 }),
    ];
    telemetry.keep(&batch).await.unwrap();
    let texts = async |wanted: LogsWanted| {
        let (lines, total) = telemetry.logs(&wanted).await.unwrap();
        (lines.into_iter().map(|line| line.text).collect::<Vec<_>>(), total)
    };
    let (all, total) = texts(wanted(one)).await;
    assert_eq!((all.len(), total), (4, 4));
    assert!(all[0].starts_with("7 lines were dropped"), "{all:?}");
    assert_eq!(all[1..], ["it_failed", "Ready", "loading 100% of it"]);
    let found = |search: &str| LogsWanted { search: Some(search.to_owned()), ..wanted(one) };
    assert_eq!(texts(found("READY")).await.0, ["Ready"]);
    assert_eq!(texts(found("0% of")).await.0, ["loading 100% of it"]);
    assert_eq!(texts(found("tXf")).await.1, 0, "_ stands for itself");
    let errors = LogsWanted { level: Some(Level::Error), ..wanted(one) };
    assert_eq!(texts(errors).await.0, ["it_failed"]);
    let span = LogsWanted { from: Some(at(1)), until: Some(at(2)), ..wanted(one) };
    assert_eq!(texts(span).await.0, ["Ready"]);
    let page = LogsWanted { offset: 2, limit: 1, ..wanted(one) };
    assert_eq!(texts(page).await, (vec!["Ready".to_owned()], 4));
    let (lines, _) = telemetry.logs(&wanted(other)).await.unwrap();
    assert_eq!((lines[0].metadata["n"].as_i64(), lines[0].level), (Some(0), Level::Info));
}

#[tokio::test]
async fn longer_buckets_are_made_of_the_shorter_ones() {
    let yard = Yard::start().await;
    let telemetry = PgTelemetry::new(yard.pools.writes.clone(), yard.pools.reads.clone());
    let installation = InstallationId(Uuid::from_u128(1));
    let sample = |minute: i64, requests: u64, caller: u64| {
        let sample = Sample {
            window_start: at(minute),
            window: Duration::from_mins(1),
            requests,
            ok: requests - 1,
            errors: 1,
            latency: vec![(100, u32::try_from(requests).unwrap())],
            latency_sum: Duration::from_millis(requests * 6),
            rss_max: 1024,
            rss_mean: 1_048_576,
            callers: vec![caller, u64::MAX],
            ..Sample::default()
        };
        (installation, Observed::Sample(Box::new(sample)))
    };
    telemetry.keep(&[sample(0, 10, 1), sample(1, 20, 2)]).await.unwrap();
    telemetry.keep(&[sample(6, 30, 2)]).await.unwrap();
    let counts = async |resolution| {
        let buckets = telemetry.buckets(installation, at(0), at(60), resolution).await.unwrap();
        buckets.iter().map(|bucket| bucket.requests).collect::<Vec<_>>()
    };
    assert_eq!(counts(Resolution::OneMinute).await, [10, 20, 30]);
    assert_eq!(counts(Resolution::FiveMinutes).await, [30, 30]);
    assert_eq!(counts(Resolution::QuarterHour).await, [60]);
    let hour = telemetry.buckets(installation, at(0), at(60), Resolution::Hour).await.unwrap().remove(0);
    assert_eq!((hour.at, hour.latency.count(), hour.mean_ms()), (at(0), 60, Some(6.0)));
    assert_eq!(hour.memory_mb(), Some(1.0));
    let totals = telemetry.totals(installation).await.unwrap();
    assert_eq!((totals.requests, totals.ok, totals.failed, totals.unique_users), (60, 57, 3, 3));
}
