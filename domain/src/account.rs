//! Somebody who acts: a name, a role, and perhaps a password. Two names are two owners.
//!
//! Guards: a name is registered once (the id comes from the name); an erased account stays erased. Name and
//! password hash are sealed with the account's own data key, so erasing it leaves nothing readable.

mod command;
mod error;
mod event;

pub use command::AccountCommand;
pub use error::AccountError;
pub use event::{AccountEvent, AccountRegistered};

use serde::{Deserialize, Serialize};

use crate::values::Role;

/// The state that decisions need; views are elsewhere.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Account {
    #[default]
    Absent,
    Live(Role),
    Erased,
}

impl Account {
    /// The rules, one line per command.
    pub fn decide(self, command: AccountCommand) -> Result<Vec<AccountEvent>, AccountError> {
        match command {
            AccountCommand::Register(registered) => self.register(registered),
            AccountCommand::ChangePassword { password } => {
                self.must_be_live()?;
                Ok(vec![AccountEvent::PasswordChanged { password }])
            }
            AccountCommand::ChangeRole { role } => self.change_role(role),
            AccountCommand::Erase { by, reason } => self.erase(by, reason),
            AccountCommand::Acknowledge => Ok(Vec::new()),
        }
    }

    fn register(self, registered: AccountRegistered) -> Result<Vec<AccountEvent>, AccountError> {
        match self {
            Self::Absent => Ok(vec![AccountEvent::AccountRegistered(registered)]),
            Self::Live(_) => Err(AccountError::AlreadyRegistered),
            Self::Erased => Err(AccountError::Erased),
        }
    }

    /// The role it has already is no change.
    fn change_role(self, role: Role) -> Result<Vec<AccountEvent>, AccountError> {
        if self.must_be_live()? == role {
            return Ok(Vec::new());
        }
        Ok(vec![AccountEvent::AccountRoleChanged { role }])
    }

    /// Twice is the same as once.
    fn erase(self, by: String, reason: String) -> Result<Vec<AccountEvent>, AccountError> {
        match self {
            Self::Absent => Err(AccountError::Unknown),
            Self::Live(_) => Ok(vec![AccountEvent::SubjectErased { by, reason }]),
            Self::Erased => Ok(Vec::new()),
        }
    }

    fn must_be_live(self) -> Result<Role, AccountError> {
        match self {
            Self::Absent => Err(AccountError::Unknown),
            Self::Live(role) => Ok(role),
            Self::Erased => Err(AccountError::Erased),
        }
    }
}

aggregate!(Account, "account", AccountCommand, AccountEvent, AccountError);

impl Account {
    fn evolve(&mut self, event: AccountEvent) {
        match event {
            AccountEvent::AccountRegistered(registered) => *self = Self::Live(registered.role),
            AccountEvent::AccountRoleChanged { role } => *self = Self::Live(role),
            AccountEvent::PasswordChanged { .. } => {}
            AccountEvent::SubjectErased { .. } => *self = Self::Erased,
        }
    }
}

#[cfg(test)]
mod tests;
