//! Bytes named by their sha256 in an object store: a directory, or S3 and the like by URL.

mod removing;

use std::{
    ops::Range,
    path::Path,
    sync::Arc,
    time::{Duration, SystemTime},
};

use application::{
    failure::Failure,
    ports::{
        blobs::{Blobs, Body, Results, StoredResult},
        packaging::{Resolution, Resolutions},
    },
};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::values::Digest;
use futures::{StreamExt, TryStreamExt};
use object_store::{
    GetOptions, GetRange, GetResult, ObjectStore, ObjectStoreExt, PutMode, PutPayload, buffered::BufWriter,
    path::Path as Key,
};
use tokio::io::AsyncWriteExt;

use crate::disk;

/// Removals that may come between before storing is given up.
const REMOVALS: u32 = 5;

/// Blobs under `blobs/<2 hex>/<sha256>`, records of results under `results/`, answers of
/// resolvers under `resolutions/`.
#[derive(Debug, Clone)]
pub struct ObjectBlobs {
    store: Arc<dyn ObjectStore>,
    /// In a local directory nothing is visible before it is whole and on disk.
    local: Option<std::path::PathBuf>,
}

impl ObjectBlobs {
    /// A directory, made if it is missing.
    pub fn in_directory(path: &Path) -> Result<Self, object_store::Error> {
        std::fs::create_dir_all(path).map_err(|error| object_store::Error::Generic {
            store: "local directory",
            source: Box::new(error),
        })?;
        let store = object_store::local::LocalFileSystem::new_with_prefix(path)?;
        Ok(Self { store: Arc::new(store), local: Some(path.to_owned()) })
    }

    /// Any URL that `object_store` knows (`s3://bucket/prefix`, `file:///..`), with the options of its own
    /// ecosystem (`AWS_ACCESS_KEY_ID` ...), given as pairs.
    pub fn at(url: &url::Url, options: Vec<(String, String)>) -> Result<Self, object_store::Error> {
        if let ("file", Ok(directory)) = (url.scheme(), url.to_file_path()) {
            return Self::in_directory(&directory);
        }
        let (store, prefix) = object_store::parse_url_opts(url, options)?;
        let store = object_store::prefix::PrefixStore::new(store, prefix);
        Ok(Self { store: Arc::new(store), local: None })
    }

    async fn upload(&self, file: &Path, key: Key) -> Result<(), Failure> {
        let mut from = tokio::fs::File::open(file).await.map_err(disk::failure)?;
        let mut to = BufWriter::with_capacity(self.store.clone(), key, 8 * 1024 * 1024);
        let copied = tokio::io::copy(&mut from, &mut to).await;
        if let Err(error) = copied {
            let _ = to.abort().await;
            return Err(disk::failure(error));
        }
        to.shutdown().await.map_err(disk::failure)
    }

    /// Same disk: a hard link needs no second copy of the bytes; they are synced before they are named.
    async fn link(&self, root: &Path, file: &Path, digest: &Digest) -> Result<bool, Failure> {
        let place = root.join(blob_key(digest).to_string());
        let file = file.to_owned();
        let linked = tokio::task::spawn_blocking(move || -> std::io::Result<bool> {
            if let Some(parent) = place.parent() {
                std::fs::create_dir_all(parent)?;
            }
            let bytes = std::fs::File::open(&file)?;
            bytes.set_modified(SystemTime::now())?;
            bytes.sync_all()?;
            match std::fs::hard_link(&file, &place) {
                Ok(()) => {}
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(_) => return Ok(false),
            }
            if let Some(parent) = place.parent() {
                std::fs::File::open(parent)?.sync_all()?;
            }
            Ok(true)
        });
        linked.await.map_err(|_stopped| Failure::internal())?.map_err(disk::failure)
    }

