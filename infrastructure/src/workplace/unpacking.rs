//! Unpacks a package. Runs in the child process: every record is checked before anything is inflated, and only regular
//! files come out, with modes of ours.

use std::{
    collections::HashSet,
    fs::{self, File},
    io::{self, BufWriter, Write as _},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use application::failure::{Failure, Reason};
use domain::plugin::PackageFormat;
use serde::{Deserialize, Serialize};

use crate::{
    archive::{
        check::{Checked, Entry},
        limits::Limits,
    },
    disk,
};

const CHUNK: usize = 128 * 1024;

#[derive(Debug, Serialize, Deserialize)]
pub struct Request {
    pub package: PathBuf,
    pub format: PackageFormat,
    /// A directory that is empty.
    pub into: PathBuf,
}

/// # Errors
/// One of the `Package*` reasons; `DiskFull`.
pub fn run(request: &Request) -> Result<(), Failure> {
    let limits = match request.format {
        PackageFormat::Zip | PackageFormat::Difypkg => Limits::INSTALLED,
        PackageFormat::Lbpkg => Limits::LBPKG,
        PackageFormat::Tarball => {
            let text = "A package for an editor cannot be installed here";
            return Err(Failure::permanent(Reason::PackageInvalid, text));
        }
    };
    let archive = Checked::open(&request.package, &limits)?;
    // The SDK would read settings of the author from it.
    let is_dropped = |entry: &&Entry| request.format == PackageFormat::Difypkg && entry.name == ".env";
    let mut made = HashSet::new();
    for entry in archive.entries.iter().filter(|entry| !is_dropped(entry)) {
        if let Some((above, _)) = entry.name.rsplit_once('/') {
            make_all(&request.into, above, &mut made).map_err(disk::failure)?;
        }
        write(&archive, entry, &request.into.join(&entry.name)).map_err(disk::failure)?;
    }
    Ok(())
}

/// Whatever the process masks: the plugin will be another user.
fn make_all<'a>(into: &Path, path: &'a str, made: &mut HashSet<&'a str>) -> io::Result<()> {
    let ends = path.match_indices('/').map(|(at, _)| at).chain([path.len()]);
    for part in ends.map(|end| &path[..end]) {
        if made.insert(part) {
            let directory = into.join(part);
            fs::create_dir(&directory)?;
            fs::set_permissions(&directory, fs::Permissions::from_mode(0o755))?;
        }
    }
    Ok(())
}

fn write(archive: &Checked, entry: &Entry, to: &Path) -> io::Result<()> {
    let file = File::create_new(to)?;
    file.set_permissions(fs::Permissions::from_mode(if entry.executable { 0o755 } else { 0o644 }))?;
    let mut file = BufWriter::with_capacity(CHUNK, file);
    io::copy(&mut archive.reader(entry), &mut file)?;
    file.flush()
}
