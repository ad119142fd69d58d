//! Keys and accounts in memory. Nothing here is secret.

use std::{collections::HashMap, time::Duration};

use application::{
    Error,
    authenticating::Authenticating,
    commands::{CommandError, Commands, Once, Outcome},
    identity::Identity,
    ports::{
        credentials::{Claims, Passwords, Randomness, SignedTokens, Tickets},
        vault::{Opened, Secret, Vault},
    },
    queries::keys::{AccountQueries, AccountView, Changes, KeyQueries, KeyView},
};
use async_trait::async_trait;
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use cqrs_es::Aggregate;
use domain::{
    account::{Account, AccountCommand, AccountError, AccountEvent},
    api_key::{ApiKey, ApiKeyCommand, ApiKeyError, ApiKeyEvent, KeyKind},
    recorded::Cursor,
    values::{AccountId, Dialect, Digest, KeyId, Metadata, Sealed},
};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::Fakes;

/// The bootstrap credential of the tests.
pub(crate) const ADMIN: &str = "the-bootstrap-credential";

const HERE: Cursor = Cursor { epoch: 1, transaction: 1, position: 1 };

#[derive(Default)]
pub(super) struct Desk {
    keys: HashMap<KeyId, (ApiKey, KeyView)>,
    accounts: HashMap<AccountId, (Account, AccountView)>,
    tickets: HashMap<[u8; 32], Option<KeyId>>,
    once: HashMap<String, ([u8; 32], Value)>,
    changed: Vec<KeyId>,
}

impl Fakes {
    pub(crate) fn identity(self: &std::sync::Arc<Self>) -> Identity {
        Identity {
            account_commands: self.clone(),
            key_commands: self.clone(),
            accounts: self.clone(),
            keys: self.clone(),
            vault: self.clone(),
            passwords: self.clone(),
            tokens: self.clone(),
            tickets: self.clone(),
            freshness: self.clone(),
            randomness: self.clone(),
            ids: self.clone(),
            clock: self.clone(),
        }
    }

    pub(crate) fn authenticating(self: &std::sync::Arc<Self>) -> Authenticating {
        let bootstrap = Sha256::digest(ADMIN).into();
        Authenticating::new(self.clone(), self.clone(), self.clone(), self.clone(), Some(bootstrap))
    }

    fn desk<T>(&self, on: impl FnOnce(&mut Desk) -> T) -> Result<T, Error> {
        Ok(on(&mut self.up()?.desk))
    }
}

impl Fakes {
    fn answer_to<E: std::error::Error>(&self, once: &Once) -> Result<Option<Value>, CommandError<E>> {
        let name = format!("{} {}", once.scope, once.key);
        match self.up().map_err(|_down| CommandError::Unavailable)?.desk.once.get(&name) {
            Some((hash, answer)) if *hash == once.request_hash => Ok(Some(answer.clone())),
            Some(_) => Err(CommandError::KeyReused),
            None => Ok(None),
        }
    }

    fn remember(&self, once: Once) {
        let name = format!("{} {}", once.scope, once.key);
        self.lock().desk.once.insert(name, (once.request_hash, once.response));
    }
}

impl Desk {
    fn apply_to_key(&mut self, id: KeyId, event: ApiKeyEvent) {
        match &event {
            ApiKeyEvent::ApiKeyIssued(issued) => {
                let view = KeyView {
                    id,
                    account: issued.account_uid,
                    kind: issued.kind,
                    dialects: issued.dialects.clone(),
                    role: issued.role,
                    scopes: issued.scopes.clone(),
                    secret_sha256: issued.secret_sha256.clone(),
                    label: issued.label.clone(),
                    expires_at: issued.expires_at,
                    allowance: issued.allowance,
                    issued_at: super::at(0),
                    revoked_at: None,
                };
                self.keys.insert(id, (ApiKey::Absent, view));
            }
            ApiKeyEvent::ApiKeyRefreshed { secret_sha256, expires_at } => {
                if let Some((_, view)) = self.keys.get_mut(&id) {
                    view.secret_sha256 = secret_sha256.clone();
                    view.expires_at = Some(*expires_at);
                    self.changed.push(id);
                }
            }
            ApiKeyEvent::ApiKeyRevoked { .. } => {
                if let Some((_, view)) = self.keys.get_mut(&id) {
                    view.revoked_at = Some(super::at(1));
                    self.changed.push(id);
                }
            }
        }
        if let Some((state, _)) = self.keys.get_mut(&id) {
            state.apply(event);
        }
    }

