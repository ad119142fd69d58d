//! Every form of credential that a dialect takes, and everything that proves nothing.

mod sessions;
mod tickets;

use plugyard_tests::{
    Answer, Dialect, Plan, Token, Yard, until,
    waiting::seconds,
    yard::{ADMIN, basic},
};
use reqwest::Method;
use serde_json::{Value, json};

/// Says who asks, to everybody.
fn identity(dialect: Dialect) -> String {
    format!("{}/identity", dialect.mount())
}

async fn who(yard: &Yard, dialect: Dialect, headers: &[(&str, &str)]) -> Value {
    let answer = asked(yard, dialect, headers).await.expect(200);
    dialect.data(&answer)
}

async fn asked(yard: &Yard, dialect: Dialect, headers: &[(&str, &str)]) -> Answer {
    let mut request = yard.request(Method::GET, &identity(dialect));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    yard.send(request).await
}

/// The forms of wire.md 2.1.
fn forms(dialect: Dialect, token: &Token) -> Vec<(&'static str, String)> {
    let bearer = ("authorization", format!("Bearer {}", token.secret));
    match dialect {
        Dialect::Inkdrop => vec![bearer, ("authorization", token.basic())],
        Dialect::Space => vec![bearer],
        Dialect::Backstage | Dialect::Langbot | Dialect::Nexus | Dialect::Yard => {
            vec![bearer, ("x-api-key", token.secret.clone())]
        }
        Dialect::Dify => Vec::new(),
    }
}

#[tokio::test]
async fn every_dialect_takes_its_forms_and_the_bootstrap_credential_is_admin_everywhere() {
    let yard = Yard::start().await;
    for dialect in Dialect::WITH_CREDENTIALS {
        let token = yard.key_for("somebody", &[dialect.name()], "publisher").await;
        for (name, value) in forms(dialect, &token) {
            let told = who(&yard, dialect, &[(name, &value)]).await;
            assert_eq!((&told["standing"], &told["proof"]), (&json!("publisher"), &json!("token")), "{told}");
            assert_eq!(told["key"], token.id, "{}", dialect.name());
        }
        let any_case = who(&yard, dialect, &[("authorization", &format!("bEARER   {}", token.secret))]).await;
        assert_eq!(any_case["standing"], "publisher");
        let bootstrap = Token { id: "any".into(), secret: ADMIN.into(), printed: Value::Null };
        for (name, value) in forms(dialect, &bootstrap) {
            let told = who(&yard, dialect, &[(name, &value)]).await;
            assert_eq!((&told["standing"], &told["proof"]), (&json!("admin"), &json!("bootstrap")), "{told}");
        }
        let nobody = who(&yard, dialect, &[]).await;
        assert_eq!((&nobody["standing"], &nobody["proof"]), (&json!("anonymous"), &json!("nothing")));
    }
}

#[tokio::test]
async fn prefixes_tell_what_a_key_is_for_and_one_key_may_serve_two_dialects() {
    let yard = Yard::start().await;
    for (dialect, prefix) in [
        ("langbot", "lbk_"),
        ("space", "lbpat_"),
        ("inkdrop", "pyk_"),
        ("backstage", "pyk_"),
        ("nexus", "pyk_"),
    ] {
        assert!(yard.key_for("somebody", &[dialect], "user").await.secret.starts_with(prefix), "{dialect}");
    }
    let both = yard.token("backstage,nexus", "user").await;
    assert_eq!(both.printed["dialect"], "backstage,nexus");
    assert_eq!(both.printed["token"], both.printed["secret"]);
    for dialect in Dialect::WITH_CREDENTIALS {
        let answer = asked(&yard, dialect, &[("authorization", &format!("Bearer {}", both.secret))]).await;
        let good = [Dialect::Backstage, Dialect::Nexus].contains(&dialect);
        assert_eq!(answer.status, if good { 200 } else { 401 }, "{}", dialect.name());
    }
}

