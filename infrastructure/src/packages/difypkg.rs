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
use crate::{archive::manifest, wheels::requirements::Requirements};

pub(super) const FILE: &str = "manifest.yaml";
pub(super) const REQUIREMENTS: &str = "requirements.txt";
const MOST_DEPENDENCIES: usize = 256;

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

/// Names and the versions they may have. What cannot be read is for whoever repackages it to judge.
pub(super) fn dependencies(text: &str) -> BTreeMap<String, String> {
    let Ok(read) = Requirements::read(text) else { return BTreeMap::new() };
    read.lines.iter().take(MOST_DEPENDENCIES).map(|line| name_and_range(&line.text)).collect()
}

/// Of a PEP 508 requirement, without extras and markers.
fn name_and_range(requirement: &str) -> (String, String) {
    let wanted = requirement.split(';').next().unwrap_or_default();
    let ends = |c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'));
    let (name, range) = wanted.split_at(wanted.find(ends).unwrap_or(wanted.len()));
    let range = range
        .trim_start()
        .strip_prefix('[')
        .map_or(range, |extras| extras.split_once(']').map_or("", |(_, range)| range));
    let range: String = range.chars().filter(|c| !c.is_whitespace()).collect();
    (name.to_owned(), if range.is_empty() { "*".to_owned() } else { range })
}

/// What of Dify it may use.
fn permissions(asked: &Value) -> Vec<String> {
    let enabled = |asked: &Value| asked["enabled"].as_bool().unwrap_or(false);
    let asked = asked.as_object().into_iter().flatten().filter(|(_, asked)| enabled(asked));
    bounded::items(&asked.map(|(name, _)| Value::from(name.as_str())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dependencies_are_names_with_the_versions_they_may_have() {
        let text = "requests>=2.25.0\n# why\nPyYAML\nhttpx[socks] >= 0.27, < 1 ; python_version >= '3.11'\n";
        let of = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(name, range)| ((*name).to_owned(), (*range).to_owned())).collect()
        };
        let wanted: BTreeMap<_, _> = of(&[("httpx", ">=0.27,<1"), ("pyyaml", "*"), ("requests", ">=2.25.0")]);
        assert_eq!(dependencies(text), wanted);
        assert_eq!(dependencies("-r other.txt"), BTreeMap::new());
    }
}
