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

#[tokio::test]
async fn a_machine_without_a_browser_publishes_in_the_name_of_whoever_approves() {
    let yard = Yard::start().await;
    let neighbour = yard.neighbour("api").await;
    yard.user("ada", "correct horse battery", "publisher").await;
    let token = |what: &str| format!("/space/api/v1/accounts/token/{what}");
    let codes = yard.send(yard.request(Method::POST, &token("generate"))).await.expect(200).json();
    let codes = &codes["data"];
    let both = json!({"device_code": codes["device_code"], "user_code": codes["user_code"]});
    let waiting = neighbour.post(&token("get"), &both).await.expect(200).json();
    assert_eq!(waiting["code"], 425, "{waiting}");
    let page = format!("/space{}", codes["verification_uri"].as_str().unwrap());
    let shown = yard.get(&page).await.expect(200);
    assert!(shown.header("content-type").starts_with("text/html") && !shown.text().contains("<script"));
    assert!(shown.header("content-security-policy").contains("form-action 'self'"));
    let approve = async |password: &str| {
        let code = codes["user_code"].as_str().unwrap();
        let form = format!("user_code={code}&user=ada&password={}", password.replace(' ', "+"));
        let request = yard.request(Method::POST, &page).body(form);
        yard.send(request.header("content-type", "application/x-www-form-urlencoded")).await
    };
    assert!(approve("wrong").await.expect(401).text().contains("Wrong user name or password"));
    assert!(approve("correct horse battery").await.expect(200).text().contains("Approved"));
    let session = neighbour.post(&token("get"), &both).await.expect(200).json();
    assert_eq!(session["code"], 0, "{session}");
    yard.post(&token("get"), &both).await.expect(401);
    let secret = |name: &str| session["data"][name].as_str().unwrap().to_owned();
    for stored in [codes["device_code"].as_str().unwrap(), &secret("refresh_token")] {
        let query = format!("select count(*) from es.events where payload::text like '%{stored}%'");
        assert_eq!(yard.database().number(&query).await, 0, "only hashes are kept");
    }
    let mut device =
        Token { secret: secret("access_token"), ..yard.key_for("eve", &["space"], "user").await };
    publish(&yard, &device, &lbpkg("ada", "Agent", "1.0.0")).await.expect(200);
    let renewed = yard.post(&token("refresh"), &json!({"refresh_token": secret("refresh_token")})).await;
    device.secret = renewed.expect(200).json()["data"]["access_token"].as_str().unwrap().to_owned();
    publish(&yard, &device, &lbpkg("ada", "Agent", "1.1.0")).await.expect(200);
    let who = yard.get_as("/space/identity", &device.secret).await.expect(200).json();
    assert_eq!(who["data"]["account"]["name"], "ada", "{who}");
    yard.command(&["token", "revoke", who["data"]["key"].as_str().unwrap()]).await;
    yard.post(&token("refresh"), &json!({"refresh_token": secret("refresh_token")})).await.expect(401);
}

#[tokio::test]
async fn a_like_shows_in_every_list_at_once_and_is_the_accounts() {
    let yard = Yard::start().await;
    let token = yard.key_for("ada", &["space"], "publisher").await;
    publish(&yard, &token, &lbpkg("ada", "Agent", "1.0.0")).await.expect(200);
    let list = format!("{MARKET}/plugins");
    let tag = yard.get(&list).await.expect(200).header("etag").to_owned();
    let path = format!("{MARKET}/extensions/plugin/ada/Agent/like");
    let like = async |liked: bool| {
        let request = yard.bearing(Method::PUT, &path, &token.secret);
        yard.send(request.json(&json!({"fingerprint": "x", "liked": liked}))).await.expect(200).json()
    };
    for _ in 0..2 {
        assert_eq!(like(true).await["data"]["like_count"], 1);
    }
    let held = yard.send(yard.request(Method::GET, &list).header("if-none-match", tag)).await.expect(200);
    assert_eq!(held.json()["data"]["plugins"][0]["like_count"], 1);
    let status = yard.post_as(&format!("{MARKET}/extensions/likes/status"), &token.secret, &json!({})).await;
    let liked = json!([{"type": "plugin", "extension_id": "ada/Agent"}]);
    assert_eq!(status.expect(200).json()["data"]["extensions"], liked);
    assert_eq!(like(false).await["data"]["like_count"], 0);
    assert_eq!(data(&yard, "/plugins/ada/Agent").await["plugin"]["like_count"], 0);
    let anonymous = yard.request(Method::PUT, &path).json(&json!({"fingerprint": "x", "liked": true}));
    yard.send(anonymous).await.expect(401);
}

