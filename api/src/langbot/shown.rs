//! An installed plugin as clients of this dialect read it. Its name stands in the manifest alone: they compare another
//! one with their path.

use application::{
    hosting::{Shown, Status},
    operating::configuring::rule_of,
    queries::installations::LiveView,
    secrets::{Mask, Parted},
};
use domain::{
    installation::{InstalledRelease, Origin},
    operation::Source,
    values::PublisherName,
};
use serde_json::{Map, Value, json};

pub(super) fn plugin(shown: &Shown) -> Value {
    let release = &shown.live.release;
    json!({
        "debug": false,
        "install_source": source_of(&release.origin),
        "install_info": install_info(release),
        "manifest": {"owner": author(release), "manifest": manifest(release)},
        "plugin_instance": null,
        "enabled": shown.live.is_enabled,
        "priority": 0,
        "plugin_config": configuration(&shown.live),
        "status": status(shown.status()),
        "components": components(release),
    })
}

/// Ready, on its way, or not there.
fn status(status: Status) -> &'static str {
    match status {
        Status::Active => "initialized",
        Status::Loading => "mounted",
        Status::Inactive | Status::Error => "unmounted",
    }
}

fn source_of(origin: &Origin) -> &'static str {
    match origin {
        Origin::Catalogue { .. } => "marketplace",
        Origin::Github { .. } => "github",
        Origin::Upload { .. } | Origin::Folder { .. } | Origin::Url { .. } => "local",
    }
}

pub(super) fn source_word(source: &Source) -> &'static str {
    match source {
        Source::Catalogue { .. } => "marketplace",
        Source::Github { .. } => "github",
        Source::Upload { .. } | Source::Folder { .. } | Source::Url { .. } => "local",
    }
}

/// An address may hold a credential: it is not told.
fn install_info(release: &InstalledRelease) -> Value {
    match &release.origin {
        Origin::Catalogue { .. } => json!({
            "plugin_author": author(release),
            "plugin_name": release.name.name,
            "plugin_version": release.version,
        }),
        Origin::Github { owner, repository, tag, asset } => json!({
            "owner": owner,
            "repo": repository,
            "release_tag": tag,
            "asset_url": format!("https://github.com/{owner}/{repository}/releases/download/{tag}/{asset}"),
        }),
        Origin::Upload { filename } => json!({"filename": filename}),
        Origin::Folder { .. } | Origin::Url { .. } => json!({}),
    }
}

fn author(release: &InstalledRelease) -> &str {
    release.name.author.as_ref().map(PublisherName::as_str).unwrap_or_default()
}

/// As the package holds it, with every member that clients take apart without asking.
fn manifest(release: &InstalledRelease) -> Value {
    let said = &release.manifest;
    let mut metadata = object(&said["metadata"]);
    metadata.insert("author".to_owned(), author(release).into());
    metadata.insert("name".to_owned(), release.name.name.as_str().into());
    metadata.insert("version".to_owned(), release.version.to_string().into());
    let label = by_language(&metadata, "label", release.name.name.as_str());
    let description = by_language(&metadata, "description", "");
    metadata.insert("label".to_owned(), label);
    metadata.insert("description".to_owned(), description);
    let repository = metadata.get("repository").and_then(Value::as_str).unwrap_or_default().to_owned();
    metadata.insert("repository".to_owned(), repository.into());
    let mut spec = object(&said["spec"]);
    if !said["spec"]["config"].is_array() {
        spec.insert("config".to_owned(), json!([]));
    }
    spec.insert("components".to_owned(), object(&said["spec"]["components"]).into());
    json!({
        "apiVersion": said["apiVersion"].as_str().unwrap_or("v1"),
        "kind": "Plugin",
        "metadata": metadata,
        "spec": spec,
        "execution": object(&said["execution"]),
    })
}

fn by_language(metadata: &Map<String, Value>, name: &str, usual: &str) -> Value {
    match metadata.get(name) {
        Some(Value::Object(texts)) => texts.clone().into(),
        Some(Value::String(text)) => json!({"en_US": text}),
        Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_)) | None => {
            json!({"en_US": usual})
        }
    }
}

/// The kinds that the manifest declares.
fn components(release: &InstalledRelease) -> Vec<Value> {
    let declared = release.manifest["spec"]["components"].as_object().into_iter().flatten();
    let shown = declared.map(|(kind, spec)| {
        let manifest = json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": kind}, "spec": spec});
        json!({
            "manifest": {"owner": author(release), "manifest": manifest},
            "component_instance": null,
            "component_config": {},
        })
    });
    shown.collect()
}

/// As it was written, its secrets masked.
pub(super) fn configuration(live: &LiveView) -> Value {
    let (rule, _) = rule_of(&live.release);
    let stored =
        Parted { plain: live.configuration.plain.clone(), secrets: live.configuration.secrets.clone() };
    object(&rule.shown(&stored, Mask::LANGBOT)).into()
}

pub(super) fn object(value: &Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap_or_default()
}
