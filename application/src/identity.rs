//! Accounts, their keys and their sessions: everything by which somebody proves who they are. A secret is shown once,
//! to whoever asked for it, and only its SHA-256 is kept.

mod accounts;
mod devices;
mod erasing;
mod issuing;
mod sessions;

use std::{sync::Arc, time::Duration};

use domain::{
    account::{Account, AccountError},
    api_key::{ApiKey, ApiKeyCommand, ApiKeyError},
    device_login::DeviceLogin,
    recorded::Cursor,
    values::{AccountId, Digest, KeyId},
};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::{
    authenticating::refused,
    caller::Caller,
    commands::{CommandError, Commands, Outcome},
    error::{Error, Kind},
    policy::{Action, Owner},
    ports::{
        credentials::{Passwords, Randomness, SignedTokens, Tickets},
        freshness::Freshness,
        system::{Clock, Ids},
        vault::{Secret, Vault},
    },
    principal::Principal,
    queries::{
        device_logins::DeviceLoginQueries,
        keys::{AccountQueries, KeyQueries, KeyView},
    },
    secret_text::SecretKind,
    texts::one_line,
};

pub use accounts::{AccountName, NamedAccount};
pub use devices::{CODES_LAST, DEVICE_LASTS, DeviceCodes};
pub use issuing::{IssuedKey, KeyWish};
pub use sessions::{ACCESS_LASTS, OpenedSession, REFRESH_LASTS};

/// The read models that show keys and accounts.
pub const KEYS: &str = "api_keys";
pub const ACCOUNTS: &str = "accounts";
/// How long a ticket waits for its socket.
pub const TICKET_LASTS: Duration = Duration::from_secs(30);

pub const NO_KEY: &str = "No such key";
pub const NO_ACCOUNT: &str = "No such account";
/// What is sealed of a key.
const LABEL: &str = "label";
const ACCOUNT_ERASED: &str = "the account was erased";
const ACCOUNT_CHANGED: &str = "the password or the role was changed";
/// What the log remembers under the idempotency key of a request, each with its own answer: the steps of setting an
/// account, and that it was set or erased.
const ROLE_GIVEN: &str = "account-role";
const PASSWORD_GIVEN: &str = "account-password";
const DONE: &str = "account";

#[derive(Clone)]
pub struct Identity {
    pub account_commands: Arc<dyn Commands<Account>>,
    pub key_commands: Arc<dyn Commands<ApiKey>>,
    pub device_commands: Arc<dyn Commands<DeviceLogin>>,
    pub accounts: Arc<dyn AccountQueries>,
    pub keys: Arc<dyn KeyQueries>,
    pub device_logins: Arc<dyn DeviceLoginQueries>,
    pub vault: Arc<dyn Vault>,
    pub passwords: Arc<dyn Passwords>,
    pub tokens: Arc<dyn SignedTokens>,
    pub tickets: Arc<dyn Tickets>,
    pub freshness: Arc<dyn Freshness>,
    pub randomness: Arc<dyn Randomness>,
    pub ids: Arc<dyn Ids>,
    pub clock: Arc<dyn Clock>,
}

/// A key with its label in the clear, or `[erased]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelledKey {
    pub view: KeyView,
    pub label: Option<String>,
}

/// A page of keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyPage {
    pub keys: Vec<LabelledKey>,
    pub total: u64,
}

/// Good once, for [`TICKET_LASTS`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket {
    pub secret: Secret,
    pub expires_at: chrono::DateTime<chrono::Utc>,
}

impl Identity {
    /// One's own keys, or everybody's for whoever may see them.
    pub async fn keys(&self, principal: &Principal, limit: u32, offset: u32) -> Result<KeyPage, Error> {
        let all = principal.must(Action::ReadKeys, principal.owner_of(None), NO_KEY).is_ok();
        if !all {
            principal.must(Action::ReadKeys, Owner::Own, NO_KEY)?;
        }
        let account = if all { None } else { principal.account };
        let (views, total) = self.keys.list(account, limit, offset).await?;
        let mut keys = Vec::with_capacity(views.len());
        for view in views {
            keys.push(self.labelled(view).await?);
        }
        Ok(KeyPage { keys, total })
    }

    pub async fn key(&self, principal: &Principal, id: KeyId) -> Result<LabelledKey, Error> {
        principal.must(Action::ReadKeys, Owner::Own, NO_KEY)?;
        let key = self.keys.by_id(id).await?.ok_or_else(|| Error::not_found(NO_KEY))?;
        principal.must(Action::ReadKeys, principal.owner_of(Some(key.account)), NO_KEY)?;
        self.labelled(key).await
    }

    async fn labelled(&self, view: KeyView) -> Result<LabelledKey, Error> {
        let label = match &view.label {
            Some(sealed) => Some(self.vault.open(sealed, LABEL).await?.shown()),
            None => None,
        };
        Ok(LabelledKey { view, label })
    }

