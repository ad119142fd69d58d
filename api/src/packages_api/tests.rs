use application::ports::packages::Package;
use axum::{
    body::Body,
    http::{Method, Request},
};
use domain::{
    plugin::PackageFormat,
    values::{Dialect, Role},
};

use super::*;
use crate::fakes::{
    ADMIN,
    door::{Door, Heard},
    shelf::{packed, prepared},
};

const FORM: &str = "multipart/form-data; boundary=x";

fn door() -> Door {
    Door::of_everything(&["--rate-limits", "off"])
}

fn zip(name: &str, version: &str) -> Package {
    prepared(PackageFormat::Zip, Some("acme"), name, version)
}

async fn publish(door: &Door, query: &str, package: &Package, token: &str) -> Heard {
    let mut body =
        b"--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"p.zip\"\r\n\r\n".to_vec();
    body.extend(packed(package));
    body.extend(b"\r\n--x\r\nContent-Disposition: form-data; name=\"changelog\"\r\n\r\nFaster.\r\n--x--\r\n");
    let request = Request::post(format!("/packages?{query}"))
        .header("content-type", FORM)
        .header("authorization", format!("Bearer {token}"));
    door.send(request.body(Body::from(body)).unwrap()).await
}

async fn publisher(door: &Door, name: &str) -> String {
    door.key_of(name, &[Dialect::Nexus], Role::Publisher).await.1
}

#[tokio::test]
async fn a_package_is_published_looked_at_and_published_again() {
    let door = door();
    let ann = publisher(&door, "ann").await;
    let new = publish(&door, "dialect=nexus,backstage", &zip("auth", "1.0.0"), &ann).await;
    assert_eq!((new.status, new.body["outcome"].as_str()), (201, Some("new_plugin")), "{:?}", new.body);
    assert!(new.headers.contains_key("x-log-position"));
    let again = publish(&door, "dialect=nexus,backstage", &zip("auth", "1.0.0"), &ann).await;
    assert_eq!((again.status, again.body["outcome"].as_str()), (200, Some("unchanged")));
    assert_eq!(again.body["id"], new.body["id"]);
    let path = format!("/packages/{}", new.body["id"].as_str().unwrap());
    let shown = door.say(Method::GET, &path, &ann, &Value::Null).await;
    assert_eq!((shown.status, &shown.body["listed"]), (200, &json!(["backstage", "nexus"])));
    assert_eq!((&shown.body["latest"], &shown.body["publisher"]), (&json!("1.0.0"), &json!("acme")));
    let bob = publisher(&door, "bob").await;
    assert_eq!(door.say(Method::GET, &path, &bob, &Value::Null).await.status, 404);
    assert_eq!(door.say(Method::GET, &path, ADMIN, &Value::Null).await.status, 200);
    assert_eq!(publish(&door, "dialect=nexus", &zip("auth", "1.0.1"), &bob).await.status, 403);
}

#[tokio::test]
async fn what_is_no_order_is_refused_before_anything_is_stored() {
    let door = door();
    let ann = publisher(&door, "ann").await;
    for (query, status) in [
        ("", 422),
        ("dialect=", 422),
        ("dialect=langbot", 400),
        ("dialect=nexus,nowhere", 400),
        ("dialect=nexus&colour=red", 422),
        ("dialect=nexus&dry_run=perhaps", 422),
        ("dialect=dify", 400),
    ] {
        let refused = publish(&door, query, &zip("auth", "1.0.0"), &ann).await;
        assert_eq!(refused.status, status, "{query}: {:?}", refused.body);
    }
    let checked = publish(&door, "dialect=nexus&dry_run=true", &zip("auth", "1.0.0"), &ann).await;
    assert_eq!((checked.status, checked.body["outcome"].as_str()), (200, Some("would_publish")));
    let path = format!("/packages/{}", checked.body["id"].as_str().unwrap());
    assert_eq!(door.say(Method::GET, &path, ADMIN, &Value::Null).await.status, 404);
    for body in ["--x--\r\n", "--x\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\nbroken off"] {
        let request = Request::post("/packages?dialect=nexus")
            .header("content-type", FORM)
            .header("authorization", format!("Bearer {ann}"));
        let refused = door.send(request.body(Body::from(body)).unwrap()).await;
        assert!([400, 422].contains(&refused.status), "{body}: {:?}", refused.body);
    }
}

