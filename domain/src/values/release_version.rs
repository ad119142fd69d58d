//! The version of a release: semantic versioning 2.0.0 without build metadata.

use std::{fmt, str::FromStr};

use semver::Version;
use serde::{Deserialize, Serialize};

const LONGEST: usize = 64;

/// Ordered by precedence. Build metadata is refused: two versions that differ in nothing else would be equal.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ReleaseVersion(Version);

/// The text is no such version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a version is three numbers and an optional pre-release, such as 1.2.3 or 1.2.3-beta.1")]
pub struct InvalidReleaseVersion;

impl ReleaseVersion {
    pub fn is_prerelease(&self) -> bool {
        !self.0.pre.is_empty()
    }

    pub fn as_semver(&self) -> &Version {
        &self.0
    }
}

impl FromStr for ReleaseVersion {
    type Err = InvalidReleaseVersion;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.len() > LONGEST {
            return Err(InvalidReleaseVersion);
        }
        let version = Version::parse(text).map_err(|_grammar| InvalidReleaseVersion)?;
        if version.build.is_empty() { Ok(Self(version)) } else { Err(InvalidReleaseVersion) }
    }
}

impl TryFrom<String> for ReleaseVersion {
    type Error = InvalidReleaseVersion;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<ReleaseVersion> for String {
    fn from(version: ReleaseVersion) -> Self {
        version.to_string()
    }
}

impl fmt::Display for ReleaseVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_ordered_by_precedence() {
        let version = |text: &str| text.parse::<ReleaseVersion>().unwrap();
        assert!(version("1.10.0") > version("1.9.9"));
        assert!(version("1.0.0") > version("1.0.0-rc.1") && version("1.0.0-rc.1").is_prerelease());
        assert_eq!(serde_json::to_value(version("0.0.9")).unwrap(), "0.0.9");
    }

    #[test]
    fn what_is_no_version_is_refused() {
        let long = format!("1.0.0-{}", "a".repeat(LONGEST));
        for text in ["", "1", "1.0", "1.0.0.0", "v1.0.0", "01.0.0", "1.0.0+build", "1.0.0 ", "../1", &long] {
            assert!(text.parse::<ReleaseVersion>().is_err(), "{text}");
        }
    }
}
