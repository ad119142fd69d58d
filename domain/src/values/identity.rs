//! Which plugin a package says it is.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Author, name and version as the package's manifest gives them, checked against the installing daemon's rules.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Unchecked")]
pub struct PluginIdentity {
    author: String,
    name: String,
    version: String,
}

#[derive(Deserialize)]
struct Unchecked {
    author: String,
    name: String,
    version: String,
}

/// A field the installing daemon would refuse; holds the field's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidIdentity(pub &'static str);

impl PluginIdentity {
    /// `author`: `[a-z0-9_-]{1,64}`; `name`: `[a-z0-9_-]{1,128}`; `version`: three numbers and an optional
    /// `-word`, at most 16 characters of it.
    pub fn new(author: &str, name: &str, version: &str) -> Result<Self, InvalidIdentity> {
        if !is_slug(author, 64) {
            return Err(InvalidIdentity("author"));
        }
        if !is_slug(name, 128) {
            return Err(InvalidIdentity("name"));
        }
        if !is_version(version) {
            return Err(InvalidIdentity("version"));
        }
        Ok(Self { author: author.to_owned(), name: name.to_owned(), version: version.to_owned() })
    }

    pub fn author(&self) -> &str {
        &self.author
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn version(&self) -> &str {
        &self.version
    }
}

impl TryFrom<Unchecked> for PluginIdentity {
    type Error = InvalidIdentity;

    fn try_from(raw: Unchecked) -> Result<Self, Self::Error> {
        Self::new(&raw.author, &raw.name, &raw.version)
    }
}

impl fmt::Display for PluginIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}:{}", self.author, self.name, self.version)
    }
}

fn is_slug(text: &str, longest: usize) -> bool {
    (1..=longest).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-')
}

fn is_version(text: &str) -> bool {
    let (numbers, word) = match text.split_once('-') {
        Some((numbers, word)) => (numbers, Some(word)),
        None => (text, None),
    };
    let is_number = |part: &str| (1..=4).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
    let is_word = |word: &str| {
        (1..=16).contains(&word.len()) && word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
    };
    numbers.split('.').count() == 3 && numbers.split('.').all(is_number) && word.is_none_or(is_word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_daemon_takes_is_taken() {
        for version in ["0.0.1", "1.2.3-beta_1", "9999.0.0"] {
            assert!(PluginIdentity::new("langgenius", "cot_agent", version).is_ok(), "{version}");
        }
    }

    #[test]
    fn the_field_that_is_wrong_is_named() {
        let refused = |author, name, version| PluginIdentity::new(author, name, version).unwrap_err().0;
        assert_eq!(refused("Lang", "a", "0.0.1"), "author");
        assert_eq!(refused("a", "../b", "0.0.1"), "name");
        for version in ["1.0", "1.0.0.0", "1.0.x", "1.0.0-", "12345.0.0", "1.0.0-a-b"] {
            assert_eq!(refused("a", "b", version), "version", "{version}");
        }
    }
}
