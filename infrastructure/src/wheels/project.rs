//! What a package declares beside its lock: `pyproject.toml` and `requirements.txt`. Neither is ever handed to a
//! tool; they tell which project the lock belongs to, whether it is stale, and whether there is anything at all.

use std::collections::BTreeMap;

use application::failure::{Failure, Reason};
use pep508_rs::VersionOrUrl;
use serde::Deserialize;

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

    fn declares_nothing(&self) -> bool {
        self.project.dependencies.is_empty()
            && !self.project.dynamic.iter().any(|word| word == "dependencies")
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

/// The lines of a requirements file that mean something.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Requirements {
    /// Name to exact version, where there is one.
    pub pins: BTreeMap<String, Option<String>>,
}

impl Requirements {
    /// Reads what may stand in the requirements file of an offline package: names with specifiers, markers and
    /// sha256 hashes, and the two header lines of an earlier repackaging.
    ///
    /// # Errors
    /// `RequirementUnsupported` with the line and the option, never the rest of the line: it may hold a password.
    pub fn read(text: &str) -> Result<Self, Failure> {
        let mut pins = BTreeMap::new();
        let mut joined = String::new();
        let mut first = None;
        for (number, line) in (1..).zip(text.lines()) {
            if number > 2_000 || line.len() > 2_048 {
                return Err(refused(number, "more than 2000 lines or a line over 2 KiB"));
            }
            let at = *first.get_or_insert(number);
            if let Some(start) = line.strip_suffix('\\') {
                joined.push_str(start);
                continue;
            }
            joined.push_str(line);
            let line = std::mem::take(&mut joined);
            first = None;
            let line = without_comment(&line).trim();
            if line.is_empty() || matches!(line, "--no-index" | "--find-links=./wheels/") {
                continue;
            }
            let (name, version) = requirement(line, at)?;
            pins.insert(name, version);
        }
        Ok(Self { pins })
    }
}

fn without_comment(line: &str) -> &str {
    let is_start = |at: usize| at == 0 || line[..at].ends_with(char::is_whitespace);
    line.match_indices('#').find(|&(at, _)| is_start(at)).map_or(line, |(at, _)| &line[..at])
}

fn requirement(line: &str, number: usize) -> Result<(String, Option<String>), Failure> {
    if line.starts_with('-') {
        return Err(refused(number, &pep508::option(line)));
    }
    if line.contains("${") {
        return Err(refused(number, "${"));
    }
    let mut parts = line.split(" --");
    let wanted = parts.next().unwrap_or_default().trim();
    for option in parts {
        let hash = option.trim().strip_prefix("hash=sha256:");
        if hash.is_none_or(|hash| hash.parse::<domain::values::Digest>().is_err()) {
            return Err(refused(number, &pep508::option(&format!("--{option}"))));
        }
    }
    if wanted.contains("://") || wanted.contains('@') {
        return Err(refused(number, "a URL"));
    }
    let parsed = pep508::requirement(wanted).ok_or_else(|| refused(number, "what is no requirement"))?;
    let version = match parsed.version_or_url {
        None => None,
        Some(VersionOrUrl::Url(_)) => return Err(refused(number, "a URL")),
        Some(VersionOrUrl::VersionSpecifier(specifiers)) => {
            let mut all = specifiers.iter();
            match (all.next(), all.next()) {
                (Some(only), None) if *only.operator() == pep440_rs::Operator::Equal => {
                    Some(only.version().to_string())
                }
                (Some(_) | None, _) => None,
            }
        }
    };
    Ok((normalised(parsed.name.as_ref()), version))
}

fn refused(line: usize, what: &str) -> Failure {
    Failure::permanent(
        Reason::RequirementUnsupported,
        format!("requirements.txt line {line}: '{what}' is not allowed for offline packages"),
    )
}

/// Whether the package needs no wheel at all.
///
/// # Errors
/// `RequirementUnsupported` for a requirements file with something else than requirements in it.
pub fn declares_nothing(pyproject: Option<&PyProject>, requirements: Option<&str>) -> Result<bool, Failure> {
    let requirements = requirements.map_or_else(|| Ok(Requirements::default()), Requirements::read)?;
    Ok(requirements.pins.is_empty() && pyproject.is_none_or(PyProject::declares_nothing))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requirements_of_an_earlier_repackaging_are_read() {
        let hash = "ab".repeat(32);
        let text = format!(
            "--no-index\r\n--find-links=./wheels/\r\n# comment\nDify_Plugin==0.9.0\na[x]>=1 ; \
             python_version < '4' # b\nb==1 \\\n  --hash=sha256:{hash}\n"
        );
        let found = Requirements::read(&text).unwrap();
        assert_eq!(found.pins["dify-plugin"].as_deref(), Some("0.9.0"));
        assert_eq!((found.pins["a"].clone(), found.pins["b"].clone()), (None, Some("1".to_owned())));
    }

    #[test]
    fn anything_that_could_run_or_redirect_is_named_without_its_value() {
        for (line, option) in [
            ("-e .", "-e"),
            ("--index-url https://user:secret@index.example/", "--index-url"),
            ("--index-url=https://user:secret@index.example/", "--index-url"),
            ("-r secret.txt", "-r"),
            ("-rsecret.txt", "-r"),
            ("-ihttps://user:secret@index.example/", "-i"),
            ("a==1 --config-settings=secret", "--config-settings"),
            ("a @ https://user:secret@files.example/a.whl", "a URL"),
            ("https://user:secret@files.example/a.whl", "a URL"),
            ("git+https://secret", "a URL"),
            ("./secret", "what is no requirement"),
            ("1.}secret.-*", "what is no requirement"),
            ("${SECRET}", "${"),
        ] {
            let failure = Requirements::read(&format!("\n\n{line}\n")).unwrap_err();
            assert_eq!(
                failure.message,
                format!("requirements.txt line 3: '{option}' is not allowed for offline packages")
            );
            assert_eq!(failure.reason, Reason::RequirementUnsupported);
        }
    }

    #[test]
    fn nothing_declared_is_found_out() {
        let project = |text| PyProject::read(text).unwrap();
        assert!(declares_nothing(None, None).unwrap());
        assert!(declares_nothing(None, Some("# only\n\n--no-index\n--find-links=./wheels/\n")).unwrap());
        assert!(!declares_nothing(None, Some("a\n")).unwrap());
        assert!(declares_nothing(Some(&project("[project]\nname='x'\n")), Some("")).unwrap());
        assert!(!declares_nothing(Some(&project("[project]\ndependencies=['a']\n")), None).unwrap());
        assert!(!declares_nothing(Some(&project("[project]\ndynamic=['dependencies']\n")), None).unwrap());
    }

    #[test]
    fn default_groups_leave_dev_out() {
        let groups = |text: &str| PyProject::read(text).unwrap().default_groups().cloned().unwrap();
        let named = groups("[tool.uv]\ndefault-groups = ['dev', 'extra_tools']\n");
        assert!(named.holds("extra-tools") && !named.holds("dev") && !named.holds("docs"));
        assert!(groups("[tool.uv]\ndefault-groups = 'all'\n").holds("docs"));
    }
}
