//! The cache on disk: one file per sha256, complete or not there. A file that a running job uses is linked into
//! the job's directory, so throwing it out of the cache takes nothing away.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use application::failure::{Failure, Reason};
use domain::values::Digest;
use tempfile::TempPath;

use crate::archive::read::file_sha256;

/// Left free whatever is planned.
const RESERVE: u64 = 64 * 1024 * 1024;
/// No running transfer leaves its file untouched for so long.
const STALE: Duration = Duration::from_hours(1);

#[derive(Debug)]
pub(super) struct Store {
    directory: PathBuf,
    /// Bytes to keep at most.
    bound: u64,
}

impl Store {
    /// Makes the directory and sweeps unfinished files that nobody works on any more.
    pub(super) fn open(directory: PathBuf, bound: u64) -> io::Result<Self> {
        let store = Self { directory, bound };
        fs::create_dir_all(store.unfinished())?;
        let now = SystemTime::now();
        for entry in fs::read_dir(store.unfinished())? {
            let entry = entry?;
            // Another process may have finished it in between.
            let Some(metadata) = if_there(entry.metadata())? else { continue };
            if now.duration_since(metadata.modified()?).unwrap_or_default() > STALE {
                if_there(fs::remove_file(entry.path()))?;
            }
        }
        Ok(store)
    }

    fn unfinished(&self) -> PathBuf {
        self.directory.join("tmp")
    }

    fn path(&self, sha256: &Digest) -> PathBuf {
        let (prefix, _) = sha256.as_str().split_at(2);
        self.directory.join(prefix).join(format!("{sha256}.whl"))
    }

    /// The size of the file, if the cache has it with the length it should have.
    pub(super) fn size(&self, sha256: &Digest, wanted: Option<u64>) -> Option<u64> {
        let size = fs::metadata(self.path(sha256)).ok()?.len();
        wanted.is_none_or(|wanted| wanted == size).then_some(size)
    }

    /// A new empty file for a transfer; gone when dropped.
    pub(super) fn start(&self) -> io::Result<TempPath> {
        Ok(tempfile::Builder::new().suffix(".part").tempfile_in(self.unfinished())?.into_temp_path())
    }

    /// Takes a synced and verified file in.
    pub(super) fn finish(&self, part: TempPath, sha256: &Digest) -> io::Result<()> {
        let path = self.path(sha256);
        let directory = path.parent().unwrap_or(&self.directory);
        fs::create_dir_all(directory)?;
        part.persist(&path).map_err(|error| error.error)?;
        File::open(directory)?.sync_all()
    }

    /// Puts the file under its own name into a job's directory, and marks it as used; its size. `None` when the
    /// cache does not have it with the length it should have, or no longer has it.
    pub(super) fn hand_out(
        &self,
        sha256: &Digest,
        wanted: Option<u64>,
        to: &Path,
    ) -> io::Result<Option<u64>> {
        let path = self.path(sha256);
        if_there(fs::remove_file(to))?;
        // Another file system cannot link.
        let linked = fs::hard_link(&path, to).or_else(|_no_link| fs::copy(&path, to).map(drop));
        if to.parent().is_some_and(Path::is_dir) {
            if if_there(linked)?.is_none() {
                return Ok(None);
            }
        } else {
            linked?;
        }
        let size = fs::metadata(to)?.len();
        if wanted.is_some_and(|wanted| wanted != size) {
            fs::remove_file(to)?;
            return Ok(None);
        }
        if let Some(file) = if_there(File::open(&path))? {
            file.set_modified(SystemTime::now())?;
        }
        Ok(Some(size))
    }

    /// Throws out what was not used for the longest time until the rest is within the bound.
    pub(super) fn evict(&self) -> io::Result<()> {
        let mut files = self.files()?;
        let mut total: u64 = files.iter().map(|file| file.size).sum();
        files.sort_by_key(|file| file.used);
        for file in files {
            if total <= self.bound {
                break;
            }
            // Another process may be at it too.
            if_there(fs::remove_file(&file.path))?;
            total -= file.size;
        }
        Ok(())
    }

    /// Throws out those of the files whose bytes have changed on the disk; how many.
    pub(super) fn recheck(&self, wheels: &[Digest]) -> io::Result<usize> {
        let mut bad = 0;
        for sha256 in wheels {
            let path = self.path(sha256);
            bad += usize::from(path.exists() && drop_unless(&path, Some(sha256))?);
        }
        Ok(bad)
    }

    fn files(&self) -> io::Result<Vec<Stored>> {
        let mut files = Vec::new();
        for directory in fs::read_dir(&self.directory)? {
            let directory = directory?;
            if directory.file_name().len() != 2 || !directory.file_type()?.is_dir() {
                continue;
            }
            for entry in fs::read_dir(directory.path())? {
                let entry = entry?;
                let Some(metadata) = if_there(entry.metadata())? else { continue };
                files.push(Stored { path: entry.path(), size: metadata.len(), used: metadata.modified()? });
            }
        }
        Ok(files)
    }

    /// Before anything is fetched: `missing` bytes into the cache, and `output` bytes beside the job.
    pub(super) fn check_space(&self, job: &Path, missing: u64, output: u64) -> Result<(), Failure> {
        let device = |path: &Path| fs::metadata(path).map(|metadata| metadata.dev()).ok();
        let is_one = device(&self.directory) == device(job);
        let fits = if is_one {
            has_room(job, missing.saturating_add(output))
        } else {
            has_room(&self.directory, missing) && has_room(job, output)
        };
        if fits { Ok(()) } else { Err(Failure::transient(Reason::DiskFull, "Not enough disk space")) }
    }
}

