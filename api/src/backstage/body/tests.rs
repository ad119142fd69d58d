//! What the document shows of one plugin comes back from a plugin with those values.

use application::queries::{
    catalogue::Counted,
    downloads::{DayView, DownloadsView},
};
use axum::{extract::FromRequestParts as _, http::Request};
use chrono::NaiveDate;
use domain::{
    plugin::{Description, Icon, ImportedStatistics},
    values::Digest,
};
use serde_json::{Value, json, to_value};

use super::{
    details::{Details, Links, Parts, versions},
    review::Review,
    stats::{Downloads, stats},
    *,
};
use crate::{
    fakes::documented::{card, catalog_backend, imported, publisher, release, review, time},
    links::{self, PublicUrl},
    mount::Mount,
};
use application::queries::catalogue::{PluginView, PublisherView, ReleaseView, Yank};

fn today() -> NaiveDate {
    time("2024-08-07T10:30:00Z").date_naive()
}

async fn places(mount: Mount) -> Places {
    let request = Request::get("/").header("host", "yard.example").extension(mount).body(()).unwrap();
    let links = links::Links::from_request_parts(&mut request.into_parts().0, &PublicUrl::default()).await;
    Places { mount, links: links.ok() }
}

async fn details_of(plugin: &PluginView, publisher: Option<&PublisherView>) -> Value {
    let shown = review();
    let parts = Parts {
        plugin,
        release: plugin.latest().unwrap(),
        publisher,
        downloads: Downloads::of(plugin, &DownloadsView::default(), today()),
        reviews: vec![Review::of(&shown)],
    };
    to_value(Details::of(parts, &places(Mount::ROOT).await)).unwrap()
}

/// Where the answer is not what was shown: a member of the answer that was not shown may be there.
fn astray(shown: &Value, answered: &Value) -> Option<String> {
    match (shown, answered) {
        (Value::Object(shown), Value::Object(answered)) => shown.iter().find_map(|(name, value)| {
            let there = answered.get(name).unwrap_or(&Value::Null);
            astray(value, there).map(|way| format!("{name}: {way}"))
        }),
        (Value::Array(shown), Value::Array(answered)) if shown.len() == answered.len() => {
            shown.iter().zip(answered).find_map(|(shown, answered)| astray(shown, answered))
        }
        _ => (shown != answered).then(|| format!("{answered} instead of {shown}")),
    }
}

#[tokio::test]
async fn the_item_of_the_document_comes_back_as_it_shows() {
    let shown: Value = serde_json::from_str(include_str!("item.json")).unwrap();
    let answered = to_value(Item::of(&card(), &places(Mount::ROOT).await)).unwrap();
    assert_eq!(astray(&shown, &answered), None);
    for whole in ["author", "rating", "compatibility", "pricing", "tags"] {
        assert_eq!(shown[whole], answered[whole]);
    }
    for beside in ["screenshots", "homepage", "repository", "documentation", "license", "dependencies"] {
        assert!(answered.get(beside).is_some(), "{beside}");
    }
    let times = &answered["metadata"];
    assert_eq!(
        (&times["createdAt"], &times["updatedAt"]),
        (&json!("2024-01-01T00:00:00Z"), &json!("2024-08-01T00:00:00Z"))
    );
    assert!(times["publishedAt"].is_string() && times["lastChecked"].is_string());
}

#[tokio::test]
async fn the_details_of_the_document_come_back_as_it_shows() {
    let shown: Value = serde_json::from_str(include_str!("details.json")).unwrap();
    let answered = details_of(&catalog_backend(), Some(&publisher(true))).await;
    assert_eq!(astray(&shown["data"], &answered), None);
    for whole in ["author", "rating", "downloads", "dependencies", "configuration", "support", "stats"] {
        assert_eq!(shown["data"][whole], answered[whole]);
    }
    for beside in ["icon", "banner", "homepage", "peerDependencies", "compatibility", "pricing", "metadata"] {
        assert!(answered.get(beside).is_some(), "{beside}");
    }
    assert_eq!(answered["versions"][0]["deprecated"], false);
    let links = to_value(Links::of(&catalog_backend(), &places(Mount::ROOT).await)).unwrap();
    assert_eq!(astray(&shown["links"], &links), None);
    assert_eq!(links["related"], "/api/marketplace/v1/plugins/plugin_123/related");
}

#[tokio::test]
async fn links_lead_back_through_the_mount_and_icons_of_packages_to_their_bytes() {
    let places = places(Mount("/backstage")).await;
    assert_eq!(places.plugins("/plugin_1"), "/backstage/api/marketplace/v1/plugins/plugin_1");
    let icon =
        Icon::Blob { sha256: Digest::of_bytes([0xab; 32]), size: 1, media_type: "image/png".to_owned() };
    let url = format!("http://yard.example/blobs/{}/icon", "ab".repeat(32));
    assert_eq!(places.icon(Some(&icon)), Some(url));
    assert_eq!(places.icon(None), None);
}

