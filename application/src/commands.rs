//! The only way to change anything.

use async_trait::async_trait;
use cqrs_es::Aggregate;
use domain::{recorded::Cursor, values::Metadata};
use serde_json::Value;

use crate::{
    error::{Error, Kind},
    failure::Reason,
};

/// Loads, decides and appends; retries a lost version race in here, so that nobody else has to.
#[async_trait]
pub trait Commands<A: Aggregate>: Send + Sync {
    /// Durable when it returns. `None`: the command decided no events.
    async fn execute(
        &self,
        id: &str,
        command: A::Command,
        by: Metadata,
    ) -> Result<Option<Cursor>, CommandError<A::Error>>;

    /// The same, remembered under an idempotency key in the same statement.
    async fn execute_once(
        &self,
        id: &str,
        command: A::Command,
        by: Metadata,
        once: Once,
    ) -> Result<Outcome, CommandError<A::Error>>;

    /// What was answered under this key; none: it was not used yet. For what must not be done again, or in vain,
    /// before the command.
    async fn answered(&self, once: &Once) -> Result<Option<Value>, CommandError<A::Error>>;
}

/// A caller's idempotency key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Once {
    /// Principal and operation: two callers may use the same key.
    pub scope: String,
    pub key: String,
    /// Of method, path and canonical body.
    pub request_hash: [u8; 32],
    /// What a repeat is answered with.
    pub response: Value,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    Written(Option<Cursor>),
    /// The key was used before for the same request: the answer of then.
    Repeated(Value),
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommandError<E: std::error::Error> {
    #[error(transparent)]
    Refused(E),
    /// Others kept changing the same stream.
    #[error("the version race was lost too often")]
    Contended,
    /// The idempotency key was used for another request.
    #[error("this Idempotency-Key was used for another request")]
    KeyReused,
    /// The database has no space left; nothing was stored.
    #[error("the database has no space left")]
    Full,
    /// The log is not reachable, or holds an event this build cannot read; nothing or everything was stored.
    #[error("the event log is not available")]
    Unavailable,
}

impl<E: std::error::Error> CommandError<E> {
    /// In the words for a caller; `thing` is what the command was for, and `refused` translates its own refusals.
    pub fn told(self, thing: &str, refused: impl FnOnce(E) -> Error) -> Error {
        match self {
            Self::Refused(refusal) => refused(refusal),
            Self::Contended => {
                Error::new(Kind::Conflict, format!("Others kept changing this {thing}; try again"))
            }
            Self::KeyReused => Error {
                kind: Kind::Invalid,
                message: self.to_string(),
                reason: Some(Reason::IdempotencyKeyReused),
            },
            Self::Full => Error {
                kind: Kind::Unavailable,
                message: "The service has no space left for new work; try again later".to_owned(),
                reason: Some(Reason::StorageFull),
            },
            Self::Unavailable => Error::unavailable(),
        }
    }
}
