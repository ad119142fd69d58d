//! The interpreter a package is made for. CPython only.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// CPython 3.x, with the patch release that markers see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PythonVersion {
    pub minor: u8,
    pub patch: u8,
}

/// The text is no CPython version this service packages for; holds the text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("Unsupported Python version: {0} (write it as 3.12 or 3.12.3)")]
pub struct InvalidPython(pub String);

impl Default for PythonVersion {
    /// The interpreter of the installing daemon's image.
    fn default() -> Self {
        Self { minor: 12, patch: 3 }
    }
}

impl FromStr for PythonVersion {
    type Err = InvalidPython;

    /// `3.N` or `3.N.P`, from 3.7 on. Without a patch release the lowest one counts, because it can only add
    /// dependencies to a selection, never drop one; 3.12 is the daemon's own 3.12.3.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refused = || InvalidPython(text.chars().take(32).collect());
        let mut parts = text.split('.');
        let mut number = || -> Option<Option<u8>> {
            parts
                .next()
                .map(|part| part.bytes().all(|b| b.is_ascii_digit()).then(|| part.parse().ok()).flatten())
        };
        let (major, minor, patch) = (number(), number(), number());
        if parts.next().is_some() || major != Some(Some(3)) {
            return Err(refused());
        }
        let minor = minor.flatten().filter(|minor| (7..=99).contains(minor)).ok_or_else(refused)?;
        match patch {
            None if minor == Self::default().minor => Ok(Self::default()),
            None => Ok(Self { minor, patch: 0 }),
            Some(patch) => Ok(Self { minor, patch: patch.ok_or_else(refused)? }),
        }
    }
}

impl PythonVersion {
    /// `3.12`, the marker `python_version`.
    pub fn short(self) -> String {
        format!("3.{}", self.minor)
    }
}

impl fmt::Display for PythonVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "3.{}.{}", self.minor, self.patch)
    }
}

impl TryFrom<String> for PythonVersion {
    type Error = InvalidPython;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<PythonVersion> for String {
    fn from(version: PythonVersion) -> Self {
        version.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_without_patch_is_the_lowest_one_or_the_daemons() {
        assert_eq!("3.12".parse::<PythonVersion>().unwrap().to_string(), "3.12.3");
        assert_eq!("3.11".parse::<PythonVersion>().unwrap().to_string(), "3.11.0");
        assert_eq!("3.13.2".parse::<PythonVersion>().unwrap().to_string(), "3.13.2");
    }

    #[test]
    fn anything_else_is_refused() {
        for text in ["", "3", "2.7", "3.6", "3.x", "3.12.", "3.12.1.0", "3.+12", "pypy3.10"] {
            assert!(text.parse::<PythonVersion>().is_err(), "{text}");
        }
    }
}