    async fn get(&self, digest: &Digest, range: Option<Range<u64>>) -> Result<Option<GetResult>, Failure> {
        let options = GetOptions { range: range.map(GetRange::Bounded), ..GetOptions::default() };
        match self.store.get_opts(&blob_key(digest), options).await {
            Ok(found) => Ok(Some(found)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(fault(&error)),
        }
    }

    async fn store_once(&self, file: &Path, digest: &Digest) -> Result<(), Failure> {
        let key = blob_key(digest);
        let size = tokio::fs::metadata(file).await.map_err(disk::failure)?.len();
        match self.size(&key).await? {
            Some(found) if found == size && self.touch(digest).await? => return Ok(()),
            Some(found) if found != size => {
                tracing::error!(%digest, size, found, reason = "BLOB_CORRUPT", "a blob has changed and is replaced");
                self.remove(digest).await?;
            }
            Some(_) | None => {}
        }
        if let Some(root) = &self.local
            && self.link(root, file, digest).await?
        {
            return Ok(());
        }
        self.upload(file, key).await
    }

    async fn remove(&self, digest: &Digest) -> Result<(), Failure> {
        match self.store.delete(&blob_key(digest)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(fault(&error)),
        }
    }

    async fn size(&self, key: &Key) -> Result<Option<u64>, Failure> {
        match self.store.head(key).await {
            Ok(meta) => Ok(Some(meta.size)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(fault(&error)),
        }
    }
}

#[async_trait]
impl Blobs for ObjectBlobs {
    async fn put(&self, file: &Path, digest: &Digest) -> Result<(), Failure> {
        for _ in 0..REMOVALS {
            self.store_once(file, digest).await?;
            if self.survives(digest).await? {
                return Ok(());
            }
        }
        tracing::warn!(%digest, "a blob is removed as often as it is stored");
        Err(Failure::internal())
    }

    async fn open(
        &self,
        digest: &Digest,
        size: u64,
        range: Option<Range<u64>>,
    ) -> Result<Option<Body>, Failure> {
        let found = self.size(&blob_key(digest)).await?;
        if found != Some(size) {
            tracing::error!(%digest, size, ?found, reason = "BLOB_CORRUPT", "a blob is lost or has changed");
            return Ok(None);
        }
        let found = self.get(digest, range).await?;
        Ok(found.map(|found| found.into_stream().map_err(|error| fault(&error)).boxed()))
    }

    async fn copy(&self, digest: &Digest, into: &Path) -> Result<bool, Failure> {
        let Some(found) = self.get(digest, None).await? else { return Ok(false) };
        let mut body = found.into_stream();
        let mut file = tokio::fs::File::create_new(into).await.map_err(disk::failure)?;
        while let Some(bytes) = body.try_next().await.map_err(|error| fault(&error))? {
            file.write_all(&bytes).await.map_err(disk::failure)?;
        }
        file.flush().await.map_err(disk::failure)?;
        Ok(true)
    }

    async fn delete(&self, digest: &Digest, age: Duration) -> Result<(), Failure> {
        self.remove_older(digest, age).await
    }

    async fn older_than(&self, age: Duration) -> Result<Vec<Digest>, Failure> {
        let before = before(age);
        let mut listed = self.store.list(Some(&Key::from("blobs")));
        let mut old = Vec::new();
        while let Some(meta) = listed.try_next().await.map_err(|error| fault(&error))? {
            if meta.last_modified < before
                && let Some(digest) = meta.location.filename().and_then(|name| name.parse().ok())
            {
                old.push(digest);
            }
        }
        Ok(old)
    }
}

#[async_trait]
impl Results for ObjectBlobs {
    async fn get(&self, key: &Digest) -> Result<Option<StoredResult>, Failure> {
        let bytes = match self.store.get(&result_key(key)).await {
            Ok(found) => found.bytes().await.map_err(|error| fault(&error))?,
            Err(object_store::Error::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(fault(&error)),
        };
        // A record of another build is no record.
        let Ok(stored) = serde_json::from_slice::<StoredResult>(&bytes) else { return Ok(None) };
        let found = self.size(&blob_key(&stored.artifact)).await?;
        let is_there = found == Some(stored.size) && self.refresh(&stored.artifact).await?;
        Ok(is_there.then_some(stored))
    }

    async fn put(&self, key: &Digest, result: &StoredResult) -> Result<(), Failure> {
        let bytes = serde_json::to_vec(result).map_err(|_shape| Failure::internal())?;
        self.store
            .put(&result_key(key), PutPayload::from(bytes))
            .await
            .map(drop)
            .map_err(|error| fault(&error))
    }
}

#[async_trait]
impl Resolutions for ObjectBlobs {
    async fn get(&self, key: &Digest) -> Result<Option<Resolution>, Failure> {
        let bytes = match self.store.get(&resolution_key(key)).await {
            Ok(found) => found.bytes().await.map_err(|error| fault(&error))?,
            Err(object_store::Error::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(fault(&error)),
        };
        // What another build kept in another form is chosen again.
        Ok(serde_json::from_slice(&bytes).ok())
    }

    async fn keep(&self, key: &Digest, answer: Resolution, replace: bool) -> Result<Resolution, Failure> {
        let bytes = serde_json::to_vec(&answer).map_err(|_shape| Failure::internal())?;
        let mode = if replace { PutMode::Overwrite } else { PutMode::Create };
        let put = self.store.put_opts(&resolution_key(key), PutPayload::from(bytes), mode.into()).await;
        match put {
            Ok(_) => Ok(answer),
            Err(object_store::Error::AlreadyExists { .. }) => {
                Ok(Resolutions::get(self, key).await?.unwrap_or(answer))
            }
            Err(error) => Err(fault(&error)),
        }
    }
}

fn before(age: Duration) -> DateTime<Utc> {
    use application::ports::system::Clock;
    let age = chrono::Duration::from_std(age).unwrap_or(chrono::Duration::MAX);
    crate::system::System.now().checked_sub_signed(age).unwrap_or_default()
}

fn blob_key(digest: &Digest) -> Key {
    Key::from(format!("blobs/{}/{digest}", &digest.as_str()[..2]))
}

fn result_key(key: &Digest) -> Key {
    Key::from(format!("results/{}/{key}.json", &key.as_str()[..2]))
}

fn resolution_key(key: &Digest) -> Key {
    Key::from(format!("resolutions/{}/{key}.json", &key.as_str()[..2]))
}

fn fault(error: &object_store::Error) -> Failure {
    tracing::warn!(%error, "the blob store did not do as asked");
    Failure::internal()
}

#[cfg(test)]
mod tests;
