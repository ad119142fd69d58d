//! The Inkdrop registry as ipm uses it: published, read, fetched and taken back over HTTP alone.

use plugyard_tests::{
    Answer, Files, Package, Plan, Token, Yard,
    packages::{inkdrop_tarball, lbpkg},
};
use reqwest::{Method, multipart};
use serde_json::{Value, json};

const README: &str = "# Solarized Dark UI theme for Inkdrop\n\nA theme plugin that implements the Solarized Dark theme \
                      for [Inkdrop](https://www.inkdrop.app/).\n\n![screenshot](./docs/screenshot.png)\n";

/// As the document has it.
fn solarized(version: &str, helpers: &str) -> Value {
    json!({
        "name": "solarized-dark-ui",
        "version": version,
        "theme": "ui",
        "themeAppearance": "dark",
        "type": "module",
        "description": "Solarized Dark UI Theme for Inkdrop",
        "styleSheets": ["tokens.css", "theme.css"],
        "scripts": {},
        "keywords": ["inkdrop", "markdown"],
        "repository": "https://github.com/inkdropapp/solarized-dark-ui",
        "author": "Takuya Matsuyama<t@inkdrop.app>",
        "license": "MIT",
        "devDependencies": {"@inkdropapp/theme-dev-helpers": helpers},
        "engines": {"inkdrop": "^5.9.0"},
    })
}

fn packed(manifest: &Value) -> Package {
    let text = |name: &str| manifest[name].as_str().unwrap();
    let package = inkdrop_tarball(text("name"), text("version"));
    package.file("package.json", format!("{manifest:#}\n")).file("README.md", README)
}

/// What ipm sends for a package.
struct Sent<'a> {
    path: &'a str,
    tarball: Vec<u8>,
    fields: &'a [(&'static str, &'static str)],
}

async fn send(yard: &Yard, token: &Token, sent: Sent<'_>) -> Answer {
    let tarball = multipart::Part::bytes(sent.tarball).file_name("package.tar.gz");
    let tarball = tarball.mime_str("application/gzip").unwrap();
    let form = multipart::Form::new().part("tarball", tarball);
    let form = sent.fields.iter().fold(form, |form, (name, value)| form.text(*name, *value));
    let request = yard.request(Method::POST, &format!("/inkdrop{}", sent.path));
    let request = request.header("authorization", token.basic()).header("x-api-key", "1");
    yard.send(request.multipart(form)).await
}

async fn publish(yard: &Yard, token: &Token, path: &str, package: &Package) -> Answer {
    let fields = &[("repository", "inkdropapp/solarized-dark-ui"), ("dryrun", "false")];
    let fields = if path == "/v2/packages" { &fields[..] } else { &[] };
    send(yard, token, Sent { path, tarball: package.bytes(), fields }).await
}

async fn remove(yard: &Yard, token: &Token, path: &str) -> Answer {
    let request = yard.request(Method::DELETE, &format!("/inkdrop/v2/packages/{path}"));
    yard.send(request.header("authorization", token.basic()).header("x-api-key", "1")).await
}

async fn publisher(yard: &Yard, name: &str) -> Token {
    yard.key_for(name, &["inkdrop"], "publisher").await
}

