//! What may be asked of a task. Ids and times come in here; the domain makes neither.

use chrono::{DateTime, Utc};

use super::{Loss, TaskCompleted, TaskProgressed, TaskRequested};

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TaskCommand {
    Request(TaskRequested),
    /// A worker has claimed the job; `attempt` is the number of its claim.
    Start {
        attempt: u32,
        worker: String,
    },
    Report(TaskProgressed),
    LoseAttempt {
        attempt: u32,
        reason: Loss,
        /// What went wrong, for the user, should this have been the last try.
        message: Option<String>,
        retry_at: Option<DateTime<Utc>>,
    },
    Complete(Box<TaskCompleted>),
    Fail {
        attempt: u32,
        code: String,
        message: String,
    },
    Cancel {
        by: String,
    },
    /// The retention time is over: the record says so before the file goes.
    ExpireArtifact,
}