#[tokio::test]
async fn owners_and_operators_change_packages_by_the_last_word_of_the_path() {
    let door = door();
    let ann = publisher(&door, "ann").await;
    let bob = door.key_of("bob", &[Dialect::Nexus], Role::Publisher).await;
    let id = publish(&door, "dialect=nexus", &zip("auth", "1.0.0"), &ann).await.body["id"].clone();
    let id = id.as_str().unwrap();
    let change = async |word: &str, token: &str, body: Value| {
        door.say(Method::POST, &format!("/packages/{id}/{word}"), token, &body).await.status
    };
    let version = json!({"version": "1.0.0"});
    let held = json!({"version": "1.0.0", "reason": "odd"});
    let clear = json!({"version": "1.0.0", "evidence": "looked at"});
    for (word, body) in [("yank", held.clone()), ("unyank", version), ("deprecate", json!({"reason": "old"}))]
    {
        assert_eq!(change(word, &ann, body).await, 204, "{word}");
    }
    for (word, body) in [
        ("verify", json!({"method": "manual", "evidence": "a letter"})),
        ("unverify", json!({"reason": "forged"})),
        ("feature", Value::Null),
        ("unfeature", Value::Null),
        ("quarantine", held),
        ("clear", clear),
    ] {
        assert_eq!(change(word, &ann, body.clone()).await, 403, "{word}");
        assert_eq!(change(word, ADMIN, body).await, 204, "{word}");
    }
    assert_eq!(change("undeprecate", &ann, Value::Null).await, 204);
    assert_eq!(change("yank", &ann, json!({"reason": "which"})).await, 422);
    assert_eq!(change("yank", &ann, json!({"version": "9.9.9", "reason": "none"})).await, 404);
    assert_eq!(change("unlist", &ann, json!({"dialect": "langbot", "reason": "x"})).await, 422);
    let nobody = json!({"owner": "123e4567-e89b-42d3-a456-426614174000"});
    assert_eq!(change("transfer", &ann, nobody).await, 404);
    let account =
        door.say(Method::GET, "/identity", &bob.1, &Value::Null).await.body["account"]["id"].clone();
    assert_eq!(change("transfer", &ann, json!({"owner": account})).await, 204);
    let path = format!("/packages/{id}");
    let removed = async |token: &str| door.say(Method::DELETE, &path, token, &Value::Null).await.status;
    assert_eq!(removed(&ann).await, 403);
    assert_eq!(removed(&bob.1).await, 204);
    assert_eq!(removed(&bob.1).await, 404);
}

#[tokio::test]
async fn what_is_in_quarantine_is_listed_for_operators() {
    let door = door();
    let ann = publisher(&door, "ann").await;
    let id = publish(&door, "dialect=nexus", &zip("auth", "1.0.0"), &ann).await.body["id"].clone();
    let path = format!("/packages/{}/quarantine", id.as_str().unwrap());
    door.say(Method::POST, &path, ADMIN, &json!({"reason": "odd"})).await;
    let held = door.say(Method::GET, "/packages/quarantined", ADMIN, &Value::Null).await;
    assert_eq!(held.body["quarantined"], json!([{"id": id, "version": null, "reason": "odd"}]));
    assert_eq!(door.say(Method::GET, "/packages/quarantined", &ann, &Value::Null).await.status, 403);
    let locked = publish(&door, "dialect=nexus", &zip("auth", "1.0.1"), &ann).await;
    assert_eq!(locked.status, 409);
    assert!(locked.body["detail"].as_str().unwrap().contains("odd"), "{:?}", locked.body);
}

