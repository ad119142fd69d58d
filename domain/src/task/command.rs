//! What may be asked of a task. Ids and times come in here; the domain makes neither.

use super::{Fault, Loss, TaskCompleted, TaskProgressed, TaskRequested};

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
        /// What the user is told, should this have been the last try.
        fault: Option<Fault>,
        retry_in_ms: u64,
    },
    Complete(Box<TaskCompleted>),
    Fail {
        attempt: u32,
        fault: Fault,
    },
    Cancel {
        by: String,
    },
    /// The retention time is over: the record says so before the file goes.
    ExpireArtifact,
    /// Changes nothing: the log keeps with it the answer to a request that concerns several tasks, or none any more.
    Acknowledge,
}