#[tokio::test]
async fn plugins_are_found_by_the_kinds_of_their_components() {
    let yard = Yard::start().await;
    let token = yard.key_for("ada", &["space"], "publisher").await;
    publish(&yard, &token, &lbpkg("ada", "Agent", "1.0.0")).await.expect(200);
    let tool = lbpkg("ada", "Tools", "1.0.0").set("/spec/components", json!({"Tool": {"fromDirs": []}}));
    publish(&yard, &token, &tool).await.expect(200);
    for (filter, found) in
        [("Tool", &["Tools"][..]), ("Command", &["Agent"]), ("Page", &[]), ("", &["Agent", "Tools"])]
    {
        let wish = json!({"component_filter": filter, "sort_by": "name"});
        let answer = yard.post(&format!("{MARKET}/extensions/search"), &wish).await.expect(200).json();
        let names: Vec<&str> = answer["data"]["extensions"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["name"].as_str().unwrap())
            .collect();
        assert_eq!((names.as_slice(), &answer["data"]["total"]), (found, &json!(found.len())), "{filter}");
    }
}

#[tokio::test]
async fn files_of_a_package_are_shown_where_nothing_in_them_runs() {
    let yard = Yard::start().await;
    let token = yard.key_for("ada", &["space"], "publisher").await;
    let package = lbpkg("ada", "Agent", "1.0.0")
        .file("assets/pictures/a b.png", *b"\x89PNG\r\n\x1a\nx")
        .file("assets/page.html", "<script>alert(1)</script>")
        .file("assets/large.bin", vec![7; 4 * 1024 * 1024 + 1]);
    publish(&yard, &token, &package).await.expect(200);
    let below = format!("{MARKET}/plugins/ada/Agent/resources/assets");
    let get = async |path: &str| yard.get(&format!("{below}/{path}")).await;
    let icon = get("icon.svg").await.expect(200);
    assert!(icon.header("content-type").starts_with("image/svg"), "{:?}", icon.headers);
    assert!(icon.header("content-security-policy").contains("sandbox"));
    assert_eq!(icon.header("x-content-type-options"), "nosniff");
    let picture = get("pictures/a%20b.png").await.expect(200);
    assert_eq!((picture.header("content-type"), picture.body.len()), ("image/png", 9));
    let page = get("page.html").await.expect(200);
    assert_eq!(page.header("content-type"), "application/octet-stream");
    assert!(page.header("content-disposition").starts_with("attachment"), "{:?}", page.headers);
    assert!(page.header("content-security-policy").contains("sandbox"));
    let tag = icon.header("etag").to_owned();
    let again = yard.request(Method::GET, &format!("{below}/icon.svg")).header("if-none-match", &tag);
    assert!(yard.send(again).await.expect(304).body.is_empty());
    let head = yard.send(yard.request(Method::HEAD, &format!("{below}/page.html"))).await.expect(200);
    assert_eq!(head.header("content-length"), "25");
    for none in ["nothing.png", "large.bin", "..%2Fmain.py", "../main.py", "pictures", "%00", "icon.svg/"] {
        assert_eq!(get(none).await.status, 404, "{none}");
    }
    publish(&yard, &token, &lbpkg("ada", "Agent", "1.1.0")).await.expect(200);
    assert_eq!(get("page.html").await.status, 404, "the latest package has none");
    assert_ne!(get("icon.svg").await.expect(200).header("etag"), tag);
    assert_eq!(data(&yard, "/plugins/ada/Agent").await["plugin"]["install_count"], 0);
    assert!(yard.strays().is_empty(), "{:?}", yard.strays());
}
