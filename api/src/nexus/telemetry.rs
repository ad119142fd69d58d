//! What plugins say, and how they did over time.

use std::{collections::BTreeMap, sync::Arc};

use application::{
    hosting::Hosting,
    ports::{hosting::Level, system::Clock},
    queries::telemetry::{Bucket, LogQueries, LogsWanted, MOST_POINTS, MetricQueries, Resolution},
};
use axum::{extract::State, http::Uri};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Map, Value, json};

use super::{moment, named::Slug, shown::log};
use crate::{fields::Fields, refusal::Refusal, voice::Said};

const LEVELS: [&str; 4] = ["DEBUG", "INFO", "WARNING", "ERROR"];
const LONGEST_SEARCH: usize = 256;
const LINES: u32 = 100;
const MOST_LINES: u32 = 1_000;
const LAST_PAGE: u32 = 1_000_000_000;
/// What is asked for when nobody says from when.
const USUAL_SPAN: TimeDelta = TimeDelta::hours(1);
const RESOLUTIONS: [&str; 4] = ["1m", "5m", "15m", "1h"];

type Figure = fn(&Bucket, TimeDelta) -> Option<f64>;

/// By their names; where nothing happened there are no requests, and of the rest nobody knows.
const FIGURES: [(&str, Figure); 7] = [
    ("requests_per_minute", |bucket, length| Some(bucket.requests_per_minute(length))),
    ("response_time_ms", |bucket, _| bucket.mean_ms()),
    ("p95_response_time", |bucket, _| bucket.p95_ms()),
    ("error_rate", |bucket, _| bucket.error_rate()),
    ("memory_usage_mb", |bucket, _| bucket.memory_mb()),
    ("cpu_usage_percent", |bucket, _| bucket.cpu_percent()),
    ("file_handles", |bucket, _| (bucket.seconds > 0.0).then(|| f64::from(bucket.file_handles_max))),
];

pub(super) async fn logs(
    State(hosting): State<Hosting>,
    State(logs): State<Arc<dyn LogQueries>>,
    slug: Slug,
    uri: Uri,
) -> Result<Said, Refusal> {
    let shown = slug.find(&hosting).await?;
    let mut fields = Fields::of_query(&uri);
    fields.one_of("level", &LEVELS);
    let level = fields.text("level").and_then(|word| level(&word));
    let (from, until) = (moment_of(&mut fields, "start_time"), moment_of(&mut fields, "end_time"));
    let search = fields.short_text("search", LONGEST_SEARCH).filter(|text| !text.trim().is_empty());
    let page = fields.count("page", LAST_PAGE).unwrap_or(1);
    let limit = fields.count("per_page", MOST_LINES).unwrap_or(LINES);
    fields.well_formed()?;
    if from.zip(until).is_some_and(|(from, until)| until < from) {
        return Err(backwards());
    }
    let offset = u64::from(page - 1) * u64::from(limit);
    let installation = shown.view.id;
    let wanted = LogsWanted { installation, level, from, until, search, offset, limit };
    let (lines, total) = logs.logs(&wanted).await?;
    Ok(Said::ok(json!({
        "logs": lines.iter().map(log).collect::<Vec<_>>(),
        "pagination": {
            "page": page,
            "per_page": limit,
            "total": total,
            "has_next": offset + u64::from(limit) < total,
        },
    })))
}

fn level(word: &str) -> Option<Level> {
    [Level::Debug, Level::Info, Level::Warning, Level::Error].into_iter().find(|level| level.as_str() == word)
}

pub(super) async fn metrics(
    State(hosting): State<Hosting>,
    State(metrics): State<Arc<dyn MetricQueries>>,
    State(clock): State<Arc<dyn Clock>>,
    slug: Slug,
    uri: Uri,
) -> Result<Said, Refusal> {
    let shown = slug.find(&hosting).await?;
    let range = Range::read(&uri, clock.now())?;
    let figures = wanted(&uri)?;
    let buckets = metrics.buckets(shown.view.id, range.from, range.until, range.resolution).await?;
    let series = figures.into_iter().map(|(name, figure)| (name.to_owned(), range.series(&buckets, figure)));
    Ok(Said::ok(json!({
        "time_range": {
            "start": moment(range.from),
            "end": moment(range.until),
            "resolution": range.resolution.as_str(),
        },
        "metrics": series.collect::<Map<String, Value>>(),
    })))
}

