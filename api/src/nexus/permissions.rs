//! What a plugin asks for, what it was granted, and what holds it in on this host.

use std::collections::BTreeSet;

use application::{
    hosting::{Hosting, Shown},
    ports::hosting::{Control, SandboxReport, Tier},
};
use axum::{body::Body, extract::State};
use domain::installation::SecurityLevel;
use serde_json::{Value, json};

use super::{moment, named::Slug};
use crate::{asker::Asker, fields::Fields, refusal::Refusal, voice::Said, work::Work};

const NETWORK: &str = "http:external";
const MOST: usize = 200;
const LONGEST: usize = 128;
const LEVELS: [&str; 3] = ["low", "medium", "high"];

pub(super) async fn show(State(hosting): State<Hosting>, slug: Slug) -> Result<Said, Refusal> {
    let shown = slug.find(&hosting).await?;
    Ok(Said::ok(told(&shown, &hosting.sandbox())))
}

pub(super) async fn change(
    State(hosting): State<Hosting>,
    State(work): State<Work>,
    asker: Asker,
    slug: Slug,
    body: Body,
) -> Result<Said, Refusal> {
    let (shown, body) = slug.find_before(&hosting, body).await?;
    let mut fields = Fields::of_json(body).await?;
    let mut set = |name| fields.words(name, MOST, LONGEST).into_iter().collect::<BTreeSet<String>>();
    let (grant, revoke) = (set("grant"), set("revoke"));
    fields.one_of("security_level", &LEVELS);
    let said = fields.text("security_level");
    fields.well_formed()?;
    let level = said.and_then(|said| SecurityLevel::ALL.into_iter().find(|level| level.as_str() == said));
    if let Some(both) = grant.intersection(&revoke).next() {
        return Err(Refusal::meaningless(format!("{both} cannot be granted and revoked at once")));
    }
    let (service, id) = (hosting.clone(), shown.view.id);
    let by = asker.caller("/api/v1/plugins/{plugin_id}/permissions", &Value::Null).metadata;
    let changing = async move { Ok(service.permit(id, grant, revoke, level, &by).await) };
    let permitted = work.finish(changing).await??;
    let mut body = told(&hosting.shown(id).await?, &hosting.sandbox());
    body["updated_at"] = moment(permitted.at).into();
    // It was: what the sandbox of a process holds cannot be loosened.
    body["restart_required"] = permitted.restarted.into();
    body["restarted"] = permitted.restarted.into();
    Ok(Said::ok(body))
}

fn told(shown: &Shown, report: &SandboxReport) -> Value {
    let (live, requested) = (&shown.live, &shown.live.release.permissions);
    let limits = live.limits;
    json!({
        "permissions": {
            "requested": requested,
            "granted": live.granted,
            "denied": requested.difference(&live.granted).collect::<Vec<_>>(),
        },
        "security_level": live.security_level.as_str(),
        "sandbox_enabled": is_held(shown, report),
        "sandbox": sandbox(report),
        "resource_limits": {
            "memory_mb": limits.memory_mb,
            "cpu_percent": limits.cpu_percent,
            "file_handles": limits.file_handles,
            "processes": limits.processes,
        },
    })
}

/// By what the last self-test has shown, and its own process is in it.
fn is_held(shown: &Shown, report: &SandboxReport) -> bool {
    let network = shown.live.granted.contains(NETWORK);
    report.missing(network).is_empty() && shown.process.as_ref().is_none_or(|process| process.sandboxed)
}

fn sandbox(report: &SandboxReport) -> Value {
    json!({
        "tier": tier(report.tier),
        "filesystem": control(report.filesystem),
        "network": control(report.network),
        "privileges": control(report.privileges),
        "memory": control(report.memory),
        "cpu": control(report.cpu),
        "file_handles": control(report.file_handles),
        "processes": control(report.processes),
        "checked_at": report.checked_at.map(moment),
    })
}

fn tier(tier: Tier) -> &'static str {
    match tier {
        Tier::None => "T1",
        Tier::Rules | Tier::Namespaces => "T2",
        Tier::Users => "T3",
    }
}

fn control(control: Control) -> &'static str {
    match control {
        Control::Enforced => "enforced",
        Control::Watchdog => "watchdog",
        Control::Measured => "measured",
        Control::Unavailable => "unavailable",
        Control::Unknown => "unknown",
    }
}