    fn apply_to_account(&mut self, id: AccountId, event: AccountEvent) {
        match &event {
            AccountEvent::AccountRegistered(registered) => {
                let view = AccountView {
                    id,
                    name: registered.name.clone(),
                    role: registered.role,
                    password: None,
                    registered_at: super::at(0),
                    erased_at: None,
                };
                self.accounts.insert(id, (Account::Absent, view));
            }
            AccountEvent::AccountRoleChanged { role } => {
                if let Some((_, view)) = self.accounts.get_mut(&id) {
                    view.role = *role;
                }
            }
            AccountEvent::PasswordChanged { password } => {
                if let Some((_, view)) = self.accounts.get_mut(&id) {
                    view.password = Some(password.clone());
                }
            }
            AccountEvent::SubjectErased { .. } => {
                if let Some((_, view)) = self.accounts.get_mut(&id) {
                    view.erased_at = Some(super::at(1));
                }
            }
        }
        if let Some((state, _)) = self.accounts.get_mut(&id) {
            state.apply(event);
        }
    }
}

#[async_trait]
impl Commands<ApiKey> for Fakes {
    async fn execute(
        &self,
        id: &str,
        command: ApiKeyCommand,
        _: Metadata,
    ) -> Result<Option<Cursor>, CommandError<ApiKeyError>> {
        let id: KeyId = id.parse().unwrap();
        let mut state = self.up().map_err(|_down| CommandError::Unavailable)?;
        let key = state.desk.keys.get(&id).map_or(ApiKey::Absent, |(key, _)| key.clone());
        let events = key.decide(command).map_err(CommandError::Refused)?;
        let written = !events.is_empty();
        for event in events {
            state.desk.apply_to_key(id, event);
        }
        Ok(written.then_some(HERE))
    }

    async fn execute_once(
        &self,
        id: &str,
        command: ApiKeyCommand,
        by: Metadata,
        once: Once,
    ) -> Result<Outcome, CommandError<ApiKeyError>> {
        if let Some(answer) = self.answer_to(&once)? {
            return Ok(Outcome::Repeated(answer));
        }
        let written = Commands::<ApiKey>::execute(self, id, command, by).await?;
        self.remember(once);
        Ok(Outcome::Written(written))
    }

    async fn answered(&self, once: &Once) -> Result<Option<Value>, CommandError<ApiKeyError>> {
        self.answer_to(once)
    }
}

#[async_trait]
impl Commands<Account> for Fakes {
    async fn execute(
        &self,
        id: &str,
        command: AccountCommand,
        _: Metadata,
    ) -> Result<Option<Cursor>, CommandError<AccountError>> {
        let id: AccountId = id.parse().unwrap();
        let mut state = self.up().map_err(|_down| CommandError::Unavailable)?;
        let account = state.desk.accounts.get(&id).map_or(Account::Absent, |(account, _)| *account);
        let events = account.decide(command).map_err(CommandError::Refused)?;
        let written = !events.is_empty();
        for event in events {
            state.desk.apply_to_account(id, event);
        }
        Ok(written.then_some(HERE))
    }

    async fn execute_once(
        &self,
        id: &str,
        command: AccountCommand,
        by: Metadata,
        once: Once,
    ) -> Result<Outcome, CommandError<AccountError>> {
        if let Some(answer) = self.answer_to(&once)? {
            return Ok(Outcome::Repeated(answer));
        }
        let written = Commands::<Account>::execute(self, id, command, by).await?;
        self.remember(once);
        Ok(Outcome::Written(written))
    }

    async fn answered(&self, once: &Once) -> Result<Option<Value>, CommandError<AccountError>> {
        self.answer_to(once)
    }
}

#[async_trait]
impl KeyQueries for Fakes {
    async fn by_secret(&self, sha256: &Digest) -> Result<Option<KeyView>, Error> {
        self.desk(|desk| {
            desk.keys.values().map(|(_, view)| view).find(|view| view.secret_sha256 == *sha256).cloned()
        })
    }

    async fn by_id(&self, id: KeyId) -> Result<Option<KeyView>, Error> {
        self.desk(|desk| desk.keys.get(&id).map(|(_, view)| view.clone()))
    }

    async fn held_by(&self, account: AccountId, kind: Option<KeyKind>) -> Result<Vec<KeyId>, Error> {
        self.desk(|desk| {
            let held = desk.keys.values().map(|(_, view)| view);
            let held = held.filter(|view| view.account == account && view.revoked_at.is_none());
            held.filter(|view| kind.is_none_or(|kind| kind == view.kind)).map(|view| view.id).collect()
        })
    }

    async fn list(
        &self,
        account: Option<AccountId>,
        limit: u32,
        offset: u32,
    ) -> Result<(Vec<KeyView>, u64), Error> {
        self.desk(|desk| {
            let of = |view: &&KeyView| account.is_none_or(|account| view.account == account);
            let mut all: Vec<_> = desk.keys.values().map(|(_, view)| view).filter(of).cloned().collect();
            all.sort_by_key(|view| view.id);
            let total = all.len() as u64;
            (all.into_iter().skip(offset as usize).take(limit as usize).collect(), total)
        })
    }

    async fn changed_after(&self, number: Option<i64>) -> Result<Changes, Error> {
        self.desk(|desk| {
            let known = number.map_or(desk.changed.len(), |number| usize::try_from(number).unwrap());
            let newest = i64::try_from(desk.changed.len()).unwrap();
            Changes { keys: desk.changed[known..].to_vec(), newest }
        })
    }
}

