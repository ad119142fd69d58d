//! The cache against small file hosts on loopback.

use std::{fs, time::Duration};

use sha2::{Digest as _, Sha256};

use super::*;
use crate::{
    fetch::{
        FetchPolicy, GuardedClient, OperatorClient,
        stub::{Answer, Stub},
    },
    wheels::sources::IndexPolicy,
};

const BODY: &[u8] = b"PK a wheel, as far as the cache can tell";

struct Yard {
    directory: tempfile::TempDir,
    cache: WheelCache,
}

impl Yard {
    fn with(allow: &str, operators: Vec<Url>) -> Self {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("job")).unwrap();
        let policy = FetchPolicy { allow: allow.parse().unwrap(), hosts: vec!["only.example".to_owned()] };
        let guarded = GuardedClient::new(policy).unwrap();
        let client = OperatorClient::new(IndexPolicy::new(None, operators, false), guarded).unwrap();
        let patience = Patience {
            unreachable: Duration::from_millis(200),
            backoff: Duration::from_millis(1),
            ..Patience::default()
        };
        let cache = WheelCache::open(directory.path().join("cache"), 1 << 30, Arc::new(client), patience);
        Self { directory, cache: cache.unwrap() }
    }

    fn new() -> Self {
        Self::with("127.0.0.0/8", Vec::new())
    }

    fn job(&self) -> PathBuf {
        self.directory.path().join("job")
    }

    async fn fetch(&self, wheels: &[Wheel]) -> Result<WheelFacts, Failure> {
        self.cache.fetch(wheels, &self.job(), &|_, _| {}, &CancellationToken::new()).await
    }

    fn unfinished(&self) -> usize {
        fs::read_dir(self.directory.path().join("cache/tmp")).unwrap().count()
    }
}

fn wheel(urls: &[String]) -> Wheel {
    Wheel {
        name: "a".to_owned(),
        version: "1".to_owned(),
        file_name: "a-1-py3-none-any.whl".to_owned(),
        urls: urls.to_vec(),
        sha256: Digest::of_bytes(Sha256::digest(BODY).into()),
        size: Some(BODY.len() as u64),
        tag: "py3-none-any".to_owned(),
        floor: None,
        built: false,
    }
}

#[tokio::test]
async fn a_wheel_is_fetched_once_and_handed_out_ever_after() {
    let stub = Stub::start(vec![Answer::ok(BODY)]).await;
    let yard = Yard::new();
    let wheels = [wheel(&[stub.url("/packages/a.whl")])];
    let size = BODY.len() as u64;
    let cold = yard.fetch(&wheels).await.unwrap();
    assert_eq!(cold, WheelFacts { bytes: size, downloaded_bytes: size, cache_hits: 0 });
    let warm = yard.fetch(&wheels).await.unwrap();
    assert_eq!(warm, WheelFacts { bytes: size, downloaded_bytes: 0, cache_hits: 1 });
    assert_eq!(fs::read(yard.job().join("a-1-py3-none-any.whl")).unwrap(), BODY);
    assert_eq!(stub.requests().len(), 1);
}

#[tokio::test]
async fn equal_wheels_wanted_at_once_are_fetched_once() {
    let stub = Stub::start(vec![Answer::ok(BODY), Answer::ok(BODY)]).await;
    let yard = Yard::new();
    let mut wheels = vec![wheel(&[stub.url("/a.whl")]); 10];
    for (number, wheel) in wheels.iter_mut().enumerate() {
        wheel.file_name = format!("a{number}-1-py3-none-any.whl");
    }
    let facts = yard.fetch(&wheels).await.unwrap();
    assert_eq!((facts.cache_hits, stub.requests().len()), (9, 1));
}

#[tokio::test]
async fn wrong_bytes_are_asked_for_once_more_and_then_refused() {
    let wrong = [BODY, b"!"].concat();
    let same_length = BODY.to_ascii_uppercase();
    let stub = Stub::start(vec![Answer::ok(&same_length), Answer::ok(BODY)]).await;
    let yard = Yard::new();
    yard.fetch(&[wheel(&[stub.url("/a.whl")])]).await.unwrap();

    for answer in [Answer::ok(&wrong), Answer::ok(&same_length), Answer::ok(b"<html>"), Answer::ok(b"PK")] {
        let stub = Stub::start(vec![answer.clone(), answer, Answer::ok(BODY)]).await;
        let yard = Yard::new();
        let failure = yard.fetch(&[wheel(&[stub.url("/a.whl")])]).await.unwrap_err();
        assert_eq!(failure.message, "Integrity check failed for a-1-py3-none-any.whl");
        assert_eq!((failure.reason, stub.requests().len()), (Reason::WheelMismatch, 2));
        assert_eq!(yard.unfinished(), 0);
    }
}

