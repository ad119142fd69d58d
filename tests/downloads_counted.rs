//! Downloads are counted honestly: one for each whole GET, at once, by whom nobody knows.

use futures::{StreamExt as _, stream};
use plugyard_tests::{Shelved, Yard, until, waiting::seconds};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

async fn shelved() -> (Yard, Shelved) {
    let yard = Yard::start().await;
    let plugin = Shelved::new(&yard, 1, "notes", vec![7; 300_000]).await;
    (yard, plugin)
}

async fn total(yard: &Yard, plugin: &Shelved) -> Value {
    plugin.counted(yard).await["total"].clone()
}

#[tokio::test]
async fn a_whole_get_counts_once_and_the_next_read_shows_it() {
    let (yard, plugin) = shelved().await;
    for number in 1..=3 {
        assert_eq!(yard.get(&plugin.download()).await.expect(200).body, plugin.bytes);
        assert_eq!(total(&yard, &plugin).await, number);
    }
    let counted = plugin.counted(&yard).await;
    assert_eq!(counted["versions"], json!({"1.0.0": 3}));
    assert_eq!(counted["dialects"], json!({"yard": 3}));
    assert_eq!(counted["channels"], json!({"download": 3}));
    let days = counted["days"].as_array().unwrap();
    assert_eq!(days.len(), 1);
    assert_eq!((&days[0]["downloads"], &days[0]["downloaders"]), (&json!(3), &json!(1)), "one address");
}

#[tokio::test]
async fn head_parts_validators_and_errors_count_nothing() {
    let (yard, plugin) = shelved().await;
    let path = plugin.download();
    let head = yard.send(yard.request(Method::HEAD, &path)).await.expect(200);
    assert_eq!(head.header("content-length"), plugin.bytes.len().to_string());
    let tag = head.header("etag").to_owned();
    for (name, value, status) in
        [("range", "bytes=5-", 206), ("range", "bytes=900000-", 416), ("if-none-match", &tag, 304)]
    {
        yard.send(yard.request(Method::GET, &path).header(name, value)).await.expect(status);
    }
    yard.get(&path.replace("1.0.0", "9.9.9")).await.expect(404);
    yard.get(&plugin.blob()).await.expect(200);
    assert_eq!(total(&yard, &plugin).await, 0);
    yard.get(&path).await.expect(200);
    assert_eq!(total(&yard, &plugin).await, 1);
}

#[tokio::test]
async fn a_client_that_goes_away_is_not_counted() {
    let yard = Yard::start().await;
    let plugin = Shelved::new(&yard, 2, "large", vec![9; 48 << 20]).await;
    let address = yard.base().trim_start_matches("http://").to_owned();
    let mut stream = TcpStream::connect(&address).await.unwrap();
    let request = format!("GET {} HTTP/1.1\r\nhost: {address}\r\n\r\n", plugin.download());
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut begun = [0; 4096];
    assert!(stream.read(&mut begun).await.unwrap() > 0);
    drop(stream);
    let small = Shelved::new(&yard, 3, "small", vec![1; 10]).await;
    yard.get(&small.download()).await.expect(200);
    assert_eq!((total(&yard, &small).await, total(&yard, &plugin).await), (json!(1), json!(0)));
}

#[tokio::test]
async fn two_hundred_at_once_are_two_hundred() {
    let (yard, plugin) = shelved().await;
    let path = plugin.download();
    let asked = stream::iter(0..200).map(|_| async { yard.get(&path).await.expect(200).body.len() });
    let lengths: Vec<usize> = asked.buffer_unordered(200).collect().await;
    assert!(lengths.iter().all(|length| *length == plugin.bytes.len()));
    assert_eq!(total(&yard, &plugin).await, 200);
    let events = "select count(*) from es.events where event_type = 'DownloadRecorded'";
    assert_eq!(yard.database().number(events).await, 200, "one event for each");
}

#[tokio::test]
async fn a_rebuild_counts_the_same_and_the_log_names_nobody() {
    let (yard, plugin) = shelved().await;
    for _ in 0..5 {
        yard.get(&plugin.download()).await.expect(200);
    }
    let before = plugin.counted(&yard).await;
    let said = yard.cli().args(["projections", "rebuild", "downloads"]).run().await.expect(0).json();
    assert_eq!(said["same_as_before"], true, "{said}");
    assert_eq!(plugin.counted(&yard).await, before);
    let named = "select count(*) from es.events where event_type = 'DownloadRecorded'
                  and (metadata ? 'actor_ip_hash' or metadata ->> 'actor_principal' = 'anonymous')";
    assert_eq!(yard.database().number(named).await, 0);
    let hashed = "select count(*) from es.events where payload ->> 'downloader' ~ '^[0-9a-f]{32}$'";
    assert_eq!(yard.database().number(hashed).await, 5);
}

#[tokio::test]
async fn figures_are_of_the_days_that_are_asked_for() {
    let (yard, plugin) = shelved().await;
    yard.get(&plugin.download()).await.expect(200);
    let ask = async |query: &str| yard.get(&format!("/packages/{}/downloads?{query}", plugin.id)).await;
    let past = ask("from=2020-01-01&to=2020-12-31").await.expect(200).json();
    assert_eq!((&past["total"], &past["days"]), (&json!(0), &json!([])));
    for odd in ["from=2020-02-30", "to=today", "from=2020-02-02&to=2020-02-01", "from=1900-01-01"] {
        let status = ask(odd).await.status;
        assert!(status == 400 || status == 422, "{odd}: {status}");
    }
    yard.get("/packages/00000000-0000-4000-8000-999999999999/downloads").await.expect(404);
    yard.get("/packages/nonsense/downloads").await.expect(404);
}

#[tokio::test]
async fn figures_are_not_sent_to_whoever_has_them() {
    let (yard, plugin) = shelved().await;
    let path = format!("/packages/{}/downloads", plugin.id);
    let answer = yard.get(&path).await.expect(200);
    let tag = answer.header("etag").to_owned();
    let held = || yard.request(Method::GET, &path).header("If-None-Match", &tag);
    let unchanged = yard.send(held()).await.expect(304);
    assert_eq!((unchanged.header("etag"), unchanged.body.len()), (tag.as_str(), 0));
    yard.get(&plugin.download()).await.expect(200);
    let changed = yard.send(held()).await.expect(200);
    assert_ne!(changed.header("etag"), tag, "the read after a download shows it");
    assert_eq!(changed.json()["total"], 1);
}

#[tokio::test]
async fn blobs_are_for_ever_and_only_of_what_is_shown() {
    let (yard, mut plugin) = shelved().await;
    let answer = yard.get(&plugin.blob()).await.expect(200);
    assert_eq!(answer.body, plugin.bytes);
    assert_eq!(answer.header("cache-control"), "public, max-age=31536000, immutable");
    assert!(answer.header("content-disposition").starts_with("attachment; filename=\"notes-1.0.0.tar.gz\""));
    assert!(answer.header("content-security-policy").contains("sandbox"));
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
    yard.get(&format!("/blobs/{}/x", "0".repeat(64))).await.expect(404);
    yard.get("/blobs/nonsense/x").await.expect(404);
    plugin.record(&yard, &[("PluginQuarantined", json!({"reason": "a test"}))]).await;
    yard.get(&plugin.blob()).await.expect(404);
    yard.get(&plugin.download()).await.expect(404);
    plugin.record(&yard, &[("PluginCleared", json!({"evidence": "a test"}))]).await;
    until("it is shown again", seconds(5), async || {
        (yard.get(&plugin.blob()).await.status == 200).then_some(())
    })
    .await;
}
