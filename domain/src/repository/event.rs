//! What happened to a repository. Variants and fields are only ever added.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RepositoryAdded {
    /// The stream's id, too.
    pub name: String,
    pub url: String,
    #[serde(default)]
    pub description: String,
    /// `dify`: a marketplace of Dify. `nexus`: listed and served by this service itself.
    pub kind: String,
}

/// A plugin as the catalogue there shows it. Every text comes from strangers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listing {
    pub author: String,
    pub name: String,
    pub display_name: String,
    pub description: String,
    pub category: String,
    pub tags: Vec<String>,
    pub latest_version: String,
    pub created_at: Option<DateTime<Utc>>,
    pub updated_at: Option<DateTime<Utc>>,
    pub download_count: u64,
    pub verified: bool,
    pub readme: Option<String>,
    pub repository: Option<String>,
    /// Of the content of the latest version, as the installing daemon computes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checksum: Option<String>,
    /// `en_US` and the like to the name in that language.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// The same for the description.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub briefs: BTreeMap<String, String>,
}

/// Stored as one flat object with the member `type`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub enum RepositoryEvent {
    RepositoryAdded(RepositoryAdded),
    RepositoryEnabled {},
    RepositoryDisabled {
        reason: String,
    },
    ListingsObserved {
        listings: Vec<Listing>,
        /// `author/name` of what is there no more.
        gone: Vec<String>,
    },
    RepositorySynced {
        /// Where the next synchronisation begins; opaque.
        cursor: String,
        added: u64,
        updated: u64,
        removed: u64,
    },
    RepositorySyncFailed {
        error: String,
    },
}

impl RepositoryEvent {
    /// Every type of this stream that the product knows.
    pub const TYPES: &'static [&'static str] = &[
        "RepositoryAdded",
        "RepositoryEnabled",
        "RepositoryDisabled",
        "ListingsObserved",
        "RepositorySynced",
        "RepositorySyncFailed",
    ];

    pub fn name(&self) -> &'static str {
        match self {
            Self::RepositoryAdded(_) => "RepositoryAdded",
            Self::RepositoryEnabled {} => "RepositoryEnabled",
            Self::RepositoryDisabled { .. } => "RepositoryDisabled",
            Self::ListingsObserved { .. } => "ListingsObserved",
            Self::RepositorySynced { .. } => "RepositorySynced",
            Self::RepositorySyncFailed { .. } => "RepositorySyncFailed",
        }
    }
}

domain_event!(RepositoryEvent);
