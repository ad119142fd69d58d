//! A name, and the one plugin that has it. The first append wins.
//!
//! Guards: a name belongs to one plugin at a time. One that was given back is kept for its former owner for a while:
//! whoever installs by name must not get a stranger's plugin overnight.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::values::{AccountId, ClaimKey, PluginId};

/// How long a name that was given back is kept for its former owner.
pub const KEPT: TimeDelta = TimeDelta::days(90);

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum NameClaim {
    #[default]
    Free,
    Held {
        plugin: PluginId,
        owner: Option<AccountId>,
        since: DateTime<Utc>,
    },
    Kept {
        plugin: PluginId,
        owner: Option<AccountId>,
        until: DateTime<Utc>,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NameClaimCommand {
    Claim {
        key: ClaimKey,
        plugin: PluginId,
        owner: Option<AccountId>,
        at: DateTime<Utc>,
    },
    /// Given back by its plugin.
    Release {
        plugin: PluginId,
        at: DateTime<Utc>,
        reason: String,
    },
    /// The plugin that has it never came to be, or belongs to somebody else now.
    Reassign {
        from: PluginId,
        plugin: PluginId,
        owner: Option<AccountId>,
        at: DateTime<Utc>,
        reason: String,
    },
}

/// Stored as one flat object with the member `type`. Variants and fields are only ever added.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub enum NameClaimEvent {
    NameClaimed {
        key: ClaimKey,
        plugin_uid: PluginId,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        owner: Option<AccountId>,
        at: DateTime<Utc>,
    },
    NameReleased {
        plugin_uid: PluginId,
        until: DateTime<Utc>,
        reason: String,
    },
    NameReassigned {
        plugin_uid: PluginId,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        owner: Option<AccountId>,
        at: DateTime<Utc>,
        reason: String,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameClaimError {
    #[error("this name belongs to another plugin")]
    Taken {
        by: PluginId,
        owner: Option<AccountId>,
        /// When it was claimed: its plugin may still be on its way.
        since: DateTime<Utc>,
    },
    #[error("this name is kept for its former owner until {until}")]
    Kept {
        /// The plugin that had it: its owner goes on with it.
        by: PluginId,
        owner: Option<AccountId>,
        until: DateTime<Utc>,
    },
    #[error("this plugin does not have this name")]
    NotHeld,
}

impl NameClaim {
    pub fn decide(&self, command: NameClaimCommand) -> Result<Vec<NameClaimEvent>, NameClaimError> {
        match command {
            NameClaimCommand::Claim { key, plugin, owner, at } => self.claim(key, plugin, owner, at),
            NameClaimCommand::Release { plugin, at, reason } => match self {
                Self::Held { plugin: holder, .. } if *holder == plugin => {
                    Ok(vec![NameClaimEvent::NameReleased { plugin_uid: plugin, until: at + KEPT, reason }])
                }
                Self::Kept { plugin: holder, .. } if *holder == plugin => Ok(Vec::new()),
                Self::Free | Self::Held { .. } | Self::Kept { .. } => Err(NameClaimError::NotHeld),
            },
            NameClaimCommand::Reassign { from, plugin, owner, at, reason } => match self {
                Self::Held { plugin: holder, .. } | Self::Kept { plugin: holder, .. } if *holder == from => {
                    Ok(vec![NameClaimEvent::NameReassigned { plugin_uid: plugin, owner, at, reason }])
                }
                Self::Free | Self::Held { .. } | Self::Kept { .. } => Err(NameClaimError::NotHeld),
            },
        }
    }

    fn claim(
        &self,
        key: ClaimKey,
        plugin: PluginId,
        owner: Option<AccountId>,
        at: DateTime<Utc>,
    ) -> Result<Vec<NameClaimEvent>, NameClaimError> {
        match self {
            Self::Held { plugin: holder, .. } if *holder == plugin => return Ok(Vec::new()),
            Self::Held { plugin: by, owner, since } => {
                return Err(NameClaimError::Taken { by: *by, owner: *owner, since: *since });
            }
            Self::Kept { plugin: by, owner: former, until } if *by != plugin && at < *until => {
                return Err(NameClaimError::Kept { by: *by, owner: *former, until: *until });
            }
            Self::Free | Self::Kept { .. } => {}
        }
        Ok(vec![NameClaimEvent::NameClaimed { key, plugin_uid: plugin, owner, at }])
    }
}

aggregate!(NameClaim, "name_claim", NameClaimCommand, NameClaimEvent, NameClaimError);

impl NameClaim {
    #[expect(clippy::needless_pass_by_value, reason = "the signature that all aggregates have")]
    fn evolve(&mut self, event: NameClaimEvent) {
        *self = match event {
            NameClaimEvent::NameClaimed { plugin_uid: plugin, owner, at, .. }
            | NameClaimEvent::NameReassigned { plugin_uid: plugin, owner, at, .. } => {
                Self::Held { plugin, owner, since: at }
            }
            NameClaimEvent::NameReleased { plugin_uid: plugin, until, .. } => {
                let owner = match self {
                    Self::Held { owner, .. } | Self::Kept { owner, .. } => *owner,
                    Self::Free => None,
                };
                Self::Kept { plugin, owner, until }
            }
        };
    }
}

impl NameClaimEvent {
    /// Every type of this stream that the product knows.
    pub const TYPES: &'static [&'static str] = &["NameClaimed", "NameReleased", "NameReassigned"];

    pub fn name(&self) -> &'static str {
        match self {
            Self::NameClaimed { .. } => "NameClaimed",
            Self::NameReleased { .. } => "NameReleased",
            Self::NameReassigned { .. } => "NameReassigned",
        }
    }
}

domain_event!(NameClaimEvent);

#[cfg(test)]
mod tests;
