//! Choosing versions where no lock has chosen them.

use async_trait::async_trait;
use domain::values::{Digest, Target};
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use super::{Note, Requirements, Sdist, Selection};
use crate::failure::Failure;

/// Chooses versions and files for packages without a usable lock.
#[async_trait]
pub trait Resolver: Send + Sync {
    /// Names what would choose, the index it asks and how; two resolvers of one name answer alike. Part of the key
    /// under which an answer is kept.
    fn name(&self) -> String;

    async fn resolve(
        &self,
        wanted: &Requirements,
        target: &Target,
        cancel: &CancellationToken,
    ) -> Result<Resolution, Failure>;

    /// Reads an answer, fresh or kept: the one wheel per package that fits best, by our own order of tags.
    async fn select(
        &self,
        wanted: &Requirements,
        resolution: Resolution,
        target: &Target,
        cancel: &CancellationToken,
    ) -> Result<Selection, Failure>;
}

/// The answer of a resolver, kept so that a repetition gives the same bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resolution {
    /// What chose: `uv 0.13.8`.
    pub resolver: String,
    /// A pylock.toml (PEP 751) for one target. No credentials, nothing of this host.
    pub pylock: String,
    /// Dependencies that had to be built before they could be resolved.
    #[serde(default)]
    pub sdists: Vec<Sdist>,
    /// What was learned from the index meanwhile: yanked files, older versions.
    #[serde(default)]
    pub notes: Vec<Note>,
}

/// Answers of resolvers by the key of the question, shared by all nodes.
#[async_trait]
pub trait Resolutions: Send + Sync {
    async fn get(&self, key: &Digest) -> Result<Option<Resolution>, Failure>;

    /// Keeps the answer unless there is one already, and returns the one that is kept; `replace` puts the new one
    /// in its place.
    async fn keep(&self, key: &Digest, answer: Resolution, replace: bool) -> Result<Resolution, Failure>;
}
