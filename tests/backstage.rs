//! The Backstage marketplace over a running server: what is published is listed, found, described and reviewed there.

use plugyard_tests::{
    Answer, Plan, Yard,
    packages::{Package, zip},
    yard::ADMIN,
};
use reqwest::{
    Method,
    multipart::{Form, Part},
};
use serde_json::{Value, json};

const PLUGINS: &str = "/backstage/api/marketplace/v1/plugins";

/// Answers the plugin's uid.
async fn publish(yard: &Yard, package: &Package, publisher: &str) -> String {
    let file = Part::bytes(package.bytes()).file_name(package.file_name());
    let path = format!("/packages?dialect=backstage&publisher={publisher}");
    let request = yard.bearing(Method::POST, &path, ADMIN).multipart(Form::new().part("file", file));
    yard.send(request).await.expect(201).json()["id"].as_str().expect("a uid").to_owned()
}

async fn verify(yard: &Yard, uid: &str) {
    let evidence = json!({"method": "manual", "evidence": "known for years"});
    let request = yard.bearing(Method::POST, &format!("/packages/{uid}/verify"), ADMIN).json(&evidence);
    let answer = yard.send(request).await;
    assert!(answer.status < 300, "{}", answer.text());
}

async fn write(yard: &Yard, method: Method, path: &str, key: &str, body: &Value) -> Answer {
    yard.send(yard.bearing(method, path, key).json(body)).await
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
async fn what_the_document_shows_comes_back_from_the_demonstration() {
    let yard = Yard::start().await;
    yard.cli().args(["seed"]).run().await.expect(0);
    let root = PLUGINS.strip_prefix("/backstage").unwrap();
    let list = yard.get(&format!("{root}?verified=true&search=catalog")).await.expect(200);
    assert_eq!(list.header("cache-control"), "public, max-age=60, s-maxage=300");
    let item: Value = serde_json::from_str(include_str!("../api/src/backstage/body/item.json")).unwrap();
    assert_eq!(astray(&item, &list.json()["data"][0]), None);
    let details = yard.get(&format!("{root}/plugin_123")).await.expect(200);
    assert_eq!(details.header("cache-control"), "public, max-age=300, s-maxage=600");
    let shown: Value = serde_json::from_str(include_str!("../api/src/backstage/body/details.json")).unwrap();
    assert_eq!(astray(&shown, &details.json()), None);
    let known = yard.request(Method::GET, &format!("{root}/plugin_123"));
    yard.send(known.header("if-none-match", details.header("etag"))).await.expect(304);
    let stats = yard.get(&format!("{root}/plugin_123/stats")).await.expect(200).json();
    let shown: Value = serde_json::from_str(include_str!("../api/src/backstage/body/stats.json")).unwrap();
    assert_eq!(stats["data"], shown);
    let below = yard.get(&format!("{PLUGINS}?page=1&limit=20")).await.expect(200).json();
    assert_eq!(below["links"]["self"], format!("{PLUGINS}?page=1&limit=20"));
    let unknown = yard.get(&format!("{root}/xyz")).await.expect(404).json();
    assert_eq!(unknown["error"]["message"], "Plugin with ID 'xyz' not found");
}

#[tokio::test]
async fn filters_and_sorts_are_the_catalogues_own() {
    let yard = Yard::start().await;
    let cheap = zip("cheap-charts", "1.0.0").set("/category", "monitoring").set("/tags", json!(["charts"]));
    let dear = zip("dear-metrics", "2.0.0")
        .set("/category", "observability")
        .set("/tags", json!(["metrics"]))
        .set("/pricing", json!({"model": "paid", "price": 250, "currency": "EUR"}))
        .set("/compatibility/backstage", "^2.0.0");
    let verified = publish(&yard, &cheap, "ada").await;
    publish(&yard, &dear, "ada").await;
    verify(&yard, &verified).await;
    let names = async |query: &str| {
        let list = yard.get(&format!("{PLUGINS}?sort=name&order=asc&{query}")).await.expect(200).json();
        let data = list["data"].as_array().unwrap().iter();
        data.map(|item| item["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>().join(" ")
    };
    for (query, expected) in [
        ("", "cheap-charts dear-metrics"),
        ("order=desc", "dear-metrics cheap-charts"),
        ("category=monitoring", "cheap-charts"),
        ("tags=metrics,none", "dear-metrics"),
        ("verified=true", "cheap-charts"),
        ("verified=false", "dear-metrics"),
        ("featured=true", ""),
        ("search=dear", "dear-metrics"),
        ("compatibility=%5E1.36.0", "cheap-charts"),
        ("compatibility=%3E%3D1.35.0", "cheap-charts dear-metrics"),
        ("minRating=1", ""),
        ("page=2&limit=1", "dear-metrics"),
        ("page=9", ""),
    ] {
        assert_eq!(names(query).await, expected, "{query}");
    }
    let search = json!({"filters": {"maxPrice": 100}, "sort": {"field": "name"}, "facets": true});
    let found = yard.post(&format!("{PLUGINS}/search"), &search).await.expect(200).json();
    assert_eq!(
        (&found["pagination"]["total"], &found["data"][0]["name"]),
        (&json!(1), &json!("cheap-charts"))
    );
    assert_eq!(found["facets"]["categories"], json!([{"name": "monitoring", "count": 1}]));
    for query in ["limit=0", "limit=101", "sort=price", "minRating=5.5", "verified=maybe"] {
        let refused = yard.get(&format!("{PLUGINS}?{query}")).await.expect(400).json();
        assert_eq!(refused["error"]["code"], "VALIDATION_ERROR", "{query}");
        let field = query.split('=').next().unwrap();
        assert_eq!(refused["error"]["details"]["issues"][0]["field"], field);
    }
}

#[tokio::test]
async fn a_review_changes_the_rating_at_the_next_read() {
    let yard = Plan::default().start().await;
    publish(&yard, &zip("catalog-backend", "1.2.3"), "spotify").await;
    let ada = yard.key_for("ada", &["backstage"], "user").await.secret;
    let bob = yard.key_for("bob", &["backstage"], "user").await.secret;
    let plugin = format!("{PLUGINS}/catalog-backend");
    let reviews = format!("{plugin}/reviews");
    let body =
        json!({"rating": 5, "title": "Excellent plugin!", "review": "Works perfectly with our setup..."});
    let written = write(&yard, Method::POST, &reviews, &ada, &body).await.expect(201);
    let place = written.header("location").to_owned();
    write(&yard, Method::POST, &reviews, &ada, &body).await.expect(409);
    let worse = json!({"rating": 2, "title": "It broke", "review": "With the last release"});
    write(&yard, Method::POST, &reviews, &bob, &worse).await.expect(201);
    let voted =
        write(&yard, Method::POST, &format!("{place}/helpful"), &bob, &json!({"helpful": true})).await;
    assert_eq!(voted.expect(200).json()["data"]["helpful"], 1);
    let list = yard.get(&format!("{reviews}?sort=helpful")).await.expect(200).json();
    assert_eq!(list["data"][0]["user"]["name"], "ada");
    let rating =
        json!({"average": 3.5, "count": 2, "distribution": {"5": 1, "4": 0, "3": 0, "2": 1, "1": 0}});
    assert_eq!(list["rating"], rating);
    let details = yard.get(&plugin).await.expect(200).json();
    assert_eq!(details["data"]["rating"]["reviews"][0]["title"], "Excellent plugin!");
    assert_eq!(details["data"]["rating"]["average"], 3.5);
    write(&yard, Method::PUT, &place, &bob, &worse).await.expect(404);
    write(&yard, Method::PUT, &place, &ada, &json!({"rating": 4, "title": "Good", "review": ""}))
        .await
        .expect(200);
    assert_eq!(yard.get(&reviews).await.json()["rating"]["average"], 3.0);
    yard.send(yard.bearing(Method::DELETE, &place, &ada)).await.expect(204);
    assert_eq!(yard.get(&reviews).await.json()["rating"]["average"], 2.0);
    write(&yard, Method::POST, &reviews, "nonsense", &body).await.expect(401);
}
