//! What a package says of itself and asks for.

use std::path::Path;

use async_trait::async_trait;
use domain::{
    task::PluginAbout,
    values::{Digest, PluginIdentity, Target},
};
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use super::{DependencySource, Note, Selection};
use crate::failure::Failure;

/// Reads a package: the archive checks, the manifest, the lock, and the plan for each target.
#[async_trait]
pub trait Inspector: Send + Sync {
    /// A failure means the package as a whole is refused; a target that cannot be served fails alone, inside
    /// [`Inspection::plans`], which is in the order of `targets`.
    async fn inspect(
        &self,
        package: &Path,
        targets: &[Target],
        cancel: &CancellationToken,
    ) -> Result<Inspection, Failure>;
}

/// What a package says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inspection {
    pub sha256: Digest,
    pub size: u64,
    pub identity: PluginIdentity,
    /// `author/name:version@checksum`, as the installing daemon computes it for the input.
    pub identifier: String,
    /// The manifest's English label, or the name where it has none.
    pub label: String,
    /// `tool`, `model`, `datasource`, `agent-strategy`, `trigger` or `extension`.
    pub category: String,
    /// When the input was signed, else when its manifest says it was made, in Unix seconds; 0 when neither is
    /// known. A signature of the output carries it, so that equal jobs give equal bytes.
    pub signature_time: u64,
    pub notes: Vec<Note>,
    pub plans: Vec<Result<Plan, Failure>>,
}

impl Inspection {
    pub fn about(&self) -> PluginAbout {
        PluginAbout { label: self.label.clone(), category: self.category.clone() }
    }
}

/// How a target gets its wheels.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Plan {
    /// The lock names every wheel.
    Selected(Selection),
    /// There is no usable lock: versions have to be chosen first.
    Open(Requirements),
}

impl Plan {
    /// What the lock selected; `None` when versions have to be chosen first.
    pub fn selected(self) -> Option<Selection> {
        match self {
            Self::Selected(selection) => Some(selection),
            Self::Open(_) => None,
        }
    }
}

/// What a package without a usable lock asks for, in our own words: nothing of its files is passed on as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Requirements {
    /// [`DependencySource::Pyproject`] or [`DependencySource::Requirements`].
    pub source: DependencySource,
    pub lines: Vec<Requirement>,
    /// Why the lock, if there is one, was not used.
    pub notes: Vec<Note>,
}

/// One parsed line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Requirement {
    /// PEP 508 without a URL, with a normalised name.
    pub text: String,
    /// When there are any, the chosen file must have one of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sha256: Vec<Digest>,
}
