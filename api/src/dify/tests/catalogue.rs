use serde_json::{Value, json};

use axum::{body::Body, http::Method};

use super::Yard;

const BASE: &str = "/api/v1/marketplace";

#[tokio::test]
async fn a_search_answers_items_with_the_documented_members() {
    let yard = Yard::new();
    for (mount, prefix) in [("", ""), ("/dify", "/dify")] {
        let page = yard.get(&format!("{mount}{BASE}/plugins?q=agent")).await.expect(200).json();
        let keys = ["plugins", "total", "page", "per_page", "has_more"];
        assert!(page.as_object().unwrap().keys().all(|key| keys.contains(&key.as_str())), "{page}");
        assert_eq!((&page["total"], &page["page"], &page["has_more"]), (&json!(21), &json!(1), &json!(true)));
        let item = page["plugins"][0].as_object().unwrap();
        assert_eq!(item.len(), 13, "{item:?}");
        assert_eq!(item["rating"], Value::Null);
        assert_eq!(item["icon_url"], format!("{prefix}{BASE}/plugins/langgenius/agent/icon"));
        assert_eq!(item["updated_at"], "2024-01-01T00:00:00Z");
    }
    let featured = yard.get(&format!("{BASE}/plugins/featured?limit=3")).await.expect(200).json();
    assert_eq!((&featured["featured"], &featured["per_page"]), (&json!(true), &json!(3)));
}

#[tokio::test]
async fn categories_are_filtered_by_either_name_and_unknown_ones_hold_nothing() {
    let yard = Yard::new();
    for (query, found) in [
        ("category=agent", 1),
        ("category=agent-strategy", 1),
        ("category=", 1),
        ("category=tool", 0),
        ("category=workflow", 0),
        ("page=2", 0),
    ] {
        let page = yard.get(&format!("{BASE}/plugins?{query}")).await.expect(200).json();
        assert_eq!(page["plugins"].as_array().unwrap().len(), found, "{query}");
    }
}

#[tokio::test]
async fn what_is_out_of_range_is_422_with_a_list() {
    let yard = Yard::new();
    let long = "x".repeat(257);
    for query in [
        "plugins?page=0",
        "plugins?per_page=101",
        "plugins?per_page=x",
        &format!("plugins?q={long}"),
        "plugins?q=%00",
        "plugins/featured?limit=21",
    ] {
        let detail = yard.get(&format!("{BASE}/{query}")).await.expect(422).detail();
        assert_eq!(detail.as_array().unwrap().len(), 1, "{query}: {detail}");
    }
    let detail = yard.post(&format!("{BASE}/parse-url"), &json!({})).await.expect(422).detail();
    assert_eq!(detail[0]["loc"], json!(["query", "url"]));
}

#[tokio::test]
async fn details_and_versions_have_null_for_what_nobody_says() {
    let yard = Yard::new();
    let details = yard.get(&format!("{BASE}/plugins/langgenius/agent")).await.expect(200);
    assert_eq!(details.header("x-marketplace-stale"), "");
    let details = details.json();
    assert_eq!(details.as_object().unwrap().len(), 20, "{details}");
    assert_eq!((&details["readme"], &details["license"]), (&json!("# Agent"), &Value::Null));
    let versions = yard.get(&format!("{BASE}/plugins/langgenius/agent/versions")).await.expect(200).json();
    assert_eq!(details["available_versions"], versions["versions"]);
    let first = json!({
        "version": "0.0.9", "created_at": "2024-01-01T00:00:00Z", "changelog": null, "download_count": null,
    });
    assert_eq!(versions["versions"][0], first);
}

#[tokio::test]
async fn what_the_marketplace_does_not_know_is_404_in_the_documents_words() {
    let yard = Yard::new();
    let detail = async |path: &str| yard.get(&format!("{BASE}/plugins/{path}")).await.expect(404).detail();
    assert_eq!(detail("a/b").await, "Plugin a/b not found");
    assert_eq!(detail("a/%00").await, "Plugin a/\0 not found");
    assert_eq!(detail("a/b/versions").await, "No versions found for plugin a/b");
    assert_eq!(detail("a/b/icon").await, "No icon found for plugin a/b");
    let post = async |path: &str| yard.post(&format!("{BASE}/plugins/{path}/download-url"), &json!({})).await;
    assert_eq!(post("a/b/1.0.0").await.expect(404).detail(), "No versions found for plugin a/b");
    let unknown = post("langgenius/agent/0.0.1").await.expect(404).detail();
    assert_eq!(unknown, "Version 0.0.1 of langgenius/agent not found");
    assert_eq!(
        post("langgenius/agent/0.0.8").await.expect(200).json(),
        json!({
            "download_url": "https://market.example/langgenius/agent:0.0.8",
            "plugin": {"author": "langgenius", "name": "agent", "version": "0.0.8"},
        })
    );
}

#[tokio::test]
async fn an_icon_cannot_do_anything() {
    let icon = Yard::new().get(&format!("{BASE}/plugins/langgenius/agent/icon")).await.expect(200);
    assert_eq!(
        (icon.header("content-type"), icon.header("x-content-type-options")),
        ("image/svg+xml", "nosniff")
    );
    assert!(icon.header("content-security-policy").ends_with("; sandbox"));
    assert_eq!(icon.body, b"<svg/>");
}

#[tokio::test]
async fn categories_are_objects_or_the_strings_that_one_front_end_reads() {
    let list = async |yard: Yard| {
        yard.get(&format!("{BASE}/categories")).await.expect(200).json()["categories"].clone()
    };
    let objects = list(Yard::new()).await;
    let agent = json!({
        "id": "agent", "name": "Agent", "description": "Agent-related plugins", "icon": "robot",
        "plugin_count": 1,
    });
    assert!(objects.as_array().unwrap().contains(&agent), "{objects}");
    let strings = list(Yard::with(&["--compat-dify-categories", "strings"])).await;
    assert_eq!(strings, json!(["tool", "model", "datasource", "agent", "trigger", "extension"]));
}

