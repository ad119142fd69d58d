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
    ports::packaging::{Inspection, Note},
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
    binding: bool,
}

/// The kind of note that says another content came than was promised.
const CHECKSUM: &str = "checksum";

/// Takes out what is true of one task and not of every other that has the same result.
pub(super) fn take_notes(notes: &mut Vec<Note>) -> Vec<Note> {
    notes.extract_if(.., |note| note.kind == CHECKSUM).collect()
}

impl Acquired {
    /// A file that somebody brought; nobody promised anything of it.
    pub fn brought(file: PathBuf) -> Self {
        Self { file, promised: None }
    }

    /// Another plugin is refused; so is another content, unless the operator wants only a note of it.
    pub(super) fn check(&self, inspection: &Inspection) -> Result<Option<Note>, Failure> {
        let Some(Promise { plugin, checksum, binding }) = &self.promised else { return Ok(None) };
        let wrong = |what: String| Failure::permanent(Reason::ChecksumMismatch, what);
        if inspection.identity != *plugin {
            return Err(wrong(format!(
                "The marketplace sent {} when asked for {plugin}",
                inspection.identity
            )));
        }
        let found = inspection.identifier.rsplit('@').next().unwrap_or_default();
        match checksum {
            Some(promised) if !promised.eq_ignore_ascii_case(found) => {
                let text =
                    format!("Integrity check failed for {plugin}: the marketplace promised another content");
                if *binding { Err(wrong(text)) } else { Ok(Some(Note::new(CHECKSUM, text))) }
            }
            Some(_) | None => Ok(None),
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
        self.fetch_input(source, None, work, progress, cancel).await.map(|(acquired, _)| acquired)
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
            let fetched = self.fetch_input(order.source, order.work, work, progress, cancel).await;
            return fetched.map(|(acquired, _)| acquired);
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
        let (acquired, digest) = self.fetch_input(order.source, order.work, work, progress, cancel).await?;
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
        wanted_for: Option<&str>,
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
                let came = self
                    .marketplace
                    .download(plugin, &file, LARGEST_PACKAGE, &on_bytes, wanted_for, cancel)
                    .await?;
                let promised =
                    Promise { plugin: plugin.clone(), checksum: came.checksum, binding: came.binding };
                Ok((Acquired { file, promised: Some(promised) }, Some(came.received.sha256)))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn inspection(version: &str, checksum: &str) -> Inspection {
        Inspection {
            sha256: Digest::of_bytes([0; 32]),
            size: 1,
            identity: PluginIdentity::new("a", "b", version).unwrap(),
            identifier: format!("a/b:{version}@{checksum}"),
            label: String::new(),
            category: String::new(),
            signature_time: 0,
            notes: Vec::new(),
            plans: Vec::new(),
        }
    }

    fn promised(checksum: Option<&str>, binding: bool) -> Acquired {
        let plugin = PluginIdentity::new("a", "b", "1.0.0").unwrap();
        let promise = Promise { plugin, checksum: checksum.map(str::to_owned), binding };
        Acquired { file: PathBuf::new(), promised: Some(promise) }
    }

    #[test]
    fn another_plugin_than_the_one_asked_for_is_refused_in_any_case() {
        let failure = promised(None, false).check(&inspection("1.0.1", "ab")).unwrap_err();
        assert_eq!(failure.reason, Reason::ChecksumMismatch);
        assert_eq!(failure.message, "The marketplace sent a/b:1.0.1 when asked for a/b:1.0.0");
    }

    #[test]
    fn another_content_is_refused_or_noted_as_the_operator_wants() {
        let found = inspection("1.0.0", "ab");
        assert_eq!(promised(Some("AB"), true).check(&found), Ok(None));
        assert_eq!(promised(None, true).check(&found), Ok(None));
        let failure = promised(Some("cd"), true).check(&found).unwrap_err();
        assert_eq!((failure.reason, failure.transient), (Reason::ChecksumMismatch, false));
        assert!(failure.message.starts_with("Integrity check failed for a/b:1.0.0"), "{failure}");
        let note = promised(Some("cd"), false).check(&found).unwrap().unwrap();
        assert_eq!((note.kind.as_str(), note.text), ("checksum", failure.message));
    }
}
