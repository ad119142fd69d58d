use std::time::Duration;

use axum::http::Method;
use domain::values::{Dialect, Role};
use serde_json::{Value, json};

use crate::{
    fakes::ADMIN,
    fakes::door::{Door, Heard},
};

fn door() -> Door {
    Door::of_everything(&["--rate-limits", "off"])
}

async fn get(door: &Door, path: &str, token: &str) -> Heard {
    door.say(Method::GET, path, token, &Value::Null).await
}

async fn issue(door: &Door, token: &str, wish: &Value) -> Heard {
    door.say(Method::POST, "/identity/keys", token, wish).await
}

async fn once(door: &Door, method: Method, path: &str, key: &str, body: &Value) -> Heard {
    let authorization = format!("Bearer {ADMIN}");
    let headers = [("authorization", authorization.as_str()), ("idempotency-key", key)];
    let body = if body.is_null() { String::new() } else { body.to_string() };
    door.ask(method, path, &headers, body).await
}

#[tokio::test]
async fn whoever_asks_is_told_who_he_is() {
    let door = door();
    let nobody = get(&door, "/identity", "").await;
    assert_eq!((nobody.status, &nobody.body["standing"]), (200, &json!("anonymous")));
    let bootstrap = get(&door, "/identity", ADMIN).await;
    assert_eq!(
        (&bootstrap.body["proof"], &bootstrap.body["principal"]),
        (&json!("bootstrap"), &json!("bootstrap"))
    );
    let (id, key) = door.key_of("ada", &[Dialect::Backstage, Dialect::Nexus], Role::User).await;
    for (path, member) in [("/identity", None), ("/nexus/identity", Some("data"))] {
        let told = get(&door, path, &key).await;
        let told = member.map_or(&told.body, |member| &told.body[member]);
        assert_eq!((&told["key"], &told["account"]["name"]), (&json!(id), &json!("ada")), "{path}");
        assert_eq!((&told["standing"], &told["proof"]), (&json!("user"), &json!("token")));
        assert_eq!(told["dialects"], json!(["backstage", "nexus"]));
        assert_eq!(told["scopes"], json!(["read", "write"]));
    }
    assert_eq!(get(&door, "/langbot/identity", &key).await.status, 401, "not good there");
}

#[tokio::test]
async fn a_key_is_shown_once_and_works_where_it_is_good_for() {
    let door = door();
    let wish = json!({
        "owner": "ada", "dialects": ["nexus"], "role": "user", "scopes": ["read"], "label": "a laptop",
        "expires_in": 3600, "rate": "5000/3600",
    });
    let issued = issue(&door, ADMIN, &wish).await;
    assert_eq!((issued.status, issued.header("cache-control")), (201, "no-store"), "{issued:?}");
    let (id, secret) = (issued.body["id"].as_str().unwrap(), issued.body["secret"].as_str().unwrap());
    assert_eq!(issued.header("location"), format!("/identity/keys/{id}"));
    assert!(!issued.header("x-log-position").is_empty());
    assert_eq!(issued.body["token"], secret);
    assert_eq!((&issued.body["dialect"], &issued.body["dialects"]), (&json!("nexus"), &json!(["nexus"])));
    assert_eq!(issued.body["expires_at"], "2024-01-01T01:00:00.000Z");
    assert_eq!(get(&door, "/v1/plugins", secret).await.status, 200);
    let path = format!("/identity/keys/{id}");
    let shown = get(&door, &path, ADMIN).await;
    assert_eq!((&shown.body["label"], &shown.body["rate"]), (&json!("a laptop"), &json!("5000/3600")));
    let list = get(&door, "/identity/keys", ADMIN).await;
    assert_eq!((&list.body["total"], &list.body["keys"][0]["id"]), (&json!(1), &json!(id)));
    for answer in [&shown, &list] {
        assert!(!answer.body.to_string().contains(secret) && !answer.body.to_string().contains("sha256"));
    }
    door.passes(Duration::from_secs(1));
    assert_eq!(door.say(Method::DELETE, &path, ADMIN, &Value::Null).await.status, 204);
    assert_eq!(get(&door, "/v1/plugins", secret).await.status, 401, "at once");
    assert_eq!(get(&door, &path, ADMIN).await.body["revoked_at"], "2024-01-01T00:00:01.000Z");
}

