//! Tarballs from the URLs of callers: guarded, capped, and known to be gzip by their first bytes.

use std::path::Path;

use application::{
    failure::{Failure, Reason},
    ports::{packages::ReleasedTarballs, packaging::Received},
};
use async_trait::async_trait;
use url::Url;

use super::{
    clients::GuardedClient,
    download::failure,
    guard::forbidden,
    transfer::{Fault, Patience, Wanted, transfer},
};

/// RFC 1952: gzip, deflated.
const MAGIC: &[u8] = b"\x1f\x8b\x08";

/// Fetches through the guarded client.
#[derive(Debug, Clone)]
pub struct GuardedTarballs {
    client: GuardedClient,
    patience: Patience,
}

impl GuardedTarballs {
    pub fn new(client: GuardedClient, patience: Patience) -> Self {
        Self { client, patience }
    }

    fn read(&self, text: &str) -> Result<Url, Failure> {
        let no_url = |_not_a_url| Failure::permanent(Reason::UrlForbidden, "This is no URL of a tarball");
        let url = Url::parse(text.trim()).map_err(no_url)?;
        self.client.policy().judge(&url)?;
        if self.client.policy().lists(&url) { Ok(url) } else { Err(forbidden(&url)) }
    }
}

#[async_trait]
impl ReleasedTarballs for GuardedTarballs {
    async fn fetch(&self, url: &str, into: &Path, limit: u64) -> Result<Received, Failure> {
        let url = self.read(url)?;
        let wanted = Wanted { url: &url, into, limit, magic: MAGIC };
        transfer(&self.client, wanted, self.patience, &|_done, _total| {}).await.map_err(
            |fault| match fault {
                Fault::WrongHead { status, host, .. } => Failure::permanent(
                    Reason::PackageInvalid,
                    format!(
                        "The server sent something that is no gzipped tarball (HTTP {status} from {host})"
                    ),
                ),
                Fault::Status { status, html: true, host, .. } => Failure::permanent(
                    Reason::FetchFailed,
                    format!("The server sent a web page, not a tarball (HTTP {status} from {host})"),
                ),
                Fault::Refused(_)
                | Fault::Unresolved
                | Fault::Unreachable
                | Fault::Status { .. }
                | Fault::TooLarge
                | Fault::Stalled
                | Fault::Cut
                | Fault::Disk(_) => failure(fault, &url, limit),
            },
        )
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::fetch::{
        guard::FetchPolicy,
        stub::{Answer, Stub},
    };

    async fn fetched(url: &str, limit: u64) -> Result<Vec<u8>, Failure> {
        let directory = tempfile::tempdir().unwrap();
        let into = directory.path().join("in");
        let policy = FetchPolicy { allow: "127.0.0.0/8".parse().unwrap(), hosts: Vec::new() };
        let patience = Patience {
            unreachable: Duration::from_millis(400),
            backoff: Duration::from_millis(1),
            ..Patience::default()
        };
        let tarballs = GuardedTarballs::new(GuardedClient::new(policy).unwrap(), patience);
        let received = tarballs.fetch(url, &into, limit).await?;
        let bytes = std::fs::read(into).unwrap();
        assert_eq!(received.size, bytes.len() as u64);
        Ok(bytes)
    }

    #[tokio::test]
    async fn a_tarball_comes_whole_and_nothing_else_does() {
        let tarball = b"\x1f\x8b\x08 and the rest";
        let stub = Stub::start(vec![Answer::ok(tarball)]).await;
        assert_eq!(fetched(&stub.url("/archive/v1"), 1000).await.unwrap(), tarball);
        let stub = Stub::start(vec![Answer::ok(b"PK\x03\x04 a zip")]).await;
        let other = fetched(&stub.url("/archive/v1"), 1000).await.unwrap_err();
        assert_eq!((other.reason, other.transient), (Reason::PackageInvalid, false));
        let stub = Stub::start(vec![Answer::ok(tarball)]).await;
        assert_eq!(fetched(&stub.url("/archive/v1"), 5).await.unwrap_err().reason, Reason::PackageTooLarge);
    }

    #[tokio::test]
    async fn forbidden_addresses_are_not_asked() {
        for url in ["https://10.0.0.1/a.tar.gz", "ftp://files.example/a.tar.gz", "file:///etc/passwd", "a"] {
            assert_eq!(fetched(url, 1000).await.unwrap_err().reason, Reason::UrlForbidden, "{url}");
        }
    }
}
