//! The catalogue as its clients browse it, over a shelf in memory.

use application::{commands::Commands, queries::catalogue::PluginView};
use axum::http::Method;
use domain::{
    plugin::{Described, Plugin, PluginCommand, PluginRegistered, Publication, ReleasePublished},
    values::{Dialect, PluginId},
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::door;
use crate::fakes::{Shelf, caller, documented::catalog_backend, door::Door};

pub(super) const PLUGINS: &str = "/api/marketplace/v1/plugins";

pub(super) async fn give(shelf: &Shelf, plugin: PluginId, command: PluginCommand) {
    Commands::<Plugin>::execute(shelf, &plugin.to_string(), command, caller().metadata).await.unwrap();
}

/// Puts a plugin there as the view describes it.
pub(super) async fn show(shelf: &Shelf, view: PluginView) {
    let (id, release) = (view.id, view.releases[0].clone());
    let publication = Publication {
        registered: PluginRegistered {
            plugin_uid: id,
            number: view.number,
            owner: view.owner,
            publisher: view.publisher.parse().unwrap(),
            name: view.name.parse().unwrap(),
            kind: view.kind,
            at: view.created_at,
        },
        described: Some(Described { plugin_uid: id, at: view.updated_at, description: view.description }),
        release: ReleasePublished {
            plugin_uid: id,
            version: release.version,
            at: release.published_at,
            artifact: release.artifact,
            manifest: release.manifest,
            engines: release.engines,
            dependencies: release.dependencies,
            peer_dependencies: release.peer_dependencies,
            permissions: release.permissions,
            config_schema: release.config_schema,
            changelog: release.changelog,
            readme: release.readme,
            prerelease: release.prerelease,
            quarantine: None,
            described: None,
        },
        dialects: view.listed,
        quarantine: view.quarantine,
        verified: view.verified.map(|verified| (verified.method, verified.evidence)),
        may_begin: true,
    };
    give(shelf, id, PluginCommand::Publish(Box::new(publication))).await;
    if let Some(statistics) = view.imported {
        give(shelf, id, PluginCommand::ImportStatistics(Box::new(statistics))).await;
    }
}

/// `catalog-backend`, and four of other names.
async fn furnished() -> Door {
    let door = door();
    show(door.shelf(), catalog_backend()).await;
    for number in 1..5_u64 {
        let mut view = catalog_backend();
        (view.id, view.number) = (PluginId(Uuid::from_u128(number.into())), number);
        (view.name, view.imported, view.verified) = (format!("lint-{number}"), None, None);
        view.description.display_name = format!("Lint {number}");
        view.description.category = Some("quality".to_owned());
        view.description.tags = vec!["lint".to_owned()];
        show(door.shelf(), view).await;
    }
    door
}

fn ids(answer: &Value) -> Vec<&str> {
    answer["data"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn the_list_says_where_it_stands_and_how_it_came_about() {
    let door = furnished().await;
    let answer = door.get(PLUGINS, &[("x-request-id", "req_abc123")]).await;
    assert_eq!(ids(&answer.body), ["plugin_123", "plugin_1", "plugin_2", "plugin_3", "plugin_4"]);
    let pagination = json!({
        "page": 1, "limit": 20, "total": 5, "totalPages": 1, "hasNextPage": false, "hasPrevPage": false
    });
    assert_eq!(answer.body["pagination"], pagination);
    assert_eq!(answer.body["links"]["self"], "/api/marketplace/v1/plugins?page=1&limit=20");
    let metadata = &answer.body["metadata"];
    assert_eq!((&metadata["version"], &metadata["requestId"]), (&json!("v1"), &json!("req_abc123")));
    assert_eq!(metadata["timestamp"], "2024-01-01T00:00:00Z");
    assert!(metadata["responseTime"].is_u64());
    assert_eq!(answer.header("cache-control"), "public, max-age=60, s-maxage=300");
    let known = door.get(PLUGINS, &[("if-none-match", answer.header("etag"))]).await;
    assert_eq!((known.status, known.body), (304, Value::Null));
}

#[tokio::test]
async fn an_answer_of_before_is_told_as_the_answer_to_this_request() {
    let door = furnished().await;
    for path in [PLUGINS.to_owned(), format!("{PLUGINS}/plugin_123"), format!("{PLUGINS}/plugin_1/related")] {
        let first = door.get(&path, &[("x-request-id", "first")]).await;
        let mut second = door.get(&path, &[("x-request-id", "second")]).await;
        assert_eq!(second.body["metadata"]["requestId"], "second", "{path}");
        second.body["metadata"] = first.body["metadata"].clone();
        assert_eq!((first.status, &first.body), (200, &second.body), "{path}");
    }
}

#[tokio::test]
async fn filters_narrow_the_list_and_stay_in_its_links() {
    let door = furnished().await;
    let query = "?limit=3&search=lint&category=quality&tags=lint,other&verified=false&sort=name&order=asc";
    let answer = door.get(&format!("{PLUGINS}{query}"), &[]).await;
    assert_eq!(ids(&answer.body), ["plugin_1", "plugin_2", "plugin_3"]);
    let next = answer.body["links"]["next"].as_str().unwrap();
    let rest = "search=lint&category=quality&tags=lint%2Cother&sort=name&order=asc&verified=false";
    assert_eq!(next, format!("{PLUGINS}?page=2&limit=3&{rest}"));
    let rest = door.get(next, &[]).await;
    assert_eq!(ids(&rest.body), ["plugin_4"]);
    assert!(rest.body["links"]["next"].is_null());
    let beyond = door.get(&format!("{PLUGINS}?page=1000000000"), &[]).await;
    assert_eq!((beyond.status, ids(&beyond.body).len()), (200, 0));
}

#[tokio::test]
async fn what_cannot_be_asked_is_refused_and_named() {
    let door = furnished().await;
    for (query, name) in [("limit=101", "limit"), ("sort=relevance", "sort"), ("minRating=6", "minRating")] {
        let answer = door.get(&format!("{PLUGINS}?{query}"), &[]).await;
        assert_eq!(
            (answer.status, &answer.body["error"]["code"]),
            (400, &json!("VALIDATION_ERROR")),
            "{query}"
        );
        assert_eq!(answer.body["error"]["details"]["issues"][0]["at"], json!(["query", name]));
    }
    let body = json!({"filters": {"minRating": 9}});
    let answer = door.say(Method::POST, &format!("{PLUGINS}/search"), "", &body).await;
    let at = &answer.body["error"]["details"]["issues"][0]["at"];
    assert_eq!((answer.status, at), (400, &json!(["body", "filters", "minRating"])));
}

#[tokio::test]
async fn a_search_says_why_and_how_many_of_what_if_it_is_asked() {
    let door = furnished().await;
    let search = format!("{PLUGINS}/search");
    let body = json!({"query": "lint", "pagination": {"limit": 2}, "facets": true, "explain": true});
    let answer = door.say(Method::POST, &search, "", &body).await;
    assert_eq!((answer.status, &answer.body["pagination"]["total"]), (200, &json!(4)), "{answer:?}");
    assert_eq!(answer.body["facets"]["categories"], json!([{"name": "quality", "count": 4}]));
    assert_eq!(answer.body["data"][0]["rank"]["parts"], json!([["name", 1.0]]));
    let next = answer.body["links"]["next"].as_str().unwrap();
    assert_eq!(next, format!("{search}?page=2&limit=2"));
    let rest = door.say(Method::POST, next, "", &body).await;
    assert_eq!(ids(&rest.body), ["plugin_3", "plugin_4"]);
    let plain = door.say(Method::POST, &search, "", &json!({})).await;
    assert_eq!((ids(&plain.body).len(), plain.body.get("facets")), (5, None));
    assert!(plain.body["data"][0].get("rank").is_none());
}

#[tokio::test]
async fn a_plugin_is_found_by_any_of_its_names() {
    let door = furnished().await;
    let uid = catalog_backend().id.to_string();
    for name in ["plugin_123", "catalog-backend", "Catalog-Backend", &uid] {
        let answer = door.get(&format!("{PLUGINS}/{name}/versions"), &[]).await;
        let plugin = format!("{PLUGINS}/plugin_123");
        assert_eq!((answer.status, &answer.body["links"]["plugin"]), (200, &json!(plugin)), "{name}");
    }
}

#[tokio::test]
async fn whatever_is_not_shown_is_not_found_in_the_documents_words() {
    let door = furnished().await;
    let mut hidden = catalog_backend();
    (hidden.id, hidden.number) = (PluginId(Uuid::from_u128(7)), 7);
    (hidden.name, hidden.listed) = ("elsewhere".to_owned(), [Dialect::Dify].into());
    show(door.shelf(), hidden).await;
    let long = "x".repeat(200);
    for (id, shown) in [
        ("xyz", "xyz"),
        ("plugin_7", "plugin_7"),
        ("elsewhere", "elsewhere"),
        ("plugin_0123", "plugin_0123"),
        ("%2e%2e", ".."),
        ("%00", "\0"),
        (&*long, &long[..128]),
    ] {
        for tail in ["", "/versions", "/related", "/stats", "/reviews"] {
            let answer = door.get(&format!("{PLUGINS}/{id}{tail}"), &[]).await;
            let error = &answer.body["error"];
            assert_eq!((answer.status, &error["code"]), (404, &json!("PLUGIN_NOT_FOUND")), "{id}{tail}");
            assert_eq!(error["message"], format!("Plugin with ID '{shown}' not found"));
        }
    }
    assert_eq!(door.get(&format!("{PLUGINS}/%ff"), &[]).await.status, 404);
}

#[tokio::test]
async fn versions_figures_and_what_is_related_are_told_beside() {
    let door = furnished().await;
    let get = async |tail: &str| door.get(&format!("{PLUGINS}/{tail}"), &[]).await.body;
    let versions = get("plugin_123/versions").await;
    assert_eq!(versions["data"][0]["version"], "1.2.3");
    assert_eq!(versions["links"]["plugin"], format!("{PLUGINS}/plugin_123"));
    let figures = get("plugin_123/stats").await;
    assert_eq!(figures["data"]["usage"]["installations"], 0);
    assert_eq!(ids(&get("plugin_1/related?limit=2").await), ["plugin_2", "plugin_3"]);
    assert_eq!(door.get(&format!("{PLUGINS}/plugin_1/related?limit=0"), &[]).await.status, 400);
}
