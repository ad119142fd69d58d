//! What can be asked of a key.

use chrono::{DateTime, Utc};

use super::event::ApiKeyIssued;
use crate::values::Digest;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ApiKeyCommand {
    Issue(ApiKeyIssued),
    /// A session's secret is replaced by a new one.
    Refresh {
        /// Of the secret that asks for it.
        used_sha256: Digest,
        secret_sha256: Digest,
        expires_at: DateTime<Utc>,
    },
    Revoke {
        /// The principal, or a process.
        by: String,
        reason: String,
    },
}
