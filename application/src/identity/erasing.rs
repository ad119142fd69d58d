//! Erasing accounts, and ending what they are let in with. An erasure that is cut short goes on with a repeat, or with
//! the next sweep.

use domain::{
    account::AccountCommand,
    api_key::{ApiKeyCommand, KeyKind},
    recorded::Cursor,
    values::{AccountId, KeyId, Metadata, Role},
};
use futures::future::join_all;

use super::{ACCOUNT_ERASED, DONE, Identity, KEYS, NO_ACCOUNT, account_subject, one_line, position};
use crate::{
    authenticating::is_live,
    caller::Caller,
    error::Error,
    policy::{Action, Owner},
    principal::Principal,
    queries::keys::KeyView,
};

/// Commands on their way at the same time: the log stores them together.
const AT_ONCE: usize = 32;

/// Which keys of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    Everything,
    Sessions,
    /// Sessions, and tokens that have more than this role.
    Above(Role),
}

impl Ending {
    fn kind(self) -> Option<KeyKind> {
        match self {
            Self::Everything | Self::Above(_) => None,
            Self::Sessions => Some(KeyKind::Session),
        }
    }

    fn takes(self, key: &KeyView) -> bool {
        match self {
            Self::Everything => true,
            Self::Sessions => key.kind == KeyKind::Session,
            Self::Above(role) => key.kind == KeyKind::Session || key.role > role,
        }
    }
}

impl Identity {
    /// Destroys what makes the account readable: its data key is gone, its keys are revoked, its name is `[erased]`
    /// wherever it stood.
    pub async fn erase(
        &self,
        principal: &Principal,
        id: AccountId,
        reason: &str,
        caller: &Caller,
    ) -> Result<Option<Cursor>, Error> {
        principal.must(Action::EraseAccount, Owner::Own, NO_ACCOUNT)?;
        one_line("reason", reason)?;
        let known = self.accounts.account(id).await?.ok_or_else(|| Error::not_found(NO_ACCOUNT))?;
        principal.must(Action::EraseAccount, principal.owner_of(Some(known.id)), NO_ACCOUNT)?;
        let by = caller.metadata.actor_principal.clone();
        let command = AccountCommand::Erase { by, reason: reason.to_owned() };
        let outcome = self.command_account(id, command, DONE, caller).await?;
        self.finish_erasing(id, &caller.metadata).await?;
        Ok(position(&outcome))
    }

    /// What follows from the event. Where the one half cannot be done, the other is.
    pub(crate) async fn finish_erasing(&self, id: AccountId, by: &Metadata) -> Result<(), Error> {
        let destroyed = self.vault.erase(&account_subject(id)).await;
        self.end_keys(id, Ending::Everything, ACCOUNT_ERASED, by).await?;
        destroyed.map(drop)
    }

    /// Those that the read model does not show yet, too; however many there are, it is waited for once.
    pub(super) async fn end_keys(
        &self,
        id: AccountId,
        ending: Ending,
        reason: &str,
        by: &Metadata,
    ) -> Result<(), Error> {
        let mut last = None;
        for some in self.keys.held_by(id, ending.kind()).await?.chunks(AT_ONCE) {
            let ended = join_all(some.iter().map(|key| self.end_key(*key, ending, reason, by))).await;
            for position in ended {
                last = last.max(position?);
            }
        }
        if let Some(position) = last {
            self.freshness.reached(KEYS, position).await;
        }
        Ok(())
    }

    async fn end_key(
        &self,
        id: KeyId,
        ending: Ending,
        reason: &str,
        by: &Metadata,
    ) -> Result<Option<Cursor>, Error> {
        let ends = |key: &KeyView| is_live(key, self.clock.now()) && ending.takes(key);
        if !self.keys.by_id(id).await?.is_some_and(|key| ends(&key)) {
            return Ok(None);
        }
        let command = ApiKeyCommand::Revoke { by: by.actor_principal.clone(), reason: reason.to_owned() };
        Ok(self.key_commands.execute(&id.to_string(), command, by.clone()).await?)
    }
}
