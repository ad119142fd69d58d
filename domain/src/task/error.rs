//! Why a task refuses a command.

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TaskError {
    #[error("Task not found")]
    Unknown,
    #[error("Task exists already")]
    AlreadyRequested,
    #[error("Task is already finished")]
    Finished,
    #[error("Task is not finished")]
    Unfinished,
    /// The fence: the sender lost its lease.
    #[error("attempt {given} is not the open one (last: {last})")]
    StaleAttempt { given: u32, last: u32 },
}