#[async_trait]
impl AccountQueries for Fakes {
    async fn account(&self, id: AccountId) -> Result<Option<AccountView>, Error> {
        self.desk(|desk| desk.accounts.get(&id).map(|(_, view)| view.clone()))
    }

    async fn half_erased(&self, _: u32) -> Result<Vec<AccountId>, Error> {
        Ok(Vec::new())
    }

    async fn accounts(&self, limit: u32, offset: u32) -> Result<(Vec<AccountView>, u64), Error> {
        self.desk(|desk| {
            let mut all: Vec<_> = desk.accounts.values().map(|(_, view)| view.clone()).collect();
            all.sort_by_key(|view| view.id);
            let total = all.len() as u64;
            (all.into_iter().skip(offset as usize).take(limit as usize).collect(), total)
        })
    }
}

#[async_trait]
impl Vault for Fakes {
    async fn seal(&self, _: &str, use_: &str, value: &Secret) -> Result<Sealed, Error> {
        let text = BASE64_URL_SAFE_NO_PAD.encode(format!("{use_}:{}", value.reveal()));
        Ok(Sealed::new(Uuid::nil(), text).unwrap())
    }

    async fn open(&self, sealed: &Sealed, use_: &str) -> Result<Opened, Error> {
        let text = String::from_utf8(BASE64_URL_SAFE_NO_PAD.decode(sealed.text()).unwrap()).unwrap();
        let (of, value) = text.split_once(':').unwrap();
        assert_eq!(of, use_);
        Ok(Opened::Plain(Secret::from(value.to_owned())))
    }

    async fn erase(&self, _: &str) -> Result<bool, Error> {
        Ok(true)
    }

    async fn derived_key(&self, purpose: &str) -> Result<Secret<[u8; 32]>, Error> {
        let key: [u8; 32] = Sha256::digest(purpose).into();
        Ok(Secret::from(key))
    }
}

#[async_trait]
impl Passwords for Fakes {
    async fn hash(&self, password: Secret) -> Result<Secret, Error> {
        Ok(Secret::from(format!("hash of {}", password.reveal())))
    }

    async fn matches(&self, password: Secret, hash: Option<Secret>) -> Result<bool, Error> {
        Ok(hash.is_some_and(|hash| *hash.reveal() == format!("hash of {}", password.reveal())))
    }
}

impl SignedTokens for Fakes {
    fn sign(&self, claims: &Claims) -> Result<Secret, Error> {
        let body = json!({
            "session": claims.session,
            "account": claims.account,
            "role": claims.role,
            "dialect": claims.dialect,
            "issued_at": claims.issued_at,
            "expires_at": claims.expires_at,
        });
        Ok(Secret::from(format!("signed.{}", BASE64_URL_SAFE_NO_PAD.encode(body.to_string()))))
    }

    fn read(
        &self,
        token: &str,
        audience: Option<Dialect>,
        now: DateTime<Utc>,
    ) -> Result<Option<Claims>, Error> {
        Ok(claimed(token, audience, now))
    }
}

fn claimed(token: &str, audience: Option<Dialect>, now: DateTime<Utc>) -> Option<Claims> {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(token.strip_prefix("signed.")?).ok()?;
    let body: Value = serde_json::from_slice(&bytes).ok()?;
    let claims = Claims {
        session: serde_json::from_value(body["session"].clone()).ok()?,
        account: serde_json::from_value(body["account"].clone()).ok()?,
        role: serde_json::from_value(body["role"].clone()).ok()?,
        dialect: serde_json::from_value(body["dialect"].clone()).ok()?,
        issued_at: serde_json::from_value(body["issued_at"].clone()).ok()?,
        expires_at: serde_json::from_value(body["expires_at"].clone()).ok()?,
    };
    let fits = audience.is_none_or(|audience| audience == claims.dialect) && now < claims.expires_at;
    fits.then_some(claims)
}

#[async_trait]
impl Tickets for Fakes {
    async fn put(
        &self,
        sha256: [u8; 32],
        key: Option<KeyId>,
        lasts: Duration,
    ) -> Result<DateTime<Utc>, Error> {
        self.desk(|desk| {
            desk.tickets.insert(sha256, key);
            super::at(0) + lasts
        })
    }

    async fn take(&self, sha256: [u8; 32]) -> Result<Option<Option<KeyId>>, Error> {
        self.desk(|desk| desk.tickets.remove(&sha256))
    }
}

impl Randomness for Fakes {
    fn bytes(&self) -> Result<[u8; 32], Error> {
        let mut bytes = [0; 32];
        bytes[..16].copy_from_slice(Uuid::new_v4().as_bytes());
        bytes[16..].copy_from_slice(Uuid::new_v4().as_bytes());
        Ok(bytes)
    }
}
