//! What a manifest declares, whatever its format.

use std::collections::BTreeMap;

use application::failure::Failure;
use domain::{
    plugin::{Description, PluginKind},
    values::{PluginName, ReleaseVersion},
};
use serde_json::Value;

use super::json::invalid;

#[derive(Debug)]
pub(super) struct Declared {
    pub(super) identity: Identity,
    /// The publisher, where the format has one.
    pub(super) author: Option<String>,
    pub(super) kind: PluginKind,
    pub(super) description: Description,
    pub(super) engines: BTreeMap<String, String>,
    pub(super) dependencies: BTreeMap<String, String>,
    pub(super) peer_dependencies: BTreeMap<String, String>,
    pub(super) permissions: Vec<String>,
    pub(super) config_schema: Option<Value>,
    pub(super) changelog: Option<String>,
    pub(super) prerelease: bool,
    /// Where it lies in the package.
    pub(super) icon: Option<String>,
}

#[derive(Debug)]
pub(super) struct Identity {
    pub(super) name: PluginName,
    pub(super) version: ReleaseVersion,
}

impl Identity {
    /// # Errors
    /// `ManifestInvalid` that says what a name or a version looks like.
    pub(super) fn new(file: &str, name: Option<&str>, version: Option<&str>) -> Result<Self, Failure> {
        let name = name.ok_or_else(|| invalid(file, "there is no name in it, or it is no text"))?;
        let version = version.ok_or_else(|| invalid(file, "there is no version in it, or it is no text"))?;
        Ok(Self {
            name: name.parse().map_err(|wrong| invalid(file, wrong))?,
            version: version.parse().map_err(|wrong| invalid(file, wrong))?,
        })
    }
}

impl Declared {
    /// The rest is empty.
    pub(super) fn new(identity: Identity, description: Description) -> Self {
        let display_name = Some(description.display_name).filter(|name| !name.is_empty());
        let display_name = display_name.unwrap_or_else(|| identity.name.to_string());
        Self {
            prerelease: identity.version.is_prerelease(),
            identity,
            author: None,
            kind: PluginKind::Plugin,
            description: Description { display_name, ..description },
            engines: BTreeMap::new(),
            dependencies: BTreeMap::new(),
            peer_dependencies: BTreeMap::new(),
            permissions: Vec::new(),
            config_schema: None,
            changelog: None,
            icon: None,
        }
    }
}
