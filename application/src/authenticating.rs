//! Who sends a request: the one place that turns a credential into a principal.
//!
//! A key that was found good stays in memory, so that the next request with it asks nobody. [`Authenticating::follow`]
//! must run beside it: it forgets what was revoked, here or on another node, and while it cannot look, nothing in
//! memory is trusted for longer than a second and a half.

mod memory;
mod rereading;

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use domain::{
    api_key::KeyKind,
    values::{Dialect, Digest, KeyId},
};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use tokio::{sync::Mutex, time::Instant};
use tokio_util::sync::CancellationToken;

use crate::{
    error::{Error, Kind},
    ports::{
        credentials::{SignedTokens, Tickets},
        system::Clock,
        vault::Secret,
    },
    principal::{Principal, Proof},
    queries::keys::{KeyQueries, KeyView},
    secret_text::{SecretKind, fingerprint},
    signal::Signal,
};

use memory::Memory;
pub use rereading::Rereading;

/// How often revocations are looked for when nobody hints at any.
const LOOK: Duration = Duration::from_millis(500);
/// Hints come with everything that happens; looking takes a query.
const BETWEEN_LOOKS: Duration = Duration::from_millis(50);

/// What a request brought, in whatever form its dialect takes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credential {
    /// A key, or a signed token of a session.
    Token(Secret),
    /// The id of a key, and its secret.
    Pair { id: String, secret: Secret },
    /// Of [`crate::identity::Identity::ticket`].
    Ticket(Secret),
}

pub struct Authenticating {
    pub keys: Arc<dyn KeyQueries>,
    pub tokens: Arc<dyn SignedTokens>,
    pub tickets: Arc<dyn Tickets>,
    pub clock: Arc<dyn Clock>,
    /// SHA-256 of the setting.
    pub bootstrap: Option<[u8; 32]>,
    memory: Memory,
    /// The number of the newest change of a key that was looked at.
    seen: Mutex<Option<i64>>,
}

impl Authenticating {
    pub fn new(
        keys: Arc<dyn KeyQueries>,
        tokens: Arc<dyn SignedTokens>,
        tickets: Arc<dyn Tickets>,
        clock: Arc<dyn Clock>,
        bootstrap: Option<[u8; 32]>,
    ) -> Self {
        Self { keys, tokens, tickets, clock, bootstrap, memory: Memory::default(), seen: Mutex::default() }
    }

    /// `dialect` is where it was sent; [`Dialect::Yard`] takes what is good anywhere. `Unauthenticated` for whatever
    /// proves nothing, without saying why.
    pub async fn authenticate(&self, credential: &Credential, dialect: Dialect) -> Result<Principal, Error> {
        let key = match credential {
            Credential::Token(secret) | Credential::Pair { secret, .. } if self.is_bootstrap(secret) => {
                return Ok(Principal::bootstrap());
            }
            Credential::Token(secret) if secret.reveal().contains('.') => {
                return self.of_signed(secret, dialect).await;
            }
            Credential::Token(secret) => self.of_secret(secret, None).await?,
            Credential::Pair { id, secret } => {
                let id = id.parse().map_err(|_no_id| refused())?;
                self.of_secret(secret, Some(id)).await?
            }
            Credential::Ticket(ticket) => match self.of_ticket(ticket).await? {
                Some(key) => key,
                None => return Ok(Principal::bootstrap()),
            },
        };
        self.good(&key, dialect)
    }

    /// Whether [`Self::authenticate`] can judge it by itself, so that no guess costs a look into the database.
    pub fn remembers(&self, credential: &Credential) -> bool {
        match credential {
            Credential::Token(secret) | Credential::Pair { secret, .. } => {
                let text = secret.reveal();
                self.is_bootstrap(secret)
                    || text.contains('.')
                    || self.memory.by_secret(&fingerprint(text)).is_some()
            }
            Credential::Ticket(_) => false,
        }
    }

    /// For a credential that is to tell which of two dialects is meant: both, where it is good for both.
    pub async fn dialects(&self, credential: &Credential) -> Result<BTreeSet<Dialect>, Error> {
        Ok(self.authenticate(credential, Dialect::Yard).await?.dialects)
    }

