//! Installed plugins of this dialect's format: what they are, what they go by, and what they say.

use std::{cmp::Reverse, sync::Arc};

use application::{
    hosting::{Configured, Hosting, Refused},
    ports::hosting::{Level, Stop},
    queries::telemetry::{LogQueries, LogsWanted},
};
use axum::{body::Body, extract::State, http::Uri};
use domain::values::{InstallationId, Metadata};
use serde_json::{Map, Value, json};

use super::{
    named::{Pair, is_ours},
    shown::{configuration, plugin},
};
use crate::{asker::Asker, fields::Fields, refusal::Refusal, voice::Said, work::Work};

const LINES: u32 = 200;
const MOST_LINES: u32 = 1_000;

/// The newest installation first.
pub(super) async fn list(State(hosting): State<Hosting>) -> Result<Said, Refusal> {
    let mut all: Vec<_> = hosting.all_shown().await?.into_iter().filter(is_ours).collect();
    all.sort_by_key(|shown| (Reverse(shown.live.installed_at), shown.view.name.folded(), shown.view.id));
    Ok(Said::ok(json!({"plugins": all.iter().map(plugin).collect::<Vec<_>>()})))
}

pub(super) async fn one(State(hosting): State<Hosting>, pair: Pair) -> Result<Said, Refusal> {
    Ok(Said::ok(json!({"plugin": plugin(&pair.find(&hosting).await?)})))
}

pub(super) async fn config(State(hosting): State<Hosting>, pair: Pair) -> Result<Said, Refusal> {
    Ok(Said::ok(json!({"config": configuration(&pair.find(&hosting).await?.live)})))
}

/// The body is all of it. A plugin that cannot be told while it runs is started again.
pub(super) async fn configure(
    State(hosting): State<Hosting>,
    State(work): State<Work>,
    asker: Asker,
    pair: Pair,
    body: Body,
) -> Result<Said, Refusal> {
    let (shown, body) = pair.find_before(&hosting, body).await?;
    let sent = Fields::of_json(body).await?.into_members()?;
    let path = "/api/v1/plugins/{author}/{plugin_name}/config";
    let (id, by) = (shown.view.id, asker.caller(path, &Value::Null).metadata);
    let changing = async move { Ok(configured(&hosting, id, sent, &by).await) };
    work.finish(changing).await?.map_err(in_our_words)?;
    Ok(Said::ok(json!({})))
}

async fn configured(
    hosting: &Hosting,
    id: InstallationId,
    sent: Map<String, Value>,
    by: &Metadata,
) -> Result<Configured, Refused> {
    let configured = hosting.configure(id, sent, true, by).await?;
    if configured.restart_required {
        let how = Stop::after(hosting.patience);
        let why = Some("configuration".to_owned());
        // It is written down, and what cannot be started is shown so.
        if let Err(refused) = hosting.restart(id, why, how, by).await {
            tracing::warn!(installation = %id, ?refused, "not started with its new configuration");
        }
    }
    Ok(configured)
}

/// The codes of faults are another dialect's.
fn in_our_words(refused: Refused) -> Refusal {
    Refusal { code: None, ..Refusal::from(refused) }
}

/// The oldest of the last lines first.
pub(super) async fn logs(
    State(hosting): State<Hosting>,
    State(logs): State<Arc<dyn LogQueries>>,
    pair: Pair,
    uri: Uri,
) -> Result<Said, Refusal> {
    let shown = pair.find(&hosting).await?;
    let mut fields = Fields::of_query(&uri);
    let limit = fields.count("limit", MOST_LINES).unwrap_or(LINES);
    let said = fields.text("level").filter(|word| !word.is_empty());
    fields.well_formed()?;
    let level = match said {
        None => None,
        Some(word) => Some(
            level(&word)
                .ok_or_else(|| Refusal::meaningless("level must be one of debug, info, warning and error"))?,
        ),
    };
    let wanted = LogsWanted {
        installation: shown.view.id,
        level,
        from: None,
        until: None,
        search: None,
        offset: 0,
        limit,
    };
    let (lines, _) = logs.logs(&wanted).await?;
    let lines = lines.iter().rev().map(|line| {
        let at = std::time::Duration::from_millis(line.at.timestamp_millis().unsigned_abs());
        json!({"ts": at.as_secs_f64(), "level": line.level.as_str(), "text": line.text})
    });
    Ok(Said::ok(json!({"logs": lines.collect::<Vec<_>>()})))
}

fn level(word: &str) -> Option<Level> {
    let all = [Level::Debug, Level::Info, Level::Warning, Level::Error];
    all.into_iter().find(|level| level.as_str().eq_ignore_ascii_case(word))
}
