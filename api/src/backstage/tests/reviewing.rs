//! Reviews as their readers and writers meet them.

use axum::http::Method;
use domain::values::Role;
use serde_json::{Value, json};

use super::{
    browsing::{PLUGINS, show},
    door,
};
use crate::fakes::{documented::catalog_backend, door::Door};

const REVIEWS: &str = "/api/marketplace/v1/plugins/plugin_123/reviews";

async fn furnished() -> Door {
    let door = door();
    show(door.shelf(), catalog_backend()).await;
    door
}

async fn reader(door: &Door, name: &str) -> String {
    door.key_of(name, &[door.dialect], Role::User).await.1
}

fn five_stars() -> Value {
    json!({"rating": 5, "title": "Excellent plugin!", "review": "Works perfectly with our setup..."})
}

#[tokio::test]
async fn a_review_is_written_once_and_shown_with_its_author() {
    let door = furnished().await;
    let ada = reader(&door, "ada").await;
    let written = door.say(Method::POST, REVIEWS, &ada, &five_stars()).await;
    assert_eq!(written.status, 201, "{written:?}");
    let review = &written.body["data"];
    let place = format!("{REVIEWS}/{}", review["id"].as_str().unwrap());
    assert_eq!(written.header("location"), place);
    assert_eq!(review["user"], json!({"id": "user_1000", "name": "ada", "avatar": null}));
    assert_eq!((&review["rating"], &review["helpful"]), (&json!(5), &json!(0)));
    let read = door.get(&place, &[]).await;
    assert_eq!((read.status, &read.body["data"]), (200, review), "where Location leads");
    assert_eq!(read.body["links"]["self"], place);
    let again = door.say(Method::POST, REVIEWS, &ada, &five_stars()).await;
    assert_eq!((again.status, &again.body["error"]["code"]), (409, &json!("CONFLICT")));
    let list = door.get(REVIEWS, &[]).await;
    assert_eq!(list.body["data"], json!([review]));
    assert_eq!(list.body["pagination"]["total"], 1);
    assert_eq!(list.body["links"]["self"], format!("{REVIEWS}?page=1&limit=20"));
    let details = door.get(&format!("{PLUGINS}/plugin_123"), &[]).await;
    assert_eq!((details.status, &details.body["data"]["rating"]["reviews"]), (200, &json!([review])));
    assert_eq!(details.header("cache-control"), "public, max-age=300, s-maxage=600");
    assert_eq!(details.body["data"]["downloads"]["monthly"], 5_000);
    assert_eq!(details.body["links"]["self"], format!("{PLUGINS}/plugin_123"));
    assert_eq!(details.body["metadata"]["version"], "v1");
}

#[tokio::test]
async fn what_a_review_lacks_is_told_by_its_name() {
    let door = furnished().await;
    let ada = reader(&door, "ada").await;
    for (member, value) in [
        ("rating", json!(0)),
        ("rating", json!(6)),
        ("rating", json!(4.5)),
        ("rating", json!("5")),
        ("rating", json!(null)),
        ("title", json!("")),
        ("title", json!("  ")),
        ("title", json!("x".repeat(201))),
        ("title", json!(7)),
        ("review", json!("x".repeat(10_001))),
        ("review", json!([])),
        ("version", json!("1".repeat(65))),
    ] {
        let mut body = five_stars();
        body[member] = value;
        let refused = door.say(Method::POST, REVIEWS, &ada, &body).await;
        assert_eq!((refused.status, &refused.body["error"]["code"]), (400, &json!("VALIDATION_ERROR")));
        let at = &refused.body["error"]["details"]["issues"][0]["at"];
        assert_eq!(at, &json!(["body", member]), "{body}");
    }
    assert_eq!(door.say(Method::POST, REVIEWS, "", &five_stars()).await.status, 401);
    let nowhere = format!("{PLUGINS}/plugin_9/reviews");
    let unknown = door.say(Method::POST, &nowhere, &ada, &five_stars()).await;
    assert_eq!((unknown.status, &unknown.body["error"]["code"]), (404, &json!("PLUGIN_NOT_FOUND")));
}

