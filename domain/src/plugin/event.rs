//! What happened to a plugin. Variants and fields are only ever added.

mod described;

pub use described::{Author, Described, Description, Icon, PluginKind, Pricing, Support};

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::values::{AccountId, Dialect, Digest, PluginId, PluginName, PublisherName, ReleaseVersion};

/// Stored as one flat object with the member `type`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub enum PluginEvent {
    PluginRegistered(PluginRegistered),
    PluginDescribed(Box<Described>),
    PluginListed {
        plugin_uid: PluginId,
        dialect: Dialect,
    },
    PluginUnlisted {
        plugin_uid: PluginId,
        dialect: Dialect,
        reason: String,
    },
    PluginVerified {
        plugin_uid: PluginId,
        /// `domain`, `oidc`, `manual` or `publisher`.
        method: String,
        evidence: String,
    },
    PluginUnverified {
        plugin_uid: PluginId,
        reason: String,
    },
    PluginFeatured {
        plugin_uid: PluginId,
    },
    PluginUnfeatured {
        plugin_uid: PluginId,
    },
    PluginTransferred {
        plugin_uid: PluginId,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        from_owner: Option<AccountId>,
        from_publisher: PublisherName,
        to_owner: AccountId,
        to_publisher: PublisherName,
    },
    PluginDeprecated {
        plugin_uid: PluginId,
        reason: String,
        /// What to use instead, as its users would name it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        replacement: Option<String>,
    },
    PluginUndeprecated {
        plugin_uid: PluginId,
    },
    PluginQuarantined {
        plugin_uid: PluginId,
        reason: String,
    },
    PluginCleared {
        plugin_uid: PluginId,
        evidence: String,
    },
    PluginRemoved {
        plugin_uid: PluginId,
        reason: String,
        /// Where everybody could see it until then: they may be told.
        #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
        shown_in: BTreeSet<Dialect>,
    },
    ReleasePublished(Box<ReleasePublished>),
    ReleaseYanked {
        plugin_uid: PluginId,
        version: ReleaseVersion,
        reason: String,
    },
    ReleaseUnyanked {
        plugin_uid: PluginId,
        version: ReleaseVersion,
    },
    ReleaseRemoved {
        plugin_uid: PluginId,
        version: ReleaseVersion,
        reason: String,
    },
    ReleaseQuarantined {
        plugin_uid: PluginId,
        version: ReleaseVersion,
        reason: String,
    },
    ReleaseCleared {
        plugin_uid: PluginId,
        version: ReleaseVersion,
        evidence: String,
    },
    StatisticsImported {
        plugin_uid: PluginId,
        statistics: Box<ImportedStatistics>,
    },
    MilestoneReached {
        plugin_uid: PluginId,
        /// `downloads`.
        metric: String,
        threshold: u64,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PluginRegistered {
    pub plugin_uid: PluginId,
    /// Where ids are numbers: `plugin_123`.
    pub number: u64,
    /// None: the operator's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<AccountId>,
    pub publisher: PublisherName,
    pub name: PluginName,
    pub kind: PluginKind,
    pub at: DateTime<Utc>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReleasePublished {
    pub plugin_uid: PluginId,
    pub version: ReleaseVersion,
    pub at: DateTime<Utc>,
    pub artifact: Artifact,
    /// Whole, as the package holds it; YAML as JSON.
    pub manifest: Value,
    /// What it needs to run in: `inkdrop`, `backstage`, `node`, `nexus`, `dify`; each with a range.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub engines: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub dependencies: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub peer_dependencies: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub permissions: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_schema: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changelog: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub readme: Option<String>,
    /// Never `latest`: by its version, or because its publisher says so.
    #[serde(default)]
    pub prerelease: bool,
    /// Why it is held back, if it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quarantine: Option<String>,
    /// What the plugin says of itself with a release that is held back: shown once it is let out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub described: Option<Box<Described>>,
}

/// The bytes of a release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Artifact {
    pub sha256: Digest,
    pub size: u64,
    pub format: PackageFormat,
    /// As the installing daemon of Dify computes it over the content; it is part of the package's identifier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_checksum: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PackageFormat {
    /// Dify: a zip with `manifest.yaml`.
    Difypkg,
    /// `LangBot`: a zip with `manifest.yaml` of kind `Plugin`.
    Lbpkg,
    /// Inkdrop: a gzipped tar with `package.json`.
    Tarball,
    /// Nexus and Backstage: a zip with `manifest.json`.
    Zip,
}

/// Totals of another catalogue that ours go on from.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ImportedStatistics {
    pub source: String,
    #[serde(default)]
    pub downloads: u64,
    /// A part of `downloads`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub downloads_by_version: BTreeMap<String, u64>,
    /// Of the last 30 days, 7 days and of the day, as they were there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub monthly: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weekly: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub daily: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rating_average: Option<f64>,
    #[serde(default)]
    pub rating_count: u64,
    /// Votes for one star, two and so on.
    #[serde(default)]
    pub rating_distribution: [u64; 5],
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stars: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forks: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issues: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contributors: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_commit: Option<DateTime<Utc>>,
    /// Usage, performance and trends as that catalogue measured them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measured: Option<Value>,
}

