//! A plugin as the catalogue shows it.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use domain::{
    plugin::{Artifact, Author, Description, Icon, ImportedStatistics, PluginKind, Pricing},
    values::{AccountId, Dialect, PluginId, ReleaseVersion},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Everything but the counters, which change far more often than the rest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PluginView {
    pub id: PluginId,
    pub number: u64,
    pub owner: Option<AccountId>,
    pub publisher: String,
    pub name: String,
    pub kind: PluginKind,
    pub origin: Origin,
    /// Its newest release where it comes from; none of what is our own.
    #[serde(default)]
    pub upstream: Option<Upstream>,
    pub description: Description,
    pub listed: BTreeSet<Dialect>,
    /// Newest first by precedence; without the removed ones.
    pub releases: Vec<ReleaseView>,
    pub verified: Option<Verification>,
    #[serde(default)]
    pub featured: bool,
    pub deprecated: Option<Deprecation>,
    /// Why it is held back as a whole.
    pub quarantine: Option<String>,
    /// Why it was removed.
    pub removed: Option<String>,
    pub imported: Option<ImportedStatistics>,
    pub created_at: DateTime<Utc>,
    /// Of the newest release or description.
    pub updated_at: DateTime<Utc>,
    #[serde(default)]
    pub counted: Counted,
}

/// Where it comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    Own,
    /// A repository, by its name.
    Upstream(String),
}

/// The newest release of a plugin of another catalogue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upstream {
    pub version: String,
    /// Of its content, as the installing daemon computes it.
    pub checksum: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReleaseView {
    pub version: ReleaseVersion,
    pub published_at: DateTime<Utc>,
    pub artifact: Artifact,
    pub manifest: Value,
    #[serde(default)]
    pub engines: BTreeMap<String, String>,
    #[serde(default)]
    pub dependencies: BTreeMap<String, String>,
    #[serde(default)]
    pub peer_dependencies: BTreeMap<String, String>,
    #[serde(default)]
    pub permissions: Vec<String>,
    pub config_schema: Option<Value>,
    pub changelog: Option<String>,
    pub readme: Option<String>,
    #[serde(default)]
    pub prerelease: bool,
    pub yanked: Option<Yank>,
    /// Why it is held back.
    pub quarantine: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Yank {
    pub reason: String,
    pub at: DateTime<Utc>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verification {
    pub method: String,
    pub evidence: String,
    pub at: DateTime<Utc>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deprecation {
    pub reason: String,
    pub replacement: Option<String>,
}

/// What others did with it; imported totals are in.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Counted {
    pub downloads: u64,
    pub downloads_by_version: BTreeMap<String, u64>,
    pub rating: RatingView,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct RatingView {
    /// None: nobody has rated it.
    pub average: Option<f64>,
    pub count: u64,
    /// Votes for one star, two and so on.
    pub distribution: [u64; 5],
}

/// A plugin in a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Card {
    pub id: PluginId,
    pub number: u64,
    pub publisher: String,
    pub name: String,
    pub kind: PluginKind,
    pub origin: Origin,
    pub display_name: String,
    pub summary: String,
    pub author: Option<Author>,
    pub category: Option<String>,
    pub tags: Vec<String>,
    pub icon: Option<Icon>,
    pub screenshots: Vec<String>,
    pub homepage: Option<String>,
    pub repository: Option<String>,
    pub documentation: Option<String>,
    pub license: Option<String>,
    pub pricing: Option<Pricing>,
    pub platforms: Vec<String>,
    pub labels: BTreeMap<String, String>,
    pub briefs: BTreeMap<String, String>,
    pub latest_version: String,
    /// Of the newest release; none for what is not hosted here.
    pub artifact: Option<Artifact>,
    pub engines: BTreeMap<String, String>,
    pub dependencies: BTreeMap<String, String>,
    pub verified: bool,
    pub featured: bool,
    pub deprecated: Option<Deprecation>,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    pub downloads: u64,
    pub rating: RatingView,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublisherView {
    pub name: String,
    pub number: u64,
    pub owner: Option<AccountId>,
    pub display_name: Option<String>,
    pub email: Option<String>,
    pub url: Option<String>,
    pub verified: Option<Verification>,
    pub created_at: DateTime<Utc>,
}

impl PluginView {
    /// Whether the catalogue of this dialect shows it.
    pub fn is_visible(&self, dialect: Dialect) -> bool {
        self.removed.is_none()
            && self.quarantine.is_none()
            && self.listed.contains(&dialect)
            && (self.offered().next().is_some() || matches!(self.origin, Origin::Upstream(_)))
    }

    /// The release that is offered: the highest that is neither a pre-release nor yanked nor in quarantine; where
    /// there are only pre-releases, the highest of them.
    pub fn latest(&self) -> Option<&ReleaseView> {
        self.offered().find(|release| !release.prerelease).or_else(|| self.offered().next())
    }

    /// Newest first, neither yanked nor in quarantine.
    pub fn offered(&self) -> impl Iterator<Item = &ReleaseView> {
        self.releases.iter().filter(|release| release.yanked.is_none() && release.quarantine.is_none())
    }

    /// What can be had by its number: yanked too, never from quarantine.
    pub fn release(&self, version: &str) -> Option<&ReleaseView> {
        let mut had = self.releases.iter().filter(|release| release.quarantine.is_none());
        had.find(|release| release.version.to_string() == version)
    }
}
