//! Bringing the package: from the catalogue, from a file that was sent or lies in the operator's folder, or from an
//! address that a caller gave. What came is a blob when this is over.

use std::path::PathBuf;

use domain::{
    installation::{InstalledRelease, Origin},
    operation::{Found, OperationFault, Source, Work},
    values::{Dialect, Digest, InstalledName, PluginIdentity},
};

use super::{
    faults::{Code, Halt},
    running::Run,
};
use crate::{
    ports::packaging::Received,
    queries::catalogue::{self, PluginView, ReleaseView, Which},
    repackaging::LARGEST_PACKAGE,
};

/// Of a release of a forge.
const LARGEST_RELEASED: u64 = 10 * 1024 * 1024;

/// A file on its way; gone when its step is.
pub(super) struct Arriving(pub(super) PathBuf);

impl Drop for Arriving {
    fn drop(&mut self) {
        // It may never have been made.
        let _ = std::fs::remove_file(&self.0);
    }
}

impl std::ops::Deref for Arriving {
    type Target = std::path::Path;

    fn deref(&self) -> &std::path::Path {
        &self.0
    }
}

impl Run<'_> {
    fn source(&self) -> Result<&Source, Halt> {
        match &self.view.work {
            Work::Install(install) => Ok(&install.source),
            Work::Upgrade(upgrade) => Ok(&upgrade.source),
            Work::RollBack(_) | Work::Uninstall(_) => Err(Halt::Adrift("it has no package".to_owned())),
        }
    }

    pub(super) async fn fetch(&self) -> Result<Found, Halt> {
        let source = self.source()?;
        let (received, origin) = match source {
            Source::Catalogue { name, dialect, version } => {
                self.of_catalogue(name, *dialect, version.as_deref()).await?
            }
            Source::Upload { digest, filename } => {
                let size = self.size_of(digest).await?;
                let received = Received { sha256: digest.clone(), size };
                (received, Origin::Upload { filename: filename.clone() })
            }
            Source::Folder { file } => {
                let path = Arriving(self.operating.hosting.workplace.import(file).await?);
                (self.keep(&path).await?, Origin::Folder { file: file.clone() })
            }
            Source::Url { url } => {
                (self.download(url, LARGEST_PACKAGE).await?, Origin::Url { url: url.clone() })
            }
            Source::Github { owner, repository, tag, asset } => {
                let url = format!("https://github.com/{owner}/{repository}/releases/download/{tag}/{asset}");
                let (owner, repository) = (owner.clone(), repository.clone());
                let (tag, asset) = (tag.clone(), asset.clone());
                (
                    self.download(&url, LARGEST_RELEASED).await?,
                    Origin::Github { owner, repository, tag, asset },
                )
            }
        };
        Ok(Found::Fetched { digest: received.sha256, size: received.size, origin })
    }

    /// What came has to be what was ordered.
    pub(super) fn must_be_ordered(&self, release: &InstalledRelease) -> Result<(), Halt> {
        let Source::Catalogue { name, .. } = self.source()? else { return Ok(()) };
        let is_it = match (&name.author, &release.name.author) {
            (Some(_), Some(_)) => name.folded() == release.name.folded(),
            (Some(_) | None, _) => name.name.folded() == release.name.name.folded(),
        };
        if is_it {
            return Ok(());
        }
        let message = format!("The package is of {}, not of {name}", release.name);
        Err(Code::InstallationFailed.fault(message).into())
    }

    pub(super) async fn copy_of(&self, digest: &Digest) -> Result<Arriving, Halt> {
        let file = Arriving(self.operating.hosting.workplace.incoming().await?);
        if self.operating.blobs.copy(digest, &file).await? {
            return Ok(file);
        }
        Err(Code::InstallationFailed.fault("Its package is no longer there; install it again").into())
    }

    async fn size_of(&self, digest: &Digest) -> Result<u64, Halt> {
        let file = self.copy_of(digest).await?;
        let size = std::fs::metadata(&*file).map(|metadata| metadata.len());
        size.map_err(|_gone| Code::InstallationFailed.fault("The uploaded file is no longer there").into())
    }

    async fn of_catalogue(
        &self,
        name: &InstalledName,
        dialect: Dialect,
        version: Option<&str>,
    ) -> Result<(Received, Origin), Halt> {
        let which = match &name.author {
            Some(author) => {
                Which::Pair { publisher: author.as_str().to_owned(), name: name.name.as_str().to_owned() }
            }
            None => Which::Word { dialect, name: name.name.as_str().to_owned() },
        };
        let found = self.operating.catalogue.plugin(&which).await?;
        let view = found.filter(|view| view.is_visible(dialect));
        let view =
            view.ok_or_else(|| Halt::Fault(unknown(&format!("{name} is in no enabled repository"))))?;
        let origin = Origin::Catalogue { plugin_uid: view.id };
        if view.origin != catalogue::Origin::Own {
            return Ok((self.of_upstream(&view, version).await?, origin));
        }
        let release = wanted(&view, version)?;
        let artifact = &release.artifact;
        Ok((Received { sha256: artifact.sha256.clone(), size: artifact.size }, origin))
    }

    async fn of_upstream(&self, view: &PluginView, version: Option<&str>) -> Result<Received, Halt> {
        let latest = view.upstream.as_ref().map(|upstream| upstream.version.as_str());
        let version = version.or(latest).unwrap_or_default();
        let plugin = PluginIdentity::new(&view.publisher, &view.name, version)
            .map_err(|_none| unknown(&format!("{} has no version {version}", view.name)))?;
        let file = Arriving(self.operating.hosting.workplace.incoming().await?);
        let (marketplace, cancel) = (&self.operating.marketplace, &self.cancel);
        let came = marketplace.download(&plugin, &file, LARGEST_PACKAGE, &|_, _| {}, None, cancel).await?;
        self.operating.blobs.put(&file, &came.received.sha256).await?;
        Ok(came.received)
    }

    async fn download(&self, url: &str, largest: u64) -> Result<Received, Halt> {
        let file = Arriving(self.operating.hosting.workplace.incoming().await?);
        let downloads = &self.operating.downloads;
        let received = downloads.download(url, &file, largest, &|_, _| {}, &self.cancel).await?;
        self.operating.blobs.put(&file, &received.sha256).await?;
        Ok(received)
    }

    async fn keep(&self, file: &Arriving) -> Result<Received, Halt> {
        let received = self.operating.hosting.workplace.measured(file).await?;
        self.operating.blobs.put(file, &received.sha256).await?;
        Ok(received)
    }
}

fn unknown(message: &str) -> OperationFault {
    Code::NotFound.fault(message)
}

fn wanted<'a>(view: &'a PluginView, version: Option<&str>) -> Result<&'a ReleaseView, Halt> {
    let version = version.filter(|version| *version != "latest");
    let found = match version {
        None => view.latest(),
        Some(version) => view.release(version).filter(|release| release.quarantine.is_none()),
    };
    found.ok_or_else(|| {
        let version = version.unwrap_or("latest");
        let version: String = version.chars().take(64).collect();
        Halt::Fault(unknown(&format!("{} has no version {version}", view.name)))
    })
}