#[tokio::test]
async fn what_is_sent_beside_a_credential_by_habit_does_no_harm() {
    let yard = Yard::start().await;
    let ipm = yard.key_for("ipm", &["inkdrop"], "publisher").await;
    let told = who(&yard, Dialect::Inkdrop, &[("x-api-key", "1"), ("authorization", &ipm.basic())]).await;
    assert_eq!(told["standing"], "publisher", "the constant of ipm is no credential");
    assert_eq!(who(&yard, Dialect::Inkdrop, &[("x-api-key", "1")]).await["standing"], "anonymous");
    let bot = yard.key_for("bot", &["langbot"], "user").await;
    let two = [("x-api-key", bot.secret.as_str()), ("authorization", "Bearer whatever")];
    assert_eq!(who(&yard, Dialect::Langbot, &two).await["standing"], "user", "X-API-Key wins");
    for header in ["Bearer whatever", "Basic !!!", "Negotiate x"] {
        let request = yard.request(Method::GET, "/dify/api/v1/tasks").header("authorization", header);
        yard.send(request).await.expect(200);
    }
}

/// Texts that look like the key, and are not.
fn near_misses(token: &Token) -> Vec<String> {
    let secret = &token.secret;
    let mut flipped = secret.clone().into_bytes();
    flipped[10] = if flipped[10] == b'x' { b'y' } else { b'x' };
    vec![
        "x".to_owned(),
        "demo".to_owned(),
        secret[..secret.len() - 1].to_owned(),
        format!("{secret}A"),
        secret.to_uppercase(),
        String::from_utf8(flipped).expect("a text"),
        secret.replacen('_', "-", 1),
        format!("{secret},{secret}"),
        token.id.clone(),
        format!("{}:{secret}", token.id),
        "x".repeat(5_000),
        format!("{ADMIN}x"),
        ADMIN[..ADMIN.len() - 1].to_owned(),
        "ü".to_owned(),
        "a.b.c".to_owned(),
        "..".to_owned(),
    ]
}

#[tokio::test]
async fn what_proves_nothing_is_401_in_the_words_of_the_dialect_even_where_nobody_must_prove_anything() {
    let yard = Yard::start().await;
    let other = yard.key_for("somebody", &["backstage"], "admin").await;
    for dialect in Dialect::WITH_CREDENTIALS {
        let token = yard.key_for("somebody", &[dialect.name()], "admin").await;
        let revoked = yard.key_for("somebody", &[dialect.name()], "admin").await;
        yard.send(yard.bearing(Method::DELETE, &format!("/identity/keys/{}", revoked.id), ADMIN)).await;
        let mut bad: Vec<Vec<(&str, String)>> = near_misses(&token)
            .into_iter()
            .chain([revoked.secret])
            .map(|text| vec![("authorization", format!("Bearer {text}"))])
            .collect();
        for header in ["Bearer", "Bearer ", &token.secret, "Basic", "Basic !", "Digest x", "Basic eHh4"] {
            bad.push(vec![("authorization", header.to_owned())]);
        }
        let bearer = format!("Bearer {}", token.secret);
        bad.push(vec![("authorization", bearer.clone()), ("authorization", bearer)]);
        if dialect == Dialect::Inkdrop {
            bad.push(vec![("authorization", basic(&other.id, &token.secret))]);
            bad.push(vec![("authorization", basic("", &token.secret))]);
            bad.push(vec![("authorization", basic(&token.id, ""))]);
            bad.push(vec![("authorization", basic(&token.secret, &token.id))]);
        } else {
            bad.push(vec![("authorization", token.basic())]);
        }
        if dialect != Dialect::Backstage {
            bad.push(vec![("authorization", format!("Bearer {}", other.secret))]);
        }
        let mut said = Vec::new();
        for headers in &bad {
            let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, &**value)).collect();
            let answer = asked(&yard, dialect, &headers).await;
            let refused = dialect.refusal(&answer);
            assert_eq!((refused.status, &*refused.code), (401, dialect.codes()[1]), "{headers:?}");
            assert!(!answer.header("www-authenticate").is_empty(), "{headers:?}");
            said.push(refused.timeless);
        }
        said.dedup();
        assert_eq!(said.len(), 1, "no refusal says more than another: {said:?}");
    }
}

