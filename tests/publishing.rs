//! Packages published over REST and on the command line: whole or not at all, once, and under names that are their
//! owners'.

use futures::future::join_all;
use plugyard_tests::{Answer, Token, Yard, packages, packages::Package, yard::ADMIN};
use reqwest::{Method, multipart};
use serde_json::{Value, json};

fn zip(name: &str, version: &str) -> Package {
    packages::zip(name, version)
}

async fn publish(yard: &Yard, query: &str, package: &Package, secret: &str) -> Answer {
    let part = multipart::Part::bytes(package.bytes()).file_name(package.file_name());
    let form = multipart::Form::new().part("file", part).text("changelog", "Better.");
    let request = yard.bearing(Method::POST, &format!("/packages?{query}"), secret);
    yard.send(request.multipart(form)).await
}

async fn publisher(yard: &Yard, name: &str) -> Token {
    yard.key_for(name, &["nexus"], "publisher").await
}

async fn change(yard: &Yard, id: &str, word: &str, secret: &str, body: &Value) -> u16 {
    yard.post_as(&format!("/packages/{id}/{word}"), secret, body).await.status
}

async fn shown(yard: &Yard, id: &str) -> Value {
    yard.get_as(&format!("/packages/{id}"), ADMIN).await.expect(200).json()
}

fn id(published: &Answer) -> String {
    published.json()["id"].as_str().expect("the id of a package").to_owned()
}

#[tokio::test]
async fn a_version_is_published_once_and_its_bytes_never_change() {
    let yard = Yard::start().await;
    let ann = publisher(&yard, "ann").await.secret;
    let first = publish(&yard, "dialect=nexus", &zip("auth", "1.0.0"), &ann).await.expect(201);
    assert_eq!((&first.json()["outcome"], &first.json()["quarantine"]), (&json!("new_plugin"), &Value::Null));
    let again = publish(&yard, "dialect=nexus", &zip("auth", "1.0.0"), &ann).await.expect(200);
    assert_eq!((id(&again), &again.json()["outcome"]), (id(&first), &json!("unchanged")));
    let other = zip("auth", "1.0.0").file("more.txt", "other bytes");
    publish(&yard, "dialect=nexus", &other, &ann).await.expect(409);
    let next = publish(&yard, "dialect=nexus", &zip("auth", "1.1.0"), &ann).await.expect(201);
    assert_eq!((id(&next), &next.json()["outcome"]), (id(&first), &json!("new_version")));
    let view = shown(&yard, &id(&first)).await;
    assert_eq!((&view["latest"], view["releases"].as_array().map(Vec::len)), (&json!("1.1.0"), Some(2)));

    let gone = format!("/packages/{}/versions/1.1.0", id(&first));
    yard.send(yard.bearing(Method::DELETE, &gone, &ann)).await.expect(204);
    assert_eq!(shown(&yard, &id(&first)).await["latest"], "1.0.0");
    let other = zip("auth", "1.1.0").file("more.txt", "other bytes");
    publish(&yard, "dialect=nexus", &other, &ann).await.expect(409);
    publish(&yard, "dialect=nexus", &zip("auth", "1.1.0"), &ann).await.expect(201);
}

#[tokio::test]
async fn of_a_hundred_who_want_a_name_at_once_one_owner_gets_it() {
    let yard = Yard::start().await;
    let owners = [publisher(&yard, "ann").await.secret, publisher(&yard, "bob").await.secret];
    let wishes = (0..100).map(|number| {
        let (yard, owner) = (&yard, &owners[number % 2]);
        async move { publish(yard, "dialect=nexus", &zip("auth", &format!("1.0.{number}")), owner).await }
    });
    let answers = join_all(wishes).await;
    let of = |owner: usize| answers.iter().skip(owner).step_by(2).map(|answer| answer.status);
    let winner = usize::from(of(1).any(|status| status == 201));
    assert!(of(winner).all(|status| status == 201), "{:?}", of(winner).collect::<Vec<_>>());
    assert!(of(1 - winner).all(|status| status == 403), "{:?}", of(1 - winner).collect::<Vec<_>>());
    let ids: std::collections::BTreeSet<String> =
        answers.iter().filter(|answer| answer.status == 201).map(id).collect();
    assert_eq!(ids.len(), 1);
    let view = shown(&yard, ids.first().expect("one id")).await;
    assert_eq!(view["releases"].as_array().map(Vec::len), Some(50));
}