    /// Holds on every node within two seconds. A second time changes nothing.
    pub async fn revoke(
        &self,
        principal: &Principal,
        id: KeyId,
        reason: &str,
        caller: Caller,
    ) -> Result<Option<Cursor>, Error> {
        principal.must(Action::RevokeKey, Owner::Own, NO_KEY)?;
        one_line("reason", reason)?;
        let key = self.keys.by_id(id).await?.ok_or_else(|| Error::not_found(NO_KEY))?;
        principal.must(Action::RevokeKey, principal.owner_of(Some(key.account)), NO_KEY)?;
        self.revoke_now(id, reason, caller).await
    }

    async fn revoke_now(&self, id: KeyId, reason: &str, caller: Caller) -> Result<Option<Cursor>, Error> {
        let command =
            ApiKeyCommand::Revoke { by: caller.metadata.actor_principal.clone(), reason: reason.to_owned() };
        let outcome = self.command_key(id, command, caller, "revoke_key", json!({"id": id})).await?;
        Ok(position(&outcome))
    }

    /// An erasure at the same moment may not have seen this new key of the account: then it is revoked here.
    async fn erased_meanwhile(&self, account: AccountId, key: KeyId, caller: Caller) -> Result<bool, Error> {
        let erased = self.accounts.account(account).await?.is_some_and(|account| account.erased_at.is_some());
        if erased {
            self.revoke_now(key, ACCOUNT_ERASED, Caller { once: None, ..caller }).await?;
        }
        Ok(erased)
    }

    /// Stands in for the caller's credential where no header can be sent: once, and for a moment.
    pub async fn ticket(&self, principal: &Principal) -> Result<Ticket, Error> {
        principal.must(Action::OpenSocket, Owner::Own, NO_KEY)?;
        let secret = SecretKind::Ticket.write(self.randomness.bytes()?);
        let sha256 = Sha256::digest(secret.reveal()).into();
        let expires_at = self.tickets.put(sha256, principal.key, TICKET_LASTS).await?;
        Ok(Ticket { secret, expires_at })
    }

    /// Under the caller's key, if there is one, and seen by the next request of anybody.
    async fn command_key(
        &self,
        id: KeyId,
        command: ApiKeyCommand,
        caller: Caller,
        operation: &str,
        response: serde_json::Value,
    ) -> Result<Outcome, Error> {
        let (stream, once) = (id.to_string(), caller.once(operation, response));
        let outcome = match once {
            None => Outcome::Written(self.key_commands.execute(&stream, command, caller.metadata).await?),
            Some(once) => self.key_commands.execute_once(&stream, command, caller.metadata, once).await?,
        };
        if let Outcome::Written(Some(position)) = outcome {
            self.freshness.reached(KEYS, position).await;
        }
        Ok(outcome)
    }

    /// Tells two secrets apart in what the log keeps of a request, where nobody can try guesses at one.
    pub async fn blinded(&self, secret: &Secret) -> Result<String, Error> {
        let key = self.vault.derived_key("requests").await?;
        let digest = Sha256::new().chain_update(key.reveal()).chain_update(secret.reveal()).finalize();
        Ok(Digest::of_bytes(digest.into()).to_string())
    }

    /// Names a thing of which there is one: the same on every node and after every restart.
    pub async fn only(&self, thing: &str) -> Result<uuid::Uuid, Error> {
        let key = self.vault.derived_key(thing).await?;
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&key.reveal()[..16]);
        Ok(uuid::Builder::from_random_bytes(bytes).into_uuid())
    }

    /// The id behind a name: the same on every node, and no way back from it.
    async fn account_id(&self, name: &AccountName) -> Result<AccountId, Error> {
        let key = self.names_key().await?;
        let digest = Sha256::new().chain_update(key.reveal()).chain_update(name.folded()).finalize();
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest[..16]);
        Ok(AccountId(uuid::Builder::from_random_bytes(bytes).into_uuid()))
    }

    async fn names_key(&self) -> Result<Secret<[u8; 32]>, Error> {
        self.vault.derived_key("account-names").await
    }
}

impl From<CommandError<ApiKeyError>> for Error {
    fn from(error: CommandError<ApiKeyError>) -> Self {
        error.told("key", |refusal| match refusal {
            ApiKeyError::Unknown => Self::not_found(refusal.to_string()),
            ApiKeyError::NoDialect | ApiKeyError::ScopeBeyondRole => Self::invalid(refusal.to_string()),
            ApiKeyError::AlreadyIssued => Self::new(Kind::Conflict, refusal.to_string()),
            // Why a secret gets no new one is nobody's business.
            ApiKeyError::NotASession | ApiKeyError::Revoked | ApiKeyError::SecretUsed => refused(),
        })
    }
}

impl From<CommandError<AccountError>> for Error {
    fn from(error: CommandError<AccountError>) -> Self {
        error.told("account", |refusal| match refusal {
            AccountError::Unknown => Self::not_found(refusal.to_string()),
            AccountError::AlreadyRegistered | AccountError::Erased => {
                Self::new(Kind::Conflict, refusal.to_string())
            }
        })
    }
}

/// Where a command stands in the log; a repeat stands nowhere.
fn position(outcome: &Outcome) -> Option<Cursor> {
    match outcome {
        Outcome::Written(position) => *position,
        Outcome::Repeated(_) => None,
    }
}

fn account_subject(id: AccountId) -> String {
    format!("account/{id}")
}

#[cfg(test)]
mod tests;
