//! Catalogues elsewhere that are shown here too: read in passes, served from what was read, marked when they fail.

use plugyard_tests::{
    Plan, Plugin, Yard,
    marketplace::{Market, Mood},
    until,
    waiting::seconds,
    yard::ADMIN,
};
use serde_json::{Value, json};

const LIST: &str = "/api/v1/marketplace/plugins";
const STALE: &str = "x-marketplace-stale";

async fn yard(market: &Market) -> Yard {
    let yard = Plan::default().set("PLUGYARD_MARKETPLACE_URL", &market.base()).start().await;
    added(&yard).await;
    yard
}

/// The marketplace of the settings, which is added once the server is up.
async fn added(yard: &Yard) -> Value {
    until("the repository is added", seconds(10), async || {
        let all = yard.get("/repositories").await.expect(200).json();
        all["repositories"].get(0).cloned()
    })
    .await
}

fn list(market: &Market, names: impl IntoIterator<Item = String>) {
    for name in names {
        market.list(&Plugin::new(&name), "tool");
    }
}

async fn sync(yard: &Yard, query: &str) -> Value {
    let path = format!("/repositories/marketplace/sync{query}");
    yard.post_as(&path, ADMIN, &Value::Null).await.expect(200).json()
}

async fn total(yard: &Yard) -> Value {
    yard.get(LIST).await.expect(200).json()["total"].clone()
}

async fn observed(yard: &Yard) -> i64 {
    yard.database().number("select count(*) from es.events where event_type = 'ListingsObserved'").await
}

#[tokio::test]
async fn the_marketplace_of_the_settings_is_read_once_and_then_only_what_is_newer() {
    let market = Market::start();
    list(&market, (0..95).map(|n| format!("p{n:02}")));
    let yard = yard(&market).await;
    let added = added(&yard).await;
    assert_eq!((&added["name"], &added["synced_at"]), (&json!("marketplace"), &Value::Null));
    assert_eq!(added["url"], market.base());

    let first = sync(&yard, "").await;
    assert_eq!(first, json!({"whole": true, "pages": 3, "added": 95, "updated": 0, "removed": 0}));
    let searched = market.searched();
    assert_eq!(total(&yard).await, 95);
    let page = yard.get(&format!("{LIST}?q=p07")).await.expect(200).json();
    assert_eq!((&page["total"], &page["plugins"][0]["name"]), (&json!(1), &json!("p07")));
    assert_eq!(page["plugins"][0]["created_at"], "2024-01-01T00:00:00Z");
    assert_eq!(page["plugins"][0]["download_count"], 1234);
    let categories = yard.get("/api/v1/marketplace/categories").await.expect(200).json();
    assert_eq!(categories["categories"][0]["plugin_count"], 95);
    assert_eq!(market.searched(), searched, "the answers are of here");

    let events = observed(&yard).await;
    market.touch("p41", "2024-03-01T00:00:00Z", 1234);
    market.list(&Plugin::new("later"), "model");
    market.touch("later", "2024-03-02T00:00:00Z", 1);
    let next = sync(&yard, "").await;
    assert_eq!((&next["added"], &next["updated"]), (&json!(1), &json!(1)));
    assert_eq!(next["whole"], false);
    assert!(next["pages"].as_u64().unwrap() <= 3, "{next}");
    let again = sync(&yard, "").await;
    assert_eq!((&again["pages"], &again["added"], &again["updated"]), (&json!(1), &json!(0), &json!(0)));
    assert_eq!(observed(&yard).await, events + 1, "what did not change is not written");
    assert_eq!(total(&yard).await, 96);
}

#[tokio::test]
async fn what_is_gone_there_is_gone_here_after_a_whole_pass() {
    let market = Market::start();
    list(&market, ["kept", "gone"].map(str::to_owned));
    let yard = yard(&market).await;
    sync(&yard, "").await;
    market.unlist("gone");
    assert_eq!(sync(&yard, "?whole=true").await["removed"], 1);
    assert_eq!(total(&yard).await, 1);
    yard.get(&format!("{LIST}/yard/gone")).await.expect(404);
    for model in ["listings", "catalogue", "repositories"] {
        let said = yard.cli().args(["projections", "rebuild", model]).run().await.expect(0).json();
        assert_eq!(said["same_as_before"], true, "{model}: {said}");
    }
    assert_eq!(total(&yard).await, 1);
}