#[tokio::test]
async fn what_looks_like_another_waits_for_an_operator() {
    let yard = Yard::start().await;
    let (ann, bob) = (publisher(&yard, "ann").await.secret, publisher(&yard, "bob").await.secret);
    publish(&yard, "dialect=nexus", &zip("solarized", "1.0.0"), &ann).await.expect(201);
    let held = publish(&yard, "dialect=nexus", &zip("so1arized", "1.0.0"), &bob).await.expect(201);
    assert!(held.json()["quarantine"].to_string().contains("/solarized"), "{:?}", held.json());
    publish(&yard, "dialect=nexus", &zip("so1arized", "1.0.1"), &bob).await.expect(409);
    let listed: Value = yard.get_as("/packages/quarantined", ADMIN).await.expect(200).json();
    assert_eq!(listed["quarantined"][0]["id"], json!(id(&held)));
    assert_eq!(change(&yard, &id(&held), "clear", &bob, &json!({"evidence": "mine"})).await, 403);
    assert_eq!(change(&yard, &id(&held), "clear", ADMIN, &json!({"evidence": "asked him"})).await, 204);
    publish(&yard, "dialect=nexus", &zip("so1arized", "1.0.1"), &bob).await.expect(201);
}

#[tokio::test]
async fn a_removed_name_is_kept_and_a_transferred_one_goes_along() {
    let yard = Yard::start().await;
    let (ann, bob) = (publisher(&yard, "ann").await.secret, publisher(&yard, "bob").await.secret);
    let first = id(&publish(&yard, "dialect=nexus", &zip("auth", "1.0.0"), &ann).await.expect(201));
    yard.send(yard.bearing(Method::DELETE, &format!("/packages/{first}"), &ann)).await.expect(204);
    publish(&yard, "dialect=nexus", &zip("auth", "2.0.0"), &bob).await.expect(403);
    let back = publish(&yard, "dialect=nexus", &zip("auth", "1.0.1"), &ann).await.expect(201);
    assert_eq!((id(&back), &back.json()["outcome"]), (first.clone(), &json!("new_plugin")));

    let who: Value = yard.get_as("/identity", &bob).await.expect(200).json();
    let to = json!({"owner": who["account"]["id"]});
    assert_eq!(change(&yard, &first, "transfer", &bob, &to).await, 403);
    assert_eq!(change(&yard, &first, "transfer", &ann, &to).await, 204);
    publish(&yard, "dialect=nexus", &zip("auth", "1.0.2"), &ann).await.expect(403);
    let next = publish(&yard, "dialect=nexus", &zip("auth", "1.0.2"), &bob).await.expect(201);
    assert_eq!(id(&next), first);
}

#[tokio::test]
async fn a_kill_while_publishing_leaves_the_whole_release_or_nothing() {
    let mut yard = Yard::start().await;
    let ann = publisher(&yard, "ann").await.secret;
    for round in 0..4_u64 {
        #[expect(clippy::disallowed_methods, reason = "only this service, on the loopback")]
        let client = reqwest::Client::new();
        let names: Vec<String> = (0..24).map(|number| format!("plugin-{round}-{number}x")).collect();
        let (base, secret) = (yard.base().to_owned(), ann.clone());
        let sending = names.iter().map(|name| {
            let package = zip(name, "1.0.0");
            let part = multipart::Part::bytes(package.bytes()).file_name(package.file_name());
            let form = multipart::Form::new().part("file", part);
            let url = format!("{base}/packages?dialect=nexus,backstage");
            let request = client.post(url).bearer_auth(&secret).multipart(form);
            async move { request.send().await.is_ok_and(|answer| answer.status() == 201) }
        });
        // The first answers end the round: others are on their way, each at another step.
        let mut sent: Vec<_> = sending.map(Box::pin).collect();
        let mut acknowledged = 0;
        for _ in 0..=round {
            let (done, _, rest) = futures::future::select_all(sent).await;
            acknowledged += usize::from(done);
            sent = rest;
        }
        yard.kill();
        drop(sent);
        yard.restart().await;
        let mut there = 0;
        for name in &names {
            let again = publish(&yard, "dialect=nexus,backstage", &zip(name, "1.0.0"), &ann).await;
            there += usize::from(again.status == 200);
            assert!([200, 201].contains(&again.status), "{name}: {} {:?}", again.status, again.json());
            let view = shown(&yard, &id(&again)).await;
            assert_eq!((&view["latest"], &view["listed"]), (&json!("1.0.0"), &json!(["backstage", "nexus"])));
        }
        assert!(there >= acknowledged, "{acknowledged} were acknowledged, {there} are there");
    }
}

