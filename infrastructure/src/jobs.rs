//! The job rows, as workers use them. Leases go by the database's clock.

use application::{
    error::Error,
    ports::jobs::{Claim, Jobs, Lease},
};
use async_trait::async_trait;
use domain::{task::TaskRequested, values::TaskId};
use sqlx::{PgPool, Row, postgres::PgRow};

#[derive(Debug, Clone)]
pub struct PgJobs {
    pool: PgPool,
    leases: PgPool,
}

impl PgJobs {
    /// `leases` serves renewals alone.
    pub fn new(pool: PgPool, leases: PgPool) -> Self {
        Self { pool, leases }
    }
}

fn unavailable(error: &sqlx::Error) -> Error {
    tracing::debug!(%error, "the job queue did not answer");
    Error::unavailable()
}

#[async_trait]
impl Jobs for PgJobs {
    async fn claim(&self, worker: &str, most: usize) -> Result<Vec<Claim>, Error> {
        if most == 0 {
            return Ok(Vec::new());
        }
        // An idle queue must not write: a claim that finds nothing would still take part in the horizon.
        let rows = sqlx::query(
            "with due as (
               select id from es.jobs where kind = 'repackage' and state = 'queued' and run_at <= clock_timestamp()
                order by priority, run_at limit $2 for update skip locked)
             update es.jobs j set state = 'running', attempt = j.attempt + 1, worker = $1,
                    lease_until = clock_timestamp() + interval '30 seconds'
               from due where j.id = due.id
             returning j.aggregate_id, j.attempt, j.failures, j.payload",
        )
        .bind(worker)
        .bind(i64::try_from(most).unwrap_or(i64::MAX))
        .fetch_all(&self.pool)
        .await
        .map_err(|error| unavailable(&error))?;
        let read = |row: &PgRow| {
            claim(row)
                .inspect_err(
                    |error| tracing::error!(%error, "a job cannot be read by this build; its lease will end"),
                )
                .ok()
        };
        Ok(rows.iter().filter_map(read).collect())
    }

    async fn renew(&self, task: TaskId, attempt: u32) -> Result<Lease, Error> {
        let renewed = sqlx::query(
            "update es.jobs set lease_until = clock_timestamp() + interval '30 seconds'
              where aggregate_type = 'task' and aggregate_id = $1 and step = '' and attempt = $2 and state = 'running'",
        )
        .bind(task.to_string())
        .bind(i64::from(attempt))
        .execute(&self.leases)
        .await
        .map_err(|error| unavailable(&error))?;
        Ok(if renewed.rows_affected() == 1 { Lease::Held } else { Lease::Lost })
    }

    async fn lease(&self, task: TaskId, attempt: u32) -> Result<Lease, Error> {
        let held: bool = sqlx::query_scalar(
            "select exists (select 1 from es.jobs where aggregate_type = 'task' and aggregate_id = $1 and step = ''
                and attempt = $2 and state = 'running' and lease_until > clock_timestamp())",
        )
        .bind(task.to_string())
        .bind(i64::from(attempt))
        .fetch_one(&self.pool)
        .await
        .map_err(|error| unavailable(&error))?;
        Ok(if held { Lease::Held } else { Lease::Lost })
    }

    async fn progress(&self, task: TaskId, attempt: u32, percent: u8, message: &str) -> Result<(), Error> {
        sqlx::query(
            "insert into es.job_runtime as r (job_id, attempt, progress, message)
             select id, attempt, $3, $4 from es.jobs
              where aggregate_type = 'task' and aggregate_id = $1 and step = '' and attempt = $2 and state = 'running'
             on conflict (job_id) do update
               set attempt = excluded.attempt, progress = greatest(r.progress, excluded.progress),
                   message = excluded.message, seq = r.seq + 1",
        )
        .bind(task.to_string())
        .bind(i64::from(attempt))
        .bind(i16::from(percent))
        .bind(message)
        .execute(&self.pool)
        .await
        .map(drop)
        .map_err(|error| unavailable(&error))
    }

    async fn overdue(&self) -> Result<Vec<(TaskId, u32)>, Error> {
        let rows = sqlx::query(
            "select aggregate_id, attempt from es.jobs
              where state = 'running' and lease_until < clock_timestamp() limit 100",
        )
        .fetch_all(&self.pool)
        .await
        .map_err(|error| unavailable(&error))?;
        rows.iter()
            .map(|row| Ok((task(row)?, attempt(row)?)))
            .collect::<Result<_, sqlx::Error>>()
            .map_err(|error| unavailable(&error))
    }
}

fn claim(row: &PgRow) -> Result<Claim, sqlx::Error> {
    let failures: i32 = row.try_get("failures")?;
    let order: sqlx::types::Json<TaskRequested> = row.try_get("payload")?;
    Ok(Claim {
        task: task(row)?,
        attempt: attempt(row)?,
        failures: u32::try_from(failures).unwrap_or(0),
        order: order.0,
    })
}

fn task(row: &PgRow) -> Result<TaskId, sqlx::Error> {
    let id: String = row.try_get("aggregate_id")?;
    id.parse().map_err(|error| sqlx::Error::Decode(Box::new(error)))
}

fn attempt(row: &PgRow) -> Result<u32, sqlx::Error> {
    let attempt: i32 = row.try_get("attempt")?;
    u32::try_from(attempt).map_err(|error| sqlx::Error::Decode(Box::new(error)))
}
