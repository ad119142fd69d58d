//! What a package declares in `pyproject.toml`. The file is never handed to a tool; it tells which project the lock
//! belongs to, whether that is stale, and what to ask for when there is none.

use std::collections::BTreeMap;

use pep508_rs::VersionOrUrl;
use serde::{Deserialize, de::IgnoredAny};

use super::{lock::Package, normalised, pep508};

#[derive(Debug, Default, Deserialize)]
pub struct PyProject {
    #[serde(default)]
    project: ProjectTable,
    #[serde(default)]
    tool: ToolTable,
}

#[derive(Debug, Default, Deserialize)]
struct ProjectTable {
    name: Option<String>,
    #[serde(rename = "requires-python")]
    requires_python: Option<String>,
    #[serde(default)]
    dependencies: Vec<String>,
    #[serde(default)]
    dynamic: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
struct ToolTable {
    #[serde(default)]
    uv: UvTable,
}

#[derive(Debug, Default, Deserialize)]
struct UvTable {
    #[serde(rename = "default-groups")]
    default_groups: Option<Groups>,
    #[serde(default)]
    sources: BTreeMap<String, Origins>,
}

/// Where a dependency comes from instead of the index; several for several platforms.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Origins {
    One(Origin),
    Several(Vec<Origin>),
    Unknown(IgnoredAny),
}

#[derive(Debug, Default, Deserialize)]
struct Origin {
    git: Option<IgnoredAny>,
    url: Option<IgnoredAny>,
    index: Option<IgnoredAny>,
}

/// Which dependency groups uv installs unasked; the daemon leaves `dev` out.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Groups {
    Word(String),
    Named(Vec<String>),
}

impl Groups {
    pub fn holds(&self, group: &str) -> bool {
        let group = normalised(group);
        group != "dev"
            && match self {
                Self::Word(word) => word == "all",
                Self::Named(names) => names.iter().any(|name| normalised(name) == group),
            }
    }
}

impl PyProject {
    /// `None` when it is not readable.
    pub fn read(text: &str) -> Option<Self> {
        toml::from_str(text).ok()
    }

    /// The project's name as PEP 503 compares it.
    pub fn name(&self) -> Option<String> {
        self.project.name.as_deref().map(normalised)
    }

    pub fn default_groups(&self) -> Option<&Groups> {
        self.tool.uv.default_groups.as_ref()
    }

    /// Empty when they are declared elsewhere, or not at all.
    pub fn dependencies(&self) -> &[String] {
        let elsewhere = self.project.dynamic.iter().any(|word| word == "dependencies");
        if elsewhere { &[] } else { &self.project.dependencies }
    }

    pub fn requires_python(&self) -> Option<&str> {
        self.project.requires_python.as_deref()
    }

    /// What uv would take the dependency from, in words, if that is not the index.
    pub fn origin_of(&self, name: &str) -> Option<&'static str> {
        let (_, origins) = self.tool.uv.sources.iter().find(|(named, _)| normalised(named) == name)?;
        let unknown = Origin::default();
        let origin = match origins {
            Origins::One(origin) => origin,
            Origins::Several(origins) => origins.first()?,
            Origins::Unknown(_) => &unknown,
        };
        Some(if origin.git.is_some() {
            "comes from git; git sources are disabled"
        } else if origin.url.is_some() {
            "comes from a URL; only wheels from an index are allowed"
        } else if origin.index.is_some() {
            "comes from an index of its own; without a uv.lock only the index of this server is asked"
        } else {
            "comes from a local path; only wheels are allowed"
        })
    }

    /// Whether the lock's root was locked from other dependencies than these.
    pub fn differs_from(&self, root: &Package<'_>) -> bool {
        let Some(metadata) = &root.metadata else { return false };
        let mut locked: Vec<(String, String)> = metadata
            .requires_dist
            .iter()
            .filter(|wanted| !wanted.marker.as_deref().is_some_and(|marker| marker.contains("extra ==")))
            .map(|wanted| (normalised(&wanted.name), specifiers(wanted.specifier.as_deref().unwrap_or(""))))
            .collect();
        let read = |text: &String| {
            let wanted = pep508::requirement(text)?;
            let version = match wanted.version_or_url {
                Some(VersionOrUrl::VersionSpecifier(version)) => version.to_string(),
                Some(VersionOrUrl::Url(_)) | None => String::new(),
            };
            Some((normalised(wanted.name.as_ref()), specifiers(&version)))
        };
        let Some(mut declared) = self.project.dependencies.iter().map(read).collect::<Option<Vec<_>>>()
        else {
            return false;
        };
        locked.sort();
        declared.sort();
        locked != declared
    }
}

fn specifiers(text: &str) -> String {
    let mut parts: Vec<String> = text.split(',').map(|part| part.replace(' ', "")).collect();
    parts.sort();
    parts.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dependencies_and_their_origins_are_read() {
        let project = |text: &str| PyProject::read(text).unwrap();
        let found = project(
            "[project]\ndependencies = ['a', 'b']\nrequires-python = '>=3.12'\n[tool.uv.sources]\n\
             A_a = { git = 'https://x' }\nb = [{ url = 'https://x', marker = 'y' }]\nc = { index = 'x' }\n\
             d = { workspace = true }\ne = 1\n",
        );
        assert_eq!((found.dependencies().len(), found.requires_python()), (2, Some(">=3.12")));
        for (name, word) in [("a-a", "git"), ("b", "URL"), ("c", "index"), ("d", "path"), ("e", "path")] {
            assert!(found.origin_of(name).unwrap().contains(word), "{name}");
        }
        assert_eq!(found.origin_of("f"), None);
        let dynamic = project("[project]\ndependencies = ['a']\ndynamic = ['dependencies']\n");
        assert!(dynamic.dependencies().is_empty());
    }

    #[test]
    fn default_groups_leave_dev_out() {
        let groups = |text: &str| PyProject::read(text).unwrap().default_groups().cloned().unwrap();
        let named = groups("[tool.uv]\ndefault-groups = ['dev', 'extra_tools']\n");
        assert!(named.holds("extra-tools") && !named.holds("dev") && !named.holds("docs"));
        assert!(groups("[tool.uv]\ndefault-groups = 'all'\n").holds("docs"));
    }
}
