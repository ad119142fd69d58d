//! What is installed: one release of a plugin, as the host has read it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    plugin::PackageFormat,
    values::{Digest, InstalledName, PluginId, ReleaseVersion, Sealed},
};

/// How a plugin speaks with its host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Runtime {
    Native,
    Dify,
    Langbot,
}

impl Runtime {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::Dify => "dify",
            Self::Langbot => "langbot",
        }
    }
}

/// Where its bytes came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "from")]
pub enum Origin {
    /// The catalogue of this service.
    Catalogue {
        plugin_uid: PluginId,
    },
    /// A file that somebody sent.
    Upload {
        filename: String,
    },
    /// A file of the operator's import folder, by its name in there.
    Folder {
        file: String,
    },
    Url {
        url: String,
    },
    Github {
        owner: String,
        repository: String,
        tag: String,
        asset: String,
    },
}

/// Everything of a package that its installation goes by.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InstalledRelease {
    pub name: InstalledName,
    pub version: ReleaseVersion,
    pub runtime: Runtime,
    pub format: PackageFormat,
    pub digest: Digest,
    pub origin: Origin,
    /// Whole, as the package holds it; YAML as JSON.
    pub manifest: Value,
    /// In the documented form: a member for each field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<Value>,
    /// What it asks for.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub permissions: BTreeSet<String>,
    /// Other plugins, each with a range.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub dependencies: BTreeMap<String, String>,
    /// One process at a time may hold its data.
    #[serde(default)]
    pub is_exclusive: bool,
}

/// A configuration as the log keeps it. In the plain part `null` holds the place of a secret.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Configuration {
    pub plain: Value,
    /// By their places (RFC 6901).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub secrets: BTreeMap<String, Sealed>,
}

/// What is granted, and how closely it is watched.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SecurityLevel {
    /// Whatever sandbox there is.
    Low,
    #[default]
    Medium,
    High,
}

impl SecurityLevel {
    pub const ALL: [Self; 3] = [Self::Low, Self::Medium, Self::High];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

/// Most of what a plugin may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResourceLimits {
    pub memory_mb: u32,
    pub cpu_percent: u32,
    pub file_handles: u32,
    pub processes: u32,
}

impl Default for ResourceLimits {
    fn default() -> Self {
        Self { memory_mb: 256, cpu_percent: 100, file_handles: 100, processes: 32 }
    }
}
