//! `manifest.json` of a Backstage or Nexus plugin: the members that the documents of both show, in the spellings of
//! both.

use std::collections::BTreeMap;

use application::failure::Failure;
use domain::plugin::{Description, Icon};
use serde_json::Value;

use super::{
    bounded,
    declared::{Declared, Identity},
};

pub(super) const FILE: &str = "manifest.json";

pub(super) fn declared(whole: &Value) -> Result<Declared, Failure> {
    let identity = Identity::new(FILE, whole["name"].as_str(), whole["version"].as_str())?;
    let changelog_url = bounded::address(&whole["changelog"]);
    let icon_url = bounded::address(&whole["icon"]);
    let declared = Declared {
        engines: engines(whole),
        dependencies: dependencies(&whole["dependencies"]),
        peer_dependencies: bounded::ranges(either(whole, "peerDependencies", "peer_dependencies")),
        permissions: bounded::items(&whole["permissions"]),
        config_schema: config_schema(whole),
        changelog: if changelog_url.is_some() { None } else { bounded::prose(&whole["changelog"]) },
        icon: whole["icon"].as_str().filter(|_| icon_url.is_none()).map(without_dot),
        ..Declared::new(identity, Description::default())
    };
    let of_name = declared.description.display_name;
    let display_name = bounded::line(either(whole, "displayName", "display_name"), bounded::NAME);
    let description = Description {
        display_name: display_name.unwrap_or(of_name),
        changelog_url: changelog_url.or_else(|| bounded::address(&whole["changelog_url"])),
        icon: icon_url.map(Icon::Url),
        ..description(whole)
    };
    let says_so = whole["prerelease"].as_bool().unwrap_or(false);
    Ok(Declared { description, prerelease: declared.prerelease || says_so, ..declared })
}

fn without_dot(path: &str) -> String {
    path.strip_prefix("./").unwrap_or(path).to_owned()
}

fn either<'a>(whole: &'a Value, one: &str, other: &str) -> &'a Value {
    if whole[one].is_null() { &whole[other] } else { &whole[one] }
}

fn description(whole: &Value) -> Description {
    let compatibility = &whole["compatibility"];
    Description {
        summary: bounded::line(&whole["description"], bounded::LINE).unwrap_or_default(),
        long_description: bounded::prose(either(whole, "longDescription", "long_description")),
        author: bounded::author(&whole["author"]).map(|author| domain::plugin::Author {
            email: author.email.or_else(|| bounded::email(&whole["email"])),
            ..author
        }),
        category: bounded::line(&whole["category"], 64),
        tags: bounded::tags(either(whole, "tags", "keywords")),
        banner: bounded::address(&whole["banner"]),
        screenshots: bounded::addresses(&whole["screenshots"]),
        videos: bounded::addresses(&whole["videos"]),
        homepage: bounded::address(&whole["homepage"]),
        repository: bounded::repository(either(whole, "repository", "repository_url")),
        documentation: bounded::address(either(whole, "documentation", "documentation_url")),
        license: bounded::license(&whole["license"]),
        support: bounded::support(&whole["support"]),
        pricing: bounded::pricing(&whole["pricing"]),
        features: bounded::items(&whole["features"]),
        platforms: bounded::items(either(compatibility, "platform", "platforms")),
        ..Description::default()
    }
}

/// What it runs in, wherever it says so.
fn engines(whole: &Value) -> BTreeMap<String, String> {
    let compatibility = &whole["compatibility"];
    let mut engines = bounded::ranges(&whole["engines"]);
    for (engine, said) in [
        ("backstage", &compatibility["backstage"]),
        ("node", &compatibility["node"]),
        ("nexus", either(compatibility, "nexus_version", "nexus")),
        ("python", either(compatibility, "python_version", "python")),
        ("nexus", &whole["nexus_version"]),
        ("python", &whole["python_version"]),
    ] {
        engines.extend(bounded::line(said, 256).map(|range| (engine.to_owned(), range)));
    }
    engines
}

/// Plugins: packages of a programming language are no plugins.
fn dependencies(said: &Value) -> BTreeMap<String, String> {
    let by_kind = ["plugins", "packages"].iter().any(|kind| said[kind].is_object() || said[kind].is_array());
    bounded::ranges(if by_kind { &said["plugins"] } else { said })
}

/// `configuration.schema`, or `configuration` where it is a schema itself.
fn config_schema(whole: &Value) -> Option<Value> {
    let said = &whole["configuration"];
    let fields = |value: &Value| value.as_object().is_some_and(|fields| !fields.is_empty());
    let is_schema = fields(said) && said.as_object()?.values().all(|field| field["type"].is_string());
    let found = [&said["schema"], &whole["config_schema"], said].into_iter().find(|value| fields(value))?;
    (is_schema || !std::ptr::eq(found, said)).then(|| found.clone())
}
