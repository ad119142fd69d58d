//! Plugins as Dify reads them. It refuses a plugin with a null where it expects a text: every text is one.

use std::collections::BTreeMap;

use application::ports::marketplace::{ListedVersion, Shown, category_id};
use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};

use crate::links::Links;

/// Of a manifest that says nothing, in bytes.
const USUAL_MEMORY: u64 = 256 * 1024 * 1024;

pub(super) fn plugin(shown: &Shown, links: &Links) -> Value {
    let listing = &shown.listing;
    let (org, name) = (&listing.author, &listing.name);
    let (reason, instead) = shown.deprecated.clone().unwrap_or_default();
    let verification = if listing.verified { "partner" } else { "community" };
    let category = category_id(&listing.category).unwrap_or(&listing.category);
    json!({
        "type": "plugin",
        "org": org,
        "name": name,
        "plugin_id": format!("{org}/{name}"),
        "icon": links.root(&format!("/difymarket/api/v1/plugins/{org}/{name}/icon")),
        "label": languages(&listing.labels, &listing.display_name),
        "brief": languages(&listing.briefs, &listing.description),
        "introduction": listing.readme.as_deref().unwrap_or_default(),
        "category": category,
        "tags": listing.tags.iter().map(|tag| json!({"name": tag})).collect::<Vec<_>>(),
        "resource": resource(shown.resource.as_ref()),
        "latest_version": listing.latest_version,
        "latest_package_identifier": identifier(shown),
        "status": if shown.deprecated.is_some() { "deleted" } else { "active" },
        "deprecated_reason": reason,
        "alternative_plugin_id": instead.unwrap_or_default(),
        "install_count": listing.download_count,
        "verified": listing.verified,
        "verification": {"authorized_category": verification},
        "badges": if shown.featured { vec!["featured"] } else { Vec::new() },
        "repository": listing.repository.as_deref().unwrap_or_default(),
        "created_at": instant(listing.created_at),
        "updated_at": instant(listing.updated_at),
        "version_updated_at": instant(listing.updated_at),
    })
}

pub(super) fn version(shown: &Shown, listed: &ListedVersion) -> Value {
    let (org, name, version) = (&shown.listing.author, &shown.listing.name, &listed.version);
    let tuple = format!("{org}/{name}:{version}");
    let checksum = listed.checksum.as_deref().unwrap_or_default();
    let identifier = if checksum.is_empty() { tuple.clone() } else { format!("{tuple}@{checksum}") };
    json!({
        "plugin_org": org,
        "plugin_name": name,
        "version": version,
        "plugin_tuple": tuple,
        "unique_identifier": identifier,
        "checksum": checksum,
        "change_log": listed.changelog.as_deref().unwrap_or_default(),
        "created_at": instant(listed.created_at),
        "status": "active",
    })
}

/// One plugin of the snapshot.
pub(super) fn newest(shown: &Shown, links: &Links) -> Value {
    let listing = &shown.listing;
    let (org, name, version) = (&listing.author, &listing.name, &listing.latest_version);
    json!({
        "org": org,
        "name": name,
        "plugin_id": format!("{org}/{name}"),
        "latest_version": version,
        "latest_package_identifier": identifier(shown),
        "latest_package_url":
            links.root(&format!("/difymarket/api/v1/plugins/{org}/{name}/{version}/download")),
    })
}

/// `org/name:version@checksum`; the checksum is left out where nobody knows it.
fn identifier(shown: &Shown) -> String {
    let listing = &shown.listing;
    let tuple = format!("{}/{}:{}", listing.author, listing.name, listing.latest_version);
    match &listing.checksum {
        Some(checksum) => format!("{tuple}@{checksum}"),
        None => tuple,
    }
}

/// English is always among them.
fn languages(known: &BTreeMap<String, String>, english: &str) -> Value {
    let mut all = known.clone();
    all.entry("en_US".to_owned()).or_insert_with(|| english.to_owned());
    json!(all)
}

/// Of a stranger's manifest: what does not have the shape that Dify reads is left out.
fn resource(said: Option<&Value>) -> Value {
    let memory = said.and_then(|said| said["memory"].as_u64()).unwrap_or(USUAL_MEMORY);
    let permission = said.and_then(|said| said["permission"].as_object()).cloned().unwrap_or_default();
    json!({"memory": memory, "permission": permission})
}

fn instant(time: Option<DateTime<Utc>>) -> String {
    time.map(|time| time.to_rfc3339_opts(SecondsFormat::Secs, true)).unwrap_or_default()
}
