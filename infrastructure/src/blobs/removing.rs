//! Removing bytes that nobody names, while somebody may be about to name them.
//!
//! Whoever removes a blob marks it, and only then looks how old it is; whoever stores it makes it young, and only then
//! looks for a mark. So one of the two sees the other: either the blob is young and stays, or who stored it waits until
//! it is gone and stores it again. This holds over several nodes, as far as the store shows at once what was written.

use std::time::{Duration, SystemTime};

use application::failure::Failure;
use domain::values::Digest;
use object_store::{ObjectStoreExt, PutPayload, path::Path as Key};

use super::{ObjectBlobs, before, blob_key, fault};
use crate::disk;

const LOOK_EVERY: Duration = Duration::from_millis(20);
/// A mark this old was left behind by a process that was killed.
const ABANDONED: Duration = Duration::from_mins(1);
/// Whoever has marked a blob and comes this late does not remove it any more.
const TOO_LATE: Duration = Duration::from_secs(30);

impl ObjectBlobs {
    pub(super) async fn remove_older(&self, digest: &Digest, age: Duration) -> Result<(), Failure> {
        if !self.is_older(digest, age).await? {
            return Ok(());
        }
        let began = tokio::time::Instant::now();
        let mark = mark_key(digest);
        self.store.put(&mark, PutPayload::default()).await.map_err(|error| fault(&error))?;
        let removed = match self.is_older(digest, age).await {
            Ok(true) if began.elapsed() < TOO_LATE => self.remove(digest).await,
            Ok(_) => Ok(()),
            Err(failure) => Err(failure),
        };
        self.forget(&mark).await?;
        removed
    }

    /// Makes the blob as young as if it were stored now; false when it is gone.
    pub(super) async fn refresh(&self, digest: &Digest) -> Result<bool, Failure> {
        Ok(self.touch(digest).await? && self.survives(digest).await?)
    }

    /// Whether what was just stored or made young is there when nobody removes it any more.
    pub(super) async fn survives(&self, digest: &Digest) -> Result<bool, Failure> {
        let mark = mark_key(digest);
        loop {
            let marked = match self.store.head(&mark).await {
                Ok(meta) => meta.last_modified > before(ABANDONED),
                Err(object_store::Error::NotFound { .. }) => false,
                Err(error) => return Err(fault(&error)),
            };
            if !marked {
                // It may have gone between being found and being made young.
                return Ok(self.size(&blob_key(digest)).await?.is_some());
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    async fn is_older(&self, digest: &Digest, age: Duration) -> Result<bool, Failure> {
        match self.store.head(&blob_key(digest)).await {
            Ok(meta) => Ok(meta.last_modified <= before(age)),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(fault(&error)),
        }
    }

    async fn forget(&self, key: &Key) -> Result<(), Failure> {
        match self.store.delete(key).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(fault(&error)),
        }
    }

    /// The same, without a look for whoever removes it.
    pub(super) async fn touch(&self, digest: &Digest) -> Result<bool, Failure> {
        let key = blob_key(digest);
        if let Some(root) = &self.local {
            let place = root.join(key.to_string());
            let now = move || std::fs::File::open(place)?.set_modified(SystemTime::now());
            let done = tokio::task::spawn_blocking(now).await.map_err(|_stopped| Failure::internal())?;
            return match done {
                Ok(()) => Ok(true),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
                Err(error) => Err(disk::failure(error)),
            };
        }
        // S3 refuses to copy an object onto itself unchanged, so it goes by way of another key.
        let aside = Key::from(format!("refresh/{digest}"));
        match self.store.copy(&key, &aside).await {
            Ok(()) => {}
            Err(object_store::Error::NotFound { .. }) => return Ok(false),
            Err(error) => return Err(fault(&error)),
        }
        match self.store.copy(&aside, &key).await {
            Ok(()) => {}
            // Somebody else refreshes it too, and was first.
            Err(object_store::Error::NotFound { .. }) => return Ok(true),
            Err(error) => return Err(fault(&error)),
        }
        self.forget(&aside).await.map(|()| true)
    }
}

fn mark_key(digest: &Digest) -> Key {
    Key::from(format!("removing/{digest}"))
}
