use std::{
    pin::pin,
    sync::atomic::{AtomicUsize, Ordering},
};

use axum::http::header::{CONTENT_DISPOSITION, CONTENT_LENGTH, ETAG};
use domain::{
    download_log::{DownloadLogEvent, DownloadRecorded},
    plugin::PackageFormat,
    recorded::Event,
    values::Dialect,
};
use futures::poll;

use super::*;
use crate::{
    credential::Accepts,
    fakes::{Fakes, Gate, Reply, published, voice},
    operations::{Operation, get},
};
use application::{
    policy::Action,
    queries::catalogue::{CatalogueQueries, Which},
};
use axum::extract::State;

type Catalogue = State<Arc<dyn CatalogueQueries>>;

async fn shown(catalogue: &dyn CatalogueQueries) -> PluginView {
    let which = Which::Word { dialect: Dialect::Inkdrop, name: "notes".to_owned() };
    catalogue.plugin(&which).await.unwrap().unwrap()
}

async fn bytes(State(catalogue): Catalogue, delivery: Delivery) -> Result<Response, Refusal> {
    let plugin = shown(&*catalogue).await;
    delivery.deliver(&plugin, plugin.latest().unwrap(), Channel::Download).await
}

async fn elsewhere(
    State(catalogue): Catalogue,
    links: Links,
    delivery: Delivery,
) -> Result<Response, Refusal> {
    let plugin = shown(&*catalogue).await;
    delivery.redirect(&plugin, plugin.latest().unwrap(), Channel::Tarball, &links).await
}

/// A dialect with one published package and the two ways to it.
async fn gate() -> Gate {
    let operations: Vec<Operation> = vec![
        get("/bytes", Action::ReadCatalogue, bytes).patient(),
        get("/elsewhere", Action::ReadCatalogue, elsewhere),
    ];
    let gate = Gate::new(voice(Dialect::Inkdrop, Accepts::NOTHING), operations, &[]);
    published(&gate.fakes, &gate.services, PackageFormat::Tarball, "notes", "1.0.0").await;
    gate
}

fn counted(fakes: &Fakes) -> Vec<DownloadRecorded> {
    let recorded = fakes.shelf.recorded().into_iter();
    let counts = recorded.filter_map(|recorded| {
        let Event::Download(_, DownloadLogEvent::DownloadRecorded(one)) = recorded.event else { return None };
        Some(one)
    });
    counts.collect()
}

async fn ask(gate: &Gate, method: Method, path: &str, headers: &[(&str, &str)]) -> Reply {
    gate.ask(method, path, headers).await
}

#[tokio::test]
async fn a_whole_get_counts_once_and_says_all_there_is_to_say() {
    let gate = gate().await;
    let reply = ask(&gate, Method::GET, "/bytes", &[("user-agent", "ipm/1")]).await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("content-length"), reply.body.len().to_string());
    assert_eq!(reply.header("content-type"), "application/gzip");
    assert_eq!(reply.header("cache-control"), "public, no-cache");
    let disposition = reply.header(CONTENT_DISPOSITION.as_str());
    assert!(disposition.starts_with("attachment; filename=\"notes-1.0.0.tar.gz\""), "{disposition}");
    let counts = counted(&gate.fakes);
    assert_eq!(counts.len(), 1);
    assert_eq!((counts[0].version.as_str(), counts[0].dialect), ("1.0.0", Dialect::Inkdrop));
    assert_eq!((counts[0].channel, counts[0].client.as_deref()), (Channel::Download, Some("ipm/1")));
    assert!(counts[0].downloader.is_some());
}

