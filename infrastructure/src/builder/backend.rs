//! What builds a source tree (PEP 517, 518): the backend it names, and what that needs, by the same strict grammar as
//! every other requirement of a package.

use std::str::FromStr as _;

use application::{
    failure::{Failure, Reason},
    ports::packaging::Requirement,
};
use pep508_rs::{VerbatimUrl, VersionOrUrl};
use serde::Deserialize;

use crate::wheels::normalised;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Backend {
    /// `module:object`.
    pub(super) name: String,
    /// Directories of the tree that hold a backend of its own.
    pub(super) beside: Vec<String>,
    pub(super) requires: Vec<Requirement>,
}

const USUAL: &str = "setuptools.build_meta:__legacy__";
const MOST: usize = 100;

#[derive(Debug, Deserialize)]
struct PyProject {
    #[serde(rename = "build-system")]
    build_system: Option<BuildSystem>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct BuildSystem {
    requires: Vec<String>,
    build_backend: Option<String>,
    #[serde(default)]
    backend_path: Vec<String>,
}

impl Backend {
    /// # Errors
    /// `BuildFailed` without the tree's own words where they may hold a credential.
    pub(super) fn of(pyproject: Option<&str>) -> Result<Self, Failure> {
        let usual = || BuildSystem {
            requires: vec!["setuptools>=40.8.0".to_owned(), "wheel".to_owned()],
            build_backend: None,
            backend_path: Vec::new(),
        };
        let read = match pyproject {
            None => None,
            Some(text) => {
                toml::from_str::<PyProject>(text)
                    .map_err(|_unreadable| refused("its pyproject.toml is not readable"))?
                    .build_system
            }
        };
        let system = read.unwrap_or_else(usual);
        let name = system.build_backend.unwrap_or_else(|| USUAL.to_owned());
        if !is_dotted(&name) {
            return Err(refused("its build backend has no name"));
        }
        let is_inside = |path: &String| {
            !path.starts_with('/') && path.split('/').all(|part| part != "..") && !path.contains('\0')
        };
        if !system.backend_path.iter().all(is_inside) {
            return Err(refused("its backend-path leads out of it"));
        }
        Ok(Self { name, beside: system.backend_path, requires: requirements(&system.requires)? })
    }
}

fn refused(why: &str) -> Failure {
    Failure::permanent(Reason::BuildFailed, why)
}

fn is_dotted(name: &str) -> bool {
    let is_word = |part: &str| {
        !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') && part.len() <= 100
    };
    let mut halves = name.splitn(2, ':');
    halves.all(|half| half.split('.').all(is_word))
}

/// # Errors
/// `BuildFailed` for what is more than names, specifiers and markers.
pub(super) fn requirements(lines: &[String]) -> Result<Vec<Requirement>, Failure> {
    if lines.len() > MOST {
        return Err(refused("it needs more than 100 packages to be built"));
    }
    lines.iter().map(|line| requirement(line)).collect()
}

fn requirement(line: &str) -> Result<Requirement, Failure> {
    let what = || refused("it needs something to be built that is no plain requirement");
    if line.len() > 2_048 || line.contains("${") || line.contains("://") || line.contains('@') {
        return Err(what());
    }
    let mut parsed =
        pep508_rs::Requirement::<VerbatimUrl>::from_str(line).map_err(|_not_a_requirement| what())?;
    if matches!(parsed.version_or_url, Some(VersionOrUrl::Url(_))) {
        return Err(what());
    }
    parsed.name = normalised(parsed.name.as_ref()).parse().map_err(|_not_a_name| what())?;
    Ok(Requirement { text: parsed.to_string(), sha256: Vec::new() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_without_a_word_is_built_as_ever() {
        for text in [None, Some("[project]\nname = 'x'\n")] {
            let backend = Backend::of(text).unwrap();
            assert_eq!((backend.name.as_str(), backend.requires.len()), (USUAL, 2));
        }
    }

    #[test]
    fn a_backend_of_its_own_lies_inside_the_tree() {
        let text =
            "[build-system]\nrequires = []\nbuild-backend = 'own.backend:it'\nbackend-path = ['.', 'x/y']\n";
        let backend = Backend::of(Some(text)).unwrap();
        assert_eq!((backend.name.as_str(), backend.beside.len()), ("own.backend:it", 2));
        for wrong in [
            "[build-system]\nrequires = []\nbackend-path = ['../x']\n",
            "[build-system]\nrequires = []\nbackend-path = ['/x']\n",
            "[build-system]\nrequires = []\nbuild-backend = 'x; import os'\n",
            "[build-system]\nrequires = ['a @ https://user:secret@host/a.whl']\n",
            "[build-system]\nrequires = ['-e .']\n",
            "[build-system\n",
        ] {
            let failure = Backend::of(Some(wrong)).unwrap_err();
            assert_eq!(failure.reason, Reason::BuildFailed, "{wrong}");
            assert!(!failure.message.contains("secret"), "{failure}");
        }
    }
}
