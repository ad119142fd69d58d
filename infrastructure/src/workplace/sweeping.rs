//! Taking away what nobody needs. What an installation's plugin has written is only taken when somebody says so.

use std::{
    collections::HashSet,
    ffi::OsString,
    fs::{self, DirEntry},
    io,
    path::Path,
    time::Duration,
};

use application::{directories, ports::workplace::Place};
use domain::values::InstallationId;

use super::layout::{Layout, link_target};

/// No step takes so long.
const OLD: Duration = Duration::from_hours(24);

/// Every version, and the data if they are to go. Copies stay.
pub(super) fn remove(layout: &Layout, id: InstallationId, data: bool) -> io::Result<()> {
    if_there(fs::remove_file(layout.current(id)))?;
    layout.discard(&layout.versions(id))?;
    if data {
        layout.discard(&layout.data(id))?;
    }
    drop_empty(layout, id);
    Ok(())
}

/// What no stream knows and nobody has touched for a day.
pub(super) fn sweep(layout: &Layout, known: &HashSet<Place>) -> io::Result<()> {
    let known_directories: HashSet<_> = known.iter().map(|place| layout.place(place)).collect();
    let known_installations: HashSet<_> = known.iter().map(|place| place.installation).collect();
    for entry in entries(&layout.incoming())? {
        if is_old(&entry) {
            drop_whatever(&entry)?;
        }
    }
    let mut used: HashSet<OsString> = HashSet::new();
    for entry in entries(layout.root())? {
        let Some(id) = entry.file_name().to_str().and_then(|name| name.parse::<InstallationId>().ok()) else {
            continue;
        };
        for version in entries(&layout.versions(id))? {
            if !known_directories.contains(&version.path()) && is_old(&version) {
                layout.discard(&version.path())?;
            } else if let Some(environment) = link_target(&version.path().join("env"))? {
                used.extend(environment.file_name().map(ToOwned::to_owned));
            }
        }
        if !known_installations.contains(&id) && is_old(&entry) {
            drop_empty(layout, id);
        }
    }
    for entry in entries(&layout.environments())? {
        if !used.contains(&entry.file_name()) && is_old(&entry) {
            layout.discard(&entry.path())?;
        }
    }
    Ok(())
}

/// The directories of an installation that hold nothing any more; those that do are refused by the system.
fn drop_empty(layout: &Layout, id: InstallationId) {
    for directory in [layout.versions(id), layout.data(id), layout.backups(id), layout.installation(id)] {
        let _ = fs::remove_dir(directory);
    }
}

fn drop_whatever(entry: &DirEntry) -> io::Result<()> {
    if entry.file_type()?.is_dir() {
        if_there(directories::remove_now(&entry.path()))
    } else {
        if_there(fs::remove_file(entry.path()))
    }
}

fn entries(directory: &Path) -> io::Result<Vec<DirEntry>> {
    match fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        read => read?.collect(),
    }
}

/// Somebody else may have removed it, or finished it.
fn if_there(outcome: io::Result<()>) -> io::Result<()> {
    match outcome {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        outcome => outcome,
    }
}

fn is_old(entry: &DirEntry) -> bool {
    let modified = entry.metadata().and_then(|data| data.modified());
    modified.is_ok_and(|time| time.elapsed().is_ok_and(|age| age > OLD))
}
