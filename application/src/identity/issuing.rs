//! Issuing keys.

use std::collections::BTreeSet;

use chrono::{DateTime, Datelike as _, Utc};
use domain::{
    account::AccountError,
    api_key::{ApiKeyCommand, ApiKeyError, ApiKeyIssued, KeyKind},
    recorded::Cursor,
    values::{AccountId, Allowance, Dialect, KeyId, Role, Scope, Sealed},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{AccountName, Identity, LABEL, LabelledKey, account_subject, one_line};
use crate::{
    caller::Caller,
    commands::{CommandError, Outcome},
    error::{Error, Kind},
    policy::{Action, Owner, Standing, Verdict},
    ports::vault::{Opened, Secret},
    principal::{Principal, Proof},
    secret_text::{SecretKind, fingerprint},
};

const OPERATION: &str = "issue_key";
/// Every reader of a date can read one of four digits.
const LAST_YEAR: i32 = 9_999;
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

/// The answer as the log may keep it: the secret is sealed.
#[derive(Serialize, Deserialize)]
struct Remembered {
    id: KeyId,
    sealed: Sealed,
}

impl Identity {
    /// A repeat under an idempotency key answers with the key of then.
    pub async fn issue(
        &self,
        principal: &Principal,
        wish: KeyWish,
        caller: Caller,
    ) -> Result<IssuedKey, Error> {
        judge_rights(principal, &wish)?;
        // A session is the person; a key with an end is lent, and what it makes ends with it.
        let lent_until = principal.expires_at.filter(|_| principal.proof == Proof::Token);
        let outlives =
            |end: Option<DateTime<Utc>>| lent_until.is_some_and(|lent| end.is_none_or(|end| end > lent));
        let not_yours = || Error::new(Kind::Forbidden, NOT_YOURS);
        if let Some(key) = self.issued_before(&caller).await? {
            return if outlives(key.expires_at) { Err(not_yours()) } else { Ok(key) };
        }
        let wish = KeyWish { expires_at: wish.expires_at.or(lent_until), ..wish };
        if outlives(wish.expires_at) {
            return Err(not_yours());
        }
        self.judge_sense(&wish)?;
        let account = self.owner(principal, &wish, &caller).await?;
        self.make(account, wish, caller).await
    }

    async fn make(&self, account: AccountId, wish: KeyWish, caller: Caller) -> Result<IssuedKey, Error> {
        let id = KeyId(self.ids.secret());
        let secret = SecretKind::of_key(wish.dialects.iter().copied()).write(self.randomness.bytes()?);
        let label = match &wish.label {
            Some(label) => {
                Some(self.vault.seal(&account_subject(account), LABEL, &label.clone().into()).await?)
            }
            None => None,
        };
        let issued = ApiKeyIssued {
            key_uid: id,
            account_uid: account,
            kind: KeyKind::Token,
            scopes: wish.scopes.unwrap_or_else(|| wish.role.scopes()),
            dialects: wish.dialects,
            role: wish.role,
            secret_sha256: fingerprint(secret.reveal()),
            label,
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
            label: wish.label,
            expires_at: issued.expires_at,
            position: None,
        };
        let remembered = if caller.once.is_some() { self.remembered(&key).await? } else { Value::Null };
        let command = ApiKeyCommand::Issue(issued);
        match self.command_key(id, command, caller.clone(), OPERATION, remembered).await? {
            Outcome::Repeated(answer) => self.as_remembered(answer).await,
            Outcome::Written(_) if self.erased_meanwhile(account, id, caller).await? => {
                Err(CommandError::Refused(AccountError::Erased).into())
            }
            Outcome::Written(position) => Ok(IssuedKey { position, ..key }),
        }
    }

    /// Looked up before anything is done for a key that is not made, and before the time of expiry is judged.
    async fn issued_before(&self, caller: &Caller) -> Result<Option<IssuedKey>, Error> {
        let Some(once) = caller.once(OPERATION, Value::Null) else { return Ok(None) };
        match self.key_commands.answered(&once).await? {
            Some(answer) => self.as_remembered(answer).await.map(Some),
            None => Ok(None),
        }
    }

    fn judge_sense(&self, wish: &KeyWish) -> Result<(), Error> {
        let fits = |scopes: &BTreeSet<Scope>| !scopes.is_empty() && scopes.is_subset(&wish.role.scopes());
        if !wish.scopes.iter().all(fits) {
            return Err(Error::invalid(ApiKeyError::ScopeBeyondRole.to_string()));
        }
        if wish.expires_at.is_some_and(|end| end <= self.clock.now()) {
            return Err(Error::invalid("The time of expiry has passed"));
        }
        if wish.expires_at.is_some_and(|end| end.year() > LAST_YEAR) {
            return Err(Error::invalid(format!("The time of expiry lies beyond the year {LAST_YEAR}")));
        }
        wish.label.as_ref().map_or(Ok(()), |label| one_line("label", label))
    }

    async fn owner(
        &self,
        principal: &Principal,
        wish: &KeyWish,
        caller: &Caller,
    ) -> Result<AccountId, Error> {
        match (&wish.owner, principal.account) {
            (Some(name), _) => self.account(name, caller).await,
            (None, Some(account)) => Ok(account),
            (None, None) => Err(Error::invalid("Say whose key it is: name its owner")),
        }
    }

    async fn remembered(&self, key: &IssuedKey) -> Result<Value, Error> {
        let sealed = self.vault.seal(&account_subject(key.account), "issued-key", &key.secret).await?;
        serde_json::to_value(Remembered { id: key.id, sealed }).map_err(|_shape| Error::unavailable())
    }

    async fn as_remembered(&self, answer: Value) -> Result<IssuedKey, Error> {
        let Remembered { id, sealed } =
            serde_json::from_value(answer).map_err(|_shape| Error::unavailable())?;
        let secret = match self.vault.open(&sealed, "issued-key").await? {
            Opened::Plain(secret) => secret,
            Opened::Erased => return Err(Error::new(Kind::Conflict, "The account of this key was erased")),
        };
        let key = self.keys.by_id(id).await?.ok_or_else(Error::unavailable)?;
        let LabelledKey { view: key, label } = self.labelled(key).await?;
        Ok(IssuedKey {
            id,
            secret,
            account: key.account,
            dialects: key.dialects,
            role: key.role,
            scopes: key.scopes,
            label,
            expires_at: key.expires_at,
            position: None,
        })
    }
}

fn judge_rights(principal: &Principal, wish: &KeyWish) -> Result<(), Error> {
    let refused = || Err(Error::new(Kind::Forbidden, NOT_YOURS));
    let owner = if wish.owner.is_some() { Owner::Foreign } else { Owner::Own };
    let verdict = principal.verdict(Action::IssueKey, owner);
    if verdict == Verdict::Hidden {
        return refused();
    }
    verdict.enforced(NOT_YOURS)?;
    if wish.dialects.is_empty() || !wish.dialects.iter().all(|d| Dialect::WITH_CREDENTIALS.contains(d)) {
        return Err(Error::invalid("Name at least one dialect: inkdrop, backstage, langbot, space or nexus"));
    }
    let beyond_scopes = wish.scopes.as_ref().is_some_and(|scopes| !scopes.is_subset(&principal.scopes));
    let wider = wish.scopes.is_none() && !wish.role.scopes().is_subset(&principal.scopes);
    let beyond_dialects = !wish.dialects.is_subset(&principal.dialects);
    let beyond_rate = wish.allowance.is_some() && principal.standing != Standing::Admin;
    if principal.standing < Standing::from(wish.role)
        || beyond_scopes
        || wider
        || beyond_dialects
        || beyond_rate
    {
        return refused();
    }
    Ok(())
}