    /// Looks for revoked keys until `stop`; `hints` says when looking is worth it.
    pub async fn follow(&self, hints: Signal, stop: CancellationToken) {
        let mut hint = hints.waiter();
        while !stop.is_cancelled() {
            self.look().await;
            let hinted = async {
                tokio::time::sleep(BETWEEN_LOOKS).await;
                hint.raised().await;
            };
            tokio::select! {
                () = stop.cancelled() => {}
                () = hinted => {}
                () = tokio::time::sleep(LOOK) => {}
            }
        }
    }

    /// Forgets what the read model shows as changed since the last look, whoever looked.
    async fn look(&self) {
        let mut seen = self.seen.lock().await;
        let began = Instant::now();
        match self.keys.changed_after(*seen).await {
            Ok(changes) => {
                if seen.is_some_and(|seen| changes.newest < seen) {
                    self.memory.forget_all();
                }
                self.memory.forget(&changes.keys);
                self.memory.looked(began);
                *seen = Some(changes.newest);
            }
            Err(error) => tracing::debug!(%error, "revoked keys cannot be looked for"),
        }
    }

    fn is_bootstrap(&self, secret: &Secret) -> bool {
        let Some(expected) = self.bootstrap else { return false };
        let given: [u8; 32] = Sha256::digest(secret.reveal()).into();
        expected.ct_eq(&given).into()
    }

    async fn of_secret(&self, secret: &Secret, id: Option<KeyId>) -> Result<Arc<KeyView>, Error> {
        match SecretKind::read(secret.reveal()) {
            Some(SecretKind::Key | SecretKind::LangbotKey | SecretKind::SpaceToken) => {}
            Some(SecretKind::Refresh | SecretKind::Ticket | SecretKind::Device) | None => {
                return Err(refused());
            }
        }
        let key = self.by_secret(fingerprint(secret.reveal())).await?;
        if key.kind != KeyKind::Token || id.is_some_and(|id| id != key.id) {
            return Err(refused());
        }
        Ok(key)
    }

    async fn of_signed(&self, token: &Secret, dialect: Dialect) -> Result<Principal, Error> {
        let audience = (dialect != Dialect::Yard).then_some(dialect);
        let claims = self.tokens.read(token.reveal(), audience, self.clock.now())?.ok_or_else(refused)?;
        let key = self.by_id(claims.session).await?;
        let mut principal = self.good(&key, claims.dialect)?;
        if key.account != claims.account || principal.proof != Proof::Session {
            return Err(refused());
        }
        principal.dialects = BTreeSet::from([claims.dialect]);
        Ok(principal)
    }

    /// None: made by the bootstrap credential.
    async fn of_ticket(&self, ticket: &Secret) -> Result<Option<Arc<KeyView>>, Error> {
        if SecretKind::read(ticket.reveal()) != Some(SecretKind::Ticket) {
            return Err(refused());
        }
        let sha256 = Sha256::digest(ticket.reveal()).into();
        match self.tickets.take(sha256).await?.ok_or_else(refused)? {
            Some(id) => Ok(Some(self.by_id(id).await?)),
            None => Ok(None),
        }
    }

    async fn by_secret(&self, sha256: Digest) -> Result<Arc<KeyView>, Error> {
        if let Some(key) = self.memory.by_secret(&sha256) {
            return Ok(key);
        }
        let began = Instant::now();
        let key = self.keys.by_secret(&sha256).await?.ok_or_else(refused)?;
        Ok(self.memory.put(key, began))
    }

    async fn by_id(&self, id: KeyId) -> Result<Arc<KeyView>, Error> {
        if let Some(key) = self.memory.by_id(id) {
            return Ok(key);
        }
        let began = Instant::now();
        let key = self.keys.by_id(id).await?.ok_or_else(refused)?;
        Ok(self.memory.put(key, began))
    }

    fn good(&self, key: &KeyView, dialect: Dialect) -> Result<Principal, Error> {
        let fits = dialect == Dialect::Yard || key.dialects.contains(&dialect);
        if fits && is_live(key, self.clock.now()) { Ok(Principal::of(key)) } else { Err(refused()) }
    }
}

/// Neither revoked nor expired.
pub fn is_live(key: &KeyView, now: DateTime<Utc>) -> bool {
    key.revoked_at.is_none() && key.expires_at.is_none_or(|end| now < end)
}

pub(crate) fn refused() -> Error {
    Error::new(Kind::Unauthenticated, "The credential is not valid")
}

#[cfg(test)]
mod tests;
