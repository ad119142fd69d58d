//! What identity needs from the outside: passwords, signed tokens, tickets, randomness.

use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::values::{AccountId, Dialect, KeyId, Role};

use super::vault::Secret;
use crate::error::Error;

/// Hashes of passwords, slow on purpose.
#[async_trait]
pub trait Passwords: Send + Sync {
    /// A PHC string (`$argon2id$..`).
    async fn hash(&self, password: Secret) -> Result<Secret, Error>;

    /// False where there is no hash to compare with, and not sooner.
    async fn matches(&self, password: Secret, hash: Option<Secret>) -> Result<bool, Error>;
}

/// What a short-lived token says, and what it was checked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claims {
    pub session: KeyId,
    pub account: AccountId,
    pub role: Role,
    /// Where alone it is good.
    pub dialect: Dialect,
    pub issued_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
}

/// Short-lived tokens: JWT, HS256 and nothing else, keys by id.
pub trait SignedTokens: Send + Sync {
    fn sign(&self, claims: &Claims) -> Result<Secret, Error>;

    /// None for whatever was not signed here, was signed for another audience (`None`: any), or has expired.
    /// `Unavailable` where no token can be judged.
    fn read(
        &self,
        token: &str,
        audience: Option<Dialect>,
        now: DateTime<Utc>,
    ) -> Result<Option<Claims>, Error>;
}

/// One-time tickets that stand in for a credential where no header can be sent.
#[async_trait]
pub trait Tickets: Send + Sync {
    /// Good once, on any node, for that long by the one clock that judges it; answers until when.
    async fn put(
        &self,
        ticket_sha256: [u8; 32],
        key: Option<KeyId>,
        lasts: Duration,
    ) -> Result<DateTime<Utc>, Error>;

    /// The key it was made with (`Some(None)`: the bootstrap credential); None if it is unknown, used or expired.
    async fn take(&self, ticket_sha256: [u8; 32]) -> Result<Option<Option<KeyId>>, Error>;
}

/// Secrets out of nothing.
pub trait Randomness: Send + Sync {
    /// `Unavailable` when the system has none: nothing guessable is made in its place.
    fn bytes(&self) -> Result<[u8; 32], Error>;
}
