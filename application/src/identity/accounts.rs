//! Accounts: found or made by name, given a role and a password, listed.

use std::{fmt, str::FromStr};

use domain::{
    account::{AccountCommand, AccountError, AccountRegistered},
    values::{AccountId, Role},
};
use serde_json::json;

use super::{
    ACCOUNT_CHANGED, ACCOUNTS, DONE, Identity, NO_ACCOUNT, PASSWORD_GIVEN, ROLE_GIVEN, account_subject,
    erasing::Ending, position,
};
use crate::{
    caller::Caller,
    commands::{CommandError, Outcome},
    error::{Error, Kind},
    policy::{Action, Owner},
    ports::vault::{Opened, Secret},
    principal::Principal,
    queries::keys::AccountView,
};

const SHORTEST_PASSWORD: usize = 8;
const LONGEST_PASSWORD: usize = 1024;

/// What the holder of an account is called: 1 to 64 of the characters that mail addresses and user names are made of.
#[derive(Clone, PartialEq, Eq)]
pub struct AccountName(String);

impl AccountName {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Names that differ in case alone are one name.
    pub(super) fn folded(&self) -> String {
        self.0.to_ascii_lowercase()
    }
}

impl fmt::Debug for AccountName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl FromStr for AccountName {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"._@+-".contains(&byte);
        let fine = (1..=64).contains(&text.len())
            && text.bytes().all(fits)
            && text.as_bytes().first().is_some_and(u8::is_ascii_alphanumeric);
        if fine {
            return Ok(Self(text.to_owned()));
        }
        Err(Error::invalid(
            "A name has 1 to 64 letters, digits and . _ @ + -, and begins with a letter or a digit",
        ))
    }
}

/// An account with its name in the clear, or `[erased]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedAccount {
    pub view: AccountView,
    pub name: String,
}

impl Identity {
    /// The account of this name, registered if there is none. What a key of it may do is the key's: nobody becomes more
    /// than a user by owning one.
    pub async fn account(&self, name: &AccountName, caller: &Caller) -> Result<AccountId, Error> {
        let id = self.account_id(name).await?;
        match self.accounts.account(id).await? {
            Some(known) if known.erased_at.is_some() => {
                Err(CommandError::Refused(AccountError::Erased).into())
            }
            Some(_) => Ok(id),
            None => {
                // What it is registered for has its own.
                let caller = Caller { once: None, ..caller.clone() };
                self.register(id, name, Role::User, &caller).await
            }
        }
    }

    async fn register(
        &self,
        id: AccountId,
        name: &AccountName,
        role: Role,
        caller: &Caller,
    ) -> Result<AccountId, Error> {
        let name = self.vault.seal(&account_subject(id), "name", &name.as_str().to_owned().into()).await?;
        let tenant = caller.metadata.tenant.clone();
        let command = AccountCommand::Register(AccountRegistered { account_uid: id, name, role, tenant });
        match self.command_account(id, command, ROLE_GIVEN, caller).await {
            Ok(_) | Err(CommandError::Refused(AccountError::AlreadyRegistered)) => Ok(id),
            Err(error) => Err(error.into()),
        }
    }

