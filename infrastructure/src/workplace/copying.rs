//! Copies of directories that a plugin writes in, perhaps at this moment. Nothing is reached by a path: each name is
//! opened in the directory that was listed and never as a link, so that whatever the plugin puts in its place, nothing
//! else is read. Sockets, pipes and devices stay behind; holes stay holes.

use std::{
    ffi::CStr,
    fs::{File, FileTimes, Metadata, Permissions},
    io,
    os::{
        fd::AsFd,
        unix::fs::{FileExt as _, MetadataExt as _, PermissionsExt as _, fchown},
    },
    path::Path,
};

use application::failure::{Failure, Reason};
use rustix::{
    fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags},
    io::Errno,
};

use crate::disk;

/// Each level holds two open directories.
const DEEPEST: u32 = 100;
const MOST_NAMES: u64 = 1_000_000;
const CHUNK: usize = 256 * 1024;

/// Copies the directory to the new directory `to`, with owners, modes and times; how many names it holds.
///
/// # Errors
/// Permanent when it is nested too deep or holds too many names; those of the disk.
pub(super) fn copy_tree(from: &Path, to: &Path) -> Result<u64, Failure> {
    let fault = |error: Errno| disk::failure(error.into());
    let source = open_directory(CWD, from).map_err(fault)?;
    rustix::fs::mkdir(to, Mode::RWXU).map_err(fault)?;
    let target = open_directory(CWD, to).map_err(fault)?;
    let mut copying = Copying { names: 0, buffer: vec![0; CHUNK] };
    copying.level(&source, &target, 0)?;
    Ok(copying.names)
}

struct Copying {
    names: u64,
    buffer: Vec<u8>,
}

impl Copying {
    fn level(&mut self, source: &File, target: &File, depth: u32) -> Result<(), Failure> {
        let fault = |error: Errno| disk::failure(error.into());
        if depth > DEEPEST {
            let text = format!("The plugin's data is nested deeper than {DEEPEST} directories");
            return Err(Failure::permanent(Reason::PackageTooLarge, text));
        }
        for entry in Dir::read_from(source).map_err(fault)? {
            let entry = entry.map_err(fault)?;
            let name = entry.file_name();
            if [c".", c".."].contains(&name) {
                continue;
            }
            self.names += 1;
            if self.names > MOST_NAMES {
                let text = format!("The plugin's data holds more than {MOST_NAMES} files");
                return Err(Failure::permanent(Reason::PackageTooLarge, text));
            }
            let Some(stat) =
                if_still_there(rustix::fs::statat(source, name, AtFlags::SYMLINK_NOFOLLOW)).map_err(fault)?
            else {
                continue;
            };
            match FileType::from_raw_mode(stat.st_mode) {
                FileType::RegularFile => self.file(source, target, name).map_err(disk::failure)?,
                FileType::Symlink => link(source, target, name).map_err(fault)?,
                FileType::Directory => {
                    let Some(inner) = if_still_there(open_directory(source, name)).map_err(fault)? else {
                        continue;
                    };
                    rustix::fs::mkdirat(target, name, Mode::RWXU).map_err(fault)?;
                    let copy = open_directory(target, name).map_err(fault)?;
                    self.level(&inner, &copy, depth + 1)?;
                }
                FileType::Fifo
                | FileType::Socket
                | FileType::CharacterDevice
                | FileType::BlockDevice
                | FileType::Unknown => {}
            }
        }
        source.metadata().and_then(|like| dress(target, &like)).map_err(disk::failure)
    }

    fn file(&mut self, source: &File, target: &File, name: &CStr) -> io::Result<()> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let Some(from) = if_still_there(rustix::fs::openat(source, name, flags, Mode::empty()))? else {
            return Ok(());
        };
        let from = File::from(from);
        let like = from.metadata()?;
        if !like.is_file() {
            return Ok(());
        }
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let into = rustix::fs::openat(target, name, flags, Mode::RUSR | Mode::WUSR)?;
        let into = File::from(into);
        if !share(&from, &into) {
            self.content(&from, &into, like.len())?;
        }
        dress(&into, &like)
    }

    /// As long as it was when it was opened.
    fn content(&mut self, from: &File, into: &File, size: u64) -> io::Result<()> {
        into.set_len(size)?;
        let mut at = 0;
        while let Some((begin, end)) = data_from(from, at, size)? {
            at = begin;
            while at < end {
                let most = usize::try_from(end - at).unwrap_or(CHUNK).min(CHUNK);
                let count = from.read_at(&mut self.buffer[..most], at)?;
                if count == 0 {
                    return Ok(());
                }
                into.write_all_at(&self.buffer[..count], at)?;
                at += count as u64;
            }
        }
        Ok(())
    }
}

fn open_directory<P: rustix::path::Arg>(above: impl AsFd, name: P) -> rustix::io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::fs::openat(above, name, flags, Mode::empty()).map(File::from)
}

fn link(source: &File, target: &File, name: &CStr) -> rustix::io::Result<()> {
    let Some(to) = if_still_there(rustix::fs::readlinkat(source, name, Vec::new()))? else { return Ok(()) };
    rustix::fs::symlinkat(&to, target, name)
}

/// None: it went, or became something else, after it was listed.
fn if_still_there<T>(outcome: rustix::io::Result<T>) -> rustix::io::Result<Option<T>> {
    match outcome {
        Ok(found) => Ok(Some(found)),
        Err(Errno::NOENT | Errno::LOOP | Errno::NOTDIR | Errno::INVAL | Errno::NXIO) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Owner, mode and times, but no right to become somebody else.
fn dress(copy: &File, like: &Metadata) -> io::Result<()> {
    let is = copy.metadata()?;
    if (is.uid(), is.gid()) != (like.uid(), like.gid()) {
        fchown(copy, Some(like.uid()), Some(like.gid()))?;
    }
    copy.set_permissions(Permissions::from_mode(like.mode() & 0o777))?;
    copy.set_times(FileTimes::new().set_accessed(like.accessed()?).set_modified(like.modified()?))
}

/// By the file system, without a copy of the bytes.
#[cfg(target_os = "linux")]
fn share(from: &File, into: &File) -> bool {
    rustix::fs::ioctl_ficlone(into, from).is_ok()
}

#[cfg(not(target_os = "linux"))]
fn share(_: &File, _: &File) -> bool {
    false
}

/// The next stretch that is no hole.
#[cfg(target_os = "linux")]
fn data_from(file: &File, at: u64, size: u64) -> io::Result<Option<(u64, u64)>> {
    use rustix::fs::{SeekFrom, seek};
    if at >= size {
        return Ok(None);
    }
    match seek(file, SeekFrom::Data(at)) {
        Ok(begin) if begin < size => {
            let end = seek(file, SeekFrom::Hole(begin))?;
            Ok(Some((begin, end.min(size))))
        }
        Ok(_) | Err(Errno::NXIO) => Ok(None),
        // This file system knows nothing of holes.
        Err(Errno::INVAL) => Ok(Some((at, size))),
        Err(error) => Err(error.into()),
    }
}

#[cfg(not(target_os = "linux"))]
fn data_from(_: &File, at: u64, size: u64) -> io::Result<Option<(u64, u64)>> {
    Ok((at < size).then_some((at, size)))
}
