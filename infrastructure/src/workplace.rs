//! The port [`Workplace`]: directories of installed plugins below the data directory. Nothing here runs anything of a
//! plugin: packages are unpacked in a child process, environments are made of wheels alone, in the sandbox without a
//! network.
//!
//! ```text
//! <id>/versions/<version>-<digest>/code    the package, world-readable: the plugin runs as another user
//! <id>/versions/<version>-<digest>/env     a link to its environment, if it needs one
//! <id>/data                                of nobody else; the host hands it over to the plugin's user
//! <id>/backups/<backup>/data               copies of it, out of the plugin's reach
//! <id>/current                             a link to the version that serves
//! .environments/<key>                      named by what went in, shared by all plugins, written once
//! .incoming                                what is on its way, or on its way out
//! ```
//!
//! Everything is made beside its place and renamed, so each step may be begun again after a crash at any point. The
//! directories above `code` and `.environments` can be passed through and not listed (0711).

mod backing;
mod copying;
mod environment;
mod furnishing;
mod importing;
mod interpreting;
mod layout;
mod machine;
mod sweeping;
#[cfg(test)]
mod tests;
pub mod unpacking;
pub mod wanting;

use std::{
    collections::BTreeSet,
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use application::{
    failure::{Failure, Reason},
    ports::{
        packaging::{Builder, Received, Resolutions, Resolver, Wheels},
        workplace::{OnProgress, Paths, Place, Workplace},
    },
};
use async_trait::async_trait;
use domain::{
    installation::InstalledRelease,
    plugin::PackageFormat,
    values::{BackupId, InstallationId},
};
use tokio_util::sync::CancellationToken;

use self::{
    layout::{Layout, Staged},
    machine::Machines,
};
use crate::{
    archive::read::file_sha256,
    builder::tools::Toolbox,
    disk,
    isolation::{Isolation, Work},
    sandbox::Sandbox,
    wheels::sources::IndexPolicy,
};

/// The largest package takes a minute on a slow disk.
const UNPACKING: Duration = Duration::from_mins(5);
/// Minor versions that are looked for.
const PYTHONS: std::ops::RangeInclusive<u8> = 9..=14;

/// What it is made of.
pub struct Parts {
    /// Of all installations; made when it is missing.
    pub directory: PathBuf,
    /// Where files of this machine may be installed from, if from anywhere.
    pub imports: Option<PathBuf>,
    pub isolation: Isolation,
    pub sandbox: Sandbox,
    pub tools: Arc<dyn Toolbox>,
    /// For what a package does not bring along.
    pub resolver: Arc<dyn Resolver>,
    pub resolutions: Arc<dyn Resolutions>,
    pub builder: Arc<dyn Builder>,
    pub wheels: Arc<dyn Wheels>,
    pub index: IndexPolicy,
}

/// See the module.
pub struct LocalWorkplace {
    layout: Layout,
    machines: Machines,
    parts: Parts,
}

impl LocalWorkplace {
    /// # Errors
    /// When the directory cannot be made.
    pub fn open(parts: Parts) -> io::Result<Self> {
        let layout = Layout::open(&parts.directory)?;
        Ok(Self { layout, machines: Machines::default(), parts })
    }
}

/// On a thread that may wait for the disk.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|_stopped| Err(Failure::internal()))
}

fn gone(what: &str) -> Failure {
    Failure::permanent(Reason::Internal, format!("{what} is no longer there; install it again"))
}

#[async_trait]
impl Workplace for LocalWorkplace {
    async fn incoming(&self) -> Result<PathBuf, Failure> {
        Ok(self.layout.fresh("file"))
    }

    async fn import(&self, file: &str) -> Result<PathBuf, Failure> {
        let (folder, file, into) = (self.parts.imports.clone(), file.to_owned(), self.layout.fresh("file"));
        blocking(move || importing::import(folder.as_deref(), &file, into)).await
    }

