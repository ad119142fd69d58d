//! Who did it, and through which door.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// One of the published APIs, or our own tools.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Dialect {
    Dify,
    Inkdrop,
    Backstage,
    Langbot,
    Nexus,
    /// `LangBot`'s marketplace.
    Space,
    /// The paths that are our own: identity, administration.
    Yard,
    /// The command line.
    Cli,
    /// A process or worker of the service.
    System,
}

/// No dialect that credentials are made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a dialect is inkdrop, backstage, langbot, space or nexus")]
pub struct InvalidDialect;

impl Dialect {
    /// Those that credentials are made for.
    pub const WITH_CREDENTIALS: [Self; 5] =
        [Self::Inkdrop, Self::Backstage, Self::Langbot, Self::Space, Self::Nexus];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dify => "dify",
            Self::Inkdrop => "inkdrop",
            Self::Backstage => "backstage",
            Self::Langbot => "langbot",
            Self::Nexus => "nexus",
            Self::Space => "space",
            Self::Yard => "yard",
            Self::Cli => "cli",
            Self::System => "system",
        }
    }
}

impl FromStr for Dialect {
    type Err = InvalidDialect;

    /// One of [`Dialect::WITH_CREDENTIALS`].
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::WITH_CREDENTIALS.into_iter().find(|dialect| dialect.as_str() == text).ok_or(InvalidDialect)
    }
}

/// The principal behind a command: an id, never a name or an address in the clear.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    pub principal: String,
    pub dialect: Dialect,
    /// Keyed hash of the client address, if there was one.
    pub ip_hash: Option<String>,
}

impl Actor {
    pub fn anonymous(dialect: Dialect, ip_hash: Option<String>) -> Self {
        Self { principal: "anonymous".to_owned(), dialect, ip_hash }
    }

    /// A process of the service, by its name.
    pub fn system(process: &str) -> Self {
        Self { principal: format!("process:{process}"), dialect: Dialect::System, ip_hash: None }
    }
}
