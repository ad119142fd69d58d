//! Reading tasks: the row, with the live progress of a running attempt merged in.

use application::{
    error::Error,
    queries::tasks::{Storage, TaskQueries, TaskStatus, TaskView},
};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use cqrs_es::Aggregate as _;
use domain::{
    task::Task,
    values::{Digest, GroupId, TaskId},
};
use sqlx::{PgPool, Row, postgres::PgRow, types::Json};
use uuid::Uuid;

use super::Tasks;
use crate::per_stream::folded;

const COLUMNS: &str = "t.view, r.progress, r.message as doing";
const FROM: &str = "from read.tasks t
    left join es.jobs j on j.aggregate_type = 'task' and j.aggregate_id = t.task_id::text and j.step = ''
                       and t.status = 'running'
    left join es.job_runtime r on r.job_id = j.id and r.attempt = j.attempt";

#[derive(Debug, Clone)]
pub struct PgTasks {
    pool: PgPool,
}

impl PgTasks {
    pub fn new(pool: PgPool) -> Self {
        Self { pool }
    }

    /// The projection may lag behind an acknowledged request: then the one stream is folded instead.
    async fn folded(&self, id: TaskId) -> Result<Option<TaskView>, sqlx::Error> {
        // What this build cannot read, the projection parks: the view stays as it was before.
        Ok(folded::<Tasks>(&self.pool, Task::TYPE, id).await?.view)
    }

    async fn newest(&self, which: &str, limit: u32, offset: u32) -> Result<Vec<TaskView>, Error> {
        let query = format!("select {COLUMNS} {FROM} {which} limit $1 offset $2");
        let query = sqlx::query(&query).bind(i64::from(limit)).bind(i64::from(offset));
        views(query.fetch_all(&self.pool).await)
    }
}

fn views(rows: Result<Vec<PgRow>, sqlx::Error>) -> Result<Vec<TaskView>, Error> {
    rows.and_then(|rows| rows.iter().map(view).collect()).map_err(unavailable)
}

fn view(row: &PgRow) -> Result<TaskView, sqlx::Error> {
    let mut view = row.try_get::<Json<TaskView>, _>("view")?.0;
    let (progress, doing): (Option<i16>, Option<String>) = (row.try_get("progress")?, row.try_get("doing")?);
    if let (TaskStatus::Running, Some(progress), Some(doing)) = (view.status, progress, doing) {
        view.percent = view.percent.max(u8::try_from(progress).unwrap_or(0));
        view.message = doing;
    }
    Ok(view)
}

fn storage(row: &PgRow) -> Result<Storage, sqlx::Error> {
    let (files, bytes): (i64, i64) = (row.try_get("files")?, row.try_get("bytes")?);
    Ok(Storage {
        files: u64::try_from(files).unwrap_or(0),
        bytes: u64::try_from(bytes).unwrap_or(0),
        oldest: row.try_get("oldest")?,
        newest: row.try_get("newest")?,
    })
}

#[expect(clippy::needless_pass_by_value, reason = "the signature that map_err takes")]
fn unavailable(error: sqlx::Error) -> Error {
    tracing::debug!(%error, "tasks cannot be read");
    Error::unavailable()
}

#[async_trait]
impl TaskQueries for PgTasks {
    async fn get(&self, id: TaskId) -> Result<Option<TaskView>, Error> {
        match self.get_many(&[id]).await?.pop() {
            Some(view) => Ok(Some(view)),
            None => self.folded(id).await.map_err(unavailable),
        }
    }

    async fn get_many(&self, ids: &[TaskId]) -> Result<Vec<TaskView>, Error> {
        let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
        let query = format!("select {COLUMNS} {FROM} where t.task_id = any($1)");
        views(sqlx::query(&query).bind(ids).fetch_all(&self.pool).await)
    }

    async fn recent(&self, limit: u32) -> Result<Vec<TaskView>, Error> {
        self.newest("where t.status <> 'expired' order by t.created_at desc, t.task_id", limit, 0).await
    }

    async fn completed(&self, limit: u32, offset: u32) -> Result<(Vec<TaskView>, u64), Error> {
        let total: i64 = sqlx::query_scalar("select count(*) from read.tasks where status = 'completed'")
            .fetch_one(&self.pool)
            .await
            .map_err(unavailable)?;
        let which = "where t.status = 'completed' order by t.ended_at desc, t.task_id";
        let completed = self.newest(which, limit, offset).await?;
        Ok((completed, u64::try_from(total).unwrap_or(0)))
    }

    async fn group(&self, id: GroupId) -> Result<Vec<TaskView>, Error> {
        let query =
            format!("select {COLUMNS} {FROM} where t.view ->> 'group' = $1 order by t.created_at, t.task_id");
        views(sqlx::query(&query).bind(id.to_string()).fetch_all(&self.pool).await)
    }

    async fn storage(&self) -> Result<Storage, Error> {
        let row = sqlx::query(
            "select count(*) as files, min(ended_at) as oldest, max(ended_at) as newest,
                    (select coalesce(sum(size), 0)::bigint
                       from (select distinct artifact, (view -> 'artifact' ->> 'size')::bigint as size
                               from read.tasks where status = 'completed') as blobs) as bytes
               from read.tasks where status = 'completed'",
        )
        .fetch_one(&self.pool)
        .await;
        row.and_then(|row| storage(&row)).map_err(unavailable)
    }

    async fn due_to_expire(&self, before: DateTime<Utc>, limit: u32) -> Result<Vec<TaskView>, Error> {
        let rows = sqlx::query(
            "select view, null::smallint as progress, null::text as doing from read.tasks
              where status = 'completed' and ended_at < $1 order by ended_at limit $2",
        )
        .bind(before)
        .bind(i64::from(limit))
        .fetch_all(&self.pool)
        .await;
        views(rows)
    }

    async fn needs_blob(&self, digest: &Digest) -> Result<bool, Error> {
        sqlx::query_scalar(
            "select exists (select 1 from read.tasks where artifact = $1 and status = 'completed')
                 or exists (select 1 from read.tasks where input = $1 and status in ('queued', 'running'))",
        )
        .bind(digest.as_str())
        .fetch_one(&self.pool)
        .await
        .map_err(unavailable)
    }
}
