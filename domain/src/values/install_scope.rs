//! What is installed, and where.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::{PluginName, PublisherName};

const LONGEST: usize = 64;

/// Where an installation lives.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct InstallScope {
    pub tenant: String,
    pub environment: String,
    pub namespace: String,
}

impl Default for InstallScope {
    fn default() -> Self {
        let default = || "default".to_owned();
        Self { tenant: default(), environment: default(), namespace: default() }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a scope is named by 1 to 64 of a-z, A-Z, 0-9, ., _ and -")]
pub struct InvalidScope;

impl InstallScope {
    /// In the tenant that everybody is in.
    pub fn new(environment: &str, namespace: &str) -> Result<Self, InvalidScope> {
        let fits = |word: &str| {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
            (1..=LONGEST).contains(&word.len()) && word.bytes().all(plain)
        };
        if !fits(environment) || !fits(namespace) {
            return Err(InvalidScope);
        }
        let (environment, namespace) = (environment.to_owned(), namespace.to_owned());
        Ok(Self { environment, namespace, ..Self::default() })
    }
}

impl fmt::Display for InstallScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.tenant, self.environment, self.namespace)
    }
}

/// As its manifest names it: by a word, or by author and word.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct InstalledName {
    pub author: Option<PublisherName>,
    pub name: PluginName,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an installed plugin is named by name, or by author/name")]
pub struct InvalidInstalledName;

impl InstalledName {
    /// One thing has one key.
    pub fn folded(&self) -> String {
        self.to_string().to_ascii_lowercase()
    }
}

impl FromStr for InstalledName {
    type Err = InvalidInstalledName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (author, name) = text.split_once('/').map_or((None, text), |(author, name)| (Some(author), name));
        let author = author.map(PublisherName::new).transpose().or(Err(InvalidInstalledName))?;
        let name = PluginName::new(name).or(Err(InvalidInstalledName))?;
        Ok(Self { author, name })
    }
}

impl TryFrom<String> for InstalledName {
    type Error = InvalidInstalledName;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<InstalledName> for String {
    fn from(name: InstalledName) -> Self {
        name.to_string()
    }
}

impl fmt::Display for InstalledName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.author {
            None => f.write_str(self.name.as_str()),
            Some(author) => write!(f, "{author}/{}", self.name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_is_plain_words() {
        assert_eq!(
            InstallScope::new("production", "plugin-x").unwrap().to_string(),
            "default/production/plugin-x"
        );
        for (environment, namespace) in [("", "x"), ("x", ""), ("a/b", "x"), ("x", "a b"), ("ü", "x")] {
            assert_eq!(InstallScope::new(environment, namespace), Err(InvalidScope));
        }
        assert_eq!(InstallScope::new(&"x".repeat(65), "x"), Err(InvalidScope));
    }

    #[test]
    fn a_name_is_one_word_or_two() {
        let name: InstalledName = "Acme/Echo".parse().unwrap();
        assert_eq!((name.to_string().as_str(), name.folded().as_str()), ("Acme/Echo", "acme/echo"));
        assert_eq!("echo".parse::<InstalledName>().unwrap().author, None);
        for wrong in ["", "/", "a/", "/a", "a/b/c", "a b"] {
            assert_eq!(wrong.parse::<InstalledName>(), Err(InvalidInstalledName), "{wrong}");
        }
    }
}