fn if_there<T>(outcome: io::Result<T>) -> io::Result<Option<T>> {
    match outcome {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

struct Stored {
    path: PathBuf,
    size: u64,
    used: SystemTime,
}

/// A file system that does not say is given the benefit of the doubt: the write itself will tell.
fn has_room(path: &Path, bytes: u64) -> bool {
    rustix::fs::statvfs(path)
        .map_or(true, |fs| fs.f_bavail.saturating_mul(fs.f_frsize) >= bytes.saturating_add(RESERVE))
}

/// Removes the file if its bytes are not those of the digest; whether it did.
fn drop_unless(path: &Path, named: Option<&Digest>) -> io::Result<bool> {
    let bad = file_sha256(path).ok().as_ref() != named;
    if bad {
        tracing::error!(path = %path.display(), reason = "BLOB_CORRUPT", "a cached wheel has changed on the disk");
        if_there(fs::remove_file(path))?;
    }
    Ok(bad)
}

#[cfg(test)]
mod tests {
    use sha2::{Digest as _, Sha256};

    use super::*;

    fn put(store: &Store, bytes: &[u8]) -> Digest {
        let sha256 = Digest::of_bytes(Sha256::digest(bytes).into());
        let part = store.start().unwrap();
        fs::write(&part, bytes).unwrap();
        store.finish(part, &sha256).unwrap();
        sha256
    }

    fn age(store: &Store, sha256: &Digest, seconds: u64) {
        let then = SystemTime::now() - Duration::from_secs(seconds);
        File::open(store.path(sha256)).unwrap().set_modified(then).unwrap();
    }

    #[test]
    fn what_was_used_last_stays() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(directory.path().join("cache"), 8).unwrap();
        let [one, two, three] = [b"1111", b"2222", b"3333"].map(|bytes| put(&store, bytes));
        for (sha256, seconds) in [(&one, 300), (&two, 200), (&three, 100)] {
            age(&store, sha256, seconds);
        }
        let linked = directory.path().join("job.whl");
        assert_eq!(store.hand_out(&one, None, &linked).unwrap(), Some(4));
        store.evict().unwrap();
        assert_eq!((store.size(&one, Some(4)), store.size(&two, None)), (Some(4), None));
        let tight = Store::open(directory.path().join("cache"), 0).unwrap();
        tight.evict().unwrap();
        assert_eq!(tight.size(&one, None), None);
        assert_eq!(fs::read(linked).unwrap(), b"1111", "a running job keeps its file");
    }

    #[test]
    fn a_file_of_another_length_or_content_is_not_trusted() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(directory.path().to_owned(), 100).unwrap();
        let sha256 = put(&store, b"1111");
        assert_eq!(store.size(&sha256, Some(5)), None);
        fs::write(store.path(&sha256), b"1112").unwrap();
        assert_eq!(store.size(&sha256, Some(4)), Some(4));
        assert_eq!(store.recheck(std::slice::from_ref(&sha256)).unwrap(), 1);
        assert_eq!(store.size(&sha256, Some(4)), None);
    }

    #[test]
    fn unfinished_files_of_the_past_are_swept_and_those_of_now_are_not() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(directory.path().to_owned(), 100).unwrap();
        let [old, new] = ["old", "new"].map(|name| store.unfinished().join(name));
        for path in [&old, &new] {
            fs::write(path, b"x").unwrap();
        }
        let then = SystemTime::now() - Duration::from_hours(2);
        File::open(&old).unwrap().set_modified(then).unwrap();
        Store::open(directory.path().to_owned(), 100).unwrap();
        assert!(!old.exists() && new.exists());
    }

    #[test]
    fn what_was_thrown_out_meanwhile_is_a_miss_and_a_missing_job_is_a_fault() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(directory.path().join("cache"), 100).unwrap();
        let (to, none) = (directory.path().join("x.whl"), directory.path().join("none/x.whl"));
        let sha256 = put(&store, b"1111");
        assert!(store.hand_out(&sha256, None, &none).is_err());
        assert_eq!(store.hand_out(&sha256, Some(5), &to).unwrap(), None);
        assert!(!to.exists());
        fs::remove_file(store.path(&sha256)).unwrap();
        assert_eq!(store.hand_out(&sha256, Some(4), &to).unwrap(), None);
    }

    #[test]
    fn several_may_throw_out_at_once() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(directory.path().to_owned(), 0).unwrap();
        for number in 0..40_u8 {
            put(&store, &[number]);
        }
        std::thread::scope(|scope| {
            let all: Vec<_> = (0..4).map(|_| scope.spawn(|| store.evict())).collect();
            assert!(all.into_iter().all(|one| one.join().unwrap().is_ok()));
        });
        assert!(store.files().unwrap().is_empty());
    }

    #[test]
    fn more_than_the_disk_holds_is_refused_before_the_start() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(directory.path().to_owned(), 100).unwrap();
        assert!(store.check_space(directory.path(), 1, 1).is_ok());
        let failure = store.check_space(directory.path(), u64::MAX / 2, 0).unwrap_err();
        assert_eq!((failure.reason, failure.message.as_str()), (Reason::DiskFull, "Not enough disk space"));
    }
}
