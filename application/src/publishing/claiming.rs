//! Names are claimed before anything is published under them, so that of many who want one only one gets it. A claim
//! alone shows nothing; one that was left behind by a crash blocks nobody for long.

use chrono::TimeDelta;
use domain::{
    name_claim::{NameClaimCommand, NameClaimError},
    recorded::Cursor,
    values::{AccountId, ClaimKey, PluginId, PluginName, PublisherName},
};

use super::{
    Publishing,
    naming::{Named, ONE_WORD, sentence},
};
use crate::{
    caller::Caller,
    commands::CommandError,
    error::{Error, Kind},
    queries::catalogue::PluginView,
};

/// How long a claim waits for its plugin.
const UNUSED: TimeDelta = TimeDelta::hours(1);
/// A claim that changes hands under us is looked at again.
const TRIES: u32 = 4;

/// What a claimed name says of the plugin that is to have it.
pub(super) enum Claimed {
    All,
    /// The same owner has begun with this plugin before: go on with it.
    Begun(PluginId),
}

/// Who claims, and for what.
pub(super) struct Claimant<'a> {
    pub(super) plugin: PluginId,
    pub(super) owner: Option<AccountId>,
    /// It is this plugin and no other; else the owner may have begun with another one.
    pub(super) is_settled: bool,
    pub(super) caller: &'a Caller,
}

enum Once {
    Done,
    Begun(PluginId),
    Again,
}

impl Publishing {
    pub(super) async fn claim_all(&self, named: &Named, claimant: &Claimant<'_>) -> Result<Claimed, Error> {
        for key in named.keys() {
            if let Some(begun) = self.claim(&key, claimant).await? {
                return Ok(Claimed::Begun(begun));
            }
        }
        Ok(Claimed::All)
    }

    /// Some: another plugin of the same owner, which has the name.
    pub(super) async fn claim(
        &self,
        key: &ClaimKey,
        claimant: &Claimant<'_>,
    ) -> Result<Option<PluginId>, Error> {
        for _ in 0..TRIES {
            match self.try_claim(key, claimant).await? {
                Once::Done => return Ok(None),
                Once::Begun(plugin) => return Ok(Some(plugin)),
                Once::Again => {}
            }
        }
        Err(Error::new(Kind::Conflict, "Others kept changing this name; try again"))
    }

    async fn try_claim(&self, key: &ClaimKey, claimant: &Claimant<'_>) -> Result<Once, Error> {
        let Claimant { plugin, owner, .. } = *claimant;
        let command = NameClaimCommand::Claim { key: key.clone(), plugin, owner, at: self.clock.now() };
        let refusal = match self.command_claim(key, command, claimant.caller).await {
            Ok(_) => return Ok(Once::Done),
            Err(CommandError::Refused(refusal)) => refusal,
            Err(other) => return Err(other.into()),
        };
        match refusal {
            NameClaimError::Taken { by, owner: holder, since } => {
                let there = self.catalogue.current(by).await?;
                if there.as_ref().is_some_and(|view| view.removed.is_some()) {
                    // Its removal was cut short before the names were given back.
                    self.give_back(key, by, "its plugin was removed", claimant.caller).await?;
                    return Ok(Once::Again);
                }
                // A change that was cut short before its names followed it.
                let is_held = there.as_ref().is_some_and(|view| has(view, key));
                let is_stale = !is_held && self.clock.now() - since >= UNUSED;
                self.taken(key, claimant, by, holder, is_stale).await
            }
            NameClaimError::Kept { by, owner: former, until } => {
                if former == owner && !claimant.is_settled {
                    let there = self.catalogue.current(by).await?;
                    if there.is_none_or(|view| view.removed.is_some() || view.owner == owner) {
                        return Ok(Once::Begun(by));
                    }
                    // The plugin is somebody else's now; the name it had is still kept for its former owner.
                    return self.reassign(key, claimant, by, "its former plugin was transferred").await;
                }
                let until = until.format("%Y-%m-%d");
                Err(forbidden(format!("The name {} is kept for its former owner until {until}", word(key))))
            }
            NameClaimError::NotHeld => Err(CommandError::Refused(NameClaimError::NotHeld).into()),
        }
    }