#[tokio::test]
async fn every_dialect_wraps_the_same_answers() {
    let door = door();
    let wish = json!({"owner": "ada", "dialects": ["langbot"]});
    let issued = door.say(Method::POST, "/langbot/identity/keys", ADMIN, &wish).await;
    assert_eq!((issued.status, &issued.body["code"]), (201, &json!(0)), "{issued:?}");
    let id = issued.body["data"]["id"].as_str().unwrap();
    assert_eq!(issued.header("location"), format!("/langbot/identity/keys/{id}"));
    let revoked =
        door.say(Method::DELETE, &format!("/langbot/identity/keys/{id}"), ADMIN, &Value::Null).await;
    assert_eq!((revoked.status, revoked.body), (200, json!({"code": 0, "msg": "ok", "data": {}})));
    for mount in ["/inkdrop", "/backstage", "/space", "/nexus", "/langbot", ""] {
        assert_eq!(get(&door, &format!("{mount}/identity/keys"), ADMIN).await.status, 200, "{mount}");
        assert_eq!(get(&door, &format!("{mount}/identity/keys"), "").await.status, 401, "{mount}");
    }
    assert_eq!(get(&door, "/dify/identity", "").await.status, 404, "it takes no credentials");
}

#[tokio::test]
async fn what_belongs_to_others_looks_as_if_it_were_not_there() {
    let door = door();
    let (own, ada) = door.key_of("ada", &[Dialect::Nexus], Role::User).await;
    let (foreign, _) = door.key_of("eve", &[Dialect::Nexus], Role::User).await;
    let unknown = "00000000-0000-4000-8000-000000000000";
    let mut said = Vec::new();
    for id in [&*foreign, unknown, "1", "%2e%2e"] {
        for method in [Method::GET, Method::DELETE] {
            let answer = door.say(method, &format!("/identity/keys/{id}"), &ada, &Value::Null).await;
            assert_eq!(answer.status, 404, "{id}");
            said.push(answer.body["detail"].clone());
        }
    }
    assert!(said.iter().all(|detail| detail == "No such key"), "{said:?}");
    assert_eq!(get(&door, "/identity/keys/%ff", &ada).await.status, 404, "a path that is no text");
    assert_eq!(get(&door, "/identity/keys", &ada).await.body["total"], 1);
    assert_eq!(
        door.say(Method::DELETE, &format!("/identity/keys/{own}"), &ada, &Value::Null).await.status,
        204
    );
    assert_eq!(get(&door, "/identity/keys", ADMIN).await.body["total"], 2);
}

#[tokio::test]
async fn nobody_gives_away_more_than_he_has() {
    let door = door();
    let (_, user) = door.key_of("ada", &[Dialect::Nexus], Role::User).await;
    for (wish, status) in [
        (json!({"dialects": ["nexus"]}), 201),
        (json!({"dialects": ["nexus"], "role": "admin"}), 403),
        (json!({"dialects": ["nexus"], "scopes": ["admin"]}), 403),
        (json!({"dialects": ["langbot"]}), 403),
        (json!({"dialects": ["nexus"], "owner": "eve"}), 403),
        (json!({"dialects": ["nexus"], "rate": "1000000/1"}), 403),
    ] {
        assert_eq!(issue(&door, &user, &wish).await.status, status, "{wish}");
    }
    assert_eq!(issue(&door, "", &json!({"dialects": ["nexus"]})).await.status, 401);
}