impl PackageFormat {
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Difypkg | Self::Lbpkg => "application/octet-stream",
            Self::Tarball => "application/gzip",
            Self::Zip => "application/zip",
        }
    }

    /// What follows the last part of a file's name.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Difypkg => "difypkg",
            Self::Lbpkg => "lbpkg",
            Self::Tarball => "tar.gz",
            Self::Zip => "zip",
        }
    }
}

macro_rules! names {
    ($($plain:ident),+; $($named:ident),+) => {
        impl PluginEvent {
            /// Every type of this stream that the product knows.
            pub const TYPES: &'static [&'static str] = &[$(stringify!($plain),)+ $(stringify!($named)),+];

            pub fn name(&self) -> &'static str {
                match self {
                    $(Self::$plain(_) => stringify!($plain),)+
                    $(Self::$named { .. } => stringify!($named),)+
                }
            }
        }
    };
}

names!(
    PluginRegistered, PluginDescribed, ReleasePublished;
    PluginListed, PluginUnlisted, PluginVerified, PluginUnverified, PluginFeatured, PluginUnfeatured,
    PluginTransferred, PluginDeprecated, PluginUndeprecated, PluginQuarantined, PluginCleared, PluginRemoved,
    ReleaseYanked, ReleaseUnyanked, ReleaseRemoved, ReleaseQuarantined, ReleaseCleared, StatisticsImported,
    MilestoneReached
);

impl PluginEvent {
    pub fn plugin(&self) -> PluginId {
        match self {
            Self::PluginRegistered(registered) => registered.plugin_uid,
            Self::PluginDescribed(described) => described.plugin_uid,
            Self::ReleasePublished(release) => release.plugin_uid,
            Self::PluginListed { plugin_uid, .. }
            | Self::PluginUnlisted { plugin_uid, .. }
            | Self::PluginVerified { plugin_uid, .. }
            | Self::PluginUnverified { plugin_uid, .. }
            | Self::PluginFeatured { plugin_uid }
            | Self::PluginUnfeatured { plugin_uid }
            | Self::PluginTransferred { plugin_uid, .. }
            | Self::PluginDeprecated { plugin_uid, .. }
            | Self::PluginUndeprecated { plugin_uid }
            | Self::PluginQuarantined { plugin_uid, .. }
            | Self::PluginCleared { plugin_uid, .. }
            | Self::PluginRemoved { plugin_uid, .. }
            | Self::ReleaseYanked { plugin_uid, .. }
            | Self::ReleaseUnyanked { plugin_uid, .. }
            | Self::ReleaseRemoved { plugin_uid, .. }
            | Self::ReleaseQuarantined { plugin_uid, .. }
            | Self::ReleaseCleared { plugin_uid, .. }
            | Self::StatisticsImported { plugin_uid, .. }
            | Self::MilestoneReached { plugin_uid, .. } => *plugin_uid,
        }
    }
}

domain_event!(PluginEvent);
