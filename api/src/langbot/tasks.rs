//! Operations as tasks: one object that both the front end and the command line of this dialect can read. What was asked
//! for through other dialects is not among them.

use std::sync::Arc;

use application::{
    identity::Identity,
    operating::Operating,
    principal::{Principal, Proof},
    queries::operations::{OperationQueries, OperationView, Stage, Wanted},
};
use axum::{
    extract::{FromRequestParts, Path, State},
    http::{Uri, request::Parts},
};
use domain::{
    operation::{Step, Work},
    values::Dialect,
};
use serde_json::{Value, json};

use super::shown::source_word;
use crate::{fields::Fields, refusal::Refusal, voice::Said};

const KIND: &str = "plugin-operation";
const MOST: u32 = 100;
/// At the same time, of this dialect and of all.
const MOST_RUNNING: usize = 8;
const MOST_OF_ALL: u32 = 256;

/// What a path names as the number of a task.
pub(super) struct Number(Option<u64>);

impl<S: Send + Sync> FromRequestParts<S> for Number {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let path = Path::<String>::from_request_parts(parts, state).await;
        let digits = path.ok().filter(|Path(text)| text.bytes().all(|byte| byte.is_ascii_digit()));
        // The database counts with a sign.
        let number = digits.and_then(|Path(text)| text.parse().ok()).filter(|id| i64::try_from(*id).is_ok());
        Ok(Self(number))
    }
}

pub(super) async fn list(
    State(operating): State<Operating>,
    State(identity): State<Identity>,
    uri: Uri,
) -> Result<Said, Refusal> {
    let mut fields = Fields::of_query(&uri);
    let (of, kind) = (fields.text("type"), fields.text("kind"));
    fields.well_formed()?;
    let are_meant = of.is_none_or(|word| word == "user") && kind.is_none_or(|word| word == KIND);
    let wanted = Wanted { dialect: Some(Dialect::Langbot), ..Wanted::default() };
    let found = operating.queries.latest(wanted, MOST).await?;
    let newest = found.iter().map(|view| view.number).max().unwrap_or(0);
    let workspace = identity.only("langbot-workspace").await?.to_string();
    let tasks = found.iter().filter(|_| are_meant).map(|view| task(view, &workspace));
    Ok(Said::ok(json!({"tasks": tasks.collect::<Vec<_>>(), "id_index": newest})))
}

pub(super) async fn one(
    State(operating): State<Operating>,
    State(identity): State<Identity>,
    Number(number): Number,
) -> Result<Said, Refusal> {
    let unknown = || Refusal::not_found("Task not found").coded("404");
    let found = operating.queries.numbered(number.ok_or_else(unknown)?).await?;
    let view = found.filter(|view| view.dialect == Dialect::Langbot).ok_or_else(unknown)?;
    let workspace = identity.only("langbot-workspace").await?.to_string();
    Ok(Said::ok(task(&view, &workspace)))
}

/// The front end compares numbers; the command line and the document have texts.
pub(super) fn id_for(principal: &Principal, number: u64) -> Value {
    if principal.proof == Proof::Session { number.into() } else { number.to_string().into() }
}

/// Refused while as many are under way as there may be.
pub(super) async fn must_have_room(operations: &Arc<dyn OperationQueries>) -> Result<(), Refusal> {
    let unfinished = operations.unfinished(MOST_OF_ALL).await?;
    let ours = unfinished.iter().filter(|view| view.dialect == Dialect::Langbot).count();
    if ours >= MOST_RUNNING || u32::try_from(unfinished.len()).is_ok_and(|all| all >= MOST_OF_ALL) {
        let told = "Too many tasks are running; wait until one of them has ended";
        return Err(Refusal::from(application::Error::new(application::Kind::Limited, told)));
    }
    Ok(())
}

fn task(view: &OperationView, workspace: &str) -> Value {
    let (status, state) = match view.stage {
        Stage::Waiting | Stage::Running => ("running", "PENDING"),
        Stage::Completed => ("succeeded", "FINISHED"),
        Stage::Failed => ("failed", "FINISHED"),
        Stage::Cancelled => ("cancelled", "CANCELLED"),
    };
    let result = result(view);
    let error = error(view);
    json!({
        "id": view.number,
        "task_type": "user",
        "kind": KIND,
        "name": name(view),
        "label": label(view),
        "workspace_uuid": workspace,
        "placement_generation": 1,
        "scopes": [],
        "created_at": view.requested_at.timestamp(),
        "task_context": {
            "current_action": action(view),
            "log": log(view),
            "metadata": metadata(view),
        },
        "runtime": {
            "done": view.has_ended(),
            "state": state,
            "exception": error["message"],
            "exception_traceback": null,
            "result": result,
        },
        "status": status,
        "error": error,
        "result": result,
    })
}

fn result(view: &OperationView) -> Value {
    match view.stage {
        Stage::Completed => json!({"plugin_name": plugin_name(view), "plugin_version": view.version}),
        Stage::Waiting | Stage::Running | Stage::Failed | Stage::Cancelled => Value::Null,
    }
}