#[tokio::test]
async fn a_wish_that_makes_no_sense_is_refused_and_says_why() {
    let door = door();
    for (wish, status, word) in [
        (json!({"owner": "ada"}), 400, "dialect"),
        (json!({"owner": "ada", "dialects": []}), 422, "dialects"),
        (json!({"owner": "ada", "dialects": ["dify"]}), 422, "dialects.0"),
        (json!({"owner": "ada", "dialects": "nexus"}), 422, "dialects"),
        (json!({"owner": "ada", "dialects": ["nexus"], "role": "root"}), 422, "role"),
        (json!({"owner": "a b", "dialects": ["nexus"]}), 422, "owner"),
        (json!({"owner": "ada", "dialects": ["nexus"], "rate": "0/1"}), 422, "rate"),
        (json!({"owner": "ada", "dialects": ["nexus"], "expires_in": 0}), 422, "expires_in"),
        (json!({"owner": "ada", "dialects": ["nexus"], "expires_in": 1.5}), 422, "expires_in"),
        (json!({"owner": "ada", "dialects": ["nexus"], "expires_at": "soon"}), 422, "expires_at"),
        (json!({"owner": "ada", "dialects": ["nexus"], "expires_at": "2020-01-01T00:00:00Z"}), 400, "expiry"),
        (json!({"owner": "ada", "dialects": ["nexus"], "verified": true}), 422, "verified"),
        (json!({"dialects": ["nexus"]}), 400, "owner"),
    ] {
        let answer = issue(&door, ADMIN, &wish).await;
        let detail = answer.body["detail"].as_str().unwrap_or_default();
        assert!(answer.status == status && detail.contains(word), "{wish}: {answer:?}");
        assert_eq!(answer.header("content-type"), "application/problem+json");
    }
    let both = json!({
        "owner": "ada", "dialects": ["nexus"], "expires_in": 1, "expires_at": "2030-01-01T00:00:00Z",
    });
    assert_eq!(issue(&door, ADMIN, &both).await.status, 400);
    for query in ["limit=0", "limit=201", "offset=-1", "limit=x"] {
        assert_eq!(get(&door, &format!("/identity/keys?{query}"), ADMIN).await.status, 422, "{query}");
    }
}

#[tokio::test]
async fn a_repeat_is_answered_as_the_first_time_and_another_request_is_refused() {
    let door = door();
    let wish = json!({"owner": "ada", "dialects": ["nexus"], "expires_in": 60});
    let first = once(&door, Method::POST, "/identity/keys", "k1", &wish).await;
    let again = once(&door, Method::POST, "/identity/keys", "k1", &wish).await;
    assert_eq!((first.status, &first.body), (201, &again.body));
    let other = json!({"owner": "ada", "dialects": ["nexus"], "expires_in": 61});
    assert_eq!(once(&door, Method::POST, "/identity/keys", "k1", &other).await.status, 422);
    assert_eq!(get(&door, "/identity/keys", ADMIN).await.body["total"], 1);
    let path = format!("/identity/keys/{}", first.body["id"].as_str().unwrap());
    for _ in 0..2 {
        assert_eq!(once(&door, Method::DELETE, &path, "k2", &Value::Null).await.status, 204);
    }
    let account = json!({"role": "user", "password": "correct horse"});
    for _ in 0..2 {
        assert_eq!(once(&door, Method::PUT, "/identity/accounts/ada", "k3", &account).await.status, 200);
    }
    let other = json!({"role": "user", "password": "another horse"});
    assert_eq!(once(&door, Method::PUT, "/identity/accounts/ada", "k3", &other).await.status, 422);
    assert_eq!(once(&door, Method::PUT, "/identity/accounts/eve", "k3", &account).await.status, 422);
    assert_eq!(get(&door, "/identity/accounts", ADMIN).await.body["total"], 1, "eve is not there");
}

#[tokio::test]
async fn accounts_are_the_admins_and_erasing_is_everybodys_own() {
    let door = door();
    let ada = json!({"role": "user", "password": "correct horse"});
    let made = door.say(Method::PUT, "/identity/accounts/ada", ADMIN, &ada).await;
    assert_eq!((made.status, &made.body["name"]), (200, &json!("ada")), "{made:?}");
    let (_, user) = door.key_of("ada", &[Dialect::Nexus], Role::User).await;
    assert_eq!(get(&door, "/identity/accounts", &user).await.status, 403);
    assert_eq!(door.say(Method::PUT, "/identity/accounts/ada", &user, &ada).await.status, 403);
    let eve = door.say(Method::PUT, "/identity/accounts/eve", ADMIN, &json!({"role": "user"})).await;
    let path = |made: &Heard| format!("/identity/accounts/{}", made.body["id"].as_str().unwrap());
    let foreign = door.say(Method::DELETE, &path(&eve), &user, &Value::Null).await;
    assert_eq!((foreign.status, &foreign.body["detail"]), (404, &json!("No such account")));
    assert_eq!(door.say(Method::DELETE, "/identity/accounts/ada", ADMIN, &Value::Null).await.status, 404);
    assert_eq!(door.say(Method::DELETE, &path(&made), &user, &Value::Null).await.status, 204);
    let list = get(&door, "/identity/accounts", ADMIN).await;
    let erased = list.body["accounts"].as_array().unwrap().iter().filter(|one| !one["erased_at"].is_null());
    assert_eq!((erased.count(), &list.body["total"]), (1, &json!(2)));
    for body in
        [json!({}), json!({"role": "user", "password": "short"}), json!({"role": "user", "admin": true})]
    {
        let refused = door.say(Method::PUT, "/identity/accounts/ivy", ADMIN, &body).await;
        assert!(matches!(refused.status, 400 | 422), "{body}");
    }
}