#[tokio::test]
async fn the_package_of_the_document_comes_back_as_the_document_shows_it() {
    let yard = Yard::start().await;
    let token = publisher(&yard, "takuya").await;
    let versions = [("1.0.0", "^0.3.6"), ("1.0.1", "^0.3.7"), ("1.1.0", "^0.3.7")];
    for (number, (version, helpers)) in versions.into_iter().enumerate() {
        let path = if number == 0 { "/v2/packages" } else { "/v2/packages/solarized-dark-ui/versions" };
        publish(&yard, &token, path, &packed(&solarized(version, helpers))).await.expect(201);
    }
    let with_bytes = |version: &str, helpers: &str| {
        let mut whole = solarized(version, helpers);
        let path = format!("/v1/packages/solarized-dark-ui/versions/{version}/tarball");
        whole["dist"] = json!({"tarball": format!("{}{path}", yard.base())});
        whole
    };
    let mut shown = yard.get("/v1/packages/solarized-dark-ui").await.expect(200).json();
    let [created, updated] = ["created_at", "updated_at"].map(|at| shown[at].as_i64().unwrap());
    assert!(1_700_000_000_000 < created && created <= updated, "milliseconds: {created} {updated}");
    let expected = json!({
        "name": "solarized-dark-ui",
        "created_at": created,
        "updated_at": updated,
        "repository": "inkdropapp/solarized-dark-ui",
        "downloads": 0,
        "stargazers_count": 0,
        "releases": {"latest": "1.1.0"},
        "versions": versions.map(|(version, helpers)| (version.to_owned(), with_bytes(version, helpers)))
            .into_iter().collect::<serde_json::Map<_, _>>(),
        "readme": README,
        "metadata": solarized("1.1.0", "^0.3.7"),
    });
    assert_eq!(shown, expected);
    let version = yard.get("/v1/packages/solarized-dark-ui/versions/1.1.0").await.expect(200).json();
    assert_eq!(version, with_bytes("1.1.0", "^0.3.7"));
    shown.as_object_mut().unwrap().remove("versions");
    for list in ["/v1/packages/?sort=recency&page=0&theme=", "/v1/packages?sort=theme-majority&theme=1"] {
        assert_eq!(yard.get(list).await.expect(200).json(), json!([shown]), "{list}");
    }
    let found = yard.get("/v1/packages/search?sort=score&q=solarized&direction=desc").await.expect(200);
    assert_eq!(found.json(), json!([expected]));
    assert_eq!(yard.get("/v1/packages?page=1").await.expect(200).json(), json!([]));
    let below = yard.get("/inkdrop/v1/packages/solarized-dark-ui").await.expect(200).json();
    let tarball = below["versions"]["1.0.0"]["dist"]["tarball"].as_str().unwrap();
    assert!(tarball.starts_with(&format!("{}/inkdrop/v1/packages/", yard.base())), "{tarball}");
}

#[tokio::test]
async fn each_tarball_that_is_fetched_counts_once_and_its_bytes_are_those_that_were_sent() {
    let yard = Yard::start().await;
    let token = publisher(&yard, "ada").await;
    let package = inkdrop_tarball("notes", "1.0.0");
    publish(&yard, &token, "/v2/packages", &package).await.expect(201);
    let counted = async || yard.get("/v1/packages/notes").await.expect(200).json()["downloads"].clone();
    for (nth, version) in ["v1", "v2"].into_iter().enumerate() {
        let path = format!("/{version}/packages/notes/versions/1.0.0/tarball");
        let place = yard.get(&path).await.expect(302).header("location").to_owned();
        assert_eq!(counted().await, nth + 1);
        let place = place.strip_prefix(yard.base()).unwrap().to_owned();
        assert_eq!(yard.get(&place).await.expect(200).body, package.bytes());
        yard.send(yard.request(Method::HEAD, &path)).await.expect(302);
    }
    yard.get("/v1/packages/notes/versions/9.9.9/tarball").await.expect(404);
    assert_eq!(counted().await, 2, "neither HEAD nor what is not there counts");
}

#[tokio::test]
async fn what_is_taken_back_is_gone_and_can_be_published_again() {
    let yard = Yard::start().await;
    let (token, other) = (publisher(&yard, "ada").await, publisher(&yard, "eve").await);
    publish(&yard, &token, "/v2/packages", &inkdrop_tarball("notes", "1.0.0")).await.expect(201);
    publish(&yard, &token, "/v2/packages/notes/versions", &inkdrop_tarball("notes", "1.1.0"))
        .await
        .expect(201);
    remove(&yard, &other, "notes").await.expect(403);
    remove(&yard, &token, "notes/versions/1.1.0").await.expect(204);
    let shown = yard.get("/v1/packages/notes").await.expect(200).json();
    assert_eq!(shown["releases"]["latest"], "1.0.0");
    remove(&yard, &token, "notes/versions/1.0.0").await.expect(204);
    yard.get("/v1/packages/notes").await.expect(404);
    // ipm takes what it cannot see for new.
    publish(&yard, &token, "/v2/packages", &inkdrop_tarball("notes", "1.2.0")).await.expect(201);
    remove(&yard, &token, "notes").await.expect(204);
    let gone = yard.get("/v1/packages/notes").await.expect(404).json();
    assert_eq!(gone, json!({"status": 404, "message": "Package not found"}));
    publish(&yard, &other, "/v2/packages", &inkdrop_tarball("notes", "1.0.0")).await.expect(403);
    publish(&yard, &token, "/v2/packages", &inkdrop_tarball("notes", "2.0.0")).await.expect(201);
}

