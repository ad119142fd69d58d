//! Files of this machine: those of the one folder that the operator has named, and no others.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use application::failure::{Failure, Reason};

use crate::{archive::limits::Limits, disk};

/// A copy of the file at `into`, which is not there yet. `file`: its name in the folder, or its whole path.
///
/// # Errors
/// Permanent for everything that is no regular file of the folder, in the same words whether it is somewhere else or
/// nowhere.
pub(super) fn import(folder: Option<&Path>, file: &str, into: PathBuf) -> Result<PathBuf, Failure> {
    let folder = folder.ok_or_else(|| {
        let text = "Files of the server are not installed here: PLUGYARD_IMPORT_DIR has to name the folder that \
                    they may come from";
        Failure::permanent(Reason::FetchFailed, text)
    })?;
    let shown: String = file.chars().filter(|c| !c.is_control()).take(120).collect();
    let refused = || {
        let text = format!("'{shown}' is not a file of the import folder; send its name in there");
        Failure::permanent(Reason::FetchFailed, text)
    };
    let folder = folder.canonicalize().map_err(|error| {
        tracing::error!(%error, "the import folder cannot be used");
        Failure::permanent(Reason::FetchFailed, "The import folder of this server is not there")
    })?;
    let found = folder.join(file).canonicalize().ok().filter(|found| found.starts_with(&folder));
    let from = found.and_then(|found| plain(&found).ok()).ok_or_else(refused)?;
    match copy(from, &into) {
        Ok(size) if size <= Limits::INSTALLED.file => Ok(into),
        outcome => {
            // It may never have been made.
            let _ = std::fs::remove_file(&into);
            outcome.map_err(disk::failure).and_then(|size| Limits::INSTALLED.check_file(size))?;
            Err(Failure::internal())
        }
    }
}

/// No link, no pipe, no device.
fn plain(path: &Path) -> io::Result<File> {
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    let flags = i32::try_from(flags.bits()).unwrap_or_default();
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::ErrorKind::InvalidInput.into()) }
}

fn copy(from: File, into: &Path) -> io::Result<u64> {
    let mut into = OpenOptions::new().write(true).create_new(true).mode(0o600).open(into)?;
    io::copy(&mut from.take(Limits::INSTALLED.file + 1), &mut into)
}