#[tokio::test]
async fn a_ticket_is_for_whoever_has_a_credential() {
    let door = door();
    let ticket = door.say(Method::POST, "/identity/tickets", ADMIN, &Value::Null).await;
    assert_eq!((ticket.status, ticket.header("cache-control")), (200, "no-store"));
    assert!(ticket.body["ticket"].as_str().unwrap().starts_with("pyt_"));
    assert_eq!(ticket.body["expires_at"], "2024-01-01T00:00:30.000Z");
    assert_eq!(door.say(Method::POST, "/identity/tickets", "", &Value::Null).await.status, 401);
}

#[tokio::test]
async fn changes_of_keys_tickets_and_accounts_are_counted_together_everywhere_by_who_makes_them() {
    let door = Door::of_everything(&["--rate-limits", "identity=4/3600"]);
    let (_, ada) = door.key_of("ada", &Dialect::WITH_CREDENTIALS, Role::User).await;
    let (_, bob) = door.key_of("bob", &Dialect::WITH_CREDENTIALS, Role::User).await;
    let with_rate = json!({"owner": "ada", "dialects": ["nexus"], "rate": "5000/3600"});
    let with_rate = issue(&door, ADMIN, &with_rate).await;
    let own = with_rate.body["secret"].as_str().unwrap();
    let wish = json!({"dialects": ["nexus"]});
    let made = issue(&door, &ada, &wish).await;
    assert_eq!((made.status, made.header("x-ratelimit-remaining")), (201, "3"));
    for (path, token, limit, left) in [
        ("/nexus/identity/tickets", &*ada, "1000", "999"),
        // Its own allowance is no leave to make more.
        ("/nexus/identity/tickets", own, "5000", "4999"),
        ("/langbot/identity/tickets", &*ada, "4", "0"),
    ] {
        let answer = door.say(Method::POST, path, token, &Value::Null).await;
        let told = (answer.header("x-ratelimit-limit"), answer.header("x-ratelimit-remaining"));
        assert_eq!((answer.status / 100, told), (2, (limit, left)), "{path}");
    }
    for mount in ["", "/inkdrop", "/backstage", "/langbot", "/nexus", "/space"] {
        let refused = door.say(Method::POST, &format!("{mount}/identity/keys"), &ada, &wish).await;
        assert_eq!((refused.status, refused.header("x-ratelimit-limit")), (429, "4"), "{mount}");
        assert!(!refused.header("retry-after").is_empty(), "{mount}");
    }
    let gone = door.say(Method::DELETE, "/identity/accounts/x", &ada, &Value::Null).await;
    assert_eq!(gone.status, 429);
    assert_eq!(get(&door, "/identity/keys", &ada).await.status, 200, "looking is no change");
    assert_eq!(issue(&door, &bob, &wish).await.status, 201);
}

#[tokio::test]
async fn the_policy_is_public() {
    let policy = get(&door(), "/admin/policy", "").await;
    let lines = policy.body["policy"].as_array().unwrap();
    assert_eq!(lines.len(), application::policy::TABLE.len());
    let expected = json!({
        "action": "keys.issue", "scope": "write",
        "anonymous": "-", "user": "own", "publisher": "own", "admin": "all",
    });
    assert!(lines.contains(&expected), "{policy:?}");
}
