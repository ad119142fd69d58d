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
const MAGIC: &[u8] = b"PK\x03\x04";

/// Downloads through the guarded client.
#[derive(Debug, Clone)]
pub struct GuardedDownloads {
    client: GuardedClient,
    patience: Patience,
}

impl GuardedDownloads {
    pub fn new(client: GuardedClient, patience: Patience) -> Self {
        Self { client, patience }
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
        if url.path().rsplit_once('.').is_none_or(|(_, extension)| extension != "difypkg") {
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

fn failure(fault: Fault, url: &Url, limit: u64) -> Failure {
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
mod tests {
    use std::{
        sync::atomic::{AtomicU64, Ordering},
        time::{Duration, Instant},
    };

    use super::*;
    use crate::fetch::{
        guard::FetchPolicy,
        stub::{Answer, Stub},
    };

    const BODY: &[u8] = b"PK\x03\x04 the rest of the package";

    fn quick() -> Patience {
        Patience {
            unreachable: Duration::from_millis(400),
            idle: Duration::from_millis(300),
            backoff: Duration::from_millis(1),
            ..Patience::default()
        }
    }

    fn downloads(hosts: &[&str]) -> GuardedDownloads {
        let hosts = hosts.iter().map(|&host| host.to_owned()).collect();
        let policy = FetchPolicy { allow: "127.0.0.0/8".parse().unwrap(), hosts };
        GuardedDownloads::new(GuardedClient::new(policy).unwrap(), quick())
    }

    async fn fetched(url: &str, limit: u64) -> Result<Vec<u8>, Failure> {
        let directory = tempfile::tempdir().unwrap();
        let into = directory.path().join("in");
        let cancel = CancellationToken::new();
        let heard = AtomicU64::new(0);
        let on_bytes = |done, _total| heard.store(done, Ordering::Relaxed);
        let outcome = downloads(&[]).download(url, &into, limit, &on_bytes, &cancel).await;
        let Ok(received) = outcome else {
            assert!(!into.exists());
            return Err(outcome.unwrap_err());
        };
        let bytes = std::fs::read(into).unwrap();
        assert_eq!(received.size, bytes.len() as u64);
        assert_eq!(heard.load(Ordering::Relaxed), received.size);
        assert_eq!(received.sha256.to_string(), hex::encode(<sha2::Sha256 as sha2::Digest>::digest(&bytes)));
        Ok(bytes)
    }

    async fn answered(answers: Vec<Answer>) -> (Result<Vec<u8>, Failure>, Vec<String>) {
        let stub = Stub::start(answers).await;
        let outcome = fetched(&stub.url("/a.difypkg"), 1000).await;
        (outcome, stub.requests())
    }

    #[test]
    fn urls_are_judged_as_typed() {
        let message = |url: &str| downloads(&[]).check(url).unwrap_err().message;
        assert_eq!(message("https://files.example/a.zip"), "URL must point to a .difypkg file");
        assert_eq!(message("not a url"), "URL must point to a .difypkg file");
        assert_eq!(message("https://10.0.0.1/a.difypkg"), "URL host not allowed: 10.0.0.1");
        assert_eq!(message("ftp://files.example/a.difypkg"), "URL host not allowed: files.example");
        assert_eq!(
            message("https://github.com/o/r/blob/main/x/a.difypkg?raw=1"),
            "This URL is a web page about the file; use https://github.com/o/r/raw/main/x/a.difypkg"
        );
        assert_eq!(downloads(&[]).check("https://files.example/a.difypkg?token=x"), Ok(()));
    }

    #[tokio::test]
    async fn a_host_off_the_list_fails_when_it_is_fetched() {
        let listed = downloads(&["git.example"]);
        let url = "https://files.example/a.difypkg";
        assert_eq!(listed.check(url), Ok(()));
        let cancel = CancellationToken::new();
        let into = Path::new("never-created");
        let failure = listed.download(url, into, 1, &|_, _| {}, &cancel).await.unwrap_err();
        assert_eq!(failure.message, "URL host not allowed: files.example");
    }

    #[tokio::test]
    async fn a_package_arrives_whole() {
        assert_eq!(answered(vec![Answer::ok(BODY)]).await.0.unwrap(), BODY);
    }

    #[tokio::test]
    async fn a_cut_connection_is_resumed_where_it_was_cut() {
        let cut = Answer::ok(&BODY[..10]).claiming(BODY.len()).header("ETag: \"1\"");
        let rest = Answer::ok(BODY).ranged().header("ETag: \"1\"");
        let (outcome, requests) = answered(vec![cut, rest]).await;
        assert_eq!(outcome.unwrap(), BODY);
        assert!(requests[1].contains("range: bytes=10-") && requests[1].contains("if-range: \"1\""));

        let cut = Answer::ok(&BODY[..10]).claiming(BODY.len());
        let (outcome, requests) = answered(vec![cut, Answer::ok(BODY)]).await;
        assert_eq!(outcome.unwrap(), BODY, "without a tag it starts again");
        assert!(!requests[1].contains("range:"));
    }

    #[tokio::test]
    async fn only_faults_of_the_moment_are_tried_again() {
        let busy = || Answer::status(503, b"busy").header("Retry-After: 0");
        let (outcome, requests) = answered(vec![busy(), Answer::status(429, b""), Answer::ok(BODY)]).await;
        assert_eq!((outcome.unwrap(), requests.len()), (BODY.to_vec(), 3));

        let (outcome, requests) = answered((0..9).map(|_| busy()).collect()).await;
        let failure = outcome.unwrap_err();
        assert_eq!(failure.message, "The server answered HTTP 503 (127.0.0.1)");
        assert!(failure.transient);
        assert_eq!(requests.len(), 5);

        let (outcome, requests) = answered(vec![Answer::status(404, b"no"), Answer::ok(BODY)]).await;
        assert_eq!(outcome.unwrap_err().message, "The server answered HTTP 404 (127.0.0.1)");
        assert_eq!(requests.len(), 1);
    }

    #[tokio::test]
    async fn a_web_page_is_named_as_one() {
        for status in [200, 403] {
            let (outcome, _) = answered(vec![Answer::status(status, b"<!doctype html><html>")]).await;
            let failure = outcome.unwrap_err();
            let wanted = format!("The server sent a web page, not a .difypkg (HTTP {status} from 127.0.0.1)");
            assert_eq!((failure.message, failure.reason), (wanted, Reason::PackageInvalid));
        }
        let (outcome, _) = answered(vec![Answer::ok(b"GIF89a")]).await;
        assert_eq!(outcome.unwrap_err().reason, Reason::PackageInvalid);
    }

    #[tokio::test]
    async fn what_is_too_large_ends_whatever_it_claims() {
        let large = [BODY, &[0; 2000]].concat();
        for answer in [Answer::ok(&large), Answer::ok(BODY).claiming(5000)] {
            let failure = answered(vec![answer]).await.0.unwrap_err();
            assert_eq!(failure.reason, Reason::PackageTooLarge);
        }
    }

    #[tokio::test]
    async fn a_body_that_stops_ends_the_transfer() {
        let stops = Answer::ok(BODY).claiming(900).then_hang();
        let failure = answered(vec![stops]).await.0.unwrap_err();
        assert_eq!(failure.message, "The server 127.0.0.1 sends too slowly");
    }

    #[tokio::test]
    async fn closed_and_silent_ports_look_the_same() {
        let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let mut seen = Vec::new();
        for port in [silent.local_addr().unwrap().port(), closed.port()] {
            let start = Instant::now();
            let failure = fetched(&format!("http://127.0.0.1:{port}/a.difypkg"), 1000).await.unwrap_err();
            let took = start.elapsed();
            assert!(took >= Duration::from_millis(390) && took < Duration::from_millis(1500), "{took:?}");
            seen.push(failure);
        }
        assert_eq!(seen[0], seen[1]);
    }

    #[tokio::test]
    async fn cancelling_ends_a_download() {
        let stub = Stub::start(vec![Answer::ok(BODY).claiming(900).then_hang()]).await;
        let directory = tempfile::tempdir().unwrap();
        let into = directory.path().join("in");
        let cancel = CancellationToken::new();
        cancel.cancel();
        let url = stub.url("/a.difypkg");
        let outcome = downloads(&[]).download(&url, &into, 1000, &|_, _| {}, &cancel).await;
        assert_eq!(outcome, Err(Failure::cancelled()));
    }
}
