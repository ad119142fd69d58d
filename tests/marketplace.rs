//! Plugins of the marketplace: found, repackaged by name and by the address of a page, and what happens when it fails.

use plugyard_tests::{
    Act, Plan, Plugin, Sample, X86_64, Yard,
    marketplace::{Market, Mood},
    unpacked::Unpacked,
    yard::task_id,
};
use serde_json::{Value, json};

const BASE: &str = "/api/v1/marketplace";

async fn yard(market: &Market) -> Yard {
    plan(market).start().await
}

fn plan(market: &Market) -> Plan {
    Plan::default().set("PLUGYARD_MARKETPLACE_URL", &market.base())
}

fn by_name(plugin: &Plugin) -> Value {
    let Plugin { author, name, version, .. } = plugin;
    json!({"author": author, "name": name, "version": version, "platform": X86_64})
}

async fn ask(yard: &Yard, body: &Value) -> String {
    task_id(&yard.post("/api/v1/tasks/marketplace", body).await.expect(200).json())
}

#[tokio::test]
async fn a_plugin_is_repackaged_by_its_name_and_every_frame_says_where_it_came_from() {
    let (market, sample) = (Market::start(), Sample::new("listed"));
    market.list(&sample.plugin, "tool");
    let yard = yard(&market).await;
    market.store().always("/packages/yard/listed/0.0.1", Act::Stall(10));
    let id = ask(&yard, &by_name(&sample.plugin)).await;
    let mut socket = yard.socket(&id).await;
    let first = socket.frame().await;
    assert_eq!(first["plugin_info"], json!({"author": "yard", "name": "listed", "version": "0.0.1"}));
    assert_eq!(first["marketplace_metadata"]["source"], "marketplace");
    market.store().release();
    let last = socket.records().await.pop().unwrap();
    assert_eq!(
        last["marketplace_metadata"],
        json!({
            "source": "marketplace", "author": "yard", "name": "listed", "version": "0.0.1",
            "display_name": "The listed plugin", "category": "tool",
            "icon_url": "/api/v1/marketplace/plugins/yard/listed/icon",
        })
    );
    assert_eq!(
        (&last["original_filename"], &last["output_filename"]),
        (&json!("listed.difypkg"), &json!("listed-offline.difypkg"))
    );
    assert_eq!(yard.result(&id).await.wheels(), sample.expected(0));

    let by_object = json!({"marketplace_plugin": by_name(&sample.plugin), "platform": X86_64});
    yard.completed(&yard.repackage(&by_object).await).await;
    let told =
        yard.server().log() + &yard.database().texts("select payload::text from es.events").await.concat();
    assert!(!told.contains("presigned"), "the address in the object store is nobody's business");
    assert!(market.asked().iter().all(|asked| !asked.contains("/stats/")), "{:?}", market.asked());
}

#[tokio::test]
async fn a_page_means_the_latest_version() {
    let (market, sample) = (Market::start(), Sample::new("paged"));
    let mut old = Plugin::new("paged");
    old.version = "0.0.0".to_owned();
    market.list(&old, "tool");
    market.list(&sample.plugin, "tool");
    let yard = yard(&market).await;
    let page = market.page_of(&sample.plugin);
    for url in [format!("{page}?source=x"), page.replace("http://", "").replace("/plugins/", "/plugin/")] {
        let report = {
            let id = yard.repackage_url(&url, X86_64).await;
            yard.completed(&id).await;
            yard.report(&id).await
        };
        let checksum = Unpacked::read(&sample.plugin.archive_without_descriptors().bytes()).checksum();
        assert_eq!(report["identifier_in"], format!("yard/paged:0.0.1@{checksum}"));
    }
    let unknown = json!({"url": page.replace("paged", "nothing"), "platform": X86_64});
    let refused = yard.post("/api/v1/tasks", &unknown).await.expect(404);
    assert_eq!(refused.detail(), "No versions found for plugin yard/nothing");
    let elsewhere = json!({"url": "https://example.com/plugins/yard/paged"});
    let refused = yard.post("/api/v1/tasks", &elsewhere).await.expect(400);
    assert_eq!(refused.detail(), "URL must point to a .difypkg file");
    market.be(Mood::Refusing(503));
    let other = json!({"url": page.replace("paged", "other"), "platform": X86_64});
    let down = yard.post("/api/v1/tasks", &other).await.expect(503);
    assert_eq!(down.detail(), "The marketplace does not answer; try again later (MARKETPLACE_UNAVAILABLE)");
    assert!(!down.header("retry-after").is_empty());
}

#[tokio::test]
async fn what_the_marketplace_does_not_have_is_a_failed_task() {
    let (market, plugin) = (Market::start(), Plugin::new("versioned"));
    market.list(&plugin, "tool");
    let yard = yard(&market).await;
    let mut body = by_name(&plugin);
    body["version"] = "9.9.9".into();
    let id = ask(&yard, &body).await;
    assert_eq!(yard.failed(&id).await, "Version 9.9.9 of yard/versioned not found (PLUGIN_UNKNOWN)");
    body["name"] = "nothing".into();
    let id = ask(&yard, &body).await;
    assert_eq!(yard.failed(&id).await, "No versions found for plugin yard/nothing (PLUGIN_UNKNOWN)");
}

