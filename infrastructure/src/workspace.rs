//! A directory for one piece of work: gone with it, and swept by the next one should its process have been killed.

use std::{
    fs::{self, File},
    io,
    path::Path,
    time::Duration,
};

use application::directories;
use rustix::{
    fs::{FlockOperation, flock},
    io::Errno,
};
use tempfile::TempDir;

const LOCK: &str = "lock";
/// A directory this old without a lock was left before it had one.
const OLD: Duration = Duration::from_hours(1);

#[derive(Debug)]
pub struct Workspace {
    // Before the lock: the directory goes while it is still ours.
    dir: TempDir,
    _lock: File,
}

impl Workspace {
    /// `prefix`: of the names of all directories for such work.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn new(parent: &Path, prefix: &str) -> io::Result<Self> {
        fs::create_dir_all(parent)?;
        sweep(parent, prefix);
        loop {
            let dir = tempfile::Builder::new().prefix(prefix).tempdir_in(parent)?;
            let lock = File::create_new(dir.path().join(LOCK))?;
            match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) if dir.path().join(LOCK).exists() => return Ok(Self { dir, _lock: lock }),
                // Somebody swept it in the moment before it was ours.
                Ok(()) | Err(Errno::WOULDBLOCK) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    pub fn path(&self) -> &Path {
        self.dir.path()
    }
}

impl Drop for Workspace {
    /// What was at work in there may have nested deeper than the one of the standard library can go.
    fn drop(&mut self) {
        if let Err(error) = directories::remove_now(self.path()) {
            tracing::warn!(%error, "a work directory stays until the next sweep");
            self.dir.disable_cleanup(true);
        }
    }
}

/// Removes what killed processes left. The kernel releases their locks.
pub(crate) fn sweep(parent: &Path, prefix: &str) {
    let Ok(entries) = fs::read_dir(parent) else { return };
    for entry in entries.flatten().filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix)) {
        // Held until it is gone.
        let lock = File::open(entry.path().join(LOCK));
        let is_abandoned = match &lock {
            Ok(lock) => flock(lock, FlockOperation::NonBlockingLockExclusive).is_ok(),
            Err(_none_yet) => is_old(&entry),
        };
        if is_abandoned {
            // Another process may sweep at the same time.
            let _ = directories::remove_now(&entry.path());
        }
    }
}

fn is_old(entry: &fs::DirEntry) -> bool {
    let modified = entry.metadata().and_then(|data| data.modified());
    modified.is_ok_and(|time| time.elapsed().is_ok_and(|age| age > OLD))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_work_of_a_killed_process_is_swept_and_that_of_a_living_one_is_not() {
        let parent = tempfile::tempdir().unwrap();
        let abandoned = parent.path().join("cli-killed");
        fs::create_dir(&abandoned).unwrap();
        fs::write(abandoned.join(LOCK), "").unwrap();
        let living = Workspace::new(parent.path(), "cli-").unwrap();
        let other = Workspace::new(parent.path(), "cli-").unwrap();
        assert!(!abandoned.exists());
        assert!(living.path().exists());
        let path = other.path().to_owned();
        drop(other);
        assert!(!path.exists());
    }
}
