//! Sessions: login, short-lived tokens, and everything that only looks like one.

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use plugyard_tests::{Dialect, Yard, until, waiting::seconds, yard::ADMIN};
use ring::hmac;
use serde_json::{Value, json};

const NAME: &str = "ada";
const PASSWORD: &str = "correct horse battery staple";

async fn with_a_user() -> Yard {
    let yard = Yard::start().await;
    yard.user(NAME, PASSWORD, "user").await;
    yard
}

async fn standing(yard: &Yard, token: &str) -> u16 {
    yard.get_as("/nexus/identity", token).await.status
}

#[tokio::test]
async fn a_login_of_nexus_gives_tokens_and_a_wrong_one_says_the_same_of_name_and_password() {
    let yard = with_a_user().await;
    let login = |name: &str, password: &str| json!({ "username": name, "password": password });
    let answer = yard.post("/api/v1/auth/login", &login(NAME, PASSWORD)).await.expect(200);
    assert_eq!(answer.header("cache-control"), "no-store");
    let data = Dialect::Nexus.data(&answer);
    assert_eq!(data["tokens"]["token_type"], "Bearer");
    assert!(
        data["tokens"]["expires_in"].as_u64().is_some_and(|seconds| (60..=3600).contains(&seconds)),
        "{data}"
    );
    assert_eq!((&data["user"]["username"], &data["user"]["role"]), (&json!(NAME), &json!("user")));
    assert_eq!(data["user"]["permissions"], json!(["read:plugins"]));
    let access = data["tokens"]["access_token"].as_str().unwrap();
    let who = Dialect::Nexus.data(&yard.get_as("/nexus/identity", access).await.expect(200));
    assert_eq!((&who["proof"], &who["standing"]), (&json!("session"), &json!("user")));
    let mut said = Vec::new();
    for (name, password) in [(NAME, "wrong password"), ("nobody", PASSWORD), ("a b", "x")] {
        let refused = Dialect::Nexus.refusal(&yard.post("/api/v1/auth/login", &login(name, password)).await);
        assert_eq!((refused.status, &*refused.code), (401, "INVALID_CREDENTIALS"), "{name}");
        said.push(refused.timeless);
    }
    said.dedup();
    assert_eq!(said.len(), 1, "{said:?}");
}

#[tokio::test]
async fn a_login_of_langbot_gives_a_token_and_a_wrong_one_is_an_answer() {
    let yard = with_a_user().await;
    let login = |name: &str, password: &str| json!({ "user": name, "password": password });
    let answer = yard.post("/api/v1/user/auth", &login(NAME, PASSWORD)).await.expect(200);
    let token = Dialect::Langbot.data(&answer)["token"].as_str().expect("a token").to_owned();
    yard.get_as("/langbot/api/v1/user/check-token", &token).await.expect(200);
    assert_eq!(yard.get_as("/langbot/api/v1/plugins", &token).await.expect(200).json()["code"], 0);
    let wrong = yard.post("/api/v1/user/auth", &login(NAME, "wrong password")).await.expect(200).json();
    assert_eq!(wrong["code"], 1, "{wrong}");
    assert!(wrong["msg"].is_string() && wrong.get("data").is_none(), "{wrong}");
    for other in [Dialect::Nexus, Dialect::Backstage, Dialect::Inkdrop, Dialect::Space] {
        let path = format!("{}/identity", other.mount());
        assert_eq!(
            yard.get_as(&path, &token).await.status,
            401,
            "good for langbot alone, not {}",
            other.name()
        );
    }
}

fn encoded(value: &Value) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(value.to_string())
}

fn decoded(part: &str) -> Value {
    serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(part).expect("base64url")).expect("JSON")
}

fn with(value: &Value, member: &str, new: Value) -> Value {
    let mut value = value.clone();
    value[member] = new;
    value
}

/// Signed as the real ones, with a key that somebody has guessed.
fn signed(head: &Value, claims: &Value, key: &[u8]) -> String {
    let text = format!("{}.{}", encoded(head), encoded(claims));
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes());
    format!("{text}.{}", BASE64_URL_SAFE_NO_PAD.encode(tag))
}

