//! Issuing keys.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use domain::{
    api_key::{ApiKeyCommand, ApiKeyIssued, KeyKind},
    recorded::Cursor,
    values::{AccountId, Allowance, Dialect, KeyId, Role, Scope},
};
use serde_json::{Value, json};

use super::{AccountName, Identity, account_subject};
use crate::{
    caller::Caller,
    commands::Outcome,
    error::{Error, Kind},
    policy::{Action, Owner, Standing},
    ports::vault::{Opened, Secret},
    principal::Principal,
    secret_text::{SecretKind, fingerprint},
};

const LONGEST_LABEL: usize = 200;
const NOT_YOURS: &str = "A key cannot have more rights than the credential that asks for it";

/// What a key should be good for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyWish {
    /// Whose it is; none: of whoever asks.
    pub owner: Option<AccountName>,
    pub dialects: BTreeSet<Dialect>,
    pub role: Role,
    /// None: all that the role has.
    pub scopes: Option<BTreeSet<Scope>>,
    pub label: Option<String>,
    pub expires_at: Option<DateTime<Utc>>,
    pub allowance: Option<Allowance>,
}

/// A new key, with its secret for the only time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuedKey {
    pub id: KeyId,
    pub secret: Secret,
    pub account: AccountId,
    pub dialects: BTreeSet<Dialect>,
    pub role: Role,
    pub scopes: BTreeSet<Scope>,
    pub label: Option<String>,
    pub expires_at: Option<DateTime<Utc>>,
    /// None for a repeat under an idempotency key.
    pub position: Option<Cursor>,
}

impl Identity {
    pub async fn issue(
        &self,
        principal: &Principal,
        wish: KeyWish,
        caller: Caller,
    ) -> Result<IssuedKey, Error> {
        self.judge_wish(principal, &wish)?;
        let account = self.owner(principal, &wish, &caller).await?;
        let id = KeyId(self.ids.secret());
        let secret = SecretKind::of_key(wish.dialects.iter().copied()).write(self.randomness.bytes());
        let issued = ApiKeyIssued {
            key_uid: id,
            account_uid: account,
            kind: KeyKind::Token,
            scopes: wish.scopes.unwrap_or_else(|| wish.role.scopes()),
            dialects: wish.dialects,
            role: wish.role,
            secret_sha256: fingerprint(secret.reveal()),
            label: wish.label,
            expires_at: wish.expires_at,
            allowance: wish.allowance,
            tenant: caller.metadata.tenant.clone(),
        };
        let key = IssuedKey {
            id,
            secret,
            account,
            dialects: issued.dialects.clone(),
            role: issued.role,
            scopes: issued.scopes.clone(),
            label: issued.label.clone(),
            expires_at: issued.expires_at,
            position: None,
        };
        let remembered = if caller.once.is_some() { self.remembered(&key).await? } else { Value::Null };
        match self.command_key(id, ApiKeyCommand::Issue(issued), caller, "issue_key", remembered).await? {
            Outcome::Written(position) => Ok(IssuedKey { position, ..key }),
            Outcome::Repeated(answer) => self.as_remembered(key, &answer).await,
        }
    }

    fn judge_wish(&self, principal: &Principal, wish: &KeyWish) -> Result<(), Error> {
        let owner = if wish.owner.is_some() { Owner::Foreign } else { Owner::Own };
        principal.must(Action::IssueKey, owner, NOT_YOURS).map_err(|error| match error.kind {
            Kind::NotFound => Error::new(Kind::Forbidden, NOT_YOURS),
            _ => error,
        })?;
        let refused = || Err(Error::new(Kind::Forbidden, NOT_YOURS));
        let beyond_scopes = wish.scopes.as_ref().is_some_and(|scopes| !scopes.is_subset(&principal.scopes));
        let wider = wish.scopes.is_none() && !wish.role.scopes().is_subset(&principal.scopes);
        if principal.standing < Standing::from(wish.role) || beyond_scopes || wider {
            return refused();
        }
        if principal.standing != Standing::Admin
            && (!wish.dialects.is_subset(&principal.dialects) || wish.allowance.is_some())
        {
            return refused();
        }
        if wish.dialects.is_empty() || !wish.dialects.iter().all(|d| Dialect::WITH_CREDENTIALS.contains(d)) {
            return Err(Error::invalid(
                "Name at least one dialect: inkdrop, backstage, langbot, space or nexus",
            ));
        }
        if wish.expires_at.is_some_and(|end| end <= self.clock.now()) {
            return Err(Error::invalid("The time of expiry has passed"));
        }
        let label_fits = |label: &String| {
            !label.is_empty()
                && label.chars().count() <= LONGEST_LABEL
                && !label.chars().any(char::is_control)
        };
        if !wish.label.iter().all(label_fits) {
            return Err(Error::invalid("A label has 1 to 200 characters, none of them a control character"));
        }
        Ok(())
    }

    async fn owner(
        &self,
        principal: &Principal,
        wish: &KeyWish,
        caller: &Caller,
    ) -> Result<AccountId, Error> {
        match (&wish.owner, principal.account) {
            (Some(name), _) => self.account(name, wish.role, caller).await,
            (None, Some(account)) => Ok(account),
            (None, None) => Err(Error::invalid("Say whose key it is: name its owner")),
        }
    }

    /// The answer as the log may keep it: sealed, because it holds the secret.
    async fn remembered(&self, key: &IssuedKey) -> Result<Value, Error> {
        let sealed = self.vault.seal(&account_subject(key.account), "issued-key", &key.secret).await?;
        Ok(json!({
            "id": key.id,
            "account": key.account,
            "sealed": sealed,
            "expires_at": key.expires_at,
        }))
    }

    async fn as_remembered(&self, key: IssuedKey, answer: &Value) -> Result<IssuedKey, Error> {
        let read = |name: &str| answer[name].clone();
        let id = serde_json::from_value(read("id")).map_err(|_shape| Error::unavailable())?;
        let account = serde_json::from_value(read("account")).map_err(|_shape| Error::unavailable())?;
        let sealed = serde_json::from_value(read("sealed")).map_err(|_shape| Error::unavailable())?;
        let expires_at = serde_json::from_value(read("expires_at")).map_err(|_shape| Error::unavailable())?;
        match self.vault.open(&sealed, "issued-key").await? {
            Opened::Plain(secret) => Ok(IssuedKey { id, account, secret, expires_at, ..key }),
            Opened::Erased => Err(Error::new(Kind::Conflict, "The account of this key was erased")),
        }
    }
}