#[tokio::test]
async fn what_is_no_package_or_not_this_one_is_refused_and_leaves_nothing() {
    let yard = Yard::start().await;
    let (token, other) = (publisher(&yard, "ada").await, publisher(&yard, "eve").await);
    publish(&yard, &token, "/v2/packages", &inkdrop_tarball("notes", "1.0.0")).await.expect(201);
    publish(&yard, &token, "/v2/packages", &inkdrop_tarball("notes", "1.0.1")).await.expect(409);
    publish(&yard, &other, "/v2/packages/notes/versions", &inkdrop_tarball("notes", "1.0.1"))
        .await
        .expect(403);
    let changed = inkdrop_tarball("notes", "1.0.0").file("more.txt", "more");
    publish(&yard, &token, "/v2/packages/notes/versions", &changed).await.expect(409);
    publish(&yard, &token, "/v2/packages/notes/versions", &inkdrop_tarball("notes", "1.0.0"))
        .await
        .expect(200);
    publish(&yard, &token, "/v2/packages/notes/versions", &inkdrop_tarball("other", "1.0.1"))
        .await
        .expect(400);
    publish(&yard, &token, "/v2/packages/none/versions", &inkdrop_tarball("none", "1.0.0")).await.expect(404);
    for package in [
        inkdrop_tarball("search", "1.0.0"),
        inkdrop_tarball("new", "one"),
        inkdrop_tarball("Upper", "1.0.0"),
        inkdrop_tarball("new", "1.0.0").set("/version", Value::Null),
        inkdrop_tarball("new", "1.0.0").set("/name", Value::Null),
        lbpkg("ada", "new", "1.0.0"),
    ] {
        let refused = publish(&yard, &token, "/v2/packages", &package).await.expect(400).json();
        assert_eq!(refused["status"], 400, "{refused}");
    }
    let junk = Sent { path: "/v2/packages", tarball: b"junk".to_vec(), fields: &[] };
    send(&yard, &token, junk).await.expect(400);
    let large = Sent { path: "/v2/packages", tarball: vec![0; (30 << 20) + 1], fields: &[] };
    send(&yard, &token, large).await.expect(413);
    let tarball = inkdrop_tarball("tried", "1.0.0").bytes();
    let fields = &[("repository", "ada/tried"), ("dryrun", "true")];
    send(&yard, &token, Sent { path: "/v2/packages", tarball, fields }).await.expect(200);
    let names = yard.get("/v1/packages").await.expect(200).json();
    assert_eq!(names.as_array().unwrap().len(), 1, "{names}");
}

#[tokio::test]
async fn a_package_is_created_from_where_it_was_released() {
    let yard = Plan::default().start().await;
    let (token, files) = (publisher(&yard, "ada").await, Files::start());
    let released = inkdrop_tarball("notes", "1.0.0").below("notes-1.0.0");
    let create = async |body: Value| {
        let request = yard.request(Method::POST, "/v2/packages").header("authorization", token.basic());
        yard.send(request.json(&body)).await
    };
    let url = files.put("/ada/notes/archive/v1.0.0", released.bytes());
    let created = create(json!({"url": url, "repository": "ada/notes"})).await.expect(201).json();
    assert_eq!((&created["name"], &created["repository"]), (&json!("notes"), &json!("ada/notes")));
    let place = yard.get("/v1/packages/notes/versions/1.0.0/tarball").await.expect(302);
    let place = place.header("location").strip_prefix(yard.base()).unwrap().to_owned();
    assert_eq!(yard.get(&place).await.expect(200).body, released.bytes());
    let page = files.put("/page", "<html></html>");
    for body in [json!({"url": page}), json!({"url": "https://10.0.0.1/a"}), json!({"url": "ftp://x/a"})] {
        create(body).await.expect(400);
    }
}