    async fn taken(
        &self,
        key: &ClaimKey,
        claimant: &Claimant<'_>,
        by: PluginId,
        holder: Option<AccountId>,
        is_stale: bool,
    ) -> Result<Once, Error> {
        if holder == claimant.owner && !claimant.is_settled {
            return Ok(Once::Begun(by));
        }
        if is_stale {
            return self.reassign(key, claimant, by, "its plugin does not have it").await;
        }
        Err(if holder == claimant.owner {
            Error::new(Kind::Conflict, format!("Another plugin of yours has the name {}", word(key)))
        } else {
            belongs_to_somebody_else(word(key))
        })
    }

    async fn reassign(
        &self,
        key: &ClaimKey,
        claimant: &Claimant<'_>,
        from: PluginId,
        reason: &str,
    ) -> Result<Once, Error> {
        let Claimant { plugin, owner, .. } = *claimant;
        let (at, reason) = (self.clock.now(), reason.to_owned());
        let command = NameClaimCommand::Reassign { from, plugin, owner, at, reason };
        match self.command_claim(key, command, claimant.caller).await {
            Ok(_) => Ok(Once::Done),
            Err(CommandError::Refused(_changed)) => Ok(Once::Again),
            Err(other) => Err(other.into()),
        }
    }

    /// A name that the plugin does not have is given back already.
    pub(super) async fn give_back(
        &self,
        key: &ClaimKey,
        plugin: PluginId,
        reason: &str,
        caller: &Caller,
    ) -> Result<(), Error> {
        let at = self.clock.now();
        let command = NameClaimCommand::Release { plugin, at, reason: reason.to_owned() };
        match self.command_claim(key, command, caller).await {
            Ok(_) | Err(CommandError::Refused(NameClaimError::NotHeld)) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// The name stays with the plugin, which has another owner now.
    pub(super) async fn hand_over(
        &self,
        key: &ClaimKey,
        plugin: &PluginView,
        owner: AccountId,
        caller: &Caller,
    ) -> Result<(), Error> {
        let command = NameClaimCommand::Reassign {
            from: plugin.id,
            plugin: plugin.id,
            owner: Some(owner),
            at: self.clock.now(),
            reason: "the plugin was transferred".to_owned(),
        };
        match self.command_claim(key, command, caller).await {
            Ok(_) | Err(CommandError::Refused(NameClaimError::NotHeld)) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    async fn command_claim(
        &self,
        key: &ClaimKey,
        command: NameClaimCommand,
        caller: &Caller,
    ) -> Result<Option<Cursor>, CommandError<NameClaimError>> {
        self.claims.execute(&key.to_string(), command, caller.metadata.clone()).await
    }
}

pub(super) fn belongs_to_somebody_else(name: &str) -> Error {
    forbidden(format!("The name {name} belongs to somebody else"))
}

/// Whether the plugin is named so, as it stands now.
fn has(view: &PluginView, key: &ClaimKey) -> bool {
    let (Ok(publisher), Ok(name)) = (PublisherName::new(&view.publisher), PluginName::new(&view.name)) else {
        return true;
    };
    let mut words = ONE_WORD.into_iter().filter(|dialect| view.listed.contains(dialect));
    *key == ClaimKey::pair(&publisher, &name) || words.any(|dialect| *key == ClaimKey::word(dialect, &name))
}

fn forbidden(message: String) -> Error {
    Error::new(Kind::Forbidden, message)
}

/// What of a key people know.
fn word(key: &ClaimKey) -> &str {
    let key = key.as_str();
    key.split_once(':').map_or(key, |(_, name)| name)
}

impl From<CommandError<NameClaimError>> for Error {
    fn from(error: CommandError<NameClaimError>) -> Self {
        error.told("name", |refusal| match refusal {
            NameClaimError::Taken { .. } | NameClaimError::Kept { .. } => {
                forbidden(sentence(&refusal.to_string()))
            }
            NameClaimError::NotHeld => Self::new(Kind::Conflict, sentence(&refusal.to_string())),
        })
    }
}
