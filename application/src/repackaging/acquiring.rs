//! Bringing the input into the work directory, and holding it to what was promised of it.

use std::path::{Path, PathBuf};

use domain::{
    task::{Phase, Source},
    values::{Digest, PluginIdentity},
};
use tokio_util::sync::CancellationToken;

use super::{LARGEST_PACKAGE, Order, Progress, Repackaging, Step};
use crate::{
    failure::{Failure, Reason},
    ports::packaging::Inspection,
};

/// An input in a work directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acquired {
    pub file: PathBuf,
    promised: Option<Promise>,
}

/// What the marketplace said of a package before it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Promise {
    plugin: PluginIdentity,
    checksum: Option<String>,
}

impl Acquired {
    /// A file that somebody brought; nobody promised anything of it.
    pub fn brought(file: PathBuf) -> Self {
        Self { file, promised: None }
    }

    pub(super) fn check(&self, inspection: &Inspection) -> Result<(), Failure> {
        let Some(Promise { plugin, checksum }) = &self.promised else { return Ok(()) };
        let wrong = |what: String| Failure::permanent(Reason::ChecksumMismatch, what);
        if inspection.identity != *plugin {
            return Err(wrong(format!(
                "The marketplace sent {} when asked for {plugin}",
                inspection.identity
            )));
        }
        let found = inspection.identifier.rsplit('@').next().unwrap_or_default();
        match checksum {
            Some(promised) if !promised.eq_ignore_ascii_case(found) => Err(wrong(format!(
                "Integrity check failed for {plugin}: the marketplace promised another content"
            ))),
            Some(_) | None => Ok(()),
        }
    }
}

impl Repackaging {
    /// Brings the input into the work directory.
    pub async fn acquire(
        &self,
        source: &Source,
        work: &Path,
        progress: &dyn Progress,
        cancel: &CancellationToken,
    ) -> Result<Acquired, Failure> {
        self.fetch_input(source, work, progress, cancel).await.map(|(acquired, _)| acquired)
    }

    /// The same, once for all orders of a group on this node.
    pub(super) async fn acquire_once(
        &self,
        order: Order<'_>,
        work: &Path,
        progress: &dyn Progress,
        cancel: &CancellationToken,
    ) -> Result<Acquired, Failure> {
        let (Some(group), Source::Url(_) | Source::Marketplace(_)) = (order.group, order.source) else {
            return self.acquire(order.source, work, progress, cancel).await;
        };
        let _first = tokio::select! {
            first = self.shared.first_of(group) => first,
            () = cancel.cancelled() => return Err(Failure::cancelled()),
        };
        if let Some((digest, promised)) = self.shared.input(group) {
            let file = input_in(work);
            if self.blobs.copy(&digest, &file).await? {
                return Ok(Acquired { file, promised });
            }
        }
        let (acquired, digest) = self.fetch_input(order.source, work, progress, cancel).await?;
        if let Some(digest) = digest {
            self.blobs.put(&acquired.file, &digest).await?;
            self.shared.remember(group, digest, acquired.promised.clone());
        }
        Ok(acquired)
    }

    /// With the digest of what was fetched from elsewhere.
    async fn fetch_input(
        &self,
        source: &Source,
        work: &Path,
        progress: &dyn Progress,
        cancel: &CancellationToken,
    ) -> Result<(Acquired, Option<Digest>), Failure> {
        let file = input_in(work);
        progress.report(Step::at(Phase::Downloading, 1, "Downloading the package", None));
        let on_bytes = |done: u64, all: Option<u64>| {
            let step = Step::between(Phase::Downloading, (1, 15), done, all, "Downloading the package");
            progress.report(step);
        };
        match source {
            Source::Url(url) => {
                let received =
                    self.downloads.download(url, &file, LARGEST_PACKAGE, &on_bytes, cancel).await?;
                Ok((Acquired::brought(file), Some(received.sha256)))
            }
            Source::Marketplace(plugin) => {
                let came =
                    self.marketplace.download(plugin, &file, LARGEST_PACKAGE, &on_bytes, cancel).await?;
                let promised = Some(Promise { plugin: plugin.clone(), checksum: came.checksum });
                Ok((Acquired { file, promised }, Some(came.received.sha256)))
            }
            Source::UploadSha256(digest) => {
                if !self.blobs.copy(digest, &file).await? {
                    return Err(Failure::permanent(
                        Reason::FetchFailed,
                        "The uploaded file is no longer there; upload it again",
                    ));
                }
                Ok((Acquired::brought(file), None))
            }
        }
    }
}

fn input_in(work: &Path) -> PathBuf {
    work.join("input.difypkg")
}
