//! What is asked of a catalogue of plugins beyond its bare answers.

use domain::values::PluginIdentity;

use crate::{
    failure::{Failure, Reason},
    ports::marketplace::Marketplace,
};

/// The newest version of a plugin.
///
/// # Errors
/// `PluginUnknown` when there is none; `MarketplaceUnavailable` when nobody can say.
pub async fn latest(
    marketplace: &dyn Marketplace,
    author: &str,
    name: &str,
) -> Result<PluginIdentity, Failure> {
    let version = |version: &str| PluginIdentity::new(author, name, version).ok();
    let listed = marketplace.plugin(author, name).await?.value.ok_or_else(|| no_versions(author, name))?;
    if let Some(latest) = version(&listed.listing.latest_version) {
        return Ok(latest);
    }
    let versions = marketplace.versions(author, name).await?.value;
    versions.iter().find_map(|listed| version(&listed.version)).ok_or_else(|| no_versions(author, name))
}

pub fn no_versions(author: &str, name: &str) -> Failure {
    let (author, name) = (shown(author), shown(name));
    Failure::permanent(Reason::PluginUnknown, format!("No versions found for plugin {author}/{name}"))
}

pub fn no_version(author: &str, name: &str, version: &str) -> Failure {
    let (author, name, version) = (shown(author), shown(name), shown(version));
    Failure::permanent(Reason::PluginUnknown, format!("Version {version} of {author}/{name} not found"))
}

/// Nobody needs a long name read back to him.
pub fn shown(text: &str) -> String {
    text.chars().take(128).collect()
}