#[tokio::test]
async fn another_content_than_the_promised_one_is_refused_unless_the_operator_wants_a_note() {
    let (market, plugin) = (Market::start(), Plugin::new("changed"));
    market.list_promising(&plugin, "tool", &"ab".repeat(32));
    let wrong = "Integrity check failed for yard/changed:0.0.1: the marketplace promised another content";
    let strict = yard(&market).await;
    let id = ask(&strict, &by_name(&plugin)).await;
    assert_eq!(strict.failed(&id).await, format!("{wrong} (CHECKSUM_MISMATCH)"));
    let lenient = plan(&market).set("PLUGYARD_MARKETPLACE_CHECKSUM", "warn").start().await;
    let id = ask(&lenient, &by_name(&plugin)).await;
    lenient.completed(&id).await;
    let notes = lenient.report(&id).await["notes"].clone();
    assert!(notes.as_array().unwrap().iter().any(|note| note["text"] == wrong), "{notes}");
    let uploaded = lenient.upload(&plugin, X86_64).await;
    lenient.completed(&uploaded).await;
    let notes = lenient.report(&uploaded).await["notes"].to_string();
    assert!(!notes.contains(wrong), "the same bytes from elsewhere were never promised: {notes}");
}

#[tokio::test]
async fn its_redirects_lead_nowhere_inside() {
    let (market, plugin) = (Market::start(), Plugin::new("inside"));
    market.list(&plugin, "tool");
    let yard = plan(&market).set("PLUGYARD_FETCH_ALLOW", "").start().await;
    let id = ask(&yard, &by_name(&plugin)).await;
    assert_eq!(yard.failed(&id).await, "Redirect to a forbidden address (REDIRECT_FORBIDDEN)");
    yard.get(&format!("{BASE}/plugins/yard/inside/icon")).await.expect(404);
    assert_eq!(market.store().connections(), 0);
}

#[tokio::test]
async fn the_catalogue_answers_from_the_marketplace() {
    let market = Market::start();
    for number in 0..45 {
        market
            .list(&Plugin::new(&format!("p{number:02}")), if number < 5 { "agent-strategy" } else { "tool" });
    }
    let yard = yard(&market).await;
    let get = async |path: &str| yard.get(&format!("/dify{BASE}/{path}")).await.expect(200).json();
    let names = |page: &Value| {
        let plugins = page["plugins"].as_array().unwrap().iter();
        plugins.map(|plugin| plugin["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let page = get("plugins?per_page=20&page=3").await;
    assert_eq!(names(&page), ["p40", "p41", "p42", "p43", "p44"]);
    assert_eq!((&page["total"], &page["has_more"]), (&json!(45), &json!(false)));
    assert_eq!(page["plugins"][0]["created_at"], "2024-01-01T00:00:00Z");
    assert_eq!(names(&get("plugins?per_page=100").await).len(), 45, "their pages hold forty");
    assert_eq!(get("plugins?category=agent").await["total"], 5);
    assert_eq!(get("plugins?q=p44").await["total"], 1);
    assert_eq!(get("plugins?author=yard&page=2&per_page=44").await["plugins"].as_array().unwrap().len(), 1);
    assert_eq!(get("plugins?author=nobody").await["total"], 0);
    assert_eq!(names(&get("plugins/featured").await).len(), 6);
    assert_eq!(get("authors").await, json!({"authors": ["yard"]}));
    let categories = get("categories").await;
    let counts: Vec<_> = categories["categories"]
        .as_array()
        .unwrap()
        .iter()
        .map(|category| category["plugin_count"].clone())
        .collect();
    assert_eq!(counts, [40, 0, 0, 5, 0, 0]);
    let details = get("plugins/yard/p07").await;
    assert_eq!((&details["readme"], &details["verified"]), (&json!("# p07"), &json!(true)));
    assert_eq!(details["available_versions"], get("plugins/yard/p07/versions").await["versions"]);
    assert_eq!(get("status").await["marketplace_api"]["status"], "operational");
    let icon = yard.get(details["icon_url"].as_str().unwrap()).await.expect(200);
    assert_eq!(
        (icon.header("content-type"), icon.header("x-content-type-options")),
        ("image/png", "nosniff")
    );

    market.be(Mood::Refusing(500));
    let again = yard.get(&format!("{BASE}/plugins/yard/p07")).await.expect(200);
    assert_eq!(again.header("x-marketplace-stale"), "", "ten minutes are not over");
}

#[tokio::test]
async fn a_marketplace_that_is_down_or_babbles_is_503_for_its_reads_alone_and_is_left_alone() {
    let market = Market::start();
    let (yard, sample) = (yard(&market).await, Sample::new("unaffected"));
    let long = "[".repeat(100_000);
    for mood in [
        Mood::Refusing(403),
        Mood::Babbling("<html>".to_owned()),
        Mood::Babbling(long),
        Mood::Babbling(r#"{"code":0,"data":{"plugin":{"org":7}}}"#.to_owned()),
        Mood::Babbling(r#"{"code":"0","data":"#.to_owned()),
        Mood::Refusing(500),
    ] {
        market.be(mood.clone());
        let down = yard.get(&format!("{BASE}/plugins/a/b")).await;
        assert_eq!(down.status, 503, "{mood:?}: {}", down.text());
        assert!(!down.header("retry-after").is_empty());
    }
    market.be(Mood::Refusing(500));
    for path in ["categories", "plugins/featured", "plugins?q=x", "plugins?author=a", "authors"] {
        assert_eq!(yard.get(&format!("{BASE}/{path}")).await.status, 503, "{path}");
    }
    let status = yard.get(&format!("{BASE}/status")).await.expect(200).json();
    assert_eq!(
        (&status["circuit_breaker"]["state"], &status["marketplace_api"]["status"]),
        (&json!("open"), &json!("error"))
    );
    let asked = market.asked().len();
    yard.get(&format!("{BASE}/authors")).await.expect(503);
    assert_eq!(market.asked().len(), asked, "nobody asks for a while");
    yard.completed(&yard.repackage_url(&sample.package_url(), X86_64).await).await;
}