#[tokio::test]
async fn a_package_that_names_somebody_else_is_not_verified_in_his_name() {
    let mut plugin = catalog_backend();
    plugin.description.author = Some(Author { name: "Somebody".to_owned(), ..Author::default() });
    let author = details_of(&plugin, Some(&publisher(true))).await["author"].clone();
    assert_eq!(author, json!({"id": "author_456", "name": "Somebody", "email": null, "verified": false}));
    plugin.description.author = None;
    let author = details_of(&plugin, Some(&publisher(true))).await["author"].clone();
    assert_eq!((&author["name"], &author["verified"]), (&json!("Spotify"), &json!(true)));
    let author = details_of(&catalog_backend(), Some(&publisher(false))).await["author"].clone();
    assert_eq!(author["verified"], false);
}

#[tokio::test]
async fn what_nobody_has_said_is_there_all_the_same() {
    let mut plugin = catalog_backend();
    plugin.description = Description::default();
    (plugin.imported, plugin.counted, plugin.verified) = (None, Counted::default(), None);
    let answered = details_of(&plugin, None).await;
    assert_eq!(answered["displayName"], "catalog-backend");
    assert_eq!(answered["longDescription"], "# Catalog", "the readme stands in");
    assert_eq!(answered["pricing"], json!({"model": "free"}));
    assert_eq!(answered["support"], json!({"email": null, "documentation": null, "issues": null}));
    assert_eq!((&answered["rating"]["average"], &answered["rating"]["count"]), (&json!(0.0), &json!(0)));
    assert_eq!(answered["downloads"], json!({"total": 0, "monthly": 0, "weekly": 0, "daily": 0}));
    assert_eq!(answered["stats"]["stars"], json!(null));
    assert_eq!(answered["author"], json!({"id": null, "name": "Spotify", "email": null, "verified": false}));
}

#[test]
fn versions_are_told_with_what_became_of_them_and_never_from_quarantine() {
    let mut plugin = catalog_backend();
    let at = time("2024-08-02T00:00:00Z");
    let yanked = Some(Yank { reason: "leaks".to_owned(), at });
    let held = Some("look-alike".to_owned());
    plugin.releases = vec![
        ReleaseView { quarantine: held, ..release("2.0.0") },
        ReleaseView { yanked, ..release("1.3.0") },
        release("1.2.3"),
    ];
    let told: Vec<Value> = versions(&plugin);
    let flags: Vec<_> =
        told.iter().map(|told| (&told["version"], &told["deprecated"], &told["latest"])).collect();
    let (yes, no) = (&json!(true), &json!(false));
    assert_eq!(flags, [(&json!("1.3.0"), yes, no), (&json!("1.2.3"), no, yes)]);
    assert_eq!(told[0]["yanked"], json!({"reason": "leaks", "at": "2024-08-02T00:00:00Z"}));
    assert_eq!(told[1]["compatibility"], json!({"backstage": "^1.35.0", "node": ">=18.0.0"}));
}

#[test]
fn downloads_of_the_last_days_are_ours_and_what_came_with_the_plugin() {
    let day = |text: &str, downloads| DayView { day: text.parse().unwrap(), downloads, downloaders: 1 };
    let days =
        vec![day("2024-07-08", 1_000), day("2024-07-09", 100), day("2024-08-01", 10), day("2024-08-07", 1)];
    let counted = DownloadsView { days, ..DownloadsView::default() };
    let told = to_value(Downloads::of(&catalog_backend(), &counted, today())).unwrap();
    assert_eq!(told, json!({"total": 50_000, "monthly": 5_111, "weekly": 1_211, "daily": 181}));
}

#[test]
fn figures_are_what_was_measured_elsewhere_or_what_is_known_here() {
    let mut plugin = catalog_backend();
    let day = |text: &str, downloads| DayView { day: text.parse().unwrap(), downloads, downloaders: 1 };
    let days = vec![day("2024-06-10", 200), day("2024-08-01", 231)];
    let counted = DownloadsView { days, ..DownloadsView::default() };
    let own = stats(&plugin, &counted, Some(0.25), today());
    assert_eq!(
        own["usage"],
        json!({
            "installations": 0, "activeInstallations": 0, "dailyActiveUsers": null,
            "apiCalls": {"daily": null, "weekly": null, "monthly": null}
        })
    );
    assert_eq!(own["performance"]["availability"], json!(null));
    let trends = json!({"installationGrowth": null, "usageGrowth": 15.5, "ratingTrend": 0.3});
    assert_eq!(own["trends"], trends);
    let none = stats(&plugin, &DownloadsView::default(), None, today());
    assert_eq!(none["trends"]["usageGrowth"], json!(null));
    let shown: Value = serde_json::from_str(include_str!("stats.json")).unwrap();
    plugin.imported = Some(ImportedStatistics { measured: Some(shown.clone()), ..imported() });
    assert_eq!(stats(&plugin, &counted, Some(0.25), today()), shown);
}
