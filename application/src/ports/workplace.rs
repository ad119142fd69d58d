//! Where installed plugins stand on this node: their code, their environments, their data and the copies of these.
//! Everything in here may be repeated: whoever was cut short begins the same thing again.

use std::{collections::BTreeSet, path::PathBuf};

use async_trait::async_trait;
use domain::{
    installation::InstalledRelease,
    plugin::PackageFormat,
    values::{BackupId, Digest, InstallationId, ReleaseVersion},
};
use tokio_util::sync::CancellationToken;

use crate::{failure::Failure, ports::packaging::Received};

/// One release of one installation.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Place {
    pub installation: InstallationId,
    pub version: ReleaseVersion,
    pub digest: Digest,
}

impl Place {
    pub fn of(installation: InstallationId, release: &InstalledRelease) -> Self {
        Self { installation, version: release.version.clone(), digest: release.digest.clone() }
    }
}

/// Directories that exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paths {
    pub code: PathBuf,
    /// None: it needs none.
    pub environment: Option<PathBuf>,
    pub data: PathBuf,
}

/// Hears how far a long step is: a sentence, and how much of how many; 0: nobody knows of how many.
pub type OnProgress<'a> = &'a (dyn Fn(&str, u64, u64) + Send + Sync);

#[async_trait]
pub trait Workplace: Send + Sync {
    /// Where nothing is yet, for a file that is on its way; whatever stays there is swept.
    async fn incoming(&self) -> Result<PathBuf, Failure>;

    /// A copy of this file of the operator's import folder. Another place is a permanent failure, links that lead out
    /// of the folder included.
    async fn import(&self, file: &str) -> Result<PathBuf, Failure>;

    /// The digest and the size of a file.
    async fn measured(&self, file: &std::path::Path) -> Result<Received, Failure>;

    /// The interpreters that are here: the minor versions of Python 3.
    async fn pythons(&self) -> BTreeSet<u8>;

    /// Unpacks a package in a child process: regular files alone, within caps.
    async fn unpack(
        &self,
        place: &Place,
        package: &std::path::Path,
        format: PackageFormat,
    ) -> Result<(), Failure>;

    /// Makes the environment that a plugin runs in, from the wheels it brings and those that are known here; nothing
    /// of the plugin runs.
    async fn furnish(
        &self,
        place: &Place,
        release: &InstalledRelease,
        on_progress: OnProgress<'_>,
        cancel: &CancellationToken,
    ) -> Result<(), Failure>;

    /// What [`Self::unpack`] and [`Self::furnish`] made, and an empty directory for data where there is none.
    async fn paths(&self, place: &Place) -> Result<Paths, Failure>;

    /// From now on this one is the current one.
    async fn switch(&self, place: &Place) -> Result<(), Failure>;

    /// Removes code and environment of one release.
    async fn clear(&self, place: &Place) -> Result<(), Failure>;

    /// Copies the data; false: there were none.
    async fn back_up(&self, installation: InstallationId, backup: BackupId) -> Result<bool, Failure>;

    /// Puts the copy in the place of the data.
    async fn restore(&self, installation: InstallationId, backup: BackupId) -> Result<(), Failure>;

    /// Drops a copy.
    async fn forget(&self, installation: InstallationId, backup: BackupId) -> Result<(), Failure>;

    /// Removes every release; with `data` the data, too. Copies stay.
    async fn remove(&self, installation: InstallationId, data: bool) -> Result<(), Failure>;

    /// Removes versions that are none of these, environments that no version leads to, and what never arrived, unless
    /// somebody has touched it within a day. Data and copies stay.
    async fn sweep(&self, known: &[Place]) -> Result<(), Failure>;
}
