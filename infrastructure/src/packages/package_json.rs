//! `package.json` of an Inkdrop package, as npm describes the file; a theme says so with `theme`.

use application::failure::Failure;
use domain::plugin::{Description, PluginKind, Support};
use serde_json::Value;

use super::{
    bounded,
    declared::{Declared, Identity},
};

pub(super) const FILE: &str = "package.json";

pub(super) fn declared(whole: &Value) -> Result<Declared, Failure> {
    let identity = Identity::new(FILE, whole["name"].as_str(), whole["version"].as_str())?;
    let description = Description {
        summary: bounded::line(&whole["description"], bounded::LINE).unwrap_or_default(),
        author: bounded::author(&whole["author"]),
        tags: bounded::tags(&whole["keywords"]),
        repository: bounded::repository(&whole["repository"]),
        homepage: bounded::address(&whole["homepage"]),
        license: bounded::license(&whole["license"]),
        support: support(&whole["bugs"]),
        platforms: bounded::items(&whole["os"]),
        ..Description::default()
    };
    Ok(Declared {
        kind: if is_theme(&whole["theme"]) { PluginKind::Theme } else { PluginKind::Plugin },
        engines: bounded::ranges(&whole["engines"]),
        dependencies: bounded::ranges(&whole["dependencies"]),
        peer_dependencies: bounded::ranges(&whole["peerDependencies"]),
        ..Declared::new(identity, description)
    })
}

/// `ui`, `syntax`, `preview`; once it was `true`.
fn is_theme(theme: &Value) -> bool {
    theme.as_bool().unwrap_or(false) || theme.as_str().is_some_and(|theme| !theme.is_empty())
}

fn support(bugs: &Value) -> Option<Support> {
    let issues = bounded::address(bugs).or_else(|| bounded::address(&bugs["url"]));
    let support = Support { issues, email: bounded::email(&bugs["email"]), ..Support::default() };
    (support != Support::default()).then_some(support)
}