#[tokio::test]
async fn head_parts_and_what_is_held_count_nothing() {
    let gate = gate().await;
    let head = ask(&gate, Method::HEAD, "/bytes", &[]).await;
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert_ne!(head.header(CONTENT_LENGTH.as_str()), "0");
    let etag = head.header(ETAG.as_str()).to_owned();
    for (header, value, status) in [
        ("range", "bytes=1-", 206),
        ("range", "bytes=0-0", 206),
        ("range", "bytes=99999999-", 416),
        ("if-none-match", etag.as_str(), 304),
        ("if-none-match", "*", 304),
    ] {
        let reply = ask(&gate, Method::GET, "/bytes", &[(header, value)]).await;
        assert_eq!(reply.status, status, "{header}: {value}");
    }
    assert_eq!(counted(&gate.fakes), []);
    let stale = ask(&gate, Method::GET, "/bytes", &[("range", "bytes=1-"), ("if-range", "\"other\"")]).await;
    assert_eq!((stale.status, counted(&gate.fakes).len()), (200, 1), "the whole of another file");
}

#[tokio::test]
async fn a_redirect_leads_to_the_blob_and_counts_but_for_head() {
    let gate = gate().await;
    let host = [("host", "yard.example")];
    let head = ask(&gate, Method::HEAD, "/elsewhere", &host).await;
    assert_eq!((head.status, counted(&gate.fakes).len()), (302, 0));
    let reply = ask(&gate, Method::GET, "/elsewhere", &host).await;
    assert_eq!((reply.status, counted(&gate.fakes).len()), (302, 1));
    assert_eq!(counted(&gate.fakes)[0].channel, Channel::Tarball);
    let location = reply.header("location");
    assert!(location.starts_with("http://yard.example/blobs/"), "{location}");
    assert!(location.ends_with("/notes-1.0.0.tar.gz"), "{location}");
}

#[tokio::test]
async fn bytes_that_are_lost_are_gone_and_count_nothing() {
    let gate = gate().await;
    gate.fakes.lose_blobs();
    assert_eq!(ask(&gate, Method::GET, "/bytes", &[]).await.status, 410);
    assert_eq!(counted(&gate.fakes), []);
}

/// The chunks, a count, and how often it was made.
fn held(chunks: &[&'static str]) -> (impl Stream<Item = Result<Bytes, Refusal>> + Send, Arc<AtomicUsize>) {
    let made = Arc::new(AtomicUsize::new(0));
    let count = made.clone();
    let chunks: Vec<_> = chunks.iter().map(|chunk| Ok(Bytes::from_static(chunk.as_bytes()))).collect();
    let stream = held_back(stream::iter(chunks), async move {
        count.fetch_add(1, Ordering::SeqCst);
    });
    (stream, made)
}

#[tokio::test]
async fn the_last_bytes_come_after_the_count_and_all_of_them_in_order() {
    for chunks in [&["a", "", "b", "c"][..], &["abc"], &["", "abc", ""], &["a", "bc"]] {
        let (stream, made) = held(chunks);
        let mut stream = pin!(stream);
        let mut all = Vec::new();
        while let Some(chunk) = stream.next().await {
            all.extend_from_slice(&chunk.unwrap());
            assert_eq!(made.load(Ordering::SeqCst), usize::from(all.len() == 3), "{chunks:?} {all:?}");
        }
        assert_eq!(all, b"abc", "{chunks:?}");
        assert_eq!(made.load(Ordering::SeqCst), 1);
    }
}

#[tokio::test]
async fn a_client_that_goes_away_before_the_end_counts_nothing() {
    let (stream, made) = held(&["a", "b", "c"]);
    {
        let mut stream = pin!(stream);
        assert!(poll!(stream.next()).is_ready());
        assert!(poll!(stream.next()).is_ready());
    }
    assert_eq!(made.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_transfer_that_breaks_counts_nothing() {
    let made = Arc::new(AtomicUsize::new(0));
    let count = made.clone();
    let chunks = vec![Ok(Bytes::from_static(b"a")), Err("the disk is gone")];
    let stream = held_back(stream::iter(chunks), async move {
        count.fetch_add(1, Ordering::SeqCst);
    });
    let all: Vec<_> = stream.collect().await;
    assert_eq!(all, [Err("the disk is gone")]);
    assert_eq!(made.load(Ordering::SeqCst), 0);
}