/// In the words of its fault, which says nothing of the inside.
fn error(view: &OperationView) -> Value {
    match view.stage {
        Stage::Failed => {
            let refusal = view.fault.clone().map_or_else(Refusal::internal, Refusal::from);
            json!({"type": refusal.code.unwrap_or("internal_error"), "message": refusal.message})
        }
        Stage::Cancelled => json!({"type": "cancelled", "message": "The task was cancelled"}),
        Stage::Waiting | Stage::Running | Stage::Completed => Value::Null,
    }
}

/// Author and name, as far as they are known.
fn plugin_name(view: &OperationView) -> String {
    let found = view.found.release.as_ref().map(|release| release.name.to_string());
    found.unwrap_or_else(|| match &view.work {
        Work::Install(install) => match &install.source {
            domain::operation::Source::Catalogue { name, .. } => name.to_string(),
            domain::operation::Source::Upload { .. }
            | domain::operation::Source::Folder { .. }
            | domain::operation::Source::Url { .. }
            | domain::operation::Source::Github { .. } => String::new(),
        },
        Work::Upgrade(upgrade) => upgrade.name.to_string(),
        Work::RollBack(back) => back.name.to_string(),
        Work::Uninstall(uninstall) => uninstall.name.to_string(),
    })
}

/// The front end tells tasks apart by these.
fn name(view: &OperationView) -> String {
    match &view.work {
        Work::Install(install) => format!("plugin-install-{}", source_word(&install.source)),
        Work::Upgrade(upgrade) => format!("plugin-upgrade-{}", upgrade.name.name),
        Work::RollBack(back) => format!("plugin-rollback-{}", back.name.name),
        Work::Uninstall(uninstall) => format!("plugin-remove-{}", uninstall.name.name),
    }
}

fn label(view: &OperationView) -> String {
    let what = match &view.work {
        Work::Install(_) => "Installing plugin",
        Work::Upgrade(_) => "Upgrading plugin",
        Work::RollBack(_) => "Rolling back plugin",
        Work::Uninstall(_) => "Removing plugin",
    };
    format!("{what} {}", plugin_name(view)).trim_end().to_owned()
}

fn action(view: &OperationView) -> &'static str {
    match (view.stage, &view.work) {
        (Stage::Completed, Work::Install(_) | Work::Upgrade(_)) => "plugin installed",
        (Stage::Completed, Work::RollBack(_)) => "rollback complete",
        (Stage::Completed, Work::Uninstall(_)) => "removal complete",
        (Stage::Waiting | Stage::Running | Stage::Failed | Stage::Cancelled, _) => {
            let step = view.current().or_else(|| view.steps.last().map(|last| last.step));
            step.map_or("waiting to be downloaded", |step| of_step(step, &view.work))
        }
    }
}

/// The front end looks for `download`, `dependencies`, `initializ` and `launch`, in this order.
fn of_step(step: Step, work: &Work) -> &'static str {
    match step {
        Step::Fetch => "downloading plugin package",
        Step::Check => "checking downloaded package",
        Step::Unpack => "unpacking downloaded package",
        Step::Dependencies => "checking dependencies",
        Step::Permissions => "checking dependencies and permissions",
        Step::Environment => "installing dependencies",
        Step::Configuration => "initializing plugin configuration",
        Step::Claim => "waiting for the plugin to be free",
        Step::BackUp => "initializing, keeping a copy of what is there",
        Step::Start => "launching plugin",
        Step::Switch => "launching plugin, switching over to it",
        Step::Stop => match work {
            Work::Uninstall(_) => "stopping plugin",
            Work::Install(_) | Work::Upgrade(_) | Work::RollBack(_) => {
                "launching plugin, stopping the old one"
            }
        },
        Step::Remove => "removing plugin",
    }
}

fn log(view: &OperationView) -> String {
    let lines = view.steps.iter().map(|step| {
        let outcome = if step.undone_at.is_some() {
            ": taken back"
        } else if step.done_at.is_some() {
            ": done"
        } else {
            ""
        };
        format!("{}{outcome}\n", of_step(step.step, &view.work))
    });
    lines.collect()
}

/// What nobody has counted is nought.
fn metadata(view: &OperationView) -> Value {
    let size = view.found.fetched.as_ref().map_or(0, |fetched| fetched.size);
    let source = match &view.work {
        Work::Install(install) => Some(source_word(&install.source)),
        Work::Upgrade(upgrade) => Some(source_word(&upgrade.source)),
        Work::RollBack(_) | Work::Uninstall(_) => None,
    };
    json!({
        "plugin_name": plugin_name(view),
        "install_source": source,
        "operation": view.work.as_str(),
        "progress_percent": view.percent(),
        "download_current": size,
        "download_total": size,
        "download_speed": 0,
        "deps_total": 0,
        "deps_installed": 0,
        "deps_remaining": 0,
        "current_dep": "",
    })
}