#[tokio::test]
async fn a_marketplace_that_breaks_or_goes_leaves_what_was_read_and_answers_are_marked() {
    let market = Market::start();
    list(&market, (0..60).map(|n| format!("p{n:02}")));
    let yard = yard(&market).await;
    sync(&yard, "").await;
    assert_eq!(yard.get(LIST).await.expect(200).header(STALE), "");
    market.be(Mood::BreakingOff);
    let failed = yard.post_as("/repositories/marketplace/sync?whole=true", ADMIN, &Value::Null).await;
    assert_eq!(failed.expect(503).json()["reason"], "MARKETPLACE_UNAVAILABLE");
    let shown = yard.get(LIST).await.expect(200);
    assert_eq!((shown.header(STALE), &shown.json()["total"]), ("true", &json!(60)));
    let view = yard.get("/repositories").await.expect(200).json()["repositories"][0].clone();
    assert_eq!((&view["failing"], &view["plugins"]), (&json!(true), &json!(60)));
    for body in [r#"{"code":0,"data":{"plugins":[],"total":0}}"#, r#"{"code":0,"data":{}}"#, "<html>"] {
        market.be(Mood::Babbling(body.to_owned()));
        yard.post_as("/repositories/marketplace/sync?whole=true", ADMIN, &Value::Null).await.expect(503);
    }
    assert_eq!(total(&yard).await, 60, "nothing was taken away");
    market.be(Mood::Refusing(500));
    let details = yard.get(&format!("{LIST}/yard/p07")).await.expect(200);
    assert_eq!((details.header(STALE), &details.json()["readme"]), ("true", &json!("# p07")));
    assert_eq!(details.json()["available_versions"][0]["version"], "0.0.1");
    let failures = "select count(*) from es.events where event_type = 'RepositorySyncFailed'";
    let told = yard.database().number(failures).await;
    assert!((1..=4).contains(&told), "{told} failures are told");
    for path in ["authors", "categories", "plugins/featured"] {
        let answer = yard.get(&format!("/api/v1/marketplace/{path}")).await.expect(200);
        assert_eq!(answer.header(STALE), "true", "{path}");
    }
}

#[tokio::test]
async fn what_is_due_is_read_by_itself_by_one_of_the_nodes() {
    let market = Market::start();
    list(&market, ["own".to_owned()]);
    market.be(Mood::Slow(std::time::Duration::from_millis(100)));
    let plan = Plan::default().set("PLUGYARD_MARKETPLACE_URL", &market.base());
    let first = plan.set("PLUGYARD_SYNC_INTERVAL", "1h").start().await;
    let second = first.neighbour("all").await;
    until("it is read", seconds(20), async || {
        let all = first.get("/repositories").await.expect(200).json();
        (!all["repositories"][0]["synced_at"].is_null()).then_some(())
    })
    .await;
    second.settle().await;
    assert_eq!(total(&second).await, 1);
    let synced = "select count(*) from es.events where event_type = 'RepositorySynced'";
    assert_eq!(first.database().number(synced).await, 1);
}

#[tokio::test]
async fn another_repository_is_added_shown_hidden_and_read_by_command() {
    let (market, other) = (Market::start(), Market::start());
    list(&market, ["both".to_owned()]);
    list(&other, ["both", "theirs"].map(str::to_owned));
    let yard = yard(&market).await;
    let run = async |arguments: &[&str]| yard.cli().args(arguments.iter().copied()).run().await;
    let base = other.base();
    run(&["repository", "add", "other", &base]).await.expect(0);
    assert!(run(&["repository", "add", "other", &base]).await.err.contains("exists already"));
    for name in ["marketplace", "other"] {
        let said = run(&["repository", "sync", name, "--json"]).await.expect(0).json();
        assert_eq!(said["whole"], true, "{said}");
    }
    yard.settle().await;
    let listed = run(&["repository", "list", "--json"]).await.expect(0).json();
    let plugins = |n: usize| (listed[n]["name"].clone(), listed[n]["plugins"].clone());
    assert_eq!([plugins(0), plugins(1)], [(json!("marketplace"), json!(1)), (json!("other"), json!(2))]);
    assert!(yard.get(&format!("{LIST}/yard/theirs")).await.expect(200).json()["readme"].is_string());
    let url = format!("{LIST}/yard/theirs/0.0.1/download-url");
    let url = yard.post(&url, &Value::Null).await.expect(200).json()["download_url"].clone();
    assert!(url.as_str().unwrap().starts_with(&base), "{url}");
    run(&["repository", "disable", "other"]).await.expect(0);
    yard.settle().await;
    yard.get(&format!("{LIST}/yard/theirs")).await.expect(404);
    assert_eq!(total(&yard).await, 1);
    let refused = yard.post_as("/repositories/other/sync", ADMIN, &Value::Null).await.expect(409);
    assert_eq!(refused.json()["detail"], "This repository is disabled");
    yard.post_as("/repositories/other/enable", ADMIN, &Value::Null).await.expect(200);
    assert_eq!(total(&yard).await, 2);
    yard.post("/repositories/other/enable", &Value::Null).await.expect(401);
    yard.post_as("/repositories/nothing/enable", ADMIN, &Value::Null).await.expect(404);
}
