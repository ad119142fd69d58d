//! Bytes named by their sha256, and the records of finished results.

use std::{ops::Range, path::Path, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use domain::{
    task::{PluginAbout, Report},
    values::{Digest, PluginIdentity},
};
use futures::stream::BoxStream;
use serde::{Deserialize, Serialize};

use crate::failure::Failure;

/// The bytes of one blob, in order.
pub type Body = BoxStream<'static, Result<Bytes, Failure>>;

#[async_trait]
pub trait Blobs: Send + Sync {
    /// Stores a file whose sha256 the caller has verified. Storing the same bytes again changes nothing.
    async fn put(&self, file: &Path, digest: &Digest) -> Result<(), Failure>;

    /// The bytes of the range, or all of them; `None` when there is no such blob, or not one of this size.
    async fn open(
        &self,
        digest: &Digest,
        size: u64,
        range: Option<Range<u64>>,
    ) -> Result<Option<Body>, Failure>;

    /// Copies the blob into the new file `into`; false when there is no such blob.
    async fn copy(&self, digest: &Digest, into: &Path) -> Result<bool, Failure>;

    /// Deletes a blob that was stored or used again at least this long ago, and nothing younger: somebody may be
    /// about to name it. Deleting what is not there is fine.
    async fn delete(&self, digest: &Digest, age: Duration) -> Result<(), Failure>;

    /// Every blob that was stored at least this long ago.
    async fn older_than(&self, age: Duration) -> Result<Vec<Digest>, Failure>;
}

/// Finished results by their key: equal jobs share one. A cache that may be emptied at any time.
#[async_trait]
pub trait Results: Send + Sync {
    /// A record whose bytes are still in the blob store.
    async fn get(&self, key: &Digest) -> Result<Option<StoredResult>, Failure>;
    async fn put(&self, key: &Digest, result: &StoredResult) -> Result<(), Failure>;
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredResult {
    pub artifact: Digest,
    pub size: u64,
    pub plugin: PluginIdentity,
    #[serde(default)]
    pub about: Option<PluginAbout>,
    pub report: Report,
}
