//! Packages from the URLs of callers: guarded, capped, and known to be a package by their first bytes.

use std::path::Path;

use application::{
    failure::{Failure, Reason},
    ports::packaging::{Downloads, OnBytes, Received},
};
use async_trait::async_trait;
use tokio_util::sync::CancellationToken;
use url::Url;

use super::{
    clients::GuardedClient,
    guard::forbidden,
    transfer::{Fault, Patience, Wanted, disk_failure, transfer},
};

/// The first bytes of every package.
pub(crate) const MAGIC: &[u8] = b"PK\x03\x04";

/// Downloads through the guarded client.
#[derive(Debug, Clone)]
pub struct GuardedDownloads {
    client: GuardedClient,
    patience: Patience,
    takes: Packages,
}

/// Which addresses are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packages {
    /// Those that end in `.difypkg`.
    Difypkg,
    /// Whatever they end in: the first bytes tell.
    Any,
}

impl GuardedDownloads {
    pub fn new(client: GuardedClient, patience: Patience, takes: Packages) -> Self {
        Self { client, patience, takes }
    }

    fn read(&self, text: &str) -> Result<Url, Failure> {
        let url = Url::parse(text.trim()).map_err(|_not_a_url| not_a_package_url())?;
        self.client.policy().judge(&url)?;
        if let Some(raw) = page_of_a_file(&url) {
            return Err(Failure::permanent(
                Reason::UrlForbidden,
                format!("This URL is a web page about the file; use {raw}"),
            ));
        }
        let is_difypkg = url.path().rsplit_once('.').is_some_and(|(_, extension)| extension == "difypkg");
        if self.takes == Packages::Difypkg && !is_difypkg {
            return Err(not_a_package_url());
        }
        Ok(url)
    }
}

fn not_a_package_url() -> Failure {
    Failure::permanent(Reason::UrlForbidden, "URL must point to a .difypkg file")
}

/// People copy the address of the page that shows a file; this is the address of the file itself.
fn page_of_a_file(url: &Url) -> Option<Url> {
    let segments: Vec<&str> = url.path_segments()?.collect();
    if url.host_str() != Some("github.com") || segments.len() < 5 || segments[2] != "blob" {
        return None;
    }
    let mut raw = url.clone();
    raw.set_path(&[&segments[..2], &["raw"], &segments[3..]].concat().join("/"));
    raw.set_query(None);
    raw.set_fragment(None);
    Some(raw)
}

#[async_trait]
impl Downloads for GuardedDownloads {
    fn check(&self, url: &str) -> Result<(), Failure> {
        self.read(url).map(drop)
    }

    async fn download(
        &self,
        url: &str,
        into: &Path,
        limit: u64,
        on_bytes: OnBytes<'_>,
        cancel: &CancellationToken,
    ) -> Result<Received, Failure> {
        let url = self.read(url)?;
        if !self.client.policy().lists(&url) {
            return Err(forbidden(&url));
        }
        let wanted = Wanted { url: &url, into, limit, magic: MAGIC };
        let outcome = tokio::select! {
            biased;
            () = cancel.cancelled() => Err(Failure::cancelled()),
            outcome = transfer(&self.client, wanted, self.patience, on_bytes) => {
                outcome.map_err(|fault| failure(fault, &url, limit))
            }
        };
        if outcome.is_err() {
            // It may not have been created yet.
            let _ = tokio::fs::remove_file(into).await;
        }
        outcome
    }
}

pub(crate) fn failure(fault: Fault, url: &Url, limit: u64) -> Failure {
    let host = url.host_str().unwrap_or_default();
    let transient = |text: String| Failure::transient(Reason::FetchFailed, text);
    match fault {
        Fault::Refused(failure) => failure,
        Fault::Disk(failure) => disk_failure(&failure),
        Fault::Unresolved => transient(format!("The server {host} was not found")),
        Fault::Unreachable => transient(format!("The server {host} could not be reached")),
        Fault::Stalled => transient(format!("The server {host} sends too slowly")),
        Fault::Cut => transient(format!("The connection to {host} was cut")),
        Fault::TooLarge => Failure::permanent(
            Reason::PackageTooLarge,
            format!("Package larger than {} MB", limit / (1024 * 1024)),
        ),
        Fault::Status { status, html: true, host, .. } | Fault::WrongHead { status, html: true, host } => {
            Failure::permanent(
                Reason::PackageInvalid,
                format!("The server sent a web page, not a .difypkg (HTTP {status} from {host})"),
            )
        }
        Fault::WrongHead { status, html: false, host } => Failure::permanent(
            Reason::PackageInvalid,
            format!("The server sent something that is not a .difypkg (HTTP {status} from {host})"),
        ),
        Fault::Status { status, html: false, ref host, .. } => {
            let text = format!("The server answered HTTP {status} ({host})");
            if fault.is_momentary() { transient(text) } else { Failure::permanent(Reason::FetchFailed, text) }
        }
    }
}

#[cfg(test)]
mod tests;