/// Whole buckets.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Range {
    from: DateTime<Utc>,
    until: DateTime<Utc>,
    resolution: Resolution,
}

impl Range {
    /// The last hour where nothing is said; nothing of what is still to come.
    fn read(uri: &Uri, now: DateTime<Utc>) -> Result<Self, Refusal> {
        let mut fields = Fields::of_query(uri);
        let (start, end) = (moment_of(&mut fields, "start_time"), moment_of(&mut fields, "end_time"));
        fields.one_of("resolution", &RESOLUTIONS);
        let word = fields.text("resolution");
        fields.well_formed()?;
        let known = |word: &str| Resolution::ALL.into_iter().find(|one| one.as_str() == word);
        let resolution = word.as_deref().and_then(known).unwrap_or(Resolution::OneMinute);
        let end = end.unwrap_or(now).min(now);
        let start = start.unwrap_or(end - USUAL_SPAN);
        if end < start {
            return Err(backwards());
        }
        let from = resolution.floor(start);
        let last = resolution.floor(end);
        let until = if last == end && last > from { last } else { last + resolution.length() };
        let range = Self { from, until, resolution };
        range.must_be_kept(now)?;
        if range.points() > MOST_POINTS {
            let told = format!(
                "That would be {} points; ask for a shorter time or a coarser resolution: at most {MOST_POINTS}",
                range.points()
            );
            return Err(Refusal::meaningless(told));
        }
        Ok(range)
    }

    fn points(&self) -> i64 {
        (self.until - self.from).num_seconds() / self.resolution.length().num_seconds()
    }

    fn must_be_kept(&self, now: DateTime<Utc>) -> Result<(), Refusal> {
        let keeps = |resolution: Resolution| resolution.floor(now - resolution.kept()) <= self.from;
        if keeps(self.resolution) {
            return Ok(());
        }
        let told = match Resolution::ALL.into_iter().find(|resolution| keeps(*resolution)) {
            Some(finest) => format!(
                "Figures by {} are not kept that long; the finest for this time is {}",
                self.resolution.as_str(),
                finest.as_str()
            ),
            None => format!("Figures are kept for {} days", Resolution::Hour.kept().num_days()),
        };
        Err(Refusal::meaningless(told))
    }

    fn series(&self, buckets: &[Bucket], figure: Figure) -> Value {
        let known: BTreeMap<DateTime<Utc>, &Bucket> =
            buckets.iter().map(|bucket| (bucket.at, bucket)).collect();
        let (length, nothing) = (self.resolution.length(), Bucket::default());
        let mut at = self.from;
        let mut points = Vec::new();
        while at < self.until {
            let bucket = known.get(&at).copied().unwrap_or(&nothing);
            points.push(json!({"timestamp": moment(at), "value": figure(bucket, length)}));
            at += length;
        }
        points.into()
    }
}

/// Named once or many times, with commas or without; all where nobody says.
fn wanted(uri: &Uri) -> Result<Vec<(&'static str, Figure)>, Refusal> {
    let pairs = url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
    let given = pairs.filter(|(name, _)| name == "metrics" || name == "metrics[]");
    let words: Vec<String> = given
        .flat_map(|(_, value)| value.split(',').map(|word| word.trim().to_owned()).collect::<Vec<_>>())
        .collect();
    let words: Vec<String> = words.into_iter().filter(|word| !word.is_empty()).collect();
    if words.is_empty() {
        return Ok(FIGURES.to_vec());
    }
    if words.iter().any(|word| FIGURES.iter().all(|(name, _)| name != word)) {
        let known: Vec<&str> = FIGURES.iter().map(|(name, _)| *name).collect();
        return Err(Refusal::meaningless(format!("metrics: there are {}", known.join(", "))));
    }
    Ok(FIGURES.into_iter().filter(|(name, _)| words.iter().any(|word| word == name)).collect())
}

fn backwards() -> Refusal {
    Refusal::meaningless("end_time has to be after start_time")
}

/// RFC 3339. The plus of an offset that nobody has escaped arrives as a blank.
fn moment_of(fields: &mut Fields, name: &str) -> Option<DateTime<Utc>> {
    fields.parsed::<Moment>(name).map(|Moment(at)| at)
}

struct Moment(DateTime<Utc>);