#[tokio::test]
async fn a_review_is_its_authors_to_change_and_to_withdraw() {
    let door = furnished().await;
    let (ada, bob) = (reader(&door, "ada").await, reader(&door, "bob").await);
    let written = door.say(Method::POST, REVIEWS, &ada, &five_stars()).await;
    let place = written.header("location").to_owned();
    let worse = json!({"rating": 2, "title": "Not any more", "review": "", "version": "1.2.3"});
    for (method, body) in [(Method::PUT, &worse), (Method::DELETE, &Value::Null)] {
        let refused = door.say(method, &place, &bob, body).await;
        assert_eq!((refused.status, &refused.body["error"]["code"]), (404, &json!("REVIEW_NOT_FOUND")));
    }
    let edited = door.say(Method::PUT, &place, &ada, &worse).await;
    assert_eq!((edited.status, &edited.body["data"]["rating"]), (200, &json!(2)), "{edited:?}");
    assert_eq!(edited.body["data"]["version"], "1.2.3");
    assert!(edited.body["data"]["updatedAt"].is_string());
    let withdrawn = door.say(Method::DELETE, &place, &ada, &Value::Null).await;
    assert_eq!((withdrawn.status, withdrawn.body), (204, Value::Null));
    assert_eq!(door.get(REVIEWS, &[]).await.body["data"], json!([]));
    let gone = door.get(&place, &[]).await;
    assert_eq!((gone.status, &gone.body["error"]["code"]), (404, &json!("REVIEW_NOT_FOUND")));
    assert_eq!(door.say(Method::PUT, &place, &ada, &worse).await.status, 404);
    assert_eq!(door.say(Method::POST, REVIEWS, &ada, &worse).await.status, 201, "he may think again");
}

#[tokio::test]
async fn the_helpful_are_counted_and_sorted_by() {
    let door = furnished().await;
    let (ada, bob) = (reader(&door, "ada").await, reader(&door, "bob").await);
    let first = door.say(Method::POST, REVIEWS, &ada, &five_stars()).await.header("location").to_owned();
    let low = json!({"rating": 1, "title": "No", "review": "It broke"});
    door.say(Method::POST, REVIEWS, &bob, &low).await;
    let vote = format!("{first}/helpful");
    for (helpful, count) in [(true, 1), (true, 1), (false, 0), (true, 1)] {
        let voted = door.say(Method::POST, &vote, &bob, &json!({"helpful": helpful})).await;
        assert_eq!((voted.status, &voted.body["data"]["helpful"]), (200, &json!(count)), "{voted:?}");
    }
    assert_eq!(door.say(Method::POST, &vote, &ada, &json!({"helpful": true})).await.status, 409);
    assert_eq!(door.say(Method::POST, &vote, &bob, &json!({})).await.status, 400);
    assert_eq!(door.say(Method::POST, &vote, &bob, &json!({"helpful": "yes"})).await.status, 400);
    for (sort, ratings) in
        [("recent", [1, 5]), ("helpful", [5, 1]), ("rating_high", [5, 1]), ("rating_low", [1, 5])]
    {
        let list = door.get(&format!("{REVIEWS}?sort={sort}&limit=2"), &[]).await.body;
        let shown: Vec<&Value> = list["data"].as_array().unwrap().iter().map(|one| &one["rating"]).collect();
        assert_eq!(shown, ratings, "{sort}");
        assert_eq!(list["links"]["self"], format!("{REVIEWS}?page=1&limit=2&sort={sort}"));
        assert_eq!(list["rating"]["distribution"], json!({"5": 1, "4": 0, "3": 0, "2": 0, "1": 1}));
    }
    assert_eq!(door.get(&format!("{REVIEWS}?sort=best"), &[]).await.status, 400);
}

#[tokio::test]
async fn a_review_of_another_plugin_is_not_there() {
    let door = furnished().await;
    let mut other = catalog_backend();
    (other.id, other.number) = (domain::values::PluginId(uuid::Uuid::from_u128(124)), 124);
    other.name = "other".to_owned();
    show(door.shelf(), other).await;
    let ada = reader(&door, "ada").await;
    let written = door.say(Method::POST, REVIEWS, &ada, &five_stars()).await;
    let id = written.body["data"]["id"].as_str().unwrap();
    let elsewhere = format!("{PLUGINS}/plugin_124/reviews/{id}");
    let answer = door.say(Method::PUT, &elsewhere, &ada, &five_stars()).await;
    assert_eq!((answer.status, &answer.body["error"]["code"]), (404, &json!("REVIEW_NOT_FOUND")));
}
