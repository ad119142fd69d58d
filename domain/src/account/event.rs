//! What happened to an account. Variants and fields are only ever added.

use serde::{Deserialize, Serialize};

use crate::values::{AccountId, Role, Sealed};

/// Stored as one flat object with the member `type`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub enum AccountEvent {
    AccountRegistered(AccountRegistered),
    AccountRoleChanged {
        role: Role,
    },
    PasswordChanged {
        password: Sealed,
    },
    /// The data key of the account is destroyed: whatever was sealed with it can never be read again.
    SubjectErased {
        by: String,
        reason: String,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountRegistered {
    pub account_uid: AccountId,
    pub name: Sealed,
    pub role: Role,
    pub tenant: String,
}

impl AccountEvent {
    /// Every type of this stream that the product knows.
    pub const TYPES: [&'static str; 4] =
        ["AccountRegistered", "AccountRoleChanged", "PasswordChanged", "SubjectErased"];

    pub fn name(&self) -> &'static str {
        match self {
            Self::AccountRegistered(_) => "AccountRegistered",
            Self::AccountRoleChanged { .. } => "AccountRoleChanged",
            Self::PasswordChanged { .. } => "PasswordChanged",
            Self::SubjectErased { .. } => "SubjectErased",
        }
    }
}

domain_event!(AccountEvent);
