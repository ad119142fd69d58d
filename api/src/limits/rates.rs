//! Which limit a request counts against, and by whom it is counted.

use std::net::IpAddr;

use application::principal::{Principal, Proof};
use domain::values::{AccountId, Allowance, Dialect, KeyId};

use crate::{address::Client, settings::RateLimits};

/// The limits that can be set, by their names in the setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum LimitName {
    /// Creations of tasks.
    Dify,
    Inkdrop,
    Backstage,
    BackstageAuthenticated,
    Nexus,
    NexusAuthenticated,
    /// Of every dialect that has one.
    Login,
}

/// What an operation counts as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Charge {
    /// One request of its dialect.
    Usual,
    /// The creation of work.
    Creation,
    Login,
    /// Nothing: the headers tell where the address stands.
    Shown,
}

/// Whose bucket of which limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) limit: LimitName,
    pub(super) who: Who,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Who {
    Household(IpAddr),
    Account(AccountId),
    /// One with an allowance of its own.
    Key(KeyId),
    Bootstrap,
}

impl LimitName {
    pub(crate) const ALL: [Self; 7] = [
        Self::Dify,
        Self::Inkdrop,
        Self::Backstage,
        Self::BackstageAuthenticated,
        Self::Nexus,
        Self::NexusAuthenticated,
        Self::Login,
    ];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Dify => "dify",
            Self::Inkdrop => "inkdrop",
            Self::Backstage => "backstage",
            Self::BackstageAuthenticated => "backstage.authenticated",
            Self::Nexus => "nexus",
            Self::NexusAuthenticated => "nexus.authenticated",
            Self::Login => "login",
        }
    }
}

/// None: nothing is counted.
pub(super) fn resolve(
    rates: &RateLimits,
    dialect: Dialect,
    charge: Charge,
    principal: &Principal,
    client: Client,
) -> Option<(Key, Allowance)> {
    let by_address = |limit| (limit, Who::Household(client.household()));
    let (limit, who) = match (dialect, charge) {
        (_, Charge::Login) => by_address(LimitName::Login),
        (Dialect::Dify, Charge::Creation | Charge::Shown) => by_address(LimitName::Dify),
        (Dialect::Inkdrop, _) => by_address(LimitName::Inkdrop),
        (Dialect::Backstage, _) => match identified(principal) {
            Some(who) => (LimitName::BackstageAuthenticated, who),
            None => by_address(LimitName::Backstage),
        },
        (Dialect::Nexus, _) => match identified(principal) {
            Some(who) => (LimitName::NexusAuthenticated, who),
            None => by_address(LimitName::Nexus),
        },
        (
            Dialect::Dify
            | Dialect::Langbot
            | Dialect::Space
            | Dialect::Yard
            | Dialect::Cli
            | Dialect::System,
            _,
        ) => return None,
    };
    let rate = rates.of(limit)?;
    let own = principal.allowance.filter(|_| matches!(who, Who::Key(_)));
    Some((Key { limit, who }, own.unwrap_or(rate)))
}

fn identified(principal: &Principal) -> Option<Who> {
    match (principal.proof, principal.account, principal.key) {
        (Proof::Nothing, ..) => None,
        (_, _, Some(key)) if principal.allowance.is_some() => Some(Who::Key(key)),
        (_, Some(account), _) => Some(Who::Account(account)),
        (..) => Some(Who::Bootstrap),
    }
}
