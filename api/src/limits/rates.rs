//! Which limit a request counts against, and by whom it is counted.

use std::{collections::BTreeMap, net::IpAddr, str::FromStr};

use application::principal::{Principal, Proof};
use domain::values::{AccountId, Allowance, Dialect, KeyId};

use crate::address::Client;

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
    /// What changes who may do what, in whatever dialect.
    Identity,
    /// Refused ones, in whatever dialect.
    Credentials,
    /// What anybody may make us fetch or note down.
    Passing,
}

/// What an operation counts as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Charge {
    /// One request of its dialect.
    Usual,
    /// The creation of work.
    Creation,
    Login,
    /// A change of keys, tickets or accounts.
    Identity,
    /// A credential that was refused.
    Refused,
    /// A package of another marketplace that passes through here, or word of an installation.
    Passing,
    /// Nothing: the headers tell where the address stands.
    Shown,
}

/// Which bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Key {
    Of(LimitName, Who),
    /// Of a key with an allowance of its own, wherever it is used.
    Own(KeyId),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Who {
    Household(IpAddr),
    Account(AccountId),
    Bootstrap,
}

impl LimitName {
    pub(crate) const ALL: [Self; 10] = [
        Self::Dify,
        Self::Inkdrop,
        Self::Backstage,
        Self::BackstageAuthenticated,
        Self::Nexus,
        Self::NexusAuthenticated,
        Self::Login,
        Self::Identity,
        Self::Credentials,
        Self::Passing,
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
            Self::Identity => "identity",
            Self::Credentials => "credentials",
            Self::Passing => "passing",
        }
    }
}

/// The limits that are not as they usually are; `None`: no limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RateLimits(BTreeMap<LimitName, Option<Allowance>>);

impl RateLimits {
    pub(crate) fn of(&self, limit: LimitName) -> Option<Allowance> {
        match self.0.get(&limit) {
            Some(set) => *set,
            None => usual(limit),
        }
    }
}

/// What the documents say.
fn usual(limit: LimitName) -> Option<Allowance> {
    let (most, seconds) = match limit {
        LimitName::Dify => (10, 60),
        LimitName::Inkdrop => (120, 60),
        LimitName::Backstage | LimitName::Nexus => (100, 3600),
        LimitName::BackstageAuthenticated | LimitName::NexusAuthenticated => (1000, 3600),
        LimitName::Login => (10, 600),
        LimitName::Identity | LimitName::Credentials | LimitName::Passing => (60, 60),
    };
    Allowance::new(most, seconds)
}

impl FromStr for RateLimits {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "off" {
            return Ok(Self(LimitName::ALL.into_iter().map(|limit| (limit, None)).collect()));
        }
        let mut limits = BTreeMap::new();
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let refused = || {
                let names: Vec<_> = LimitName::ALL.iter().map(|limit| limit.as_str()).collect();
                let names = names.join(", ");
                format!("{part} is not a limit: write off, NAME=off or NAME=REQUESTS/SECONDS; names: {names}")
            };
            let (name, rate) = part.split_once('=').ok_or_else(refused)?;
            let limit =
                LimitName::ALL.into_iter().find(|limit| limit.as_str() == name).ok_or_else(refused)?;
            let rate = if rate == "off" { None } else { Some(rate.parse().map_err(|_invalid| refused())?) };
            limits.insert(limit, rate);
        }
        Ok(Self(limits))
    }
}

/// None: nothing is counted. The allowance of a key stands above the limits of the dialects, also where these are off;
/// it is no leave to make more keys.
pub(super) fn resolve(
    rates: &RateLimits,
    dialect: Dialect,
    charge: Charge,
    principal: &Principal,
    client: Client,
) -> Option<(Key, Allowance)> {
    let whoever = match charge {
        Charge::Login | Charge::Identity | Charge::Refused | Charge::Passing => None,
        Charge::Usual | Charge::Creation | Charge::Shown => Some(principal),
    };
    if let Some(Principal { key: Some(key), allowance: Some(allowance), .. }) = whoever {
        return Some((Key::Own(*key), *allowance));
    }
    let by_address = |limit| (limit, Who::Household(client.household()));
    let by_principal = |anonymous, authenticated| match identified(principal) {
        Some(who) => (authenticated, who),
        None => by_address(anonymous),
    };
    let (limit, who) = match (dialect, charge) {
        (_, Charge::Login) => by_address(LimitName::Login),
        (_, Charge::Identity) => by_principal(LimitName::Identity, LimitName::Identity),
        (_, Charge::Refused) => by_address(LimitName::Credentials),
        (_, Charge::Passing) => by_address(LimitName::Passing),
        (Dialect::Dify, Charge::Creation | Charge::Shown) => by_address(LimitName::Dify),
        (Dialect::Inkdrop, _) => by_address(LimitName::Inkdrop),
        (Dialect::Backstage, _) => by_principal(LimitName::Backstage, LimitName::BackstageAuthenticated),
        (Dialect::Nexus, _) => by_principal(LimitName::Nexus, LimitName::NexusAuthenticated),
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
    Some((Key::Of(limit, who), rates.of(limit)?))
}

fn identified(principal: &Principal) -> Option<Who> {
    match (principal.proof, principal.account) {
        (Proof::Nothing, _) => None,
        (_, Some(account)) => Some(Who::Account(account)),
        (_, None) => Some(Who::Bootstrap),
    }
}