#[tokio::test]
async fn whoever_sends_no_credential_where_one_is_needed_is_asked_for_one() {
    let yard = Yard::start().await;
    for dialect in Dialect::WITH_CREDENTIALS {
        let answer = yard.get(&format!("{}/identity/keys", dialect.mount())).await;
        let refused = dialect.refusal(&answer);
        assert_eq!((refused.status, &*refused.code), (401, dialect.codes()[0]), "{}", dialect.name());
        let asks_for_basic = answer
            .headers
            .get_all("www-authenticate")
            .iter()
            .any(|challenge| challenge.as_bytes().starts_with(b"Basic"));
        assert_eq!(asks_for_basic, dialect == Dialect::Inkdrop, "{}", dialect.name());
    }
}

#[tokio::test]
async fn a_key_ends_at_its_hour() {
    let yard = Yard::start().await;
    let token = yard.token_with(&["--dialect", "nexus", "--role", "user", "--expires", "3s"]).await;
    assert!(token.printed["expires_at"].as_str().is_some_and(|end| end.ends_with('Z')), "{}", token.printed);
    yard.get_as("/nexus/identity", &token.secret).await.expect(200);
    let refused = until("the key has expired", seconds(5), async || {
        let answer = yard.get_as("/nexus/identity", &token.secret).await;
        (answer.status != 200).then_some(answer)
    })
    .await;
    assert_eq!(Dialect::Nexus.refusal(&refused).code, "AUTHENTICATION_FAILED");
}

#[tokio::test]
async fn a_scope_narrows_what_the_role_may() {
    let yard = Yard::start().await;
    let wish = json!({ "dialects": ["nexus"], "role": "admin", "scopes": ["read"] });
    let reader = yard.key("somebody", wish).await;
    yard.get_as("/nexus/api/v1/plugins", &reader.secret).await.expect(200);
    let body = json!({ "source": "repository", "plugin_id": "a" });
    let answer = yard.post_as("/nexus/api/v1/plugins/install", &reader.secret, &body).await;
    let refused = Dialect::Nexus.refusal(&answer);
    assert_eq!((refused.status, &*refused.code), (403, "PLUGIN_PERMISSION_DENIED"));
    let more = json!({ "dialects": ["nexus"], "role": "admin", "scopes": ["read", "write", "admin"] });
    assert_eq!(yard.post_as("/nexus/identity/keys", &reader.secret, &more).await.status, 403);
}

#[tokio::test]
async fn a_revoked_key_ends_on_every_node_within_two_seconds() {
    let yard = Plan::default().start().await;
    let other = yard.neighbour("api").await;
    for by_command in [false, true] {
        let token = yard.key_for("somebody", &["nexus"], "user").await;
        until("the other node knows the key", seconds(5), async || {
            (other.get_as("/nexus/identity", &token.secret).await.status == 200).then_some(())
        })
        .await;
        if by_command {
            yard.revoke(&token).await;
        } else {
            let path = format!("/nexus/identity/keys/{}", token.id);
            yard.send(yard.bearing(Method::DELETE, &path, &token.secret)).await;
            assert_eq!(
                yard.get_as("/nexus/identity", &token.secret).await.status,
                401,
                "at once where it was asked"
            );
        }
        until("both nodes refuse it", seconds(2), async || {
            let here = yard.get_as("/nexus/identity", &token.secret).await.status;
            let there = other.get_as("/nexus/identity", &token.secret).await.status;
            (here == 401 && there == 401).then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn a_key_whose_story_this_build_cannot_read_lets_nobody_in() {
    let yard = Yard::start().await;
    let key = yard.key_for("somebody", &["nexus"], "user").await;
    let newer = format!(
        "insert into es.events (aggregate_type, aggregate_id, sequence, event_type, event_version, payload, metadata)
         select aggregate_type, aggregate_id, 2, 'ApiKeySuspended', '1', '{{}}', metadata
           from es.events where aggregate_type = 'api_key' and aggregate_id = '{}'",
        key.id
    );
    yard.database().execute(&newer).await.unwrap();
    let answer = yard.get_as("/nexus/identity", &key.secret).await.expect(503);
    assert!(!answer.header("retry-after").is_empty(), "what a newer node has written it judges");
}