fn forgeries(token: &str) -> Vec<(String, String)> {
    let parts: Vec<&str> = token.split('.').collect();
    let (head, claims, seal) = (decoded(parts[0]), decoded(parts[1]), parts[2]);
    assert_eq!((head["alg"].as_str(), parts.len()), (Some("HS256"), 3), "{head}");
    let mut forged = Vec::new();
    let mut forge = |what: &str, token: String| forged.push((what.to_owned(), token));
    for algorithm in ["none", "None", "NONE", "HS512", "HS384", "RS256", "ES256", "EdDSA", "hs256", ""] {
        let head = encoded(&with(&head, "alg", algorithm.into()));
        forge(algorithm, format!("{head}.{}.{seal}", parts[1]));
        forge(algorithm, format!("{head}.{}.", parts[1]));
        forge(algorithm, format!("{head}.{}", parts[1]));
    }
    for key in
        [&b""[..], b"secret", &[0; 32], head["kid"].as_str().unwrap_or_default().as_bytes(), ADMIN.as_bytes()]
    {
        forge("signed with a guessed key", signed(&head, &claims, key));
        forge("expired, with a guessed key", signed(&head, &with(&claims, "exp", 1.into()), key));
    }
    for (member, value) in [
        ("kid", json!("other")),
        ("kid", json!("../../dev/null")),
        ("kid", Value::Null),
        ("jku", json!("https://example.com/keys")),
        ("x5u", json!("https://example.com/keys")),
        ("jwk", json!({"kty": "oct", "k": "AA"})),
        ("crit", json!(["exp"])),
        ("typ", json!("at+jwt")),
    ] {
        let head = with(&head, member, value);
        forge(member, format!("{}.{}.{seal}", encoded(&head), parts[1]));
        forge(member, signed(&head, &claims, b"secret"));
    }
    for (member, value) in [
        ("role", json!("admin")),
        ("aud", json!("backstage")),
        ("exp", json!(9_999_999_999_u64)),
        ("sub", json!("123e4567-e89b-42d3-a456-426614174000")),
        ("iss", json!("somebody")),
    ] {
        forge(member, format!("{}.{}.{seal}", parts[0], encoded(&with(&claims, member, value))));
    }
    for place in (0..token.len()).step_by(7) {
        let mut bytes = token.to_owned().into_bytes();
        bytes[place] = if bytes[place] == b'A' { b'B' } else { b'A' };
        forge("one letter changed", String::from_utf8(bytes).expect("a text"));
    }
    for length in [1, 10, token.len() / 2, token.len() - 1] {
        forge("cut", token[..length].to_owned());
    }
    forge("one part more", format!("{token}.{seal}"));
    forge("padded", format!("{token}="));
    forge("no claims", format!("{}..{seal}", parts[0]));
    forge("no head", format!(".{}.{seal}", parts[1]));
    forge("only dots", "..".to_owned());
    forge("far too long", format!("{}.{}.{seal}", parts[0], "A".repeat(3_000)));
    forged
}

#[tokio::test]
async fn every_forged_token_is_401() {
    let yard = with_a_user().await;
    let (token, _) = yard.log_in(NAME, PASSWORD).await;
    assert_eq!(standing(&yard, &token).await, 200);
    for (what, forged) in forgeries(&token) {
        if forged == token {
            continue;
        }
        let refused = Dialect::Nexus.refusal(&yard.get_as("/nexus/identity", &forged).await);
        assert_eq!((refused.status, &*refused.code), (401, "AUTHENTICATION_FAILED"), "{what}: {forged}");
    }
    for other in [Dialect::Backstage, Dialect::Langbot, Dialect::Inkdrop, Dialect::Space] {
        let path = format!("{}/identity", other.mount());
        let refused = other.refusal(&yard.get_as(&path, &token).await);
        assert_eq!((refused.status, &*refused.code), (401, other.codes()[1]), "its audience is nexus");
    }
    assert_eq!(standing(&yard, &token).await, 200, "the real one is as good as before");
}

#[tokio::test]
async fn a_session_is_renewed_once_with_each_refresh_token_and_ends_when_it_is_told_to() {
    let yard = with_a_user().await;
    let other = yard.neighbour("api").await;
    let (_, refresh) = yard.log_in(NAME, PASSWORD).await;
    let renew = |refresh: &str| json!({ "refresh_token": refresh });
    let renewed = yard.post("/nexus/api/v1/auth/refresh", &renew(&refresh)).await.expect(200).json();
    let tokens = renewed["data"]["tokens"].clone();
    let access = tokens["access_token"].as_str().unwrap();
    assert_eq!(standing(&yard, access).await, 200);
    for bad in [&refresh, access, ADMIN] {
        assert_eq!(yard.post("/nexus/api/v1/auth/refresh", &renew(bad)).await.status, 401, "{bad}");
    }
    let latest = tokens["refresh_token"].as_str().unwrap();
    assert_eq!(yard.get_as("/nexus/identity", latest).await.status, 401, "it opens nothing itself");
    until("the other node knows the session", seconds(5), async || {
        (standing(&other, access).await == 200).then_some(())
    })
    .await;
    yard.post_as("/nexus/api/v1/auth/logout", access, &json!({})).await.expect(200);
    until("the session is over on both nodes", seconds(2), async || {
        (standing(&yard, access).await == 401 && standing(&other, access).await == 401).then_some(())
    })
    .await;
    assert_eq!(yard.post("/nexus/api/v1/auth/refresh", &renew(latest)).await.status, 401);
}

#[tokio::test]
async fn a_new_password_ends_the_sessions_of_the_old_one() {
    let yard = with_a_user().await;
    let (access, refresh) = yard.log_in(NAME, PASSWORD).await;
    yard.user(NAME, "another password", "user").await;
    until("the session is over", seconds(2), async || (standing(&yard, &access).await == 401).then_some(()))
        .await;
    let renew = json!({ "refresh_token": refresh });
    assert_eq!(yard.post("/nexus/api/v1/auth/refresh", &renew).await.status, 401);
    let body = json!({ "username": NAME, "password": PASSWORD });
    assert_eq!(yard.post("/nexus/api/v1/auth/login", &body).await.status, 401);
    yard.log_in(NAME, "another password").await;
}
