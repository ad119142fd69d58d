//! `uv.lock` as uv writes it, version 1. Parsed once and borrowed from; what we do not need is not kept.

use std::{borrow::Cow, collections::BTreeMap};

use serde::{Deserialize, de::IgnoredAny};

use super::percent;

#[derive(Debug, Deserialize)]
pub struct Lock<'a> {
    pub version: u32,
    #[serde(default)]
    pub revision: u32,
    #[serde(rename = "requires-python", borrow)]
    pub requires_python: Option<Cow<'a, str>>,
    #[serde(rename = "supported-markers", borrow, default)]
    pub supported_markers: Vec<Cow<'a, str>>,
    #[serde(default)]
    pub conflicts: Vec<IgnoredAny>,
    #[serde(rename = "package", borrow, default)]
    pub packages: Vec<Package<'a>>,
}

#[derive(Debug, Deserialize)]
pub struct Package<'a> {
    #[serde(borrow)]
    pub name: Cow<'a, str>,
    #[serde(borrow)]
    pub version: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub source: Source<'a>,
    #[serde(rename = "resolution-markers", borrow, default)]
    pub resolution_markers: Vec<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub dependencies: Vec<Dependency<'a>>,
    #[serde(rename = "optional-dependencies", borrow, default)]
    pub extras: BTreeMap<Cow<'a, str>, Vec<Dependency<'a>>>,
    #[serde(rename = "dev-dependencies", borrow, default)]
    pub groups: BTreeMap<Cow<'a, str>, Vec<Dependency<'a>>>,
    #[serde(borrow, default)]
    pub wheels: Vec<LockedWheel<'a>>,
    /// Written like a wheel.
    #[serde(borrow)]
    pub sdist: Option<LockedWheel<'a>>,
    #[serde(borrow)]
    pub metadata: Option<Metadata<'a>>,
}

/// Exactly one of these is given.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Source<'a> {
    #[serde(borrow)]
    pub registry: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub git: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub url: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub path: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub directory: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub editable: Option<Cow<'a, str>>,
    #[serde(rename = "virtual", borrow)]
    pub virtual_: Option<Cow<'a, str>>,
}

#[derive(Debug, Deserialize)]
pub struct Dependency<'a> {
    #[serde(borrow)]
    pub name: Cow<'a, str>,
    #[serde(borrow)]
    pub version: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub source: Option<Source<'a>>,
    #[serde(borrow)]
    pub marker: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub extra: Vec<Cow<'a, str>>,
}

#[derive(Debug, Deserialize)]
pub struct LockedWheel<'a> {
    #[serde(borrow)]
    pub url: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub hash: Option<Cow<'a, str>>,
    pub size: Option<u64>,
}

#[derive(Debug, Deserialize)]
pub struct Metadata<'a> {
    #[serde(rename = "requires-dist", borrow, default)]
    pub requires_dist: Vec<RequiresDist<'a>>,
}

#[derive(Debug, Deserialize)]
pub struct RequiresDist<'a> {
    #[serde(borrow)]
    pub name: Cow<'a, str>,
    #[serde(borrow)]
    pub specifier: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub marker: Option<Cow<'a, str>>,
}

impl<'a> Lock<'a> {
    /// `None` when the text is no lock file, or one of a structure we do not know.
    pub fn read(text: &'a str) -> Option<Self> {
        toml::from_str(text)
            .inspect_err(|error| tracing::debug!(error = error.message(), "a lock file is not readable"))
            .ok()
    }
}

impl Source<'_> {
    /// Whether it is the project that the lock was made for.
    pub fn is_root(&self) -> bool {
        [&self.virtual_, &self.editable].into_iter().flatten().any(|path| path == ".")
    }
}

impl LockedWheel<'_> {
    /// The last segment of the URL, percent-decoded.
    pub fn file_name(&self) -> Option<Cow<'_, str>> {
        let url = self.url.as_deref()?;
        let path = url.split('#').next()?.split('?').next()?;
        percent::decoded(path.rsplit('/').next()?)
    }

    pub(super) fn is_wheel(url: &str) -> bool {
        url.rsplit_once('.').is_some_and(|(_, extension)| extension == "whl")
    }

    /// The sha256, if the hash is one.
    pub fn sha256(&self) -> Option<domain::values::Digest> {
        self.hash.as_deref()?.strip_prefix("sha256:")?.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_borrowed_from_its_text() {
        let text = "version = 1\nrevision = 3\nrequires-python = \">=3.12\"\n[[package]]\nname = \"a\"\n\
             version = \"1.0\"\nsource = { registry = \"https://index.example/simple\" }\n\
             wheels = [{ url = \"https://files.example/a-1.0%2Bx-py3-none-any.whl#f\", hash = \"sha256:00\" }]\n";
        let lock = Lock::read(text).unwrap();
        assert!(matches!(lock.packages[0].name, Cow::Borrowed("a")));
        let wheel = &lock.packages[0].wheels[0];
        assert_eq!(wheel.file_name().unwrap(), "a-1.0+x-py3-none-any.whl");
        assert_eq!(wheel.sha256(), None);
    }

    #[test]
    fn something_else_is_no_lock() {
        assert!(Lock::read("version = \"x\"").is_none());
        assert!(Lock::read("[[package]\n").is_none());
    }
}
