//! Every port of identity, kept in memory: for the tests of this crate and, by path, for those of the handlers.

#[path = "fakes/credentials.rs"]
mod credentials;
#[path = "fakes/queries.rs"]
mod queries;

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use application::{
    authenticating::Authenticating,
    caller::Caller,
    commands::{CommandError, Commands, Once, Outcome},
    error::Error,
    identity::{Identity, KeyWish},
    ports::credentials::Claims,
    queries::keys::{AccountView, KeyView},
};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use cqrs_es::Aggregate as _;
use domain::{
    account::{Account, AccountCommand, AccountError, AccountEvent},
    api_key::{ApiKey, ApiKeyCommand, ApiKeyError, ApiKeyEvent},
    device_login::{DeviceLogin, DeviceLoginCommand, DeviceLoginError, DeviceLoginEvent},
    recorded::Cursor,
    values::{AccountId, Actor, Dialect, KeyId, Metadata, Role},
};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

pub(crate) const BOOTSTRAP: &str = "the-bootstrap-credential";

/// Keys and accounts as the service of identity knows them.
pub(crate) struct Registry {
    state: Mutex<State>,
    down: AtomicBool,
}

struct State {
    now: DateTime<Utc>,
    accounts: HashMap<AccountId, AccountView>,
    keys: HashMap<KeyId, (KeyView, i64)>,
    changes: i64,
    position: i64,
    once: HashMap<(String, String), ([u8; 32], Value)>,
    /// Subjects by the id of their data key, and whether that is destroyed.
    subjects: HashMap<Uuid, (String, bool)>,
    signed: HashMap<String, Claims>,
    tickets: HashMap<[u8; 32], (Option<KeyId>, DateTime<Utc>)>,
    devices: HashMap<String, Vec<DeviceLoginEvent>>,
    buckets: HashMap<String, Duration>,
    made: u64,
}

impl Registry {
    pub(crate) fn at(now: DateTime<Utc>) -> Arc<Self> {
        let state = State {
            now,
            accounts: HashMap::new(),
            keys: HashMap::new(),
            changes: 0,
            position: 0,
            once: HashMap::new(),
            subjects: HashMap::new(),
            signed: HashMap::new(),
            tickets: HashMap::new(),
            devices: HashMap::new(),
            buckets: HashMap::new(),
            made: 0,
        };
        Arc::new(Self { state: Mutex::new(state), down: AtomicBool::new(false) })
    }

