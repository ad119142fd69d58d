//! A credential: issued once, good for some dialects, a role and scopes, until it expires or is revoked.
//!
//! Guards: an id is issued once; only a session is refreshed, once with each of its secrets, and not after it was
//! revoked; a revoked key stays revoked. The secret itself is never here, only its SHA-256.

mod command;
mod error;
mod event;

pub use command::ApiKeyCommand;
pub use error::ApiKeyError;
pub use event::{ApiKeyEvent, ApiKeyIssued, KeyKind};

use serde::{Deserialize, Serialize};

use crate::values::Digest;

/// The state that decisions need; views are elsewhere.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ApiKey {
    #[default]
    Absent,
    Live {
        kind: KeyKind,
        secret_sha256: Digest,
    },
    Revoked,
}

impl ApiKey {
    /// The rules, one line per command.
    pub fn decide(&self, command: ApiKeyCommand) -> Result<Vec<ApiKeyEvent>, ApiKeyError> {
        match command {
            ApiKeyCommand::Issue(issued) => self.issue(issued),
            ApiKeyCommand::Refresh { used_sha256, secret_sha256, expires_at } => {
                self.must_be_a_live_session(&used_sha256)?;
                Ok(vec![ApiKeyEvent::ApiKeyRefreshed { secret_sha256, expires_at }])
            }
            ApiKeyCommand::Revoke { by, reason } => self.revoke(by, reason),
        }
    }

    fn issue(&self, issued: ApiKeyIssued) -> Result<Vec<ApiKeyEvent>, ApiKeyError> {
        if *self != Self::Absent {
            return Err(ApiKeyError::AlreadyIssued);
        }
        if issued.dialects.is_empty() {
            return Err(ApiKeyError::NoDialect);
        }
        if !issued.scopes.is_subset(&issued.role.scopes()) || issued.scopes.is_empty() {
            return Err(ApiKeyError::ScopeBeyondRole);
        }
        Ok(vec![ApiKeyEvent::ApiKeyIssued(issued)])
    }

    /// Twice is the same as once.
    fn revoke(&self, by: String, reason: String) -> Result<Vec<ApiKeyEvent>, ApiKeyError> {
        match self {
            Self::Absent => Err(ApiKeyError::Unknown),
            Self::Live { .. } => Ok(vec![ApiKeyEvent::ApiKeyRevoked { by, reason }]),
            Self::Revoked => Ok(Vec::new()),
        }
    }

    /// A secret that was replaced gets nothing, whoever comes at the same moment.
    fn must_be_a_live_session(&self, used: &Digest) -> Result<(), ApiKeyError> {
        match self {
            Self::Live { kind: KeyKind::Session, secret_sha256 } if secret_sha256 == used => Ok(()),
            Self::Live { kind: KeyKind::Session, .. } => Err(ApiKeyError::SecretUsed),
            Self::Live { kind: KeyKind::Token, .. } => Err(ApiKeyError::NotASession),
            Self::Revoked => Err(ApiKeyError::Revoked),
            Self::Absent => Err(ApiKeyError::Unknown),
        }
    }
}

aggregate!(ApiKey, "api_key", ApiKeyCommand, ApiKeyEvent, ApiKeyError);

impl ApiKey {
    fn evolve(&mut self, event: ApiKeyEvent) {
        match event {
            ApiKeyEvent::ApiKeyIssued(issued) => {
                *self = Self::Live { kind: issued.kind, secret_sha256: issued.secret_sha256 };
            }
            ApiKeyEvent::ApiKeyRefreshed { secret_sha256, .. } => {
                *self = Self::Live { kind: KeyKind::Session, secret_sha256 };
            }
            ApiKeyEvent::ApiKeyRevoked { .. } => *self = Self::Revoked,
        }
    }
}

#[cfg(test)]
mod tests;
