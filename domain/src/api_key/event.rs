//! What happened to a key. Variants and fields are only ever added.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::values::{AccountId, Allowance, Dialect, Digest, KeyId, Role, Scope, Sealed};

/// Stored as one flat object with the member `type`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub enum ApiKeyEvent {
    ApiKeyIssued(ApiKeyIssued),
    ApiKeyRefreshed { secret_sha256: Digest, expires_at: DateTime<Utc> },
    ApiKeyRevoked { by: String, reason: String },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiKeyIssued {
    pub key_uid: KeyId,
    /// Whom the key speaks for.
    pub account_uid: AccountId,
    pub kind: KeyKind,
    /// Where it is good.
    pub dialects: BTreeSet<Dialect>,
    pub role: Role,
    /// A part of what the role has.
    pub scopes: BTreeSet<Scope>,
    /// Of the whole secret as its holder writes it.
    pub secret_sha256: Digest,
    /// One line to tell it from others, sealed under the account: it may name whose it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<Sealed>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<DateTime<Utc>>,
    /// A rate of its own instead of the dialect's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allowance: Option<Allowance>,
    pub tenant: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyKind {
    /// Long-lived, sent as it is.
    Token,
    /// Begun by a login: short-lived signed tokens name it, and its secret gets new ones.
    Session,
}

impl ApiKeyEvent {
    /// Every type of this stream that the product knows.
    pub const TYPES: [&'static str; 3] = ["ApiKeyIssued", "ApiKeyRefreshed", "ApiKeyRevoked"];

    pub fn name(&self) -> &'static str {
        match self {
            Self::ApiKeyIssued(_) => "ApiKeyIssued",
            Self::ApiKeyRefreshed { .. } => "ApiKeyRefreshed",
            Self::ApiKeyRevoked { .. } => "ApiKeyRevoked",
        }
    }
}

domain_event!(ApiKeyEvent);
