//! Who did what, through which dialect, from where and with which request: in the metadata of every event.

use plugyard_tests::{Plan, Plugin, Upload, Yard, yard::ADMIN};
use reqwest::Method;
use serde_json::{Value, json};

/// The log as `events tail` prints it.
async fn tail(yard: &Yard) -> Vec<Value> {
    let out = yard.command(&["events", "tail", "--lines", "1000"]).await.out;
    out.lines().map(|line| serde_json::from_str(line).expect("a JSON line")).collect()
}

/// The first event of this type whose request had this name.
fn of_request<'a>(events: &'a [Value], kind: &str, request: &str) -> &'a Value {
    let found = events.iter().find(|event| event["type"] == kind && event["request_id"] == request);
    found.unwrap_or_else(|| panic!("no {kind} of {request} in {events:#?}"))
}

fn is_hash(value: &Value) -> bool {
    let text = value.as_str().unwrap_or_default();
    text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[tokio::test]
async fn every_event_says_who_asked_through_which_dialect_from_where_and_with_which_request() {
    let plan = Plan::default().set("PLUGYARD_TRUSTED_PROXIES", "127.0.0.1");
    let yard = plan.start().await;
    let other = yard.neighbour("api").await;
    let key = yard.key_for("somebody", &["nexus", "backstage"], "user").await;
    let who = yard.get_as("/identity", &key.secret).await.expect(200).json()["principal"].clone();
    let issue = async |node: &Yard, mount: &str, secret: &str, name: &str, address: &str| {
        let wish =
            json!({ "dialects": ["nexus"], "owner": if secret == ADMIN { json!("x") } else { Value::Null } });
        let wish = if secret == ADMIN { wish } else { json!({ "dialects": ["nexus"] }) };
        let request = node.bearing(Method::POST, &format!("{mount}/identity/keys"), secret).json(&wish);
        let request = request.header("X-Request-Id", name).header("X-Forwarded-For", address);
        node.send(request).await.expect(201);
    };
    issue(&yard, "/nexus", &key.secret, "audit-1", "198.51.100.1").await;
    issue(&yard, "/backstage", &key.secret, "audit-2", "198.51.100.1").await;
    issue(&other, "/nexus", &key.secret, "audit-3", "198.51.100.1").await;
    issue(&yard, "", ADMIN, "audit-4", "198.51.100.2").await;
    let upload = yard.request(Method::POST, "/api/v1/tasks/upload").header("X-Request-Id", "audit-5");
    let upload = upload.header("X-Forwarded-For", "198.51.100.1");
    yard.send(upload.multipart(Upload::of(&Plugin::new("audited")).form())).await.expect(200);
    yard.token("inkdrop", "user").await;

    let events = tail(&yard).await;
    let of = |kind: &str, name: &str| of_request(&events, kind, name).clone();
    let first = of("ApiKeyIssued", "audit-1");
    assert_eq!((&first["actor"], &first["dialect"]), (&who, &json!("nexus")), "{first}");
    assert!(is_hash(&first["ip_hash"]), "{first}");
    let second = of("ApiKeyIssued", "audit-2");
    assert_eq!((&second["actor"], &second["dialect"]), (&who, &json!("backstage")));
    let third = of("ApiKeyIssued", "audit-3");
    let fourth = of("ApiKeyIssued", "audit-4");
    assert_eq!(fourth["actor"], "bootstrap");
    let fifth = of("TaskRequested", "audit-5");
    assert_eq!(fifth["dialect"], "dify");
    for same in [&second, &third, &fifth] {
        assert_eq!(same["ip_hash"], first["ip_hash"], "one address, one hash, on every node: {same}");
    }
    assert_ne!(fourth["ip_hash"], first["ip_hash"], "another address");
    let by_command = events.iter().rfind(|event| event["type"] == "ApiKeyIssued").expect("one");
    assert_eq!(
        (&by_command["dialect"], &by_command["ip_hash"]),
        (&json!("cli"), &Value::Null),
        "{by_command}"
    );
    for event in &events {
        assert!(event["actor"].is_string() && event["dialect"].is_string(), "{event}");
        let text = event.to_string();
        assert!(
            !text.contains("198.51.100") && !text.contains("127.0.0.1"),
            "no address in the clear: {text}"
        );
    }
}

#[tokio::test]
async fn a_revocation_and_an_erasure_are_told_with_their_reason_and_no_name() {
    let yard = Yard::start().await;
    let name = "grace.hopper@example.org";
    let key = yard.key_for(name, &["nexus"], "user").await;
    yard.command(&["token", "revoke", &key.id, "--reason", "lost on a train"]).await;
    yard.command(&["user", "erase", name]).await;
    let events = tail(&yard).await;
    let revoked = events.iter().find(|event| event["type"] == "ApiKeyRevoked").expect("it is told");
    assert_eq!(revoked["data"]["reason"], "lost on a train", "{revoked}");
    assert!(events.iter().any(|event| event["type"] == "SubjectErased"), "{events:#?}");
    assert!(!events.iter().any(|event| event.to_string().contains("grace")), "no name");
}