    /// Registers the account if it is not there, and gives it this role and password; none: as they are, and the role
    /// of a new one is user. Sessions that were begun with other ones end, and so do keys above a new role. Under an idempotency key a repeat goes on
    /// where the first request ended, and has no effect if that came to its end.
    pub async fn set_account(
        &self,
        principal: &Principal,
        name: &AccountName,
        role: Option<Role>,
        password: Option<Secret>,
        caller: &Caller,
    ) -> Result<AccountId, Error> {
        principal.must(Action::ManageAccounts, Owner::Foreign, NO_ACCOUNT)?;
        let password = password.map(strong).transpose()?;
        let id = self.account_id(name).await?;
        if let Some(done) = caller.once(DONE, json!({"id": id}))
            && self.account_commands.answered(&done).await?.is_some()
        {
            return Ok(id);
        }
        let hash = match password {
            Some(password) => Some(self.passwords.hash(password).await?),
            None => None,
        };
        match self.accounts.account(id).await? {
            Some(known) if known.erased_at.is_some() => {
                return Err(CommandError::Refused(AccountError::Erased).into());
            }
            Some(_) => {}
            None => {
                self.register(id, name, role.unwrap_or(Role::User), caller).await?;
            }
        }
        let mut changed = false;
        if let Some(role) = role {
            let command = AccountCommand::ChangeRole { role };
            // A repeat cannot tell what the first request changed before it was cut short.
            changed = self.command_account(id, command, ROLE_GIVEN, caller).await? != Outcome::Written(None);
        }
        if let Some(hash) = &hash {
            let password = self.vault.seal(&account_subject(id), "password", hash).await?;
            let command = AccountCommand::ChangePassword { password };
            self.command_account(id, command, PASSWORD_GIVEN, caller).await?;
        }
        let ending = role.filter(|_| changed).map(Ending::Above).or(hash.map(|_| Ending::Sessions));
        if let Some(ending) = ending {
            self.end_keys(id, ending, ACCOUNT_CHANGED, &caller.metadata).await?;
        }
        self.command_account(id, AccountCommand::Acknowledge, DONE, caller).await?;
        Ok(id)
    }

    pub async fn accounts(
        &self,
        principal: &Principal,
        limit: u32,
        offset: u32,
    ) -> Result<(Vec<NamedAccount>, u64), Error> {
        principal.must(Action::ManageAccounts, Owner::Foreign, NO_ACCOUNT)?;
        let (views, total) = self.accounts.accounts(limit, offset).await?;
        let mut named = Vec::with_capacity(views.len());
        for view in views {
            let name = self.shown_name(&view).await?;
            named.push(NamedAccount { view, name });
        }
        Ok((named, total))
    }

    /// The account of this name, whoever it is; `NotFound` if there is none.
    pub async fn account_named(&self, name: &AccountName) -> Result<AccountId, Error> {
        let id = self.account_id(name).await?;
        let known = self.accounts.account(id).await?;
        known.map(|account| account.id).ok_or_else(|| Error::not_found(NO_ACCOUNT))
    }

    /// Its name, `[erased]`, or nothing for the bootstrap credential and the anonymous.
    pub async fn name_of(&self, account: Option<AccountId>) -> Result<Option<String>, Error> {
        let Some(id) = account else { return Ok(None) };
        let Some(view) = self.accounts.account(id).await? else { return Ok(None) };
        self.shown_name(&view).await.map(Some)
    }

    /// Erased is erased, also before the key is destroyed that the name was sealed with.
    async fn shown_name(&self, view: &AccountView) -> Result<String, Error> {
        let name = match view.erased_at {
            Some(_) => Opened::Erased,
            None => self.vault.open(&view.name, "name").await?,
        };
        Ok(name.shown())
    }

    /// Under the caller's key, if there is one, and seen by the next request of anybody.
    pub(super) async fn command_account(
        &self,
        id: AccountId,
        command: AccountCommand,
        operation: &str,
        caller: &Caller,
    ) -> Result<Outcome, CommandError<AccountError>> {
        let (stream, by) = (id.to_string(), caller.metadata.clone());
        let outcome = match caller.once(operation, json!({"id": id})) {
            None => Outcome::Written(self.account_commands.execute(&stream, command, by).await?),
            Some(once) => self.account_commands.execute_once(&stream, command, by, once).await?,
        };
        if let Some(position) = position(&outcome) {
            self.freshness.reached(ACCOUNTS, position).await;
        }
        Ok(outcome)
    }
}

fn strong(password: Secret) -> Result<Secret, Error> {
    if (SHORTEST_PASSWORD..=LONGEST_PASSWORD).contains(&password.reveal().len()) {
        return Ok(password);
    }
    Err(Error::new(Kind::Invalid, "A password has 8 to 1024 bytes"))
}
