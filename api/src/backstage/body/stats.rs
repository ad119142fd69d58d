//! Figures of one plugin. What another catalogue measured and handed over is told as it came; what nobody has measured
//! is null, and nothing is installed yet.

use application::queries::{catalogue::PluginView, downloads::DownloadsView};
use chrono::{Days, NaiveDate};
use serde::Serialize;
use serde_json::{Value, json};

/// Of the last 30 days, of the last 7, and of today; with what another catalogue counted of its own last days.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Downloads {
    total: u64,
    monthly: u64,
    weekly: u64,
    daily: u64,
}

/// The first of that many days that end today.
pub(crate) fn since(today: NaiveDate, days: u64) -> NaiveDate {
    today.checked_sub_days(Days::new(days - 1)).unwrap_or(NaiveDate::MIN)
}

impl Downloads {
    pub(crate) fn of(plugin: &PluginView, counted: &DownloadsView, today: NaiveDate) -> Self {
        let imported = |read: fn(&domain::plugin::ImportedStatistics) -> Option<u64>| {
            plugin.imported.as_ref().and_then(read).unwrap_or(0)
        };
        Self {
            total: plugin.counted.downloads,
            monthly: within(counted, since(today, 30), today) + imported(|seen| seen.monthly),
            weekly: within(counted, since(today, 7), today) + imported(|seen| seen.weekly),
            daily: within(counted, today, today) + imported(|seen| seen.daily),
        }
    }
}

fn within(counted: &DownloadsView, first: NaiveDate, last: NaiveDate) -> u64 {
    let days = counted.days.iter().filter(|view| (first..=last).contains(&view.day));
    days.map(|view| view.downloads).sum()
}

/// `counted` reaches back 60 days.
pub(crate) fn stats(
    plugin: &PluginView,
    counted: &DownloadsView,
    rating_trend: Option<f64>,
    today: NaiveDate,
) -> Value {
    let measured = plugin.imported.as_ref().and_then(|seen| seen.measured.as_ref());
    let known = |place: &str, otherwise: Value| {
        let number = measured.and_then(|measured| measured.pointer(place)).filter(|value| value.is_number());
        number.cloned().unwrap_or(otherwise)
    };
    let maybe = |place: &str| known(place, Value::Null);
    json!({
        "usage": {
            "installations": known("/usage/installations", 0.into()),
            "activeInstallations": known("/usage/activeInstallations", 0.into()),
            "dailyActiveUsers": maybe("/usage/dailyActiveUsers"),
            "apiCalls": {
                "daily": maybe("/usage/apiCalls/daily"),
                "weekly": maybe("/usage/apiCalls/weekly"),
                "monthly": maybe("/usage/apiCalls/monthly"),
            },
        },
        "performance": {
            "averageResponseTime": maybe("/performance/averageResponseTime"),
            "p95ResponseTime": maybe("/performance/p95ResponseTime"),
            "p99ResponseTime": maybe("/performance/p99ResponseTime"),
            "errorRate": maybe("/performance/errorRate"),
            "availability": maybe("/performance/availability"),
        },
        "trends": {
            "installationGrowth": maybe("/trends/installationGrowth"),
            "usageGrowth": known("/trends/usageGrowth", json!(growth(counted, today))),
            "ratingTrend": known("/trends/ratingTrend", json!(rating_trend.map(to_tenths))),
        },
    })
}

/// Downloads of the last 30 days against those of the 30 days before, in percent; none where there were none before.
fn growth(counted: &DownloadsView, today: NaiveDate) -> Option<f64> {
    let begun = since(today, 30);
    let before = within(counted, since(today, 60), begun.pred_opt()?);
    let now = within(counted, begun, today);
    (before > 0).then(|| to_tenths((as_float(now) / as_float(before) - 1.0) * 100.0))
}

fn to_tenths(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

/// Two months of downloads are far from what a float cannot hold.
fn as_float(count: u64) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}
