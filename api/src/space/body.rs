//! A plugin as the marketplace writes it. Clients read every text as a text: what is not known is empty, never null.

use std::collections::BTreeMap;

use application::queries::catalogue::{PluginView, ReleaseView};
use chrono::SecondsFormat;
use domain::plugin::Icon;
use serde_json::{Map, Value, json};

use super::likes::Likes;

/// Shown in the language of whoever has no other.
const LANGUAGE: &str = "en_US";

pub(super) fn plugin(view: &PluginView, likes: &Likes) -> Value {
    let description = &view.description;
    let latest = view.latest();
    json!({
        "id": view.number,
        "type": "plugin",
        "created_at": time(view.created_at),
        "updated_at": time(view.updated_at),
        "deleted_at": null,
        "plugin_id": format!("{}/{}", view.publisher, view.name),
        "author": view.publisher,
        "name": view.name,
        "label": in_languages(&description.labels, &description.display_name, &view.name),
        "description": in_languages(&description.briefs, &description.summary, ""),
        "icon": icon(view),
        "repository": description.repository.as_deref().unwrap_or_default(),
        "tags": description.tags,
        "install_count": view.counted.downloads,
        "latest_version": latest.map(|release| release.version.to_string()).unwrap_or_default(),
        "components": latest.map_or_else(Map::new, components),
        "like_count": likes.get(&view.id).copied().unwrap_or(0),
        "status": "live",
    })
}

/// What installs pick is the first: releases, newest first, and then what is only a try.
pub(super) fn versions(view: &PluginView) -> Vec<Value> {
    let (tries, releases): (Vec<_>, Vec<_>) = view.offered().partition(|release| release.prerelease);
    releases.into_iter().chain(tries).map(|release| version(view, release)).collect()
}

fn version(view: &PluginView, release: &ReleaseView) -> Value {
    let number = release.version.to_string();
    json!({
        "plugin_id": format!("{}/{}", view.publisher, view.name),
        "version": number,
        "created_at": time(release.published_at),
        "changelog": release.changelog.as_deref().unwrap_or_default(),
        "download_count": view.counted.downloads_by_version.get(&number).copied().unwrap_or(0),
        "file_size": release.artifact.size,
        "sha256": release.artifact.sha256,
    })
}

/// A whole address, or where it is below the marketplace.
fn icon(view: &PluginView) -> String {
    match &view.description.icon {
        Some(Icon::Url(url)) => url.clone(),
        Some(Icon::Blob { .. }) => format!("plugins/{}/{}/resources/icon", view.publisher, view.name),
        None => String::new(),
    }
}

/// The kinds of components that the manifest names, each with how many files or folders it names for it.
fn components(release: &ReleaseView) -> Map<String, Value> {
    let named = release.manifest.pointer("/spec/components").and_then(Value::as_object);
    let named = named.into_iter().flatten();
    named.map(|(kind, places)| (kind.clone(), places_of(places).max(1).into())).collect()
}

fn places_of(component: &Value) -> usize {
    let lists = component.as_object().into_iter().flatten().filter_map(|(_, places)| places.as_array());
    lists.map(Vec::len).sum()
}

fn in_languages(texts: &BTreeMap<String, String>, plain: &str, otherwise: &str) -> BTreeMap<String, String> {
    if !texts.is_empty() {
        return texts.clone();
    }
    let text = if plain.is_empty() { otherwise } else { plain };
    BTreeMap::from([(LANGUAGE.to_owned(), text.to_owned())])
}

fn time(at: chrono::DateTime<chrono::Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}
