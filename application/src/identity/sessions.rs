//! Sessions: begun with a password, carried by short-lived signed tokens, renewed by a secret, ended at any time.

use std::{collections::BTreeSet, time::Duration};

use chrono::{DateTime, Utc};
use domain::{
    api_key::{ApiKeyCommand, ApiKeyIssued, KeyKind},
    recorded::Cursor,
    values::{AccountId, Dialect, KeyId, Role, Scope},
};
use serde_json::Value;

use super::{ACCOUNT_CHANGED, AccountName, Identity, position};
use crate::{
    authenticating::{is_live, refused},
    caller::Caller,
    error::{Error, Kind},
    ports::{
        credentials::Claims,
        vault::{Opened, Secret},
    },
    principal::{Principal, Proof},
    queries::keys::AccountView,
    secret_text::{SecretKind, fingerprint},
};

/// How long a signed token is good.
pub const ACCESS_LASTS: Duration = Duration::from_hours(1);
/// How long a session lasts without being renewed.
pub const REFRESH_LASTS: Duration = Duration::from_hours(7 * 24);

/// What a login or a renewal gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenedSession {
    /// A JWT, good for [`ACCESS_LASTS`].
    pub access: Secret,
    /// Good once, for [`REFRESH_LASTS`].
    pub refresh: Secret,
    pub account: AccountId,
    pub role: Role,
    pub session: KeyId,
    pub position: Option<Cursor>,
}

/// A session that is to be.
pub(super) struct Beginning {
    pub(super) key: KeyId,
    pub(super) account: AccountId,
    pub(super) role: Role,
    pub(super) scopes: BTreeSet<Scope>,
    pub(super) ends_at: DateTime<Utc>,
    pub(super) dialect: Dialect,
}

impl Identity {
    /// `Unauthenticated` for a wrong password, an unknown name and a name that cannot be one, all alike.
    pub async fn log_in(
        &self,
        name: &str,
        password: Secret,
        dialect: Dialect,
        caller: Caller,
    ) -> Result<OpenedSession, Error> {
        let account = self.person(name, password).await?;
        self.open_session(account, dialect, caller).await
    }

    /// The account of this name and password.
    pub(super) async fn person(&self, name: &str, password: Secret) -> Result<AccountView, Error> {
        // A node that finds no names must not call a password wrong, whatever the name.
        self.names_key().await?;
        let account = match name.parse::<AccountName>() {
            Ok(name) => self.accounts.account(self.account_id(&name).await?).await?,
            Err(_no_name) => None,
        };
        let account = account.filter(|account| account.erased_at.is_none());
        let hash = match account.as_ref().and_then(|account| account.password.as_ref()) {
            Some(sealed) => match self.vault.open(sealed, "password").await? {
                Opened::Plain(hash) => Some(hash),
                Opened::Erased => None,
            },
            None => None,
        };
        // Compared in any case: time must not tell whether the name is known.
        let right = self.passwords.matches(password, hash).await?;
        account.filter(|_| right).ok_or_else(wrong)
    }

    /// For the account as it was when its password was compared.
    async fn open_session(
        &self,
        compared: AccountView,
        dialect: Dialect,
        caller: Caller,
    ) -> Result<OpenedSession, Error> {
        let session = self
            .begin_session(
                Beginning {
                    key: KeyId(self.ids.secret()),
                    account: compared.id,
                    role: compared.role,
                    scopes: compared.role.scopes(),
                    ends_at: self.clock.now() + REFRESH_LASTS,
                    dialect,
                },
                caller.clone(),
            )
            .await?;
        // Whoever erased it or gave it another password or role since then may not have seen this session.
        if self.accounts.account(compared.id).await?.is_none_or(|now| now != compared) {
            self.revoke_now(session.session, ACCOUNT_CHANGED, Caller { once: None, ..caller }).await?;
            return Err(wrong());
        }
        Ok(session)
    }

    pub(super) async fn begin_session(
        &self,
        beginning: Beginning,
        caller: Caller,
    ) -> Result<OpenedSession, Error> {
        let Beginning { key: session, account, role, scopes, ends_at, dialect } = beginning;
        let refresh = SecretKind::Refresh.write(self.randomness.bytes()?);
        let issued = ApiKeyIssued {
            key_uid: session,
            account_uid: account,
            kind: KeyKind::Session,
            dialects: BTreeSet::from([dialect]),
            role,
            scopes,
            secret_sha256: fingerprint(refresh.reveal()),
            label: None,
            expires_at: Some(ends_at),
            allowance: None,
            tenant: caller.metadata.tenant.clone(),
        };
        let caller = Caller { once: None, ..caller };
        let command = ApiKeyCommand::Issue(issued);
        let outcome = self.command_key(session, command, caller, "log_in", Value::Null).await?;
        let access = self.access(session, account, role, dialect)?;
        Ok(OpenedSession { access, refresh, account, role, session, position: position(&outcome) })
    }

    /// New tokens for the session of this secret, which is good no more: of several requests with it at once one gets
    /// them.
    pub async fn refresh(
        &self,
        secret: &Secret,
        dialect: Dialect,
        caller: Caller,
    ) -> Result<OpenedSession, Error> {
        if SecretKind::read(secret.reveal()) != Some(SecretKind::Refresh) {
            return Err(refused());
        }
        let used_sha256 = fingerprint(secret.reveal());
        let key = self.keys.by_secret(&used_sha256).await?.ok_or_else(refused)?;
        let fits = key.kind == KeyKind::Session && key.dialects.contains(&dialect);
        if !fits || !is_live(&key, self.clock.now()) {
            return Err(refused());
        }
        let refresh = SecretKind::Refresh.write(self.randomness.bytes()?);
        let command = ApiKeyCommand::Refresh {
            used_sha256,
            secret_sha256: fingerprint(refresh.reveal()),
            expires_at: self.clock.now() + REFRESH_LASTS,
        };
        // Before the secret is used up: where nothing can be signed, it stays good for another node.
        let access = self.access(key.id, key.account, key.role, dialect)?;
        let caller = Caller { once: None, ..caller };
        let outcome = self.command_key(key.id, command, caller, "refresh", Value::Null).await?;
        let position = position(&outcome);
        Ok(OpenedSession { access, refresh, account: key.account, role: key.role, session: key.id, position })
    }

    /// Ends the session that the request came with. A key is revoked by its id, never by the way.
    pub async fn log_out(&self, principal: &Principal, caller: Caller) -> Result<Option<Cursor>, Error> {
        let session = principal.key.filter(|_| principal.proof == Proof::Session);
        let key = session.ok_or_else(|| Error::new(Kind::Invalid, "There is no session to end"))?;
        self.revoke_now(key, "logged out", caller).await
    }

    /// Another token of the session that the request came with; its end does not move.
    pub async fn renewed(&self, principal: &Principal, dialect: Dialect) -> Result<Secret, Error> {
        let session = principal.key.filter(|_| principal.proof == Proof::Session).ok_or_else(refused)?;
        let key = self.keys.by_id(session).await?.ok_or_else(refused)?;
        if !is_live(&key, self.clock.now()) {
            return Err(refused());
        }
        self.access(session, key.account, key.role, dialect)
    }

    pub(super) fn access(
        &self,
        session: KeyId,
        account: AccountId,
        role: Role,
        dialect: Dialect,
    ) -> Result<Secret, Error> {
        let now = self.clock.now();
        let expires_at = now + ACCESS_LASTS;
        self.tokens.sign(&Claims { session, account, role, dialect, issued_at: now, expires_at })
    }
}

fn wrong() -> Error {
    Error::new(Kind::Unauthenticated, "Wrong user name or password")
}
