//! What can be asked of a plugin.

use std::collections::BTreeSet;

use super::event::{Described, ImportedStatistics, PluginRegistered, ReleasePublished};
use crate::values::{AccountId, Dialect, PublisherName, ReleaseVersion};

#[derive(Debug, Clone, PartialEq)]
pub enum PluginCommand {
    Publish(Box<Publication>),
    Describe(Box<Described>),
    List {
        dialect: Dialect,
    },
    Unlist {
        dialect: Dialect,
        reason: String,
    },
    Verify {
        method: String,
        evidence: String,
    },
    Unverify {
        reason: String,
    },
    Feature,
    Unfeature,
    Transfer {
        to_owner: AccountId,
        to_publisher: PublisherName,
    },
    Deprecate {
        reason: String,
        replacement: Option<String>,
    },
    Undeprecate,
    /// Held back already for another reason: then for this one.
    Quarantine {
        reason: String,
    },
    /// Out of quarantine.
    Clear {
        evidence: String,
        held_for: HeldFor,
    },
    Remove {
        reason: String,
    },
    Yank {
        version: ReleaseVersion,
        reason: String,
    },
    Unyank {
        version: ReleaseVersion,
    },
    RemoveRelease {
        version: ReleaseVersion,
        reason: String,
    },
    QuarantineRelease {
        version: ReleaseVersion,
        reason: String,
    },
    ClearRelease {
        version: ReleaseVersion,
        evidence: String,
        held_for: HeldFor,
    },
    ImportStatistics(Box<ImportedStatistics>),
    ReachMilestone {
        threshold: u64,
    },
}

/// What somebody meant when he judged a hold: another reason was given meanwhile, and that one stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeldFor {
    Whatever,
    This(String),
}

impl HeldFor {
    pub(super) fn is(&self, reason: Option<&String>) -> bool {
        match self {
            Self::Whatever => reason.is_some(),
            Self::This(meant) => reason == Some(meant),
        }
    }
}

/// A release, and the plugin if this is its first.
#[derive(Debug, Clone, PartialEq)]
pub struct Publication {
    pub registered: PluginRegistered,
    /// Taken when the release is the newest; of one that is held back only once it is let out.
    pub described: Option<Described>,
    pub release: ReleasePublished,
    /// Where the plugin is shown from now on; where it is shown already stays.
    pub dialects: BTreeSet<Dialect>,
    /// Method and evidence, where what is published here is verified at once.
    pub verified: Option<(String, String)>,
    /// Why the plugin as a whole is held back.
    pub quarantine: Option<String>,
    /// Its names were claimed for a plugin that is not there yet, or not any more.
    pub may_begin: bool,
}
