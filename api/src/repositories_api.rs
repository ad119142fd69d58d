//! Repositories: catalogues elsewhere that ours shows too.

use application::{
    policy::Action,
    queries::repositories::RepositoryView,
    syncing::{Depth, MARKETPLACE, Synced, Syncing},
};
use axum::{
    body::Body,
    extract::{Path, State, rejection::PathRejection},
    http::Uri,
};
use chrono::{DateTime, SecondsFormat, Utc};
use domain::{recorded::Cursor, repository::RepositoryAdded};
use serde_json::{Value, json};

use crate::{
    asker::Asker,
    consistency::LogPosition,
    fields::Fields,
    operations::{Operation, get, post},
    refusal::Refusal,
    voice::Said,
};

/// No repository has a name that is not text.
type Name = Result<Path<String>, PathRejection>;
type Changed = Result<(LogPosition, Said), Refusal>;

const LONGEST: usize = 2_048;

pub(crate) fn operations() -> Vec<Operation> {
    vec![
        get("/repositories", Action::ReadCatalogue, list),
        post("/repositories", Action::Operate, add),
        post("/repositories/{name}/enable", Action::Operate, enable),
        post("/repositories/{name}/disable", Action::Operate, disable),
        post("/repositories/{name}/sync", Action::Operate, sync).patient(),
    ]
}

async fn list(State(syncing): State<Syncing>) -> Result<Said, Refusal> {
    let all = syncing.all().await?;
    Ok(Said::ok(json!({"repositories": all.iter().map(shown).collect::<Vec<_>>()})))
}

/// As people and scripts read one.
pub(crate) fn shown(view: &RepositoryView) -> Value {
    let time = |time: Option<DateTime<Utc>>| time.map(|at| at.to_rfc3339_opts(SecondsFormat::Millis, true));
    json!({
        "name": view.name,
        "url": view.url,
        "description": view.description,
        "kind": view.kind,
        "enabled": view.enabled,
        "plugins": view.plugins,
        "synced_at": time(view.synced_at),
        "failing": view.is_failing(),
        "last_error": view.last_error,
        "failed_at": time(view.failed_at),
    })
}

async fn add(State(syncing): State<Syncing>, asker: Asker, body: Body) -> Changed {
    let mut fields = Fields::of_json(body).await?;
    let (name, url) = (fields.needed_text("name"), fields.needed_text("url"));
    let description = fields.short_text("description", LONGEST).unwrap_or_default();
    let kind = fields.text("kind").unwrap_or_else(|| MARKETPLACE.to_owned());
    fields.nothing_else()?;
    let repository = RepositoryAdded { name: name.clone(), url, description, kind };
    let principal = asker.principal.clone();
    let metadata = asker.caller("/repositories", &Value::Null).metadata;
    let written = syncing.add(repository, &principal, metadata).await?;
    let view = one(&syncing, &name).await?;
    Ok((position(written), Said::created(view)))
}

async fn enable(State(syncing): State<Syncing>, asker: Asker, name: Name) -> Changed {
    let Path(name) = name.map_err(|_not_utf8| Refusal::unknown_path())?;
    let principal = asker.principal.clone();
    let metadata = asker.caller("/repositories/{name}/enable", &Value::Null).metadata;
    let written = syncing.enable(&name, &principal, metadata).await?;
    Ok((position(written), Said::ok(one(&syncing, &name).await?)))
}

async fn disable(State(syncing): State<Syncing>, asker: Asker, name: Name, uri: Uri) -> Changed {
    let Path(name) = name.map_err(|_not_utf8| Refusal::unknown_path())?;
    let mut fields = Fields::of_query(&uri);
    let reason = fields.short_text("reason", LONGEST).unwrap_or_else(|| "disabled by request".to_owned());
    fields.nothing_else()?;
    let principal = asker.principal.clone();
    let metadata = asker.caller("/repositories/{name}/disable", &Value::Null).metadata;
    let written = syncing.disable(&name, reason, &principal, metadata).await?;
    Ok((position(written), Said::ok(one(&syncing, &name).await?)))
}

/// Answers at its end, which may take minutes. When nobody waits for it any more it ends; what it took in stays.
async fn sync(State(syncing): State<Syncing>, asker: Asker, name: Name, uri: Uri) -> Result<Said, Refusal> {
    let Path(name) = name.map_err(|_not_utf8| Refusal::unknown_path())?;
    let mut fields = Fields::of_query(&uri);
    let whole = fields.flag("whole").unwrap_or(false);
    fields.nothing_else()?;
    let depth = if whole { Depth::Everything } else { Depth::AsDue };
    let metadata = asker.caller("/repositories/{name}/sync", &Value::Null).metadata;
    let synced = syncing.sync(&name, depth, &metadata, &|_, _| {}).await?;
    Ok(Said::ok(told(&synced)))
}

/// What a pass did.
pub(crate) fn told(synced: &Synced) -> Value {
    json!({
        "whole": synced.whole,
        "pages": synced.pages,
        "added": synced.added,
        "updated": synced.updated,
        "removed": synced.removed,
    })
}

async fn one(syncing: &Syncing, name: &str) -> Result<Value, Refusal> {
    let all = syncing.all().await?;
    let view = all.iter().find(|view| view.name == name);
    Ok(shown(view.ok_or_else(|| Refusal::not_found("No such repository"))?))
}

fn position(written: Option<Cursor>) -> LogPosition {
    LogPosition(written)
}
