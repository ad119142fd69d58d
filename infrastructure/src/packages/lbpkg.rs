//! `manifest.yaml` of a `LangBot` plugin: `kind: Plugin`, who and what it is in `metadata`, its configuration in
//! `spec.config`.

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

#[derive(Deserialize)]
struct Head {
    metadata: Option<Names>,
}

/// Scalars are taken as they are written.
#[derive(Deserialize)]
struct Names {
    author: Option<String>,
    name: Option<String>,
    version: Option<String>,
}

/// Whether the manifest of a ZIP file is one of these.
pub(super) fn is_meant(whole: &Value) -> bool {
    whole["kind"].as_str() == Some("Plugin") && whole["metadata"].is_object()
}

/// `file`: how the manifest is called.
pub(super) fn declared(file: &str, text: &str, whole: &Value) -> Result<Declared, Failure> {
    let head: Head = manifest::part(text).ok_or_else(|| invalid(file, "author, name or version"))?;
    let names = head.metadata.ok_or_else(|| invalid(file, "metadata"))?;
    let identity = Identity::new(file, names.name.as_deref(), names.version.as_deref())?;
    let author = names.author.map(Value::from).and_then(|author| bounded::line(&author, bounded::NAME));
    let author = author.ok_or_else(|| invalid(file, "there is no author in it"))?;
    let metadata = &whole["metadata"];
    let labels = bounded::by_language(&metadata["label"], bounded::NAME);
    let briefs = bounded::by_language(&metadata["description"], bounded::LINE);
    let description = Description {
        display_name: bounded::english(&labels).unwrap_or_default(),
        summary: bounded::english(&briefs)
            .or_else(|| bounded::line(&metadata["description"], bounded::LINE))
            .unwrap_or_default(),
        author: Some(Author { name: author.clone(), ..Author::default() }),
        tags: bounded::tags(&metadata["tags"]),
        repository: bounded::repository(&metadata["repository"]),
        homepage: bounded::address(&metadata["homepage"]),
        license: bounded::license(&metadata["license"]),
        components: bounded::keys(&whole["spec"]["components"]),
        labels,
        briefs,
        ..Description::default()
    };
    let config = &whole["spec"]["config"];
    Ok(Declared {
        author: Some(author),
        config_schema: config.as_array().filter(|fields| !fields.is_empty()).map(|_| config.clone()),
        icon: metadata["icon"].as_str().map(|path| path.strip_prefix("./").unwrap_or(path).to_owned()),
        ..Declared::new(identity, description)
    })
}