#[tokio::test]
async fn an_address_is_parsed_into_a_plugin_or_told_how_it_should_look() {
    let yard = Yard::new();
    let parsed = async |url: &str| {
        yard.post(&format!("{BASE}/parse-url?url={url}"), &json!({})).await.expect(200).json()
    };
    assert_eq!(
        parsed("https://market.example/plugins/langgenius/agent").await,
        json!({
            "valid": true, "author": "langgenius", "name": "agent", "latest_version": "0.0.9",
            "download_url": "https://market.example/langgenius/agent:0.0.9",
        })
    );
    let other = parsed("https://elsewhere.example/").await;
    assert_eq!((&other["valid"], other.as_object().unwrap().len()), (&json!(false), 3));
    assert_eq!(other["expected_format"], "https://market.example/plugins/{author}/{name}");
}

#[tokio::test]
async fn a_task_can_name_a_plugin_or_its_page() {
    let yard = Yard::new();
    let page = json!({"url": "https://market.example/plugins/langgenius/agent"});
    let record = yard.post("/api/v1/tasks", &page).await.expect(200).json();
    assert_eq!(record["original_filename"], "agent.difypkg");
    let unknown = json!({"url": "https://market.example/plugins/a/b"});
    let refused = yard.post("/dify/api/v1/tasks", &unknown).await.expect(404);
    assert_eq!(refused.detail(), "No versions found for plugin a/b");
    let plugin = json!({"author": "a", "name": "b", "version": "1.0.0", "platform": "", "suffix": "x"});
    let record = yard.post("/dify/api/v1/tasks/marketplace", &plugin).await.expect(200).json();
    assert_eq!((&record["status"], record.as_object().unwrap().len()), (&json!("pending"), 10));
    assert_eq!(yard.fakes.tasks(), 2);
}

#[tokio::test]
async fn a_task_by_name_lists_what_is_malformed() {
    let yard = Yard::new();
    let refused =
        async |body: Value| yard.post("/api/v1/tasks/marketplace", &body).await.expect(422).detail();
    let missing = refused(json!({"author": 7, "version": ""})).await;
    let kinds: Vec<_> = missing.as_array().unwrap().iter().map(|issue| issue["type"].clone()).collect();
    assert_eq!(kinds, ["string_type", "missing", "missing"]);
    let win = json!({"author": "a", "name": "b", "version": "1.0.0", "platform": "win32"});
    assert_eq!(refused(win).await[0]["type"], "enum");
    for (member, value) in [("name", "../b"), ("version", "1"), ("suffix", "/")] {
        let mut body = json!({"author": "a", "name": "b", "version": "1.0.0"});
        body[member] = value.into();
        yard.post("/api/v1/tasks/marketplace", &body).await.expect(400);
    }
    assert_eq!(yard.fakes.tasks(), 0);
}

#[tokio::test]
async fn a_marketplace_that_does_not_answer_is_503_with_a_time_to_wait() {
    let yard = Yard::new();
    yard.fakes.take_down();
    for path in
        ["plugins", "plugins/featured", "authors", "categories", "plugins/a/b", "plugins/a/b/versions"]
    {
        let answer = yard.get(&format!("{BASE}/{path}")).await.expect(503);
        assert_eq!(answer.header("retry-after"), "2");
        assert!(answer.detail().as_str().unwrap().ends_with("(MARKETPLACE_UNAVAILABLE)"));
    }
    let status = yard.get(&format!("{BASE}/status")).await.expect(200).json();
    assert_eq!(status["marketplace_api"]["status"], "error");
}

#[tokio::test]
async fn a_task_by_name_counts_for_the_limit_and_browsing_does_not() {
    let yard = Yard::with(&["--rate-limits", "dify=1/60"]);
    yard.get(&format!("{BASE}/plugins")).await.expect(200);
    yard.post(&format!("{BASE}/parse-url?url=x"), &json!({})).await.expect(200);
    let plugin = json!({"author": "a", "name": "b", "version": "1.0.0"});
    yard.post("/api/v1/tasks/marketplace", &plugin).await.expect(200);
    yard.post("/dify/api/v1/tasks/marketplace", &plugin).await.expect(429);
    yard.get(&format!("{BASE}/plugins")).await.expect(200);
}

#[tokio::test]
async fn what_a_client_has_already_is_not_sent_again() {
    let yard = Yard::new();
    for path in
        ["plugins?q=agent", "plugins/featured", "authors", "categories", "plugins/langgenius/agent/versions"]
    {
        let path = format!("{BASE}/{path}");
        let first = yard.get(&path).await.expect(200);
        let tag = first.header("etag").to_owned();
        assert!(tag.starts_with("W/\""), "{path}: {tag}");
        assert_eq!(first.header("cache-control"), "public, max-age=0, must-revalidate");
        for (held, status) in [(tag.as_str(), 304), ("\"other\"", 200), ("*", 304)] {
            let again =
                yard.ask(Method::GET, &path, &[("if-none-match", held)], Body::empty()).await.expect(status);
            assert_eq!(again.header("etag"), tag);
            assert_eq!(again.body.is_empty(), status == 304, "{path}");
        }
    }
    let unknown =
        yard.ask(Method::GET, &format!("{BASE}/plugins/a/b"), &[("if-none-match", "*")], Body::empty()).await;
    assert_eq!(unknown.expect(404).header("etag"), "");
}