    async fn measured(&self, file: &Path) -> Result<Received, Failure> {
        let file = file.to_owned();
        blocking(move || {
            let sha256 = file_sha256(&file)?;
            let size = std::fs::metadata(&file).map_err(disk::failure)?.len();
            Ok(Received { sha256, size })
        })
        .await
    }

    async fn pythons(&self) -> BTreeSet<u8> {
        let mut found = BTreeSet::new();
        for minor in PYTHONS {
            found.extend(self.parts.tools.python(minor).await.map(|python| python.minor));
        }
        found
    }

    async fn unpack(&self, place: &Place, package: &Path, format: PackageFormat) -> Result<(), Failure> {
        let code = self.layout.code(place);
        if code.is_dir() {
            return Ok(());
        }
        let staged = Staged::new(&self.layout, "unpack", 0o755).map_err(disk::failure)?;
        let request =
            unpacking::Request { package: package.to_owned(), format, into: staged.path().to_owned() };
        let work = Work::Unpack(Box::new(request));
        self.parts.isolation.run::<()>(&work, UNPACKING, &|_, _| {}, &CancellationToken::new()).await?;
        let (layout, place) = (self.layout.clone(), place.clone());
        blocking(move || {
            layout
                .make_place(&place)
                .and_then(|()| staged.settle(&layout.code(&place)))
                .map_err(disk::failure)
        })
        .await
    }

    async fn furnish(
        &self,
        place: &Place,
        release: &InstalledRelease,
        on_progress: OnProgress<'_>,
        cancel: &CancellationToken,
    ) -> Result<(), Failure> {
        self.furnished(place, release, on_progress, cancel).await
    }

    async fn paths(&self, place: &Place) -> Result<Paths, Failure> {
        let (layout, place) = (self.layout.clone(), place.clone());
        blocking(move || {
            let code = layout.code(&place);
            if !code.is_dir() {
                return Err(gone("The plugin's code"));
            }
            let environment = match layout.environment_of(&place).map_err(disk::failure)? {
                Some(environment) if !environment.is_dir() => return Err(gone("The plugin's environment")),
                found => found,
            };
            let data = layout.data(place.installation);
            layout::make(&data, 0o700).map_err(disk::failure)?;
            Ok(Paths { code, environment, data })
        })
        .await
    }

    async fn switch(&self, place: &Place) -> Result<(), Failure> {
        let (layout, place) = (self.layout.clone(), place.clone());
        blocking(move || layout.switch(&place).map_err(disk::failure)).await
    }

    async fn clear(&self, place: &Place) -> Result<(), Failure> {
        let (layout, place) = (self.layout.clone(), place.clone());
        blocking(move || layout.discard(&layout.place(&place)).map_err(disk::failure)).await
    }

    async fn back_up(&self, installation: InstallationId, backup: BackupId) -> Result<bool, Failure> {
        let layout = self.layout.clone();
        blocking(move || backing::back_up(&layout, installation, backup)).await
    }

    async fn restore(&self, installation: InstallationId, backup: BackupId) -> Result<(), Failure> {
        let layout = self.layout.clone();
        blocking(move || backing::restore(&layout, installation, backup)).await
    }

    async fn forget(&self, installation: InstallationId, backup: BackupId) -> Result<(), Failure> {
        let layout = self.layout.clone();
        blocking(move || layout.discard(&layout.backup(installation, backup)).map_err(disk::failure)).await
    }

    async fn remove(&self, installation: InstallationId, data: bool) -> Result<(), Failure> {
        let layout = self.layout.clone();
        blocking(move || sweeping::remove(&layout, installation, data).map_err(disk::failure)).await
    }

    async fn sweep(&self, known: &[Place]) -> Result<(), Failure> {
        let (layout, known) = (self.layout.clone(), known.iter().cloned().collect());
        blocking(move || sweeping::sweep(&layout, &known).map_err(disk::failure)).await
    }
}
