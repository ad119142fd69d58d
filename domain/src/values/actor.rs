//! Who did it, and through which door.

use serde::{Deserialize, Serialize};

/// One of the published APIs, or our own tools.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Dialect {
    Dify,
    Inkdrop,
    Backstage,
    Langbot,
    Nexus,
    /// The command line.
    Cli,
    /// A process or worker of the service.
    System,
}

impl Dialect {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dify => "dify",
            Self::Inkdrop => "inkdrop",
            Self::Backstage => "backstage",
            Self::Langbot => "langbot",
            Self::Nexus => "nexus",
            Self::Cli => "cli",
            Self::System => "system",
        }
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
