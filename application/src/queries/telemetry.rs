//! What plugins said and how they did, as it is read: log lines, and figures in buckets of a minute that can be put
//! together to longer ones.

mod histogram;

pub use histogram::Histogram;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use domain::values::InstallationId;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{error::Error, ports::hosting::Level};

pub const LOGS: &str = "plugin_logs";
pub const METRICS: &str = "plugin_metrics";
/// Points of one answer.
pub const MOST_POINTS: i64 = 11_000;

#[async_trait]
pub trait LogQueries: Send + Sync {
    /// The newest first, and how many there are in all.
    async fn logs(&self, wanted: &LogsWanted) -> Result<(Vec<LogView>, u64), Error>;
}

#[async_trait]
pub trait MetricQueries: Send + Sync {
    /// Those that have something, in their order; both ends are whole buckets.
    async fn buckets(
        &self,
        installation: InstallationId,
        from: DateTime<Utc>,
        until: DateTime<Utc>,
        resolution: Resolution,
    ) -> Result<Vec<Bucket>, Error>;

    /// Since it was installed, as far as it was kept.
    async fn totals(&self, installation: InstallationId) -> Result<Totals, Error>;
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogsWanted {
    pub installation: InstallationId,
    /// This one alone.
    pub level: Option<Level>,
    pub from: Option<DateTime<Utc>>,
    pub until: Option<DateTime<Utc>>,
    /// In the text, in any case.
    pub search: Option<String>,
    pub offset: u64,
    pub limit: u32,
}

#[derive(Debug, Clone, PartialEq)]
pub struct LogView {
    pub at: DateTime<Utc>,
    pub level: Level,
    pub text: String,
    pub metadata: Map<String, Value>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Resolution {
    OneMinute,
    FiveMinutes,
    QuarterHour,
    Hour,
}

impl Resolution {
    pub const ALL: [Self; 4] = [Self::OneMinute, Self::FiveMinutes, Self::QuarterHour, Self::Hour];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::OneMinute => "1m",
            Self::FiveMinutes => "5m",
            Self::QuarterHour => "15m",
            Self::Hour => "1h",
        }
    }

    pub fn length(self) -> TimeDelta {
        match self {
            Self::OneMinute => TimeDelta::minutes(1),
            Self::FiveMinutes => TimeDelta::minutes(5),
            Self::QuarterHour => TimeDelta::minutes(15),
            Self::Hour => TimeDelta::hours(1),
        }
    }

    /// How long buckets of this length are kept.
    pub fn kept(self) -> TimeDelta {
        match self {
            Self::OneMinute => TimeDelta::hours(48),
            Self::FiveMinutes => TimeDelta::days(7),
            Self::QuarterHour => TimeDelta::days(30),
            Self::Hour => TimeDelta::days(400),
        }
    }

    /// The beginning of the bucket that this moment is in.
    pub fn floor(self, at: DateTime<Utc>) -> DateTime<Utc> {
        let length = self.length().num_seconds();
        let seconds = at.timestamp().div_euclid(length) * length;
        DateTime::from_timestamp(seconds, 0).unwrap_or(at)
    }
}

/// What happened in one span of time.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Bucket {
    pub at: DateTime<Utc>,
    /// Of which the process was there.
    pub seconds: f64,
    pub requests: u64,
    pub ok: u64,
    pub errors: u64,
    pub timeouts: u64,
    pub latency: Histogram,
    pub latency_sum_ms: f64,
    pub rss_max: u64,
    /// Weighed by the seconds.
    pub rss_seconds: f64,
    pub cpu_ms: f64,
    pub file_handles_max: u32,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    pub requests: u64,
    pub ok: u64,
    pub failed: u64,
    pub unique_users: u64,
}

impl Bucket {
    /// Both together, under the beginning of the first.
    pub fn merge(&mut self, other: &Self) {
        self.seconds += other.seconds;
        self.requests += other.requests;
        self.ok += other.ok;
        self.errors += other.errors;
        self.timeouts += other.timeouts;
        self.latency.merge(&other.latency);
        self.latency_sum_ms += other.latency_sum_ms;
        self.rss_max = self.rss_max.max(other.rss_max);
        self.rss_seconds += other.rss_seconds;
        self.cpu_ms += other.cpu_ms;
        self.file_handles_max = self.file_handles_max.max(other.file_handles_max);
    }

    pub fn requests_per_minute(&self, length: TimeDelta) -> f64 {
        fraction(self.requests) * 60.0 / seconds(length)
    }

    /// None where nothing was asked.
    pub fn mean_ms(&self) -> Option<f64> {
        (self.requests > 0).then(|| self.latency_sum_ms / fraction(self.requests))
    }

    pub fn p95_ms(&self) -> Option<f64> {
        self.latency.quantile(0.95)
    }

    pub fn error_rate(&self) -> Option<f64> {
        (self.requests > 0).then(|| fraction(self.errors + self.timeouts) / fraction(self.requests))
    }

    pub fn memory_mb(&self) -> Option<f64> {
        (self.seconds > 0.0).then(|| self.rss_seconds / self.seconds / 1_048_576.0)
    }

    pub fn cpu_percent(&self) -> Option<f64> {
        (self.seconds > 0.0).then(|| self.cpu_ms / 10.0 / self.seconds)
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
fn fraction(count: u64) -> f64 {
    count as f64
}

fn seconds(length: TimeDelta) -> f64 {
    length.as_seconds_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_buckets_are_one_longer_one() {
        let bucket = |requests: u64, errors: u64| Bucket {
            seconds: 60.0,
            requests,
            ok: requests - errors,
            errors,
            latency_sum_ms: 10.0 * fraction(requests),
            rss_seconds: 60.0 * 1_048_576.0,
            cpu_ms: 600.0,
            ..Bucket::default()
        };
        let mut both = bucket(30, 3);
        both.merge(&bucket(10, 1));
        assert_eq!((both.requests, both.error_rate(), both.mean_ms()), (40, Some(0.1), Some(10.0)));
        assert_eq!((both.memory_mb(), both.cpu_percent()), (Some(1.0), Some(1.0)));
        assert!((both.requests_per_minute(TimeDelta::minutes(2)) - 20.0).abs() < 1e-9);
        let nothing = Bucket::default();
        assert_eq!((nothing.mean_ms(), nothing.error_rate(), nothing.p95_ms()), (None, None, None));
    }

    #[test]
    fn a_moment_is_in_the_bucket_that_begins_before_it() {
        let at: DateTime<Utc> = "2026-11-20T10:44:59Z".parse().unwrap();
        let floors = Resolution::ALL.map(|resolution| resolution.floor(at).format("%H:%M").to_string());
        assert_eq!(floors, ["10:44", "10:40", "10:30", "10:00"]);
    }
}
