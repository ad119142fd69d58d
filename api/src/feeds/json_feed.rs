//! JSON Feed 1.1.

use serde_json::{Value, json};

use super::{Feed, entry::time};

pub(super) fn written(feed: &Feed) -> Vec<u8> {
    let items: Vec<Value> = feed
        .entries
        .iter()
        .map(|entry| {
            json!({
                "id": entry.id,
                "url": entry.address,
                "title": entry.title,
                "content_text": entry.text,
                "date_published": time(entry.at),
                "authors": [{"name": entry.author}],
                "tags": [entry.kind()],
            })
        })
        .collect();
    let feed = json!({
        "version": "https://jsonfeed.org/version/1.1",
        "title": feed.title,
        "feed_url": feed.address,
        "items": items,
    });
    feed.to_string().into_bytes()
}
