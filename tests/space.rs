//! LangBot's marketplace as `lbp`, the core and the plugin runtime use it.

use plugyard_tests::{
    Answer, Package, Token, Yard,
    packages::{inkdrop_tarball, lbpkg},
};
use reqwest::{Method, multipart};
use serde_json::{Value, json};

const MARKET: &str = "/langbot/api/v1/marketplace";

async fn publish(yard: &Yard, token: &Token, package: &Package) -> Answer {
    let file = multipart::Part::bytes(package.bytes()).file_name(package.file_name());
    let form = multipart::Form::new().text("changelog", "").part("file", file);
    let request = yard.bearing(Method::POST, &format!("{MARKET}/plugins/publish"), &token.secret);
    yard.send(request.multipart(form)).await
}

async fn data(yard: &Yard, path: &str) -> Value {
    let answer = yard.get(&format!("{MARKET}{path}")).await.expect(200).json();
    assert_eq!(answer["code"], 0, "{answer}");
    answer["data"].clone()
}

#[tokio::test]
async fn what_lbp_publishes_the_core_finds_and_downloads() {
    let yard = Yard::start().await;
    let token = yard.key_for("ada", &["space"], "publisher").await;
    assert!(token.secret.starts_with("lbpat_"));
    let package = lbpkg("langbot-team", "LocalAgent", "0.1.7");
    let published = publish(&yard, &token, &package).await.expect(200).json();
    assert_eq!(published["data"]["submission"]["status"], "live");
    // As the core asks: servers, skills, versions, download.
    yard.get(&format!("{MARKET}/mcps/langbot-team/LocalAgent")).await.expect(404);
    yard.get(&format!("{MARKET}/skills/langbot-team/LocalAgent")).await.expect(404);
    let versions = data(&yard, "/plugins/langbot-team/LocalAgent/versions").await;
    assert_eq!(versions["versions"][0]["version"], "0.1.7");
    let path = format!("{MARKET}/plugins/download/langbot-team/LocalAgent/0.1.7");
    let downloaded = yard.get(&path).await.expect(200);
    assert_eq!(downloaded.header("content-length"), package.bytes().len().to_string());
    assert_eq!(downloaded.body, package.bytes());
    yard.send(yard.request(Method::HEAD, &path)).await.expect(200);
    yard.send(yard.request(Method::GET, &path).header("range", "bytes=0-9")).await.expect(206);
    let plugin = data(&yard, "/plugins/langbot-team/LocalAgent").await["plugin"].clone();
    for (member, value) in [
        ("plugin_id", json!("langbot-team/LocalAgent")),
        ("install_count", json!(1)),
        ("latest_version", json!("0.1.7")),
        ("label", json!({"en_US": "The LocalAgent plugin", "zh_Hans": "插件"})),
        ("description", json!({"en_US": "Made by a test"})),
        ("icon", json!("plugins/langbot-team/LocalAgent/resources/icon")),
        ("repository", json!("https://github.com/langbot-team/LocalAgent")),
        ("components", json!({"Command": 1})),
        ("status", json!("live")),
    ] {
        assert_eq!(plugin[member], value, "{member}");
    }
    assert_eq!(data(&yard, "/plugins").await, json!({"plugins": [plugin], "total": 1}));
    let readme = data(&yard, "/plugins/langbot-team/LocalAgent/resources/README").await;
    assert_eq!(readme["readme"], "# LocalAgent\n");
    let icon = yard.get(&format!("{MARKET}/{}", plugin["icon"].as_str().unwrap())).await.expect(302);
    let icon = yard.get(icon.header("location").strip_prefix(yard.base()).unwrap()).await.expect(200);
    assert!(icon.header("content-type").starts_with("image/svg"), "{:?}", icon.headers);
}

#[tokio::test]
async fn what_cannot_be_published_is_told_in_msg() {
    let yard = Yard::start().await;
    let token = yard.key_for("ada", &["space"], "publisher").await;
    let other = yard.key_for("eve", &["space"], "publisher").await;
    publish(&yard, &token, &lbpkg("ada", "Agent", "1.0.0")).await.expect(200);
    publish(&yard, &token, &lbpkg("ada", "Agent", "1.0.0")).await.expect(200);
    let changed = lbpkg("ada", "Agent", "1.0.0").file("more.txt", "more");
    for (token, package, status) in [
        (&token, changed, 409),
        (&other, lbpkg("ada", "Agent", "1.1.0"), 403),
        (&other, lbpkg("ada", "Other", "1.0.0"), 403),
        (&other, lbpkg("eve", "config", "1.0.0"), 400),
        (&other, lbpkg("eve", "Agent", "latest"), 400),
        (&other, inkdrop_tarball("notes", "1.0.0"), 400),
    ] {
        let refused = publish(&yard, token, &package).await.expect(status).json();
        assert!(refused["msg"].as_str().is_some_and(|msg| msg.len() > 10), "{refused}");
    }
    let versions = data(&yard, "/plugins/ada/Agent/versions").await;
    assert_eq!(versions["versions"].as_array().unwrap().len(), 1);
}
