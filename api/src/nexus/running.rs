//! On and off, again, and how it does.

use std::time::Duration;

use application::{
    hosting::{Changed, Hosting, Refused, Shown},
    ports::{
        hosting::{Check, CheckStatus, Stop},
        system::Clock,
    },
    queries::telemetry::MetricQueries,
};
use axum::{body::Body, extract::State};
use domain::values::{InstallationId, Metadata};
use serde_json::{Value, json};
use std::sync::Arc;

use super::{
    moment,
    named::{Slug, slug as slug_of},
    plugins::figures,
    shown::{memory_mb, status, uptime},
};
use crate::{asker::Asker, fields::Fields, guard, refusal::Refusal, voice::Said, work::Work};

const LONGEST_REASON: usize = 500;
const LONGEST_STOP: u32 = 300;
const USUAL_STOP: u32 = 30;

/// Why, and with how much patience.
struct Halt {
    reason: Option<String>,
    how: Stop,
}

impl Halt {
    async fn read(body: Body) -> Result<Self, Refusal> {
        let mut fields = Fields::of_json_or_nothing(body).await?;
        let reason = fields.short_text("reason", LONGEST_REASON);
        let graceful = fields.exact_flag("graceful_shutdown").unwrap_or(true);
        let seconds = fields.exact_count("timeout_seconds", LONGEST_STOP).unwrap_or(USUAL_STOP);
        fields.well_formed()?;
        let patience = Duration::from_secs(seconds.into());
        Ok(Self { reason, how: if graceful { Stop::after(patience) } else { Stop::AT_ONCE } })
    }
}

pub(super) async fn enable(
    State(hosting): State<Hosting>,
    State(work): State<Work>,
    asker: Asker,
    slug: Slug,
    body: Body,
) -> Result<Said, Refusal> {
    let (shown, body) = slug.find_before(&hosting, body).await?;
    guard::read_on(body).await;
    let by = by(asker, "/api/v1/plugins/{plugin_id}/enable");
    let (service, id) = (hosting.clone(), shown.view.id);
    let changed = finished(&work, async move { service.enable(id, &by).await }).await?;
    let after = now(&hosting, id).await?;
    Ok(Said::ok(told(&after, &json!({"enabled_at": moment(changed.at)}))))
}

pub(super) async fn disable(
    State(hosting): State<Hosting>,
    State(work): State<Work>,
    asker: Asker,
    slug: Slug,
    body: Body,
) -> Result<Said, Refusal> {
    let (shown, body) = slug.find_before(&hosting, body).await?;
    let Halt { reason, how } = Halt::read(body).await?;
    let by = by(asker, "/api/v1/plugins/{plugin_id}/disable");
    let (service, id, why) = (hosting.clone(), shown.view.id, reason.clone());
    let changed = finished(&work, async move { service.disable(id, why, how, &by).await }).await?;
    let after = now(&hosting, id).await?;
    Ok(Said::ok(told(&after, &json!({"disabled_at": moment(changed.at), "reason": reason}))))
}

pub(super) async fn restart(
    State(hosting): State<Hosting>,
    State(work): State<Work>,
    asker: Asker,
    slug: Slug,
    body: Body,
) -> Result<Said, Refusal> {
    let (shown, body) = slug.find_before(&hosting, body).await?;
    let Halt { reason, how } = Halt::read(body).await?;
    let by = by(asker, "/api/v1/plugins/{plugin_id}/restart");
    let (service, id, why) = (hosting.clone(), shown.view.id, reason.clone());
    let changed = finished(&work, async move { service.restart(id, why, how, &by).await }).await?;
    let after = now(&hosting, id).await?;
    Ok(Said::ok(told(&after, &json!({"restarted_at": moment(changed.at), "reason": reason}))))
}

fn by(asker: Asker, path: &str) -> Metadata {
    asker.caller(path, &Value::Null).metadata
}

/// Also when nobody waits for it any more.
async fn finished(
    work: &Work,
    changing: impl Future<Output = Result<Changed, Refused>> + Send + 'static,
) -> Result<Changed, Refusal> {
    Ok(work.finish(async move { Ok(changing.await) }).await??)
}

async fn now(hosting: &Hosting, id: InstallationId) -> Result<Shown, Refusal> {
    Ok(hosting.shown(id).await?)
}

fn told(after: &Shown, rest: &Value) -> Value {
    let mut told = json!({"plugin_id": slug_of(&after.view.name), "status": status(after.status())});
    for (name, value) in rest.as_object().into_iter().flatten() {
        told[name] = value.clone();
    }
    told
}

pub(super) async fn health(
    State(hosting): State<Hosting>,
    State(metrics): State<Arc<dyn MetricQueries>>,
    State(clock): State<Arc<dyn Clock>>,
    slug: Slug,
) -> Result<Said, Refusal> {
    let shown = slug.find(&hosting).await?;
    let at = clock.now();
    let figures = figures(&*metrics, shown.view.id, at).await?;
    let process = shown.process.as_ref();
    Ok(Said::ok(json!({"health": {
        "status": shown.health().as_str(),
        "last_check": process.map(|_| moment(at)),
        "uptime_seconds": uptime(&shown),
        "restarts": process.map_or(0, |process| process.restarts),
        "last_failure": process.and_then(|process| process.why.clone()).or_else(|| shown.live.last_crash.clone()),
        "checks": checks(&shown),
        "metrics": {
            "requests_per_minute": figures.lately.requests_per_minute(figures.span),
            "error_rate": figures.lately.error_rate(),
            "memory_usage_mb": memory_mb(&shown),
            "cpu_usage_percent": process.map(|process| process.cpu_percent),
        },
    }})))
}

fn checks(shown: &Shown) -> Vec<Value> {
    let Some(process) = &shown.process else { return Vec::new() };
    let mut checks: Vec<Value> = process.checks.iter().map(check).collect();
    let (used, limit) = (process.rss / (1024 * 1024), u64::from(shown.live.limits.memory_mb));
    let status = match used * 10 {
        over if over > limit * 10 => CheckStatus::Fail,
        near if near > limit * 9 => CheckStatus::Warning,
        _ => CheckStatus::Pass,
    };
    checks.push(json!({
        "name": "memory_usage",
        "status": word(status),
        "value": used,
        "threshold": limit,
        "unit": "MB",
    }));
    checks
}

fn check(check: &Check) -> Value {
    json!({"name": check.name, "status": word(check.status), "details": check.message})
}

fn word(status: CheckStatus) -> &'static str {
    match status {
        CheckStatus::Pass => "pass",
        CheckStatus::Warning => "warning",
        CheckStatus::Fail => "fail",
    }
}
