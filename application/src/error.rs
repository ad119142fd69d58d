//! The one vocabulary of refusals that the dialects translate.

use crate::failure::{Failure, Reason};

/// Seven kinds; every dialect maps each of them to a status and a body, and needs no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    NotFound,
    /// What was asked makes no sense or is not allowed by the rules of the thing itself.
    Invalid,
    Conflict,
    Forbidden,
    Unauthenticated,
    Limited,
    /// A fault of the moment on our side; the same request may succeed later.
    Unavailable,
}

/// A refusal in words for the caller: no internals, no path, no credential.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    pub kind: Kind,
    pub message: String,
    /// The stable word of the reference pages, where there is one.
    pub reason: Option<Reason>,
}

impl Error {
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), reason: None }
    }

    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(Kind::NotFound, message)
    }

    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(Kind::Invalid, message)
    }

    pub fn unavailable() -> Self {
        Self::new(Kind::Unavailable, "The service is busy or its database is not reachable; try again")
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        let kind = if failure.transient { Kind::Unavailable } else { Kind::Invalid };
        Self { kind, message: failure.message, reason: Some(failure.reason) }
    }
}
