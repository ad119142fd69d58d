//! Whom a request speaks for, as far as its credential proves it.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use domain::{
    api_key::KeyKind,
    values::{AccountId, Allowance, Dialect, KeyId, Role, Scope},
};

use crate::{
    error::Error,
    policy::{Action, Owner, Standing, Verdict, judge},
    queries::keys::KeyView,
};

/// What proved it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Proof {
    Nothing,
    /// The setting `PLUGYARD_ADMIN_TOKEN`.
    Bootstrap,
    Token,
    Session,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    pub proof: Proof,
    pub standing: Standing,
    pub scopes: BTreeSet<Scope>,
    pub account: Option<AccountId>,
    pub key: Option<KeyId>,
    /// Where the credential is good; empty for the anonymous.
    pub dialects: BTreeSet<Dialect>,
    pub allowance: Option<Allowance>,
    /// When the key ends.
    pub expires_at: Option<DateTime<Utc>>,
}

impl Principal {
    pub fn anonymous() -> Self {
        Self {
            proof: Proof::Nothing,
            standing: Standing::Anonymous,
            scopes: BTreeSet::new(),
            account: None,
            key: None,
            dialects: BTreeSet::new(),
            allowance: None,
            expires_at: None,
        }
    }

    /// Admin in every dialect.
    pub fn bootstrap() -> Self {
        Self {
            proof: Proof::Bootstrap,
            standing: Standing::Admin,
            scopes: Role::Admin.scopes(),
            account: None,
            key: None,
            dialects: BTreeSet::from(Dialect::WITH_CREDENTIALS),
            allowance: None,
            expires_at: None,
        }
    }

    /// Of a key that was found good.
    pub fn of(key: &KeyView) -> Self {
        Self {
            proof: match key.kind {
                KeyKind::Token => Proof::Token,
                KeyKind::Session => Proof::Session,
            },
            standing: key.role.into(),
            scopes: key.scopes.clone(),
            account: Some(key.account),
            key: Some(key.id),
            dialects: key.dialects.clone(),
            allowance: key.allowance,
            expires_at: key.expires_at,
        }
    }

    pub fn is_anonymous(&self) -> bool {
        self.proof == Proof::Nothing
    }

    /// As the log names it: an id, never a name.
    pub fn id(&self) -> String {
        match (self.proof, self.account) {
            (Proof::Bootstrap, _) => "bootstrap".to_owned(),
            (_, Some(account)) => account.to_string(),
            (_, None) => "anonymous".to_owned(),
        }
    }

    /// Whose a thing of this account is. The anonymous own nothing.
    pub fn owner_of(&self, account: Option<AccountId>) -> Owner {
        if account.is_some() && account == self.account { Owner::Own } else { Owner::Foreign }
    }

    pub fn verdict(&self, action: Action, owner: Owner) -> Verdict {
        judge(self.standing, &self.scopes, action, owner)
    }

    /// `not_there` is what is said of a thing that does not exist.
    pub fn must(&self, action: Action, owner: Owner, not_there: &str) -> Result<(), Error> {
        self.verdict(action, owner).enforced(not_there)
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use domain::values::Digest;
    use uuid::Uuid;

    use super::*;

    fn key(kind: KeyKind) -> KeyView {
        KeyView {
            id: KeyId(Uuid::from_u128(1)),
            account: AccountId(Uuid::from_u128(2)),
            kind,
            dialects: [Dialect::Nexus].into(),
            role: Role::Publisher,
            scopes: [Scope::Read].into(),
            secret_sha256: Digest::of_bytes([0; 32]),
            label: None,
            expires_at: None,
            allowance: Allowance::new(5, 1),
            issued_at: DateTime::UNIX_EPOCH,
            revoked_at: None,
        }
    }

    #[test]
    fn a_principal_has_what_its_key_has_and_no_more() {
        let principal = Principal::of(&key(KeyKind::Token));
        assert_eq!((principal.proof, principal.standing), (Proof::Token, Standing::Publisher));
        assert_eq!(principal.allowance, Allowance::new(5, 1));
        assert_eq!(principal.verdict(Action::ReadHost, Owner::Own), Verdict::Allowed);
        assert_eq!(principal.verdict(Action::PublishPackage, Owner::Own), Verdict::Refused, "it may read");
        assert_eq!(Principal::of(&key(KeyKind::Session)).proof, Proof::Session);
    }

    #[test]
    fn the_log_names_an_account_and_never_a_key() {
        let principal = Principal::of(&key(KeyKind::Token));
        assert_eq!(principal.id(), Uuid::from_u128(2).to_string());
        assert_eq!(Principal::bootstrap().id(), "bootstrap");
        assert_eq!(Principal::anonymous().id(), "anonymous");
    }

    #[test]
    fn what_nobody_owns_is_foreign_to_everybody() {
        let mine = Principal::of(&key(KeyKind::Token));
        assert_eq!(mine.owner_of(mine.account), Owner::Own);
        for other in [Principal::anonymous(), Principal::bootstrap()] {
            assert_eq!(other.owner_of(None), Owner::Foreign);
            assert_eq!(other.owner_of(mine.account), Owner::Foreign);
        }
        assert!(Principal::anonymous().is_anonymous() && !mine.is_anonymous());
    }
}
