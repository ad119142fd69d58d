//! Views of keys and accounts.

use std::collections::BTreeSet;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::{
    api_key::KeyKind,
    values::{AccountId, Allowance, Dialect, Digest, KeyId, Role, Scope, Sealed},
};
use serde::{Deserialize, Serialize};

use crate::error::Error;

/// A key without its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyView {
    pub id: KeyId,
    pub account: AccountId,
    pub kind: KeyKind,
    pub dialects: BTreeSet<Dialect>,
    pub role: Role,
    pub scopes: BTreeSet<Scope>,
    pub secret_sha256: Digest,
    /// Opened by whoever may see the key.
    pub label: Option<Sealed>,
    pub expires_at: Option<DateTime<Utc>>,
    pub allowance: Option<Allowance>,
    pub issued_at: DateTime<Utc>,
    pub revoked_at: Option<DateTime<Utc>>,
}

/// Somebody who acts. The name is opened by whoever may see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountView {
    pub id: AccountId,
    pub name: Sealed,
    pub role: Role,
    pub password: Option<Sealed>,
    pub registered_at: DateTime<Utc>,
    pub erased_at: Option<DateTime<Utc>>,
}

/// What changed since somebody last asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    pub keys: Vec<KeyId>,
    /// Numbers grow; one that is smaller than before is of another history of the log.
    pub newest: i64,
}

/// What is decided by holds as soon as it was acknowledged, whether the read model can move or not; lists may lag.
#[async_trait]
pub trait KeyQueries: Send + Sync {
    /// Revoked and expired ones too.
    async fn by_secret(&self, sha256: &Digest) -> Result<Option<KeyView>, Error>;

    async fn by_id(&self, id: KeyId) -> Result<Option<KeyView>, Error>;

    /// Whatever the account may still be let in with, and now and then a revoked one.
    async fn held_by(&self, account: AccountId, kind: Option<KeyKind>) -> Result<Vec<KeyId>, Error>;

    /// Newest first; of one account, or of all. Sessions too.
    async fn list(
        &self,
        account: Option<AccountId>,
        limit: u32,
        offset: u32,
    ) -> Result<(Vec<KeyView>, u64), Error>;

    /// The keys that were revoked or refreshed after this change (none: only the number of the newest), and all of which
    /// the read model does not know it yet.
    async fn changed_after(&self, change: Option<i64>) -> Result<Changes, Error>;
}

#[async_trait]
pub trait AccountQueries: Send + Sync {
    /// Erased ones too; as they are, however far the read model is.
    async fn account(&self, id: AccountId) -> Result<Option<AccountView>, Error>;

    /// Erased ones that can still be read, or be let in with what they hold: their erasure was cut short.
    async fn half_erased(&self, limit: u32) -> Result<Vec<AccountId>, Error>;

    /// Newest first.
    async fn accounts(&self, limit: u32, offset: u32) -> Result<(Vec<AccountView>, u64), Error>;
}
