//! The demonstration catalogue as it is written down: `api/seed/catalogue.yaml` and the files beside it.

use std::collections::BTreeMap;

use anyhow::Context as _;
use chrono::{DateTime, Utc};
use domain::{
    plugin::{ImportedStatistics, PackageFormat},
    publisher::PublisherProfile,
    values::{Dialect, PublisherName, ReleaseVersion},
};
use serde::Deserialize;
use serde_json::{Map, Value};

const CATALOGUE: &str = include_str!("../../../seed/catalogue.yaml");

macro_rules! texts {
    ($($name:literal),+ $(,)?) => {
        &[$(($name, include_str!(concat!("../../../seed/", $name)))),+]
    };
}

const TEXTS: &[(&str, &str)] = texts![
    "dify.py",
    "icon.svg",
    "inkdrop/reading-time.js",
    "langbot/agent.py",
    "langbot/agent.yaml",
    "langbot/main.py",
    "nexus/analytics_plugin.py",
    "nexus/api_gateway.py",
    "nexus/auth_plugin.py",
    "nexus/echo_plugin.py",
    "nexus/mute_plugin.py",
    "nexus/nexus_plugin.py",
    "nexus/social_auth_plugin.py",
    "nexus/user_management.py",
];

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Demonstration {
    pub(super) publishers: Vec<Publisher>,
    pub(super) repositories: Vec<Repository>,
    pub(super) plugins: Vec<Plugin>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Publisher {
    pub(super) name: PublisherName,
    pub(super) number: u64,
    pub(super) at: DateTime<Utc>,
    display_name: Option<String>,
    email: Option<String>,
    url: Option<String>,
    /// The domain it has proved to have.
    pub(super) verified: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Repository {
    pub(super) name: String,
    pub(super) url: String,
    pub(super) description: String,
    pub(super) kind: String,
    pub(super) cursor: String,
    /// What its own last synchronisation saw.
    pub(super) plugins: u64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Plugin {
    pub(super) number: u64,
    pub(super) publisher: PublisherName,
    pub(super) dialects: Vec<Dialect>,
    pub(super) format: PackageFormat,
    /// `owner/name`.
    pub(super) repository: Option<String>,
    #[serde(default)]
    pub(super) featured: bool,
    files: BTreeMap<String, String>,
    manifest: Map<String, Value>,
    /// Where in the manifest the version belongs; at its root, as a rule.
    #[serde(default)]
    version_at: String,
    /// What the document says of the plugin and no package can.
    #[serde(default)]
    pub(super) description: Map<String, Value>,
    pub(super) releases: Vec<Release>,
    pub(super) statistics: Option<ImportedStatistics>,
    #[serde(default)]
    pub(super) reviews: Vec<Review>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Release {
    pub(super) version: ReleaseVersion,
    pub(super) at: DateTime<Utc>,
    pub(super) changelog: Option<String>,
    /// Members of the manifest that are others in this release.
    #[serde(default)]
    manifest: Map<String, Value>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Review {
    pub(super) number: u64,
    pub(super) user: Reviewer,
    pub(super) rating: u64,
    pub(super) title: String,
    pub(super) text: String,
    pub(super) helpful: u64,
    pub(super) at: DateTime<Utc>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Reviewer {
    pub(super) number: u64,
    pub(super) account: String,
    pub(super) name: String,
    pub(super) avatar: Option<String>,
}

pub(super) fn demonstration() -> anyhow::Result<Demonstration> {
    serde_saphyr::from_str(CATALOGUE).context("the demonstration catalogue of this build cannot be read")
}

impl Publisher {
    pub(super) fn profile(&self) -> PublisherProfile {
        PublisherProfile {
            display_name: self.display_name.clone(),
            email: self.email.clone(),
            url: self.url.clone(),
        }
    }
}

impl Plugin {
    /// By the word its manifest has for it.
    pub(super) fn name(&self) -> &str {
        let named = self.manifest.get("name").or_else(|| self.manifest.get("metadata")?.get("name"));
        named.and_then(Value::as_str).unwrap_or_default()
    }

    pub(super) fn manifest(&self, release: &Release) -> Value {
        let mut manifest = Value::Object(self.manifest.clone());
        let version = Value::from(release.version.to_string());
        if let Some(Value::Object(place)) = manifest.pointer_mut(&self.version_at) {
            place.insert("version".to_owned(), version);
        }
        if let Value::Object(members) = &mut manifest {
            members.extend(release.manifest.clone());
        }
        manifest
    }

    /// What the package holds beside its manifest.
    pub(super) fn files(&self) -> anyhow::Result<BTreeMap<&str, &str>> {
        self.files
            .iter()
            .map(|(path, text)| {
                let Some(name) = text.strip_prefix('@') else { return Ok((path.as_str(), text.as_str())) };
                let found = TEXTS.iter().find(|(there, _)| *there == name);
                let (_, text) = found.with_context(|| format!("this build has no file {name}"))?;
                Ok((path.as_str(), *text))
            })
            .collect()
    }
}
