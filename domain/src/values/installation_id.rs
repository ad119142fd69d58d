//! The ids of the host: an installation is named by what it is and where, so that one place holds one of each.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{InstallScope, InstalledName};

/// Not a UUID anybody made: every installation's id is made from its name and its scope.
const SPACE: Uuid = Uuid::from_u128(0x6d1b_8e0a_52f7_4c39_9b0c_77a4_1f2e_c8d5);

macro_rules! uuid_id {
    ($(#[$doc:meta])* $id:ident, $invalid:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $id(pub Uuid);

        /// The text is not a hyphenated UUID.
        #[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
        #[error($what)]
        pub struct $invalid;

        impl FromStr for $id {
            type Err = $invalid;

            /// Only the hyphenated form: one thing has one spelling.
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                match Uuid::parse_str(text) {
                    Ok(id) if text.len() == 36 => Ok(Self(id)),
                    Ok(_) | Err(_) => Err($invalid),
                }
            }
        }

        impl fmt::Display for $id {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

uuid_id!(
    /// A plugin in a scope.
    InstallationId,
    InvalidInstallationId,
    "an installation id is a UUID"
);
uuid_id!(
    /// A piece of work on an installation. Served without a credential, so it is the secret: 122 random bits.
    OperationId,
    InvalidOperationId,
    "an operation id is a UUID"
);
uuid_id!(
    /// What an installation can be taken back to.
    BackupId,
    InvalidBackupId,
    "a backup id is a UUID"
);

impl InstallationId {
    /// The one installation of this name in this scope.
    pub fn of(scope: &InstallScope, name: &InstalledName) -> Self {
        Self(Uuid::new_v5(&SPACE, format!("{scope}/{}", name.folded()).as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_scope_has_one_installation_of_a_name() {
        let scope = InstallScope::default();
        let elsewhere = InstallScope { environment: "staging".to_owned(), ..InstallScope::default() };
        let id = |scope: &InstallScope, name: &str| InstallationId::of(scope, &name.parse().unwrap());
        assert_eq!(id(&scope, "Echo"), id(&scope, "echo"));
        assert_ne!(id(&scope, "echo"), id(&scope, "acme/echo"));
        assert_ne!(id(&scope, "echo"), id(&elsewhere, "echo"));
        let text = id(&scope, "echo").to_string();
        assert_eq!(text.parse(), Ok(id(&scope, "echo")));
        assert_eq!(text.replace('-', "").parse::<OperationId>(), Err(InvalidOperationId));
    }
}
