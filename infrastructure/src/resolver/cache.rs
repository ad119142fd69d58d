//! What uv remembers between calls, within a bound. uv only adds to it, and keeps nothing there that it could not
//! fetch again; so what has grown too large goes as a whole, when no process is in it.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

const LARGEST: u64 = 2 * 1024 * 1024 * 1024;
const LOOK_EVERY: Duration = Duration::from_hours(1);
/// While it is too large and somebody is in it.
const LOOK_AGAIN: Duration = Duration::from_mins(1);

/// See the module.
#[derive(Debug)]
pub(super) struct Cache {
    place: Place,
    next_look: Mutex<Option<Instant>>,
}

#[derive(Debug, Clone)]
struct Place {
    directory: PathBuf,
    /// Whoever is in the directory shares it.
    lock: PathBuf,
    /// Is swept of what a killed process leaves.
    away: PathBuf,
    largest: u64,
}

/// The directory stays while this is held.
#[derive(Debug)]
pub(super) struct Entered {
    pub(super) directory: PathBuf,
    _shared: File,
}

impl Cache {
    /// Makes nothing yet. `away`: on the same disk as `home`.
    pub(super) fn new(home: &Path, away: &Path) -> Self {
        let (directory, lock) = (home.join("cache"), home.join("cache.lock"));
        let place = Place { directory, lock, away: away.to_owned(), largest: LARGEST };
        Self { place, next_look: Mutex::default() }
    }

    /// # Errors
    /// The lock cannot be had: a fault of the disk.
    pub(super) async fn enter(&self) -> io::Result<Entered> {
        let (place, is_due) = (self.place.clone(), self.is_due());
        let entering = tokio::task::spawn_blocking(move || {
            let was_busy = is_due && !place.bounded();
            place.enter().map(|entered| (entered, was_busy))
        });
        let (entered, was_busy) = entering.await.map_err(io::Error::other)??;
        if was_busy {
            self.look_in(LOOK_AGAIN);
        }
        Ok(entered)
    }

    fn is_due(&self) -> bool {
        let next = *self.next_look.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = next.is_none_or(|next| next <= Instant::now());
        if is_due {
            self.look_in(LOOK_EVERY);
        }
        is_due
    }

    fn look_in(&self, time: Duration) {
        *self.next_look.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now() + time);
    }
}

impl Place {
    fn enter(&self) -> io::Result<Entered> {
        let shared = self.open_lock()?;
        // Held by others alone only for as long as it takes to rename a directory.
        shared.lock_shared()?;
        Ok(Entered { directory: self.directory.clone(), _shared: shared })
    }

    fn open_lock(&self) -> io::Result<File> {
        File::options().create(true).truncate(false).write(true).open(&self.lock)
    }

    /// `false` when it is too large and could not be removed.
    fn bounded(&self) -> bool {
        if !exceeds(&self.directory, self.largest) {
            return true;
        }
        let removed = self.remove();
        if let Err(error) = &removed {
            tracing::warn!(%error, "the cache of uv is too large and cannot be removed now");
        }
        removed.is_ok()
    }

    fn remove(&self) -> io::Result<()> {
        let lock = self.open_lock()?;
        lock.try_lock()?;
        let away = tempfile::tempdir_in(&self.away)?;
        fs::rename(&self.directory, away.path().join("cache"))?;
        // Removing takes longer than renaming, and nobody has to wait for it.
        drop(lock);
        away.close()
    }
}

/// Whether all files together are larger; looks no further than that.
fn exceeds(directory: &Path, largest: u64) -> bool {
    let (mut found, mut open) = (0_u64, vec![directory.to_owned()]);
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
            // What vanishes meanwhile is not large. A link is not followed.
            let Ok(data) = entry.metadata() else { continue };
            if data.is_dir() {
                open.push(entry.path());
            }
            found = found.saturating_add(data.len());
            if found > largest {
                return true;
            }
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cache(home: &Path) -> Cache {
        let mut cache = Cache::new(home, home);
        cache.place.largest = 100_000;
        fs::create_dir_all(home.join("cache/deep/er")).unwrap();
        fs::write(home.join("cache/deep/er/page"), vec![0; 150_000]).unwrap();
        cache
    }

    #[tokio::test]
    async fn what_is_too_large_goes_before_anybody_enters_and_not_at_every_call() {
        let home = tempfile::tempdir().unwrap();
        let cache = cache(home.path());
        let entered = cache.enter().await.unwrap();
        assert_eq!(entered.directory, home.path().join("cache"));
        assert!(!entered.directory.exists());
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 1, "nothing but the lock is left");
        fs::create_dir(&entered.directory).unwrap();
        fs::write(entered.directory.join("page"), vec![0; 150_000]).unwrap();
        drop(entered);
        assert!(cache.enter().await.unwrap().directory.exists(), "it was looked at just now");
    }

    #[tokio::test]
    async fn nobody_loses_it_while_in_it() {
        let home = tempfile::tempdir().unwrap();
        let (one, other) = (cache(home.path()), cache(home.path()));
        one.look_in(LOOK_EVERY);
        let entered = one.enter().await.unwrap();
        assert!(other.enter().await.unwrap().directory.join("deep/er/page").exists());
        drop(entered);
        let again = Instant::now() + LOOK_AGAIN;
        assert!(other.next_look.lock().unwrap().is_some_and(|next| next <= again), "soon again");
        // A process that starts beside this test holds copies of open locks until it has become itself.
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(10) {
            other.look_in(Duration::ZERO);
            if !other.enter().await.unwrap().directory.exists() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("it stays although nobody is in it");
    }

    #[test]
    fn a_small_or_missing_one_stays() {
        let home = tempfile::tempdir().unwrap();
        assert!(!exceeds(&home.path().join("nowhere"), 0));
        fs::write(home.path().join("page"), "12345").unwrap();
        assert!(!exceeds(home.path(), 5) && exceeds(home.path(), 4));
    }
}