#[tokio::test]
async fn the_next_url_is_tried_when_one_does_not_have_it() {
    let gone = Stub::start(vec![Answer::status(404, b"")]).await;
    let stub = Stub::start(vec![Answer::ok(BODY)]).await;
    let yard = Yard::new();
    yard.fetch(&[wheel(&[gone.url("/a.whl"), stub.url("/a.whl")])]).await.unwrap();

    let closed = "http://127.0.0.1:1/a.whl".to_owned();
    let yard = Yard::new();
    let failure = yard.fetch(&[wheel(&[closed])]).await.unwrap_err();
    assert_eq!(failure.message, "Package index not reachable");
    assert!(failure.transient);

    let gone = Stub::start(vec![Answer::status(404, b"")]).await;
    let failure = yard.fetch(&[wheel(&[gone.url("/a.whl")])]).await.unwrap_err();
    assert!(!failure.transient && failure.message.contains("HTTP 404"), "{failure:?}");
}

#[tokio::test]
async fn urls_of_a_lock_are_guarded_unless_the_operator_named_the_host() {
    let stub = Stub::start(vec![Answer::ok(BODY)]).await;
    let wheels = [wheel(&[stub.url("/packages/a.whl")])];
    let failure = Yard::with("", Vec::new()).fetch(&wheels).await.unwrap_err();
    assert_eq!(failure.reason, Reason::UrlForbidden);
    assert_eq!(stub.requests(), Vec::<String>::new());
    let own = Yard::with("", vec![stub.url("/").parse().unwrap()]);
    assert!(own.fetch(&wheels).await.is_ok());
}

#[tokio::test]
async fn a_file_name_never_leaves_the_directory_of_the_job() {
    let stub = Stub::start(vec![Answer::ok(BODY)]).await;
    let yard = Yard::new();
    for name in ["../evil.whl", "/evil.whl", "a/b.whl", ".."] {
        let wheel = Wheel { file_name: name.to_owned(), ..wheel(&[stub.url("/a.whl")]) };
        assert_eq!(yard.fetch(&[wheel]).await.unwrap_err().reason, Reason::WheelMismatch);
    }
}

#[tokio::test]
async fn cancelling_leaves_nothing_behind() {
    let stub = Stub::start(vec![Answer::ok(&BODY[..5]).claiming(BODY.len()).then_hang()]).await;
    let yard = Yard::new();
    let cancel = CancellationToken::new();
    let wheels = [wheel(&[stub.url("/a.whl")])];
    let job = yard.job();
    let (outcome, ()) = tokio::join!(yard.cache.fetch(&wheels, &job, &|_, _| {}, &cancel), async {
        while stub.requests().is_empty() {
            tokio::task::yield_now().await;
        }
        cancel.cancel();
    });
    assert_eq!(outcome, Err(Failure::cancelled()));
    assert_eq!(yard.unfinished(), 0);
}

#[tokio::test]
async fn wheels_that_hide_their_size_end_the_job_when_they_are_too_many() {
    let more = |number: u8| [BODY, &[number; 60]].concat();
    let stub =
        Stub::start((0..8).map(|number| Answer::ok(&more(number)).claiming(900).then_hang()).collect());
    let stub = stub.await;
    let mut yard = Yard::new();
    yard.cache.most = 250;
    let wheels: Vec<_> = (0..8)
        .map(|number| Wheel {
            file_name: format!("a{number}-1-py3-none-any.whl"),
            sha256: Digest::of_bytes([number; 32]),
            size: None,
            ..wheel(&[stub.url("/a.whl")])
        })
        .collect();
    let failure = yard.fetch(&wheels).await.unwrap_err();
    assert_eq!((failure.reason, failure.transient), (Reason::PackageTooLarge, false));
    assert_eq!(yard.unfinished(), 0);
}
