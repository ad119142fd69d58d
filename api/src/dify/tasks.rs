//! Creating, showing, listing and cancelling tasks.

use std::sync::Arc;

use application::{
    ports::{marketplace::Marketplace, system::Clock},
    queries::tasks::{TaskQueries, TaskStatus, TaskView},
    tasks::Tasks,
};
use axum::{Extension, Json, body::Body, extract::State, http::Uri};
use domain::values::TaskId;
use serde_json::{Value, json};

use super::{
    DifyError,
    body::{CompletedList, RecentList, Record, status_word},
    named::Named,
    order::Order,
};
use crate::{asker::Asker, consistency::LogPosition, fields::Fields, mount::Mount, report, work::Work};

const SHOWN: u32 = 10;
const MOST_SHOWN: u32 = 100;

type Queries = State<Arc<dyn TaskQueries>>;

pub(super) async fn create(
    State(tasks): State<Tasks>,
    State(queries): Queries,
    State(clock): State<Arc<dyn Clock>>,
    State(work): State<Work>,
    State(market): State<Arc<dyn Marketplace>>,
    asker: Asker,
    body: Body,
) -> Result<(LogPosition, Json<Record>), DifyError> {
    let order = Order::read(Fields::of_json(body).await?)?;
    let caller = asker.caller("/api/v1/tasks", &order.canonical());
    let input = order.subject.settled(&tasks, &*market).await?;
    let name = input.name().to_owned();
    let accepted = work.finish(async move { tasks.repackage(input, order.wish, caller).await }).await?;
    Ok((LogPosition(accepted.position), Json(created(accepted.task, name, &*queries, &*clock).await)))
}

/// The task exists from here on, so its record is given even if it cannot be read back at once.
pub(super) async fn created(
    id: TaskId,
    name: String,
    queries: &dyn TaskQueries,
    clock: &dyn Clock,
) -> Record {
    match queries.get(id).await {
        Ok(Some(view)) => Record::created(id, view.created_at, Some(view.original_filename)),
        Ok(None) | Err(_) => Record::created(id, clock.now(), Some(name)),
    }
}

pub(super) async fn find(queries: &dyn TaskQueries, id: TaskId) -> Result<TaskView, DifyError> {
    queries.get(id).await?.ok_or_else(DifyError::no_task)
}

pub(super) async fn show(
    State(queries): Queries,
    Extension(mount): Extension<Mount>,
    Named(id): Named,
) -> Result<Json<Record>, DifyError> {
    Ok(Json(Record::of(&kept(&*queries, id).await?, mount)))
}

/// Record and file are gone together.
async fn kept(queries: &dyn TaskQueries, id: TaskId) -> Result<TaskView, DifyError> {
    let view = find(queries, id).await?;
    if view.status == TaskStatus::Expired { Err(DifyError::gone()) } else { Ok(view) }
}

pub(super) async fn recent(State(queries): Queries, uri: Uri) -> Result<Json<RecentList>, DifyError> {
    Ok(Json(RecentList::of(queries.recent(limit(&uri)?).await?)))
}

pub(super) async fn completed(
    State(queries): Queries,
    Extension(mount): Extension<Mount>,
    uri: Uri,
) -> Result<Json<CompletedList>, DifyError> {
    let limit = limit(&uri)?;
    let (views, total) = queries.completed(limit, 0).await?;
    Ok(Json(CompletedList::of(views, total, limit, mount)))
}

pub(super) async fn report(State(queries): Queries, Named(id): Named) -> Result<Json<Value>, DifyError> {
    let view = kept(&*queries, id).await?;
    view.report.as_ref().map(|report| Json(report::body(report))).ok_or_else(|| not_completed(&view))
}

pub(super) async fn cancel(
    State(tasks): State<Tasks>,
    State(queries): Queries,
    State(work): State<Work>,
    Extension(mount): Extension<Mount>,
    Named(id): Named,
    asker: Asker,
) -> Result<(LogPosition, Json<Record>), DifyError> {
    let caller = asker.caller("/api/v1/tasks/cancel", &json!(id));
    let position = work.finish(async move { tasks.cancel(id, caller).await }).await?;
    Ok((LogPosition(position), Json(Record::of(&find(&*queries, id).await?, mount))))
}

/// Why there is no file to give.
pub(super) fn not_completed(view: &TaskView) -> DifyError {
    if view.status == TaskStatus::Expired {
        return DifyError::gone();
    }
    DifyError::bad(format!("Task is not completed. Current status: {}", status_word(view)))
}

fn limit(uri: &Uri) -> Result<u32, DifyError> {
    let mut fields = Fields::of_query(uri);
    let limit = fields.count("limit", MOST_SHOWN);
    fields.well_formed()?;
    Ok(limit.unwrap_or(SHOWN))
}
