//! A package as the registry writes it: whole manifests, times in epoch milliseconds, and nothing of its owner.

use application::queries::catalogue::{PluginView, ReleaseView};
use serde_json::{Map, Value, json};

use crate::links::Links;

/// In a list: everything but the versions.
pub(super) fn listed(view: &PluginView) -> Value {
    let latest = view.latest();
    json!({
        "name": view.name,
        "created_at": view.created_at.timestamp_millis(),
        "updated_at": view.updated_at.timestamp_millis(),
        "repository": view.description.repository.as_deref().and_then(owner_and_name).unwrap_or_default(),
        "downloads": view.counted.downloads,
        "stargazers_count": view.imported.as_ref().and_then(|imported| imported.stars).unwrap_or(0),
        "releases": {"latest": latest.map(|release| release.version.to_string())},
        "readme": latest.and_then(|release| release.readme.as_deref()).unwrap_or_default(),
        "metadata": latest.map_or_else(Map::new, manifest),
    })
}

/// With every version that is offered: what was yanked is not chosen by anybody's range, and still answers by its
/// number.
pub(super) fn whole(view: &PluginView, links: &Links) -> Value {
    let versions: Map<String, Value> = view
        .offered()
        .map(|release| (release.version.to_string(), version(&view.name, release, links)))
        .collect();
    let mut body = listed(view);
    body["versions"] = versions.into();
    body
}

/// The manifest, and where its bytes are.
pub(super) fn version(package: &str, release: &ReleaseView, links: &Links) -> Value {
    let mut whole = manifest(release);
    let path = format!("/v1/packages/{package}/versions/{}/tarball", release.version);
    whole.insert("dist".to_owned(), json!({"tarball": links.mounted(&path)}));
    whole.into()
}

/// As the package has it; where its bytes are is nothing that a publisher says.
fn manifest(release: &ReleaseView) -> Map<String, Value> {
    let mut members = release.manifest.as_object().cloned().unwrap_or_default();
    for hidden in ["dist", "_id", "_rev", "owner"] {
        members.remove(hidden);
    }
    members
}

/// `owner/name` out of any of the forms that `repository` has in the wild.
pub(super) fn owner_and_name(repository: &str) -> Option<String> {
    let bare = repository.split(['#', '?']).next()?.trim_end_matches('/');
    let bare = bare.strip_suffix(".git").unwrap_or(bare);
    let path = match bare.split_once("://") {
        Some((_, rest)) => rest.split_once('/')?.1,
        None => bare.rsplit_once(':').map_or(bare, |(_, path)| path),
    };
    let mut parts = path.split('/').filter(|part| !part.is_empty()).rev();
    let (name, owner) = (parts.next()?, parts.next()?);
    Some(format!("{owner}/{name}"))
}

#[cfg(test)]
mod tests;
