//! What can be asked of an account.

use super::event::AccountRegistered;
use crate::values::{Role, Sealed};

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccountCommand {
    Register(AccountRegistered),
    ChangePassword {
        /// The argon2id hash, sealed.
        password: Sealed,
    },
    ChangeRole {
        role: Role,
    },
    Erase {
        by: String,
        reason: String,
    },
    /// Changes nothing: the log keeps with it that a request of several commands has come to its end.
    Acknowledge,
}