#[tokio::test]
async fn a_publisher_is_verified_with_what_it_has() {
    let door = door();
    let ann = publisher(&door, "ann").await;
    let id = publish(&door, "dialect=nexus", &zip("auth", "1.0.0"), &ann).await.body["id"].clone();
    let proof = json!({"method": "domain", "evidence": "acme.example.org"});
    let verify = |name: &str, token: &str| {
        let path = format!("/publishers/{name}/verify");
        let (token, proof) = (token.to_owned(), proof.clone());
        let door = &door;
        async move { door.say(Method::POST, &path, &token, &proof).await.status }
    };
    assert_eq!(verify("acme", &ann).await, 403);
    assert_eq!(verify("nobody", ADMIN).await, 404);
    assert_eq!(verify("acme", ADMIN).await, 204);
    let path = format!("/packages/{}", id.as_str().unwrap());
    let shown = door.say(Method::GET, &path, &ann, &Value::Null).await;
    assert_eq!(shown.body["verified"]["method"], "publisher");
    let hidden = json!({"hidden": true, "reason": "spam"});
    let moderated = door.say(Method::POST, "/reviews/7/moderate", ADMIN, &hidden).await;
    assert_eq!(moderated.status, 404);
}

#[tokio::test]
async fn a_publisher_describes_itself_and_operators_take_back_and_hand_over() {
    let door = door();
    let ann = publisher(&door, "ann").await;
    let bob = publisher(&door, "bob").await;
    let id = publish(&door, "dialect=nexus", &zip("auth", "1.0.0"), &ann).await.body["id"].clone();
    let package = format!("/packages/{}", id.as_str().unwrap());
    let say = async |method: Method, path: &str, token: &str, body: Value| {
        door.say(method, &format!("/publishers/{path}"), token, &body).await
    };
    let put = async |name: &str, token: &str, body: Value| say(Method::PUT, name, token, body).await.status;
    let profile = json!({"display_name": "ACME", "url": "https://acme.example.org"});
    assert_eq!(put("acme", &ann, profile.clone()).await, 204);
    assert_eq!(put("acme", &bob, profile.clone()).await, 404);
    assert_eq!(put("nobody", ADMIN, profile).await, 404);
    assert_eq!(put("acme", &ann, json!({"display_name": "a\nb"})).await, 400);
    assert_eq!(put("acme", &ann, json!({"owner": "x"})).await, 422);
    let shown = async |token: &str| say(Method::GET, "acme", token, Value::Null).await;
    let seen = shown(&ann).await.body;
    assert_eq!(
        (&seen["display_name"], &seen["email"], &seen["verified"]),
        (&json!("ACME"), &json!(null), &json!(null))
    );
    assert_eq!((shown(&bob).await.status, shown(ADMIN).await.status), (404, 200));

    let proof = json!({"method": "domain", "evidence": "acme.example.org"});
    assert_eq!(say(Method::POST, "acme/verify", ADMIN, proof).await.status, 204);
    assert_eq!(shown(&ann).await.body["verified"]["method"], "domain");
    let reason = || json!({"reason": "sold"});
    assert_eq!(say(Method::POST, "acme/unverify", &ann, reason()).await.status, 403);
    assert_eq!(say(Method::POST, "acme/unverify", ADMIN, json!({})).await.status, 422);
    assert_eq!(say(Method::POST, "acme/unverify", ADMIN, reason()).await.status, 204);
    assert_eq!(shown(&ann).await.body["verified"], json!(null));
    let whole = door.say(Method::GET, &package, &ann, &Value::Null).await;
    assert_eq!((whole.status, &whole.body["verified"]), (200, &json!(null)));

    let account = door.say(Method::GET, "/identity", &bob, &Value::Null).await.body["account"]["id"].clone();
    let to = |account: Value| json!({"owner": account});
    let nobody = json!("123e4567-e89b-42d3-a456-426614174000");
    assert_eq!(say(Method::POST, "acme/transfer", &ann, to(account.clone())).await.status, 403);
    assert_eq!(say(Method::POST, "acme/transfer", ADMIN, to(nobody)).await.status, 404);
    assert_eq!(say(Method::POST, "acme/transfer", ADMIN, json!({})).await.status, 422);
    assert_eq!(say(Method::POST, "acme/transfer", ADMIN, to(account)).await.status, 204);
    assert_eq!((shown(&ann).await.status, shown(&bob).await.status), (404, 200));
    assert_eq!(door.say(Method::GET, &package, &bob, &Value::Null).await.status, 200);
}
