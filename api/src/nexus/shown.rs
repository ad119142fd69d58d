//! An installed plugin as the document shows it, in short and in full.

use std::collections::BTreeMap;

use application::{
    hosting::{Shown, Status},
    operating::{
        configuring::{defaults, rule_of},
        depending::dependents,
    },
    queries::{
        installations::{InstallationView, LiveView},
        telemetry::{Bucket, LogView, Totals},
    },
    secrets::{Mask, Parted},
};
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use domain::values::InstallationId;
use serde_json::{Map, Value, json};

use super::{manifest::Manifest, moment, named::slug};

/// How it does: since it was installed, and lately.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Figures {
    pub(super) totals: Totals,
    pub(super) lately: Bucket,
    /// How long that was.
    pub(super) span: TimeDelta,
}

/// What stands beside it.
pub(super) struct Around {
    live: Vec<InstallationView>,
    ranks: BTreeMap<InstallationId, usize>,
}

impl Around {
    pub(super) fn of(all: &[Shown]) -> Self {
        let mut by_time: Vec<&Shown> = all.iter().collect();
        by_time.sort_by_key(|shown| (shown.live.installed_at, shown.view.id));
        let ranks = by_time.iter().zip(1..).map(|(shown, rank)| (shown.view.id, rank)).collect();
        Self { live: all.iter().map(|shown| shown.view.clone()).collect(), ranks }
    }

    fn dependents(&self, of: &InstallationView) -> Vec<String> {
        let here: Vec<InstallationView> =
            self.live.iter().filter(|other| other.scope == of.scope).cloned().collect();
        let last_word = |name: String| name.rsplit('/').next().unwrap_or_default().to_ascii_lowercase();
        dependents(&of.name, &here).into_iter().map(last_word).collect()
    }
}

pub(super) fn status(status: Status) -> &'static str {
    match status {
        Status::Active => "active",
        Status::Loading => "loading",
        Status::Inactive => "inactive",
        Status::Error => "error",
    }
}

/// Who it is, as answers to changes tell it.
pub(super) fn in_brief(shown: &Shown) -> Value {
    json!({
        "id": slug(&shown.view.name),
        "name": Manifest::of(&shown.live.release).name(),
        "version": shown.live.release.version,
        "status": status(shown.status()),
        "enabled": shown.live.is_enabled,
    })
}

fn common(shown: &Shown, around: &Around) -> Value {
    let manifest = Manifest::of(&shown.live.release);
    let mut plugin = in_brief(shown);
    let rest = json!({
        "description": manifest.description(),
        "author": manifest.author(),
        "category": manifest.category(),
        "health": shown.health().as_str(),
        "load_order": around.ranks.get(&shown.view.id),
        "dependencies": shown.live.release.dependencies.keys().collect::<Vec<_>>(),
        "dependents": around.dependents(&shown.view),
        "permissions": shown.live.granted,
        "installed_at": moment(shown.live.installed_at),
        "last_updated": moment(shown.live.updated_at),
    });
    extend(&mut plugin, rest);
    plugin
}

pub(super) fn in_list(shown: &Shown, around: &Around, figures: &Figures) -> Value {
    let manifest = Manifest::of(&shown.live.release);
    let Figures { totals, lately, .. } = figures;
    let mut plugin = common(shown, around);
    let rest = json!({
        "manifest": manifest.in_short(),
        "endpoints": manifest.paths(),
        "events": manifest.events(),
        "configuration": configuration(&shown.live),
        "metrics": {
            "requests_handled": totals.requests,
            "average_response_time": lately.mean_ms(),
            "error_count": totals.failed,
            "uptime_seconds": uptime(shown),
        },
    });
    extend(&mut plugin, rest);
    plugin
}

pub(super) fn in_full(shown: &Shown, around: &Around, figures: &Figures, logs: &[LogView]) -> Value {
    let manifest = Manifest::of(&shown.live.release);
    let logs: Vec<Value> = logs.iter().map(|line| without_metadata(log(line))).collect();
    let mut plugin = common(shown, around);
    let rest = json!({
        "email": manifest.email(),
        "homepage": manifest.homepage(),
        "tags": manifest.tags(),
        "manifest": manifest.in_full(),
        "api_endpoints": manifest.endpoints_in_full(),
        "events": manifest.events_in_full(),
        "configuration": {"schema": schema(&shown.live), "current": configuration(&shown.live)},
        "metrics": metrics(shown, figures),
        "logs": logs,
    });
    extend(&mut plugin, rest);
    plugin
}

fn metrics(shown: &Shown, Figures { totals, lately, span }: &Figures) -> Value {
    json!({
        "performance": {
            "requests_per_minute": lately.requests_per_minute(*span),
            "average_response_time": lately.mean_ms(),
            "p95_response_time": lately.p95_ms(),
            "error_rate": lately.error_rate(),
        },
        "usage": {
            "total_requests": totals.requests,
            "successful_requests": totals.ok,
            "failed_requests": totals.failed,
            "unique_users": totals.unique_users,
        },
        "resources": {
            "memory_usage_mb": memory_mb(shown),
            "cpu_usage_percent": shown.process.as_ref().map(|process| process.cpu_percent),
            "file_handles": shown.process.as_ref().map(|process| process.file_handles),
        },
    })
}

/// None: it does not run.
pub(super) fn memory_mb(shown: &Shown) -> Option<u64> {
    shown.process.as_ref().map(|process| process.rss / (1024 * 1024))
}

pub(super) fn uptime(shown: &Shown) -> u64 {
    shown.process.as_ref().map_or(0, |process| process.uptime.as_secs())
}

/// What a plugin goes by, its secrets masked; where nobody has said, the schema's own value. What would be a masked
/// default is left out: its mask could not be sent back.
pub(super) fn configuration(live: &LiveView) -> Value {
    let (rule, _) = rule_of(&live.release);
    let mut whole = defaults(&live.release);
    let masked = rule.masked(Value::Object(whole.clone()), Mask::NEXUS);
    whole.retain(|name, value| masked[name.as_str()] == *value);
    let stored =
        Parted { plain: live.configuration.plain.clone(), secrets: live.configuration.secrets.clone() };
    if let Value::Object(said) = rule.shown(&stored, Mask::NEXUS) {
        whole.extend(said);
    }
    whole.into()
}

pub(super) fn schema(live: &LiveView) -> Value {
    live.release.schema.clone().unwrap_or_else(|| Map::new().into())
}

pub(super) fn log(line: &LogView) -> Value {
    json!({
        "timestamp": precise(line.at),
        "level": line.level.as_str(),
        "message": line.text,
        "metadata": line.metadata,
    })
}

fn without_metadata(mut line: Value) -> Value {
    if let Some(members) = line.as_object_mut() {
        members.remove("metadata");
    }
    line
}

/// Lines follow each other within a second.
fn precise(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

fn extend(plugin: &mut Value, rest: Value) {
    if let (Value::Object(plugin), Value::Object(rest)) = (plugin, rest) {
        plugin.extend(rest);
    }
}
