//! What a credential is good for: a role, and scopes that may narrow it.

use std::{collections::BTreeSet, fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// What somebody is; the policy table gives each role its rights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    User,
    Publisher,
    Admin,
}

/// A part of a role's rights that a credential may be restricted to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    Read,
    Write,
    Admin,
}

/// The text is no role, or no scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAccess {
    #[error("a role is user, publisher or admin")]
    Role,
    #[error("a scope is read, write or admin")]
    Scope,
    #[error("an allowance is written as REQUESTS/SECONDS, such as 5000/3600")]
    Allowance,
}

impl Role {
    pub const ALL: [Self; 3] = [Self::User, Self::Publisher, Self::Admin];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Publisher => "publisher",
            Self::Admin => "admin",
        }
    }

    /// Everything that a credential of this role may be scoped to.
    pub fn scopes(self) -> BTreeSet<Scope> {
        match self {
            Self::User | Self::Publisher => BTreeSet::from([Scope::Read, Scope::Write]),
            Self::Admin => BTreeSet::from(Scope::ALL),
        }
    }
}

impl Scope {
    pub const ALL: [Self; 3] = [Self::Read, Self::Write, Self::Admin];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Role {
    type Err = InvalidAccess;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|role| role.as_str() == text).ok_or(InvalidAccess::Role)
    }
}

impl FromStr for Scope {
    type Err = InvalidAccess;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == text).ok_or(InvalidAccess::Scope)
    }
}

/// How many requests in how many seconds; both above zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Allowance {
    most: u32,
    seconds: u32,
}

impl Allowance {
    /// None if one of them is zero.
    pub fn new(most: u32, seconds: u32) -> Option<Self> {
        (most > 0 && seconds > 0).then_some(Self { most, seconds })
    }

    pub fn most(self) -> u32 {
        self.most
    }

    pub fn seconds(self) -> u32 {
        self.seconds
    }
}

impl fmt::Display for Allowance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.most, self.seconds)
    }
}

impl From<Allowance> for String {
    fn from(allowance: Allowance) -> Self {
        allowance.to_string()
    }
}

impl FromStr for Allowance {
    type Err = InvalidAccess;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let read = |text: &str| text.parse().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()));
        let (most, seconds) = text.split_once('/').ok_or(InvalidAccess::Allowance)?;
        let both = read(most).zip(read(seconds));
        both.and_then(|(most, seconds)| Self::new(most, seconds)).ok_or(InvalidAccess::Allowance)
    }
}

impl TryFrom<String> for Allowance {
    type Error = InvalidAccess;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_and_scopes_survive_their_text_and_nothing_else_is_one() {
        for role in Role::ALL {
            assert_eq!(role.as_str().parse(), Ok(role));
        }
        for scope in Scope::ALL {
            assert_eq!(scope.as_str().parse(), Ok(scope));
        }
        assert_eq!("Admin".parse::<Role>(), Err(InvalidAccess::Role));
        assert_eq!("".parse::<Scope>(), Err(InvalidAccess::Scope));
    }

    #[test]
    fn only_an_admin_has_the_scope_admin() {
        let with: Vec<Role> =
            Role::ALL.into_iter().filter(|role| role.scopes().contains(&Scope::Admin)).collect();
        assert_eq!(with, [Role::Admin]);
    }

    #[test]
    fn an_allowance_survives_its_text_and_is_never_nothing() {
        let allowance = Allowance::new(5000, 3600).unwrap();
        assert_eq!(allowance.to_string().parse(), Ok(allowance));
        for text in ["", "5", "0/60", "60/0", "+5/60", "5/60/1", "5000000000/1"] {
            assert_eq!(text.parse::<Allowance>(), Err(InvalidAccess::Allowance), "{text}");
        }
    }
}
