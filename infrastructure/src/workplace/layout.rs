//! Where everything stands, and the ways in which it comes and goes: made beside its place and renamed into it, renamed
//! away and then removed. Nobody ever finds half of anything.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::{Path, PathBuf},
    sync::Arc,
};

use application::{
    directories,
    ports::{system::Ids as _, workplace::Place},
};
use domain::values::{BackupId, Digest, InstallationId};

use crate::system::System;

/// Can be passed through by whoever knows what lies behind, and not be listed.
const THROUGH: u32 = 0o711;
const OURS: u32 = 0o700;
/// Of the digest: enough to tell two packages of one version apart.
const DIGITS: usize = 16;

#[derive(Debug, Clone)]
pub(super) struct Layout {
    root: Arc<Path>,
}

impl Layout {
    pub(super) fn open(root: &Path) -> io::Result<Self> {
        if let Some(above) = root.parent() {
            fs::create_dir_all(above)?;
        }
        make(root, THROUGH)?;
        // Plugins are told paths, and work in directories of their own.
        let layout = Self { root: root.canonicalize()?.into() };
        make(&layout.incoming(), OURS)?;
        make(&layout.environments(), THROUGH)?;
        Ok(layout)
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    pub(super) fn incoming(&self) -> PathBuf {
        self.root.join(".incoming")
    }

    pub(super) fn environments(&self) -> PathBuf {
        self.root.join(".environments")
    }

    pub(super) fn environment(&self, key: &Digest) -> PathBuf {
        self.environments().join(key.to_string())
    }

    pub(super) fn installation(&self, id: InstallationId) -> PathBuf {
        self.root.join(id.to_string())
    }

    pub(super) fn versions(&self, id: InstallationId) -> PathBuf {
        self.installation(id).join("versions")
    }

    pub(super) fn place(&self, place: &Place) -> PathBuf {
        self.versions(place.installation).join(name(place))
    }

    pub(super) fn code(&self, place: &Place) -> PathBuf {
        self.place(place).join("code")
    }

    pub(super) fn data(&self, id: InstallationId) -> PathBuf {
        self.installation(id).join("data")
    }

    pub(super) fn current(&self, id: InstallationId) -> PathBuf {
        self.installation(id).join("current")
    }

    pub(super) fn backups(&self, id: InstallationId) -> PathBuf {
        self.installation(id).join("backups")
    }

    pub(super) fn backup(&self, id: InstallationId, backup: BackupId) -> PathBuf {
        self.backups(id).join(backup.to_string())
    }

    /// Where nothing is yet; what comes there is swept one day.
    pub(super) fn fresh(&self, kind: &str) -> PathBuf {
        self.incoming().join(format!("{kind}-{}", System.secret()))
    }

    /// With the directories above it.
    pub(super) fn make_place(&self, place: &Place) -> io::Result<()> {
        make(&self.installation(place.installation), THROUGH)?;
        make(&self.versions(place.installation), THROUGH)?;
        make(&self.place(place), THROUGH)
    }

    pub(super) fn make_backups(&self, id: InstallationId) -> io::Result<()> {
        make(&self.installation(id), THROUGH)?;
        make(&self.backups(id), OURS)
    }

    /// What the place's link leads to, there or not.
    pub(super) fn environment_of(&self, place: &Place) -> io::Result<Option<PathBuf>> {
        let link = self.place(place).join("env");
        Ok(link_target(&link)?.and_then(|to| Some(self.environments().join(to.file_name()?))))
    }

    pub(super) fn link_environment(&self, place: &Place, key: &Digest) -> io::Result<()> {
        self.link(&format!("../../../.environments/{key}"), &self.place(place).join("env"))
    }

    pub(super) fn switch(&self, place: &Place) -> io::Result<()> {
        self.link(&format!("versions/{}", name(place)), &self.current(place.installation))
    }

    fn link(&self, to: &str, at: &Path) -> io::Result<()> {
        let new = self.fresh("link");
        symlink(to, &new)?;
        fs::rename(&new, at)?;
        sync_directory_of(at)
    }

    /// Removes a directory and everything in it, whoever wrote that; fine when there is none.
    pub(super) fn discard(&self, directory: &Path) -> io::Result<()> {
        match fs::symlink_metadata(directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            found => found?,
        };
        // Moving a directory elsewhere writes into it.
        fs::set_permissions(directory, fs::Permissions::from_mode(OURS))?;
        let gone = self.fresh("gone");
        fs::rename(directory, &gone)?;
        directories::remove_now(&gone)
    }
}

fn name(place: &Place) -> String {
    let digest = place.digest.as_str();
    format!("{}-{}", place.version, digest.get(..DIGITS).unwrap_or(digest))
}

pub(super) fn link_target(link: &Path) -> io::Result<Option<PathBuf>> {
    match fs::read_link(link) {
        Ok(to) => Ok(Some(to)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Makes it unless it is there. The directory above is.
pub(super) fn make(directory: &Path, mode: u32) -> io::Result<()> {
    match fs::create_dir(directory) {
        // Whatever the process masks.
        Ok(()) => fs::set_permissions(directory, fs::Permissions::from_mode(mode)),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && directory.is_dir() => Ok(()),
        Err(error) => Err(error),
    }
}

fn sync_directory_of(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), |directory| File::open(directory)?.sync_all())
}

/// A directory that has no place yet; gone when it is dropped.
#[derive(Debug)]
pub(super) struct Staged {
    path: PathBuf,
}

impl Staged {
    pub(super) fn new(layout: &Layout, kind: &str, mode: u32) -> io::Result<Self> {
        let path = layout.fresh(kind);
        make(&path, mode)?;
        Ok(Self { path })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Takes its place. When that was taken meanwhile, it was by the same content.
    pub(super) fn settle(self, at: &Path) -> io::Result<()> {
        settle(&self.path, at)
    }
}

/// Renames a directory to a name that says what is in it.
pub(super) fn settle(from: &Path, at: &Path) -> io::Result<()> {
    sync_everything(from)?;
    match fs::rename(from, at) {
        Err(error) if is_taken(&error) => Ok(()),
        renamed => renamed.and_then(|()| sync_directory_of(at)),
    }
}

fn is_taken(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::AlreadyExists | io::ErrorKind::DirectoryNotEmpty)
}

/// Of thousands of files each alone would take seconds.
#[cfg(target_os = "linux")]
fn sync_everything(on: &Path) -> io::Result<()> {
    Ok(rustix::fs::syncfs(File::open(on)?)?)
}

#[cfg(not(target_os = "linux"))]
fn sync_everything(_: &Path) -> io::Result<()> {
    rustix::fs::sync();
    Ok(())
}

impl Drop for Staged {
    fn drop(&mut self) {
        match directories::remove_now(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::warn!(%error, "a directory stays until the next sweep");
            }
            Ok(()) | Err(_) => {}
        }
    }
}
