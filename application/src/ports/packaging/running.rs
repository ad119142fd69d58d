//! The two steps that run third-party code, in a sandbox and nowhere else: building a wheel, and trying a package out.

use std::path::Path;

use async_trait::async_trait;
use domain::values::{Digest, Target};
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use super::{Note, Wheel};
use crate::failure::Failure;

/// Builds a wheel from a source distribution, in a sandbox. Third-party code runs in there and nowhere else.
#[async_trait]
pub trait Builder: Send + Sync {
    /// The wheel is in the wheel cache afterwards. The same source gives the same wheel again, byte by byte, as
    /// long as the cache holds it.
    async fn build(
        &self,
        sdist: &Sdist,
        target: &Target,
        cancel: &CancellationToken,
    ) -> Result<Wheel, Failure>;
}

/// A dependency that must be built here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sdist {
    /// Normalised (PEP 503).
    pub name: String,
    pub version: String,
    pub origin: SdistOrigin,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SdistOrigin {
    /// A source distribution of an index.
    File { file_name: String, urls: Vec<String>, sha256: Digest, size: Option<u64> },
    /// One commit of a repository.
    Git {
        /// Without query, fragment and credentials.
        repository: String,
        /// 40 hexadecimal digits.
        commit: String,
        subdirectory: Option<String>,
    },
}

/// Installs a finished package offline in a throw-away environment and starts it.
#[async_trait]
pub trait Verifier: Send + Sync {
    /// `work` is an empty directory for this.
    async fn verify(
        &self,
        package: &Path,
        targets: &[Target],
        work: &Path,
        cancel: &CancellationToken,
    ) -> Result<Verdict, Failure>;
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// None when it could not be tried here: another platform, no interpreter, no sandbox.
    pub works: Option<bool>,
    pub notes: Vec<Note>,
}
