//! The word between a package's stem and its extension.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::Platform;

/// `[A-Za-z0-9][A-Za-z0-9._-]{0,31}`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Suffix(String);

/// The text cannot be part of a file name everywhere.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("Invalid suffix: use 1 to 32 letters, digits, '.', '_' or '-', beginning with a letter or digit")]
pub struct InvalidSuffix;

impl Default for Suffix {
    fn default() -> Self {
        Self("offline".to_owned())
    }
}

impl Suffix {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// `agent.difypkg` becomes `agent-offline.difypkg`.
    pub fn output_name(&self, original: &str) -> String {
        let stem = original.strip_suffix(".difypkg").unwrap_or(original);
        format!("{stem}-{}.difypkg", self.0)
    }

    /// The same for one of several results of one input: `agent-offline-manylinux2014_x86_64.difypkg`.
    pub fn output_name_on(&self, platform: &Platform, original: &str) -> String {
        let stem = original.strip_suffix(".difypkg").unwrap_or(original);
        format!("{stem}-{}-{}.difypkg", self.0, platform.word())
    }
}

impl FromStr for Suffix {
    type Err = InvalidSuffix;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let begins = text.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric());
        let goes_on = text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'));
        if begins && goes_on && text.len() <= 32 { Ok(Self(text.to_owned())) } else { Err(InvalidSuffix) }
    }
}

impl fmt::Display for Suffix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for Suffix {
    type Error = InvalidSuffix;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Suffix> for String {
    fn from(suffix: Suffix) -> Self {
        suffix.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_suffix_stands_before_the_extension() {
        assert_eq!(Suffix::default().output_name("agent.difypkg"), "agent-offline.difypkg");
    }

    #[test]
    fn several_results_of_one_input_differ_by_their_platform() {
        let name =
            |platform: &str| Suffix::default().output_name_on(&platform.parse().unwrap(), "agent.difypkg");
        assert_eq!(name("macosx_11_0_arm64"), "agent-offline-macosx_11_0_arm64.difypkg");
        assert_eq!(name(""), "agent-offline-host.difypkg");
    }

    #[test]
    fn what_could_leave_the_directory_or_a_header_is_refused() {
        for text in ["", ".", "..", "-x", "a/b", "a\\b", "a\"b", "a\nb", "é", &"a".repeat(33)] {
            assert_eq!(text.parse::<Suffix>(), Err(InvalidSuffix), "{text:?}");
        }
        assert!("a".repeat(32).parse::<Suffix>().is_ok());
    }
}
