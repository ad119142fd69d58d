//! The queue of work as a projection: a requested task becomes a job row, a lost attempt makes it due again, an
//! outcome closes it. Nothing else inserts, requeues or closes a task's row, so each happens exactly once.

use async_trait::async_trait;
use domain::{
    recorded::{Event, Recorded},
    task::{Source, TaskEvent, TaskKind, TaskRequested},
    values::{Digest, TaskId},
};
use infrastructure::subscription::{ApplyError, Projection};
use sha2::{Digest as _, Sha256};
use sqlx::{PgConnection, types::Json};
use uuid::Uuid;

/// Job ids are derived from what they are for, so that a repeat is recognised.
const NAMESPACE: Uuid = Uuid::from_u128(0x5d0f_6b1e_43d8_4a0c_9a64_2f7c_1f0e_8b21);

pub(crate) struct JobQueue;

#[async_trait]
impl Projection for JobQueue {
    fn name(&self) -> &'static str {
        "job_queue"
    }

    fn takes(&self) -> &'static [&'static str] {
        &["TaskRequested", "TaskAttemptLost", "TaskCompleted", "TaskFailed", "TaskCancelled"]
    }

    /// Its rows carry leases that the log does not know.
    fn can_be_rebuilt(&self) -> bool {
        false
    }

    async fn fingerprint(
        &self,
        connection: &mut PgConnection,
        _generation: i32,
    ) -> Result<String, sqlx::Error> {
        sqlx::query_scalar(
            "select coalesce(md5(string_agg(id::text || state, ',' order by id)), '') from es.jobs",
        )
        .fetch_one(connection)
        .await
    }

    async fn apply(
        &self,
        transaction: &mut PgConnection,
        _generation: i32,
        events: &[Recorded],
    ) -> Result<(), ApplyError> {
        for recorded in events {
            let Event::Task(task, event) = &recorded.event else { continue };
            match event {
                TaskEvent::TaskRequested(requested) => enqueue(transaction, *task, requested).await?,
                TaskEvent::TaskAttemptLost { attempt, reason, retry_in_ms, .. } => {
                    requeue(transaction, *task, *attempt, reason.counts(), *retry_in_ms).await?;
                }
                TaskEvent::TaskCompleted(_) => close(transaction, *task, "done").await?,
                TaskEvent::TaskFailed(_) => close(transaction, *task, "dead").await?,
                TaskEvent::TaskCancelled { .. } => close(transaction, *task, "cancelled").await?,
                TaskEvent::TaskStarted { .. }
                | TaskEvent::TaskProgressed(_)
                | TaskEvent::ArtifactExpired { .. } => {}
            }
        }
        Ok(())
    }
}

/// Equal work waits for the one before it, and then finds its result.
async fn enqueue(
    transaction: &mut PgConnection,
    task: TaskId,
    requested: &TaskRequested,
) -> Result<(), sqlx::Error> {
    let kind = match requested.kind {
        TaskKind::Repackage => "repackage",
    };
    sqlx::query(
        "insert into es.jobs (id, kind, aggregate_type, aggregate_id, payload, unique_key, state)
         values ($1, $2, 'task', $3, $4, $5,
                 case when exists (select 1 from es.jobs where unique_key = $5 and state in ('blocked', 'queued', 'running'))
                      then 'blocked' else 'queued' end)
         on conflict do nothing",
    )
    .bind(Uuid::new_v5(&NAMESPACE, task.0.as_bytes()))
    .bind(kind)
    .bind(task.to_string())
    .bind(Json(requested))
    .bind(unique_key(requested))
    .execute(transaction)
    .await
    .map(drop)
}

fn unique_key(requested: &TaskRequested) -> String {
    let input = match &requested.subject {
        Source::Url(url) => url.clone(),
        Source::UploadSha256(digest) => digest.to_string(),
        Source::Marketplace(plugin) => plugin.to_string(),
    };
    let options = &requested.options;
    let targets: Vec<_> =
        options.targets().iter().map(|target| format!("{target} {}", target.python)).collect();
    let text = format!(
        "{input} {} {} {} {}",
        targets.join(" "),
        options.asked.strict,
        options.verify_install,
        options.refresh
    );
    // A URL may be longer than what an index can hold.
    Digest::of_bytes(Sha256::digest(text).into()).to_string()
}

async fn requeue(
    transaction: &mut PgConnection,
    task: TaskId,
    attempt: u32,
    counts: bool,
    retry_in_ms: u64,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update es.jobs set state = 'queued', failures = failures + $3, worker = null, lease_until = null,
                run_at = clock_timestamp() + $4 * interval '1 millisecond'
          where aggregate_type = 'task' and aggregate_id = $1 and step = '' and attempt = $2 and state = 'running'",
    )
    .bind(task.to_string())
    .bind(i64::from(attempt))
    .bind(i32::from(counts))
    .bind(i64::try_from(retry_in_ms).unwrap_or(0))
    .execute(transaction)
    .await
    .map(drop)
}

async fn close(transaction: &mut PgConnection, task: TaskId, state: &str) -> Result<(), sqlx::Error> {
    let key: Option<Option<String>> = sqlx::query_scalar(
        "update es.jobs set state = $2, worker = null, lease_until = null, finished_at = clock_timestamp()
          where aggregate_type = 'task' and aggregate_id = $1 and step = ''
            and state in ('blocked', 'queued', 'running')
         returning unique_key",
    )
    .bind(task.to_string())
    .bind(state)
    .fetch_optional(&mut *transaction)
    .await?;
    let Some(Some(key)) = key else { return Ok(()) };
    sqlx::query(
        "update es.jobs set state = 'queued', run_at = clock_timestamp()
          where id = (select id from es.jobs where unique_key = $1 and state = 'blocked' order by run_at, id limit 1)
            and not exists (select 1 from es.jobs where unique_key = $1 and state in ('queued', 'running'))",
    )
    .bind(key)
    .execute(transaction)
    .await
    .map(drop)
}
