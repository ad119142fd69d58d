//! The Python and the uv that builds and trials are made with.

use std::path::{Path, PathBuf};

use application::failure::Failure;
use async_trait::async_trait;

use crate::{sandbox::Shown, uv::Uv};

/// A `CPython` on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Python {
    /// Absolute.
    pub path: PathBuf,
    pub minor: u8,
}

/// Where they come from.
#[async_trait]
pub trait Toolbox: Send + Sync {
    /// # Errors
    /// When there is none and none can be had.
    async fn uv(&self) -> Result<PathBuf, Failure>;

    /// One of that minor version rather than another.
    async fn python(&self, minor: u8) -> Option<Python>;
}

#[async_trait]
impl Toolbox for Uv {
    async fn uv(&self) -> Result<PathBuf, Failure> {
        self.ready().await
    }

    async fn python(&self, minor: u8) -> Option<Python> {
        let found = self.interpreter(Some(minor)).await?;
        Some(Python { path: found.path, minor: found.version.minor })
    }
}

/// Where uv is inside a sandbox.
pub(crate) const UV: &str = "/sandbox/uv";

impl Python {
    /// What of the host has to be seen for it to run: nothing when it is the system's own.
    pub(crate) fn shown(&self) -> Vec<Shown> {
        let real = self.path.canonicalize().unwrap_or_else(|_gone| self.path.clone());
        let mut shown = Vec::new();
        for path in [&self.path, &real] {
            let Some(prefix) = path.parent().and_then(Path::parent) else { continue };
            if prefix.starts_with("/usr") || prefix == Path::new("/") {
                continue;
            }
            let parts = ["bin", "include", "lib"].map(|part| prefix.join(part));
            shown.extend(parts.into_iter().filter(|part| part.is_dir()).map(Shown::as_it_is));
        }
        shown.dedup_by(|one, other| one.inside == other.inside);
        shown
    }
}
