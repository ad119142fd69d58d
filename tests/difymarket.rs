//! What Dify asks of a marketplace, in the order in which its core, its web page and the scripts around it ask.

use plugyard_tests::{
    Plan, Plugin, Shelved, Yard,
    marketplace::{Market, Mood},
    yard::ADMIN,
};
use reqwest::Method;
use serde_json::{Value, json};

const BASES: [&str; 3] = ["", "/dify", "/difymarket"];

async fn yard(market: &Market) -> Yard {
    Plan::default().set("PLUGYARD_MARKETPLACE_URL", &market.base()).start().await
}

async fn read(yard: &Yard) {
    yard.post_as("/repositories/marketplace/sync", ADMIN, &Value::Null).await.expect(200);
}

/// Every text is one: Dify refuses a plugin with a null.
fn is_whole(plugin: &Value) {
    for member in [
        "name",
        "org",
        "plugin_id",
        "icon",
        "latest_version",
        "latest_package_identifier",
        "status",
        "deprecated_reason",
        "alternative_plugin_id",
    ] {
        assert!(plugin[member].is_string(), "{member}: {plugin}");
    }
    assert!(plugin["label"]["en_US"].is_string() && plugin["brief"]["en_US"].is_string(), "{plugin}");
    assert!(plugin["resource"]["memory"].is_u64() && plugin["resource"]["permission"].is_object());
}

#[tokio::test]
async fn dify_installs_a_plugin_of_elsewhere_through_us() {
    let (market, plugin) = (Market::start(), Plugin::new("installed"));
    market.list(&plugin, "tool");
    let yard = yard(&market).await;
    read(&yard).await;
    for base in BASES {
        let ids = json!({"plugin_ids": ["yard/installed", "yard/unknown", "nonsense"]});
        let batch = yard.post(&format!("{base}/api/v1/plugins/batch"), &ids).await.expect(200).json();
        assert_eq!((&batch["code"], &batch["msg"]), (&json!(0), &json!("ok")));
        assert_eq!(batch["data"]["plugins"].as_array().unwrap().len(), 1);
        let told = &batch["data"]["plugins"][0];
        is_whole(told);
        let identifier = told["latest_package_identifier"].as_str().unwrap();
        assert!(identifier.starts_with("yard/installed:0.0.1@"), "{identifier}");

        for path in [
            "/api/v1/plugins/yard/installed/0.0.1/download".to_owned(),
            format!("/api/v1/plugins/download?unique_identifier={identifier}"),
        ] {
            let path = format!("{base}{path}");
            let head = yard.send(yard.request(Method::HEAD, &path)).await.expect(200);
            assert_eq!(head.header("content-length"), plugin.bytes().len().to_string());
            let answer = yard.get(&path).await.expect(200);
            assert_eq!(answer.body, plugin.bytes(), "{path}");
        }
        let told = json!({"unique_identifier": identifier});
        let installed = yard.post(&format!("{base}/api/v1/stats/plugins/install_count"), &told).await;
        assert_eq!(installed.expect(200).json()["code"], 0);
    }
    let fetched = market.asked().iter().filter(|asked| asked.ends_with("/download")).count();
    assert_eq!(fetched, 1, "asked for the length and for the bytes, it comes once");
    assert!(market.asked().iter().all(|asked| !asked.contains("/stats/")), "nobody is told");

    let snapshot = yard.get("/api/v1/dist/plugins/manifest.json").await.expect(200).json();
    let newest = &snapshot["plugins"][0];
    assert_eq!((&newest["org"], &newest["latest_version"]), (&json!("yard"), &json!("0.0.1")));
    let url = newest["latest_package_url"].as_str().unwrap();
    let path = url.strip_prefix(yard.base()).unwrap_or_else(|| panic!("{url} leads here"));
    assert_eq!(yard.get(path).await.expect(200).body, plugin.bytes());
}

#[tokio::test]
async fn nobody_makes_us_fetch_without_end() {
    let market = Market::start();
    let plugins: Vec<_> = (0..3).map(|n| Plugin::new(&format!("p{n}"))).collect();
    for plugin in &plugins {
        market.list(plugin, "tool");
    }
    let plan = Plan::default().set("PLUGYARD_MARKETPLACE_URL", &market.base());
    let yard = plan.set("PLUGYARD_RATE_LIMITS", "passing=2/3600").start().await;
    let path = |n: usize| format!("/api/v1/plugins/yard/p{n}/0.0.1/download");
    for n in [0, 0, 1, 0, 1] {
        assert_eq!(yard.get(&path(n)).await.expect(200).body, plugins[n].bytes());
    }
    let refused = yard.get(&path(2)).await.expect(429);
    assert!(refused.header("retry-after").parse::<u32>().unwrap() > 0);
    assert_eq!((&refused.json()["code"], &refused.json()["data"]), (&json!(-1), &Value::Null));
    assert_eq!(
        yard.get(&path(1)).await.expect(200).body,
        plugins[1].bytes(),
        "what is here is for everybody"
    );
    let told = json!({"unique_identifier": "yard/p1:0.0.1"});
    yard.post("/api/v1/stats/plugins/install_count", &told).await.expect(429);
}

#[tokio::test]
async fn the_installations_of_one_caller_count_once_a_day() {
    let yard = Yard::start().await;
    let mut plugin = Shelved::new(&yard, 1, "notes", vec![1; 10]).await;
    plugin.record(&yard, &[("PluginListed", json!({"dialect": "dify"}))]).await;
    yard.settle().await;
    let told = json!({"unique_identifier": format!("u-{:012}/notes:1.0.0", plugin.number())});
    for _ in 0..3 {
        yard.post("/api/v1/stats/plugins/install_count", &told).await.expect(200);
    }
    yard.settle().await;
    let counted = "select count(*) from es.events where event_type = 'DownloadRecorded'
                    and payload ->> 'channel' = 'install'";
    assert_eq!(yard.database().number(counted).await, 1);
}

