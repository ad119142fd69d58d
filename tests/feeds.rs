//! What happens in the catalogue, for feed readers.

use plugyard_tests::{Shelved, Yard, packages::lbpkg};
use reqwest::{
    Method,
    multipart::{Form, Part},
};
use serde_json::{Value, json};

async fn items(yard: &Yard, path: &str) -> Vec<Value> {
    let feed = yard.get(path).await.expect(200);
    assert_eq!(feed.header("content-type"), "application/feed+json");
    feed.json()["items"].as_array().unwrap().clone()
}

#[tokio::test]
async fn feeds_tell_what_happened_to_all_and_to_one() {
    let yard = Yard::start().await;
    let mut one = Shelved::new(&yard, 1, "one", vec![1; 10]).await;
    let other = Shelved::new(&yard, 2, "other", vec![2; 10]).await;
    one.releases(&yard, "1.1.0").await;
    let all = items(&yard, "/feed.json").await;
    assert!(all.iter().any(|item| item["title"] == "other 1.0.0 was released"), "{all:?}");
    assert_eq!(all[0]["title"], "one 1.1.0 was released", "the newest first");
    assert!(all[0]["id"].as_str().unwrap().starts_with("urn:uuid:"));
    let of_one = items(&yard, &format!("/packages/{}/feed.json", one.id)).await;
    assert!(!of_one.is_empty() && of_one.iter().all(|item| item["url"].to_string().contains(&one.id)));
    assert_eq!(items(&yard, "/feed.json?dialect=inkdrop").await, all);
    assert_eq!(items(&yard, "/feed.json?dialect=space").await, Vec::<Value>::new());
    for path in ["/feed.json?dialect=x", "/feed.atom?dialect=x"] {
        let status = yard.get(path).await.status;
        assert!(status == 400 || status == 422, "{status}");
    }
    yard.get(&format!("/packages/{}/feed.atom?dialect=space", other.id)).await.expect(404);
    yard.get("/packages/nonsense/feed.atom").await.expect(404);
}

#[tokio::test]
async fn a_feed_that_is_held_is_not_sent_again_until_something_happens() {
    let yard = Yard::start().await;
    let mut plugin = Shelved::new(&yard, 1, "one", vec![1; 10]).await;
    let first = yard.get("/feed.atom").await.expect(200);
    assert_eq!(first.header("content-type"), "application/atom+xml; charset=utf-8");
    assert_eq!(first.header("cache-control"), "public, max-age=60");
    let (tag, date) = (first.header("etag").to_owned(), first.header("last-modified").to_owned());
    let ask = async |name: &str, value: &str| {
        yard.send(yard.request(Method::GET, "/feed.atom").header(name, value)).await.status
    };
    assert_eq!((ask("If-None-Match", &tag).await, ask("If-Modified-Since", &date).await), (304, 304));
    plugin.releases(&yard, "2.0.0").await;
    assert_eq!((ask("If-None-Match", &tag).await, ask("If-Modified-Since", &date).await), (200, 200));
}

#[tokio::test]
async fn what_others_have_written_stays_text_in_a_feed() {
    let yard = Yard::start().await;
    let mut plugin = Shelved::new(&yard, 1, "one", vec![1; 10]).await;
    let hostile = "</title><script>alert(1)</script>";
    let described = json!({"at": "2026-01-01T00:00:00Z", "display_name": hostile});
    plugin.record(&yard, &[("PluginDescribed", described)]).await;
    let atom = yard.get("/feed.atom").await.expect(200).text();
    assert!(atom.contains("&lt;script&gt;") && !atom.contains("<script>"), "{atom}");
}

#[tokio::test]
async fn whoever_follows_a_plugin_hears_that_it_was_removed() {
    let yard = Yard::start().await;
    let token = yard.key_for("ada", &["space"], "publisher").await;
    let form = |name: &str| {
        let package = lbpkg("ada", name, "1.0.0");
        Form::new().part("file", Part::bytes(package.bytes()).file_name(package.file_name()))
    };
    let publish = async |name: &str| {
        let path = "/space/api/v1/marketplace/plugins/publish";
        yard.send(yard.bearing(Method::POST, path, &token.secret).multipart(form(name))).await.expect(200);
        yard.settle().await;
        let all = items(&yard, "/feed.json").await;
        let released =
            all.iter().find(|item| item["title"] == format!("The {name} plugin 1.0.0 was released"));
        let url = released.unwrap_or_else(|| panic!("{all:?}"))["url"].as_str().unwrap().to_owned();
        url.split('/').nth_back(1).unwrap().to_owned()
    };
    let (seen, held) = (publish("Seen").await, publish("Held").await);
    yard.command(&["package", "quarantine", &held, "--reason", "odd"]).await;
    for id in [&seen, &held] {
        yard.command(&["package", "remove", id, "--reason", "no longer needed"]).await;
    }
    let removal = items(&yard, &format!("/packages/{seen}/feed.json")).await;
    assert_eq!(removal.len(), 1, "{removal:?}");
    assert_eq!(removal[0]["title"], "The Seen plugin was removed");
    assert_eq!(removal[0]["content_text"], "no longer needed", "{removal:?}");
    assert_eq!(items(&yard, "/feed.json?dialect=space").await, removal);
    assert_eq!(items(&yard, "/feed.json?dialect=dify").await, Vec::<Value>::new());
    yard.get(&format!("/packages/{held}/feed.json")).await.expect(404);
}
