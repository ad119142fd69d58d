//! `manifest.yaml` of a Dify plugin (the daemon's `plugin_entities`): identity as the daemon takes it, names and
//! descriptions by language, and what it may ask of Dify.

use std::collections::BTreeMap;

use application::failure::Failure;
use domain::plugin::{Author, Description};
use serde::Deserialize;
use serde_json::Value;

use super::{
    bounded,
    declared::{Declared, Identity},
    json::invalid,
};
use crate::archive::manifest;

pub(super) const FILE: &str = "manifest.yaml";

#[derive(Deserialize)]
struct Names {
    name: Option<String>,
    version: Option<String>,
}

/// Whether the manifest of a ZIP file is one of these.
pub(super) fn is_meant(whole: &Value) -> bool {
    whole["type"].as_str() == Some("plugin")
        || ["author", "name", "version"].iter().all(|field| !whole[field].is_null())
}

/// `exists` answers whether the package holds a file.
pub(super) fn declared(
    text: &str,
    whole: &Value,
    exists: impl Fn(&str) -> bool,
) -> Result<Declared, Failure> {
    if whole["type"].as_str().is_some_and(|kind| kind != "plugin") {
        return Err(invalid(FILE, "type is not 'plugin'"));
    }
    let names: Names = manifest::part(text).ok_or_else(|| invalid(FILE, "name or version"))?;
    let identity = Identity::new(FILE, names.name.as_deref(), names.version.as_deref())?;
    let read = manifest::read(text, exists)?;
    let author = read.identity.author().to_owned();
    let labels = bounded::by_language(&whole["label"], bounded::NAME);
    let briefs = bounded::by_language(&whole["description"], bounded::LINE);
    let description = Description {
        display_name: bounded::english(&labels).unwrap_or_default(),
        summary: bounded::english(&briefs).unwrap_or_default(),
        author: Some(Author { name: author.clone(), ..Author::default() }),
        category: Some(read.category.to_owned()),
        tags: bounded::tags(&whole["tags"]),
        repository: bounded::repository(&whole["repo"]),
        labels,
        briefs,
        ..Description::default()
    };
    Ok(Declared {
        author: Some(author),
        engines: engines(whole),
        permissions: permissions(&whole["resource"]["permission"]),
        icon: whole["icon"].as_str().map(|icon| format!("_assets/{icon}")),
        ..Declared::new(identity, description)
    })
}

fn engines(whole: &Value) -> BTreeMap<String, String> {
    let lowest = bounded::line(&whole["meta"]["minimum_dify_version"], 64);
    lowest.map(|lowest| ("dify".to_owned(), format!(">={lowest}"))).into_iter().collect()
}

/// What of Dify it may use.
fn permissions(asked: &Value) -> Vec<String> {
    let enabled = |asked: &Value| asked["enabled"].as_bool().unwrap_or(false);
    let asked = asked.as_object().into_iter().flatten().filter(|(_, asked)| enabled(asked));
    bounded::items(&asked.map(|(name, _)| Value::from(name.as_str())).collect())
}
