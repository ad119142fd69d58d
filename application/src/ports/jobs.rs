//! The queue of work, as workers see it. Rows are inserted, requeued and closed by a projection of the log;
//! workers only claim, renew and report.

use async_trait::async_trait;
use domain::{
    task::TaskRequested,
    values::{Metadata, TaskId},
};

use crate::error::Error;

/// One claim of one job. The attempt number is the fence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    pub task: TaskId,
    pub attempt: u32,
    /// Counted failures so far.
    pub failures: u32,
    pub order: TaskRequested,
}

impl Claim {
    /// Who a worker is when it speaks for this attempt.
    pub fn by(&self) -> Metadata {
        let attempt = format!("{}:{}", self.task, self.attempt);
        Metadata::of_process("run_tasks", self.task.to_string(), attempt)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lease {
    Held,
    /// Lost, or the task was cancelled: stop and append nothing.
    Lost,
}

#[async_trait]
pub trait Jobs: Send + Sync {
    /// Claims at most `most` due jobs, oldest first, for 30 s each.
    async fn claim(&self, worker: &str, most: usize) -> Result<Vec<Claim>, Error>;

    /// Extends the lease by 30 s.
    async fn renew(&self, task: TaskId, attempt: u32) -> Result<Lease, Error>;

    /// Whether the attempt still holds its lease; changes nothing.
    async fn lease(&self, task: TaskId, attempt: u32) -> Result<Lease, Error>;

    /// Overwrites the live progress of the attempt in place.
    async fn progress(&self, task: TaskId, attempt: u32, percent: u8, message: &str) -> Result<(), Error>;

    /// Task and attempt of every claim whose lease has ended.
    async fn overdue(&self) -> Result<Vec<(TaskId, u32)>, Error>;
}
