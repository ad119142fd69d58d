//! A name that only one plugin can have, and where.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::{Dialect, PluginName, PublisherName};

/// `dialect:name`, or `pair:publisher/name`; in lower case. Names the stream of its claim.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ClaimKey(String);

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is no claimed name")]
pub struct InvalidClaimKey;

impl ClaimKey {
    /// Where plugins are named by two words: a publisher has a name once.
    pub fn pair(publisher: &PublisherName, name: &PluginName) -> Self {
        Self(format!("pair:{}/{}", publisher.folded(), name.folded()))
    }

    /// Where plugins are named by one word: a dialect has a name once.
    pub fn word(dialect: Dialect, name: &PluginName) -> Self {
        Self(format!("{}:{}", dialect.as_str(), name.folded()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ClaimKey {
    type Err = InvalidClaimKey;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (space, name) = text.split_once(':').ok_or(InvalidClaimKey)?;
        let fits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic());
        if fits(space) && fits(name) { Ok(Self(text.to_owned())) } else { Err(InvalidClaimKey) }
    }
}

impl TryFrom<String> for ClaimKey {
    type Error = InvalidClaimKey;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<ClaimKey> for String {
    fn from(key: ClaimKey) -> Self {
        key.0
    }
}

impl fmt::Display for ClaimKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