#[tokio::test]
async fn the_command_line_publishes_beside_a_server() {
    let yard = Yard::start().await;
    let (package, file) = (zip("auth", "1.0.0"), yard.ground().join("auth.zip"));
    std::fs::write(&file, package.bytes()).expect("a package to publish");
    let file = file.to_str().expect("a path in UTF-8");
    let dry =
        yard.command(&["publish", file, "--dialect", "nexus", "--as", "ann", "--dry-run", "--json"]).await;
    assert_eq!(dry.json()["outcome"], "would_publish");
    let order = ["publish", file, "--dialect", "nexus,backstage", "--as", "ann", "--json"];
    let published = yard.command(&order).await.json();
    assert_eq!((&published["outcome"], &published["quarantine"]), (&json!("new_plugin"), &Value::Null));
    assert_eq!(yard.command(&order).await.json()["outcome"], "unchanged");
    let package = published["id"].as_str().expect("an id");
    yard.command(&["package", "yank", package, "1.0.0", "--reason", "broken"]).await;
    let listed = yard.command(&["package", "list", "--dialect", "nexus", "--json"]).await.json();
    assert_eq!(listed, json!([]), "nothing of it is offered");
    yard.command(&["package", "unyank", package, "1.0.0"]).await;
    let acme = published["publisher"].as_str().expect("a publisher");
    let proof = ["--method", "domain", "--evidence", "acme.example.org"];
    yard.command(&[&["publisher", "verify", acme][..], &proof].concat()).await;
    let shown = yard.command(&["package", "show", &format!("{acme}/auth")]).await.json();
    assert_eq!((&shown["latest"], &shown["verified"]["method"]), (&json!("1.0.0"), &json!("publisher")));
    let listed = yard.command(&["package", "list", "--publisher", acme]).await;
    assert!(listed.out.contains("verified"), "{}", listed.out);
    let say = async |arguments: &[&str]| yard.command(&[&["publisher"][..], arguments].concat()).await;
    say(&["describe", acme, "--display-name", "ACME", "--url", "https://acme.example.org"]).await;
    let told = say(&["unverify", acme, "--reason", "the domain was sold"]).await;
    assert!(told.out.contains("is not verified any more"), "{}", told.out);
    let seen = say(&["show", acme]).await.json();
    assert_eq!(
        (&seen["display_name"], &seen["email"], &seen["verified"]),
        (&json!("ACME"), &Value::Null, &Value::Null)
    );
    assert_eq!(yard.command(&["package", "show", package]).await.json()["verified"], Value::Null);
    yard.cli().args(["publisher", "transfer", acme, "--to", "bob"]).run().await.expect(1);
    yard.cli().args(["publisher", "show", "nobody"]).run().await.expect(1);
    let other = yard.ground().join("other.zip");
    std::fs::write(&other, zip("other", "1.0.0").bytes()).expect("a package to publish");
    let other = other.to_str().expect("a path in UTF-8");
    let named = ["publish", other, "--dialect", "nexus", "--as", "ann", "--publisher", "tools", "--json"];
    let moved = yard.command(&named).await.json();
    assert!(say(&["transfer", "tools", "--to", "bob"]).await.out.contains("belongs to bob"));
    let bob = yard.command(&["user", "list", "--json"]).await.json();
    let bob = bob.as_array().unwrap().iter().find(|user| user["name"] == "bob").expect("bob is there")["id"]
        .clone();
    let shown = yard.command(&["package", "show", moved["id"].as_str().expect("an id")]).await.json();
    assert_eq!((&shown["owner"], &shown["publisher"]), (&bob, &json!("tools")));
    yard.command(&["package", "remove", package, "--reason", "done"]).await;
    yard.cli().args(["package", "show", "nobody/nothing"]).run().await.expect(1);
}