    pub(crate) fn identity(self: &Arc<Self>) -> Identity {
        Identity {
            account_commands: self.clone(),
            key_commands: self.clone(),
            device_commands: self.clone(),
            accounts: self.clone(),
            keys: self.clone(),
            device_logins: self.clone(),
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

    /// The bootstrap credential is [`BOOTSTRAP`].
    pub(crate) fn authenticating(self: &Arc<Self>) -> Arc<Authenticating> {
        let bootstrap = Some(Sha256::digest(BOOTSTRAP).into());
        let (keys, tokens, tickets, clock) = (self.clone(), self.clone(), self.clone(), self.clone());
        Arc::new(Authenticating::new(keys, tokens, tickets, clock, bootstrap))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    fn up(&self) -> Result<MutexGuard<'_, State>, Error> {
        if self.down.load(Ordering::SeqCst) { Err(Error::unavailable()) } else { Ok(self.lock()) }
    }
}

/// What a credential is asked for with, where nothing else matters.
pub(crate) fn wish(owner: &str, dialect: Dialect, role: Role) -> KeyWish {
    KeyWish {
        owner: Some(owner.parse().unwrap()),
        dialects: [dialect].into(),
        role,
        scopes: None,
        label: None,
        expires_at: None,
        allowance: None,
    }
}

pub(crate) fn caller() -> Caller {
    let actor = Actor { principal: "tester".to_owned(), dialect: Dialect::Yard, ip_hash: None };
    Caller { dialect: Dialect::Yard, metadata: Metadata::of_request(&actor, "request-1"), once: None }
}

impl Registry {
    /// The log and the read models are not reachable.
    pub(crate) fn set_down(&self, down: bool) {
        self.down.store(down, Ordering::SeqCst);
    }

    pub(crate) fn passes(&self, time: Duration) {
        self.lock().now += time;
    }

    fn known<E: std::error::Error>(&self, once: &Once) -> Result<Option<Value>, CommandError<E>> {
        let place = (once.scope.clone(), once.key.clone());
        match self.up().map_err(|_down| CommandError::Unavailable)?.once.get(&place) {
            Some((hash, answer)) if *hash == once.request_hash => Ok(Some(answer.clone())),
            Some(_) => Err(CommandError::KeyReused),
            None => Ok(None),
        }
    }

    fn remember(&self, once: Once) {
        self.lock().once.insert((once.scope, once.key), (once.request_hash, once.response));
    }
}

impl State {
    fn moved(&mut self) -> Cursor {
        self.position += 1;
        Cursor { epoch: 1, transaction: 1, position: self.position }
    }

    fn account(&mut self, id: AccountId, event: AccountEvent) {
        let now = self.now;
        if let AccountEvent::AccountRegistered(registered) = event {
            let (name, role) = (registered.name, registered.role);
            let view = AccountView { id, name, role, password: None, registered_at: now, erased_at: None };
            self.accounts.insert(id, view);
            return;
        }
        let view = self.accounts.get_mut(&id).unwrap();
        match event {
            AccountEvent::AccountRegistered(_) => {}
            AccountEvent::AccountRoleChanged { role } => view.role = role,
            AccountEvent::PasswordChanged { password } => view.password = Some(password),
            AccountEvent::SubjectErased { .. } => (view.password, view.erased_at) = (None, Some(now)),
        }
    }

    fn key(&mut self, id: KeyId, event: ApiKeyEvent) {
        self.changes += 1;
        let (now, change) = (self.now, self.changes);
        if let ApiKeyEvent::ApiKeyIssued(issued) = event {
            let view = KeyView {
                id,
                account: issued.account_uid,
                kind: issued.kind,
                dialects: issued.dialects,
                role: issued.role,
                scopes: issued.scopes,
                secret_sha256: issued.secret_sha256,
                label: issued.label,
                expires_at: issued.expires_at,
                allowance: issued.allowance,
                issued_at: now,
                revoked_at: None,
            };
            self.keys.insert(id, (view, change));
            return;
        }
        let (view, changed) = self.keys.get_mut(&id).unwrap();
        *changed = change;
        match event {
            ApiKeyEvent::ApiKeyIssued(_) => {}
            ApiKeyEvent::ApiKeyRefreshed { secret_sha256, expires_at } => {
                (view.secret_sha256, view.expires_at) = (secret_sha256, Some(expires_at));
            }
            ApiKeyEvent::ApiKeyRevoked { .. } => view.revoked_at = Some(now),
        }
    }
}

#[async_trait]
impl Commands<Account> for Registry {
    async fn execute(
        &self,
        id: &str,
        command: AccountCommand,
        _: Metadata,
    ) -> Result<Option<Cursor>, CommandError<AccountError>> {
        let mut state = self.up().map_err(|_down| CommandError::Unavailable)?;
        let id: AccountId = id.parse().unwrap();
        let was = match state.accounts.get(&id) {
            None => Account::Absent,
            Some(view) if view.erased_at.is_some() => Account::Erased,
            Some(view) => Account::Live(view.role),
        };
        let events = was.decide(command).map_err(CommandError::Refused)?;
        let is_change = !events.is_empty();
        for event in events {
            state.account(id, event);
        }
        Ok(is_change.then(|| state.moved()))
    }

    async fn execute_once(
        &self,
        id: &str,
        command: AccountCommand,
        by: Metadata,
        once: Once,
    ) -> Result<Outcome, CommandError<AccountError>> {
        if let Some(answer) = self.known(&once)? {
            return Ok(Outcome::Repeated(answer));
        }
        let written = Commands::<Account>::execute(self, id, command, by).await?;
        self.remember(once);
        Ok(Outcome::Written(written))
    }

    async fn answered(&self, once: &Once) -> Result<Option<Value>, CommandError<AccountError>> {
        self.known(once)
    }
}

#[async_trait]
impl Commands<ApiKey> for Registry {
    async fn execute(
        &self,
        id: &str,
        command: ApiKeyCommand,
        _: Metadata,
    ) -> Result<Option<Cursor>, CommandError<ApiKeyError>> {
        let mut state = self.up().map_err(|_down| CommandError::Unavailable)?;
        let id: KeyId = id.parse().unwrap();
        let was = match state.keys.get(&id) {
            None => ApiKey::Absent,
            Some((view, _)) if view.revoked_at.is_some() => ApiKey::Revoked,
            Some((view, _)) => ApiKey::Live { kind: view.kind, secret_sha256: view.secret_sha256.clone() },
        };
        let events = was.decide(command).map_err(CommandError::Refused)?;
        let is_change = !events.is_empty();
        for event in events {
            state.key(id, event);
        }
        Ok(is_change.then(|| state.moved()))
    }

    async fn execute_once(
        &self,
        id: &str,
        command: ApiKeyCommand,
        by: Metadata,
        once: Once,
    ) -> Result<Outcome, CommandError<ApiKeyError>> {
        if let Some(answer) = self.known(&once)? {
            return Ok(Outcome::Repeated(answer));
        }
        let written = Commands::<ApiKey>::execute(self, id, command, by).await?;
        self.remember(once);
        Ok(Outcome::Written(written))
    }

    async fn answered(&self, once: &Once) -> Result<Option<Value>, CommandError<ApiKeyError>> {
        self.known(once)
    }
}

#[async_trait]
impl Commands<DeviceLogin> for Registry {
    async fn execute(
        &self,
        id: &str,
        command: DeviceLoginCommand,
        _: Metadata,
    ) -> Result<Option<Cursor>, CommandError<DeviceLoginError>> {
        let mut state = self.up().map_err(|_down| CommandError::Unavailable)?;
        let told = state.devices.entry(id.to_owned()).or_default();
        let mut login = DeviceLogin::default();
        for event in told.iter() {
            login.apply(event.clone());
        }
        told.extend(login.decide(command).map_err(CommandError::Refused)?);
        Ok(Some(state.moved()))
    }

    async fn execute_once(
        &self,
        id: &str,
        command: DeviceLoginCommand,
        by: Metadata,
        _: Once,
    ) -> Result<Outcome, CommandError<DeviceLoginError>> {
        Commands::<DeviceLogin>::execute(self, id, command, by).await.map(Outcome::Written)
    }

    async fn answered(&self, once: &Once) -> Result<Option<Value>, CommandError<DeviceLoginError>> {
        self.known(once)
    }
}
