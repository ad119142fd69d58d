//! Copies of a plugin's data, and putting one back. A copy of no data is an empty one, so that a missing one is known.

use std::{fs, io};

use application::failure::{Failure, Reason};
use domain::values::{BackupId, InstallationId};

use super::{
    copying::copy_tree,
    layout::{Layout, Staged, make, settle},
};
use crate::disk;

const DATA: &str = "data";

/// False: there were none.
///
/// # Errors
/// Those of [`copy_tree`]; nothing is left of a copy that is not whole.
pub(super) fn back_up(layout: &Layout, id: InstallationId, backup: BackupId) -> Result<bool, Failure> {
    let (data, at) = (layout.data(id), layout.backup(id, backup));
    if !at.is_dir() {
        let staged = Staged::new(layout, "backup", 0o700).map_err(disk::failure)?;
        let copy = staged.path().join(DATA);
        if data.is_dir() {
            copy_tree(&data, &copy)?;
        } else {
            make(&copy, 0o700).map_err(disk::failure)?;
        }
        layout.make_backups(id).map_err(disk::failure)?;
        staged.settle(&at).map_err(disk::failure)?;
    }
    let mut entries = fs::read_dir(at.join(DATA)).map_err(disk::failure)?;
    Ok(entries.next().transpose().map_err(disk::failure)?.is_some())
}

/// # Errors
/// Permanent when there is no such copy; those of [`copy_tree`]. The data are the old or the new ones, whatever happens.
pub(super) fn restore(layout: &Layout, id: InstallationId, backup: BackupId) -> Result<(), Failure> {
    let copy = layout.backup(id, backup).join(DATA);
    if !copy.is_dir() {
        return Err(Failure::permanent(Reason::Internal, "The copy of the plugin's data is no longer there"));
    }
    let staged = Staged::new(layout, "restore", 0o700).map_err(disk::failure)?;
    let (new, data) = (staged.path().join(DATA), layout.data(id));
    copy_tree(&copy, &new)?;
    if data.is_dir() {
        // The old ones go with what is staged.
        settle_over(&new, &data).map_err(disk::failure)
    } else {
        layout.make_backups(id).and_then(|()| settle(&new, &data)).map_err(disk::failure)
    }
}

/// Both names always lead to something.
#[cfg(target_os = "linux")]
fn settle_over(new: &std::path::Path, old: &std::path::Path) -> io::Result<()> {
    use rustix::{
        fs::{CWD, RenameFlags, renameat_with, syncfs},
        io::Errno,
    };
    syncfs(fs::File::open(new)?)?;
    match renameat_with(CWD, new, CWD, old, RenameFlags::EXCHANGE) {
        // This file system cannot.
        Err(Errno::INVAL | Errno::NOSYS) => one_after_the_other(new, old),
        exchanged => Ok(exchanged?),
    }
}

#[cfg(not(target_os = "linux"))]
fn settle_over(new: &std::path::Path, old: &std::path::Path) -> io::Result<()> {
    one_after_the_other(new, old)
}

fn one_after_the_other(new: &std::path::Path, old: &std::path::Path) -> io::Result<()> {
    fs::rename(old, new.with_extension("old"))?;
    settle(new, old)
}