impl std::str::FromStr for Moment {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = match text.rsplit_once(' ') {
            Some((time, offset)) if time.contains('T') => format!("{time}+{offset}"),
            Some(_) | None => text.to_owned(),
        };
        let read = DateTime::parse_from_rfc3339(&text);
        read.map(|at| Self(at.to_utc())).map_err(|_odd| "a time is written as 2024-01-01T12:00:00Z")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: &str = "2024-03-01T12:34:56Z";

    fn read(query: &str) -> Result<Range, String> {
        let uri = Uri::try_from(format!("/metrics?{query}")).unwrap();
        Range::read(&uri, NOW.parse().unwrap()).map_err(|refusal| refusal.message)
    }

    fn range(query: &str) -> (String, String, i64) {
        let range = read(query).unwrap();
        (moment(range.from)[11..16].to_owned(), moment(range.until)[11..16].to_owned(), range.points())
    }

    #[test]
    fn a_range_is_whole_buckets_of_what_has_been() {
        let told = |from: &str, until: &str, points| (from.to_owned(), until.to_owned(), points);
        assert_eq!(range(""), told("11:34", "12:35", 61));
        assert_eq!(range("resolution=1h"), told("11:00", "13:00", 2));
        let hour = "start_time=2024-03-01T11:00:00Z&end_time=2024-03-01T12:00:00Z";
        assert_eq!(range(hour), told("11:00", "12:00", 60), "as the document shows it");
        assert_eq!(range(&format!("{hour}&resolution=15m")), told("11:00", "12:00", 4));
        assert_eq!(
            range("start_time=2024-03-01T12:30:00Z&end_time=2025-01-01T00:00:00Z"),
            told("12:30", "12:35", 5)
        );
        assert_eq!(range("start_time=2024-03-01T12:30:00+01:00&resolution=1h"), told("11:00", "13:00", 2));
    }

    #[test]
    fn what_is_not_kept_or_would_be_too_much_is_refused_with_a_way_out() {
        let old = "start_time=2024-02-27T12:00:00Z";
        assert!(read(old).unwrap_err().ends_with("the finest for this time is 5m"));
        assert!(read(&format!("{old}&resolution=5m")).is_ok());
        assert_eq!(
            read("start_time=2020-01-01T00:00:00Z&resolution=1h").unwrap_err(),
            "Figures are kept for 400 days"
        );
        for odd in [
            "start_time=yesterday",
            "start_time=2024-03-01",
            "resolution=2m",
            "resolution=",
            "start_time=2024-03-01T12:00:00Z&end_time=2024-03-01T11:00:00Z",
            "start_time=2024-03-02T00:00:00Z",
            "start_time=0000-01-01T00:00:00Z",
        ] {
            assert!(read(odd).is_err(), "{odd}");
        }
    }

    #[test]
    fn an_empty_bucket_has_no_requests_and_nothing_else_is_known() {
        let range = read("start_time=2024-03-01T12:00:00Z&end_time=2024-03-01T12:02:00Z").unwrap();
        let full =
            Bucket { at: range.from, requests: 2, latency_sum_ms: 30.0, seconds: 60.0, ..Bucket::default() };
        let series = FIGURES.map(|(_, figure)| range.series(std::slice::from_ref(&full), figure));
        let values = |series: &Value| [series[0]["value"].clone(), series[1]["value"].clone()];
        assert_eq!(values(&series[0]), [json!(2.0), json!(0.0)]);
        assert_eq!(values(&series[1]), [json!(15.0), Value::Null]);
        for series in &series[3..] {
            assert_eq!(series[1]["value"], Value::Null);
        }
        assert_eq!(series[0][1]["timestamp"], "2024-03-01T12:01:00Z");
    }

    #[test]
    fn figures_are_named_in_a_list_or_again_and_again() {
        let names = |query: &str| {
            let uri = Uri::try_from(format!("/metrics?{query}")).unwrap();
            wanted(&uri).map(|figures| figures.into_iter().map(|(name, _)| name).collect::<Vec<_>>()).ok()
        };
        assert_eq!(
            names("metrics=error_rate,response_time_ms"),
            Some(vec!["response_time_ms", "error_rate"])
        );
        assert_eq!(
            names("metrics[]=error_rate&metrics=file_handles"),
            Some(vec!["error_rate", "file_handles"])
        );
        assert_eq!(names("metrics=").map(|all| all.len()), Some(7));
        assert_eq!(names("metrics=error_rate,luck"), None);
    }
}
