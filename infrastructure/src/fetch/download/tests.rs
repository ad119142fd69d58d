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
    GuardedDownloads::new(GuardedClient::new(policy).unwrap(), quick(), Packages::Difypkg)
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
async fn a_server_that_cuts_after_every_byte_is_left_alone_soon() {
    let piece = || Answer::ok(BODY).ranged().piece(1).header("ETag: \"1\"");
    let (outcome, requests) = answered((0..30).map(|_| piece()).collect()).await;
    let failure = outcome.unwrap_err();
    assert_eq!(failure.message, "The server 127.0.0.1 sends too slowly");
    assert!(failure.transient);
    assert_eq!(requests.len(), 6);
}

#[tokio::test]
async fn a_transfer_has_an_end_although_bytes_keep_coming() {
    let stub = Stub::start(vec![Answer::ok(BODY).claiming(900).then_hang()]).await;
    let patience = Patience { idle: Duration::from_mins(1), whole: Duration::from_millis(100), ..quick() };
    let policy = FetchPolicy { allow: "127.0.0.0/8".parse().unwrap(), hosts: Vec::new() };
    let downloads = GuardedDownloads::new(GuardedClient::new(policy).unwrap(), patience, Packages::Difypkg);
    let directory = tempfile::tempdir().unwrap();
    let (into, cancel) = (directory.path().join("in"), CancellationToken::new());
    let url = stub.url("/a.difypkg");
    let failure = downloads.download(&url, &into, 1000, &|_, _| {}, &cancel).await.unwrap_err();
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
