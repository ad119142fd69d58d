//! What plugins and their publishers are called.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Root paths that a publisher's name would hide.
const RESERVED_PUBLISHERS: [&str; 10] = [
    "install",
    "search",
    "repositories",
    "broadcast",
    "debug-info",
    "config-files",
    "github",
    "_sdk",
    "batch",
    "download",
];
/// Second words of root paths that a plugin's name would hide.
const RESERVED_PLUGINS: [&str; 9] =
    ["config", "health", "metrics", "logs", "permissions", "enable", "disable", "restart", "message"];

/// `[A-Za-z0-9][A-Za-z0-9_-]{0,63}`, and no reserved word.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PublisherName(String);

/// `[A-Za-z0-9][A-Za-z0-9._-]{0,127}`, and no reserved word.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PluginName(String);

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidName {
    #[error(
        "a publisher's name begins with a letter or a digit and has at most 64 letters, digits, hyphens and underscores"
    )]
    Publisher,
    #[error(
        "a plugin's name begins with a letter or a digit and has at most 128 letters, digits, hyphens, underscores and dots"
    )]
    Plugin,
    #[error("this name is reserved; choose another one")]
    Reserved,
}

impl PublisherName {
    pub fn new(text: &str) -> Result<Self, InvalidName> {
        let fits = is_word(text, 64) && !text.contains('.');
        allowed(text, &RESERVED_PUBLISHERS, fits, InvalidName::Publisher)?;
        Ok(Self(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Names that differ in case alone are one name.
    pub fn folded(&self) -> String {
        self.0.to_ascii_lowercase()
    }
}

impl PluginName {
    pub fn new(text: &str) -> Result<Self, InvalidName> {
        let fits = is_word(text, 128) && !text.contains("..") && !text.ends_with('.');
        allowed(text, &RESERVED_PLUGINS, fits, InvalidName::Plugin)?;
        Ok(Self(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Names that differ in case alone are one name.
    pub fn folded(&self) -> String {
        self.0.to_ascii_lowercase()
    }

    /// Equal for names that look alike: case, separators and the usual confusable characters make
    /// no difference.
    pub fn skeleton(&self) -> String {
        skeleton(&self.0)
    }
}

/// As [`PluginName::skeleton`], for any name.
pub fn skeleton(name: &str) -> String {
    let bare: String = name
        .chars()
        .filter(|c| !matches!(c, '-' | '_' | '.'))
        .map(|c| match c.to_ascii_lowercase() {
            '0' => 'o',
            '1' | 'i' => 'l',
            '5' => 's',
            other => other,
        })
        .collect();
    bare.replace("rn", "m").replace("vv", "w")
}

fn is_word(text: &str, longest: usize) -> bool {
    (1..=longest).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'))
}

fn allowed(text: &str, reserved: &[&str], fits: bool, otherwise: InvalidName) -> Result<(), InvalidName> {
    if reserved.contains(&text.to_ascii_lowercase().as_str()) {
        return Err(InvalidName::Reserved);
    }
    if fits { Ok(()) } else { Err(otherwise) }
}

macro_rules! as_text {
    ($name:ident) => {
        impl TryFrom<String> for $name {
            type Error = InvalidName;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                Self::new(&text)
            }
        }

        impl std::str::FromStr for $name {
            type Err = InvalidName;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::new(text)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

as_text!(PublisherName);
as_text!(PluginName);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_the_field_are_taken() {
        for name in ["agent", "LocalAgent", "solarized-dark-ui", "a.b_c-d", "7zip"] {
            assert!(PluginName::new(name).is_ok(), "{name}");
        }
        for name in ["langgenius", "langbot-team", "Spotify"] {
            assert!(PublisherName::new(name).is_ok(), "{name}");
        }
    }

    #[test]
    fn what_would_be_a_path_or_a_word_of_the_api_is_refused() {
        let long = "a".repeat(129);
        for name in ["", ".", "..", "a..b", "-a", "_a", "a/b", "a b", "ä", "a.", &long] {
            assert_eq!(PluginName::new(name), Err(InvalidName::Plugin), "{name}");
        }
        assert_eq!(PublisherName::new("a.b"), Err(InvalidName::Publisher));
        assert_eq!(PublisherName::new("Search"), Err(InvalidName::Reserved));
        assert_eq!(PluginName::new("health"), Err(InvalidName::Reserved));
    }

    #[test]
    fn names_that_look_alike_have_one_skeleton() {
        for (one, other) in
            [("langgenius", "1anggenius"), ("my-plugin", "my_plugin"), ("mode", "rnode"), ("Foo", "f0o")]
        {
            assert_eq!(skeleton(one), skeleton(other), "{one} {other}");
        }
        assert_ne!(skeleton("agent"), skeleton("agents"));
    }
}