#[tokio::test]
async fn its_web_page_finds_and_shows_plugins() {
    let market = Market::start();
    for n in 0..5 {
        market.list(&Plugin::new(&format!("p{n}")), if n == 0 { "model" } else { "tool" });
        market.touch(&format!("p{n}"), &format!("2024-02-0{}T00:00:00Z", n + 1), 10 * n);
    }
    let yard = yard(&market).await;
    for is_read in [false, true] {
        if is_read {
            read(&yard).await;
        }
        let search = async |body: Value| {
            let path = "/difymarket/api/v1/plugins/search/advanced";
            let data = yard.post(path, &body).await.expect(200).json()["data"].clone();
            let names = data["plugins"].as_array().unwrap().iter();
            let names: Vec<_> = names.map(|plugin| plugin["name"].as_str().unwrap().to_owned()).collect();
            (names.join(" "), data["total"].as_u64().unwrap())
        };
        let newest = json!({"page": 1, "page_size": 2, "query": "", "sort_by": "version_updated_at",
            "sort_order": "DESC", "category": "", "tags": [], "type": "plugin"});
        assert_eq!(search(newest).await, ("p4 p3".to_owned(), 5), "read: {is_read}");
        assert_eq!(search(json!({"page": 1, "page_size": 1000, "category": "model"})).await.0, "p0");
        assert_eq!(search(json!({"query": "p3", "page_size": 40})).await.0, "p3");
        assert_eq!(search(json!({"type": "bundle"})).await.1, 0);
        assert_eq!(search(json!({"category": "nonsense"})).await.1, 0);
        let without = json!({"exclude": ["yard/p1", "yard/p2", "yard/p3", "yard/p4"]});
        assert_eq!(search(without).await.0, "p0");
    }
    let get = async |path: &str| yard.get(&format!("/difymarket/api/v1{path}")).await.expect(200).json();
    let details = get("/plugins/yard/p3").await;
    is_whole(&details["data"]["plugin"]);
    assert_eq!(details["data"]["plugin"]["introduction"], "# p3");
    let versions = get("/plugins/yard/p3/versions?page=1&page_size=100").await;
    let identifier = versions["data"]["versions"][0]["unique_identifier"].as_str().unwrap().to_owned();
    let found = get(&format!("/plugins/identifier?unique_identifier={identifier}")).await;
    assert_eq!(found["data"]["version"]["version"], "0.0.1");
    let icon = details["data"]["plugin"]["icon"].as_str().unwrap();
    let icon = yard.get(icon.strip_prefix(yard.base()).unwrap()).await.expect(200);
    assert_eq!(icon.header("content-type"), "image/png");
    assert_eq!(get("/collections?page=1&page_size=100").await["data"]["total"], 3);
    let top = yard.post("/difymarket/api/v1/collections/top20/plugins", &json!({})).await.expect(200).json();
    assert_eq!(top["data"]["plugins"][0]["name"], "p4");
    let bundles = yard.post("/difymarket/api/v1/bundles/search/advanced", &json!({})).await.expect(200);
    assert_eq!(bundles.json()["data"], json!({"bundles": [], "total": 0}));
}

#[tokio::test]
async fn whatever_goes_wrong_has_one_form() {
    let (market, plugin) = (Market::start(), Plugin::new("known"));
    market.list(&plugin, "tool");
    let yard = yard(&market).await;
    let unknown = json!({"code": -1, "msg": "plugin not found", "data": null});
    for base in BASES {
        for path in [
            "/api/v1/plugins/yard/unknown/0.0.1/download",
            "/api/v1/plugins/yard/known/9.9.9/download",
            "/api/v1/plugins/Yard/known/0.0.1/download",
            "/api/v1/plugins/yard/known/latest/download",
            "/api/v1/plugins/download?unique_identifier=yard/unknown:0.0.1@ab",
            "/api/v1/plugins/download?unique_identifier=nonsense",
        ] {
            let answer = yard.get(&format!("{base}{path}")).await.expect(404);
            assert_eq!(answer.json(), unknown, "{base}{path}");
        }
        let told = json!({"unique_identifier": "yard/unknown:0.0.1@ab"});
        let answer = yard.post(&format!("{base}/api/v1/stats/plugins/install_count"), &told).await;
        assert_eq!(answer.expect(400).json(), unknown);
        for (path, body) in [
            ("batch", json!({"plugin_ids": "yard/known"})),
            ("batch", json!({"plugin_ids": vec!["a/b"; 501]})),
            ("search/advanced", json!({"page": 0})),
            ("search/advanced", json!({"page_size": 1001})),
            ("search/advanced", json!({"query": "x".repeat(257)})),
        ] {
            let refused = yard.post(&format!("{base}/api/v1/plugins/{path}"), &body).await.expect(400).json();
            assert_eq!((&refused["code"], &refused["data"]), (&json!(-1), &Value::Null), "{path} {body}");
        }
    }
    assert_eq!(
        yard.post("/api/v1/plugins/batch", &json!({})).await.expect(200).json()["data"]["plugins"],
        json!([])
    );
    assert_eq!(yard.get("/difymarket/nothing").await.expect(404).json()["msg"], "not found");
    assert_eq!(yard.get("/api/v1/stats/nothing").await.expect(404).json()["code"], -1);
    market.be(Mood::Refusing(500));
    let down = yard.get("/difymarket/api/v1/plugins/yard/other/0.0.1/download").await.expect(503);
    assert_eq!(down.json()["code"], -1);
}
