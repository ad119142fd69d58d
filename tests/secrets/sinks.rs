//! A run that uses every secret there is, and then a look into everything that is left of it.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use plugyard_tests::{Dialect, Plan, Plugin, Socket, Token, Yard, yard::ADMIN};
use reqwest::Method;
use serde_json::{Value, json};

use super::{dump, found};

const NAME: &str = "ada.lovelace@example.org";
const PASSWORD: &str = "Correct horse, battery: staple+/=";
const WRONG: &str = "a wrong password that somebody typed";
const MASTER: [u8; 32] = *b"\x01\x23\x45\x67\x89\xab\xcd\xef of thirty-two bytes for";

/// What was used, and everything that was answered but where a secret is shown.
struct Story {
    yard: Yard,
    secrets: Vec<(String, Vec<u8>)>,
    answers: String,
}

impl Story {
    fn keep(&mut self, name: impl Into<String>, secret: &str) {
        self.secrets.push((name.into(), secret.as_bytes().to_vec()));
    }

    async fn send(&mut self, request: reqwest::RequestBuilder) {
        let answer = self.yard.send(request).await;
        self.answers.extend([format!("{:?} ", answer.headers), answer.text()]);
    }

    async fn used(&mut self, dialect: Dialect, token: &Token) {
        let mount = dialect.mount();
        for path in ["/identity", "/identity/keys", "/identity/accounts", "/nothing"] {
            let path = format!("{mount}{path}");
            let bearing = self.yard.bearing(Method::GET, &path, &token.secret);
            self.send(bearing).await;
            let key = self.yard.request(Method::GET, &path).header("X-API-Key", &token.secret);
            self.send(key).await;
            let basic = self.yard.request(Method::GET, &path).header("Authorization", token.basic());
            self.send(basic).await;
        }
        let odd = self.yard.get_as(&format!("{mount}/identity"), &format!("{}x", token.secret)).await;
        self.answers += &odd.text();
    }
}

#[tokio::test]
async fn nothing_that_proves_anything_is_left_anywhere() {
    let plan = Plan::default().set("PLUGYARD_SECRET_KEY", &BASE64_STANDARD.encode(MASTER));
    let yard = plan.start().await;
    let mut story = Story { yard, secrets: Vec::new(), answers: String::new() };
    story.keep("the bootstrap credential", ADMIN);
    story.keep("a password", PASSWORD);
    story.keep("a wrong password", WRONG);
    story.keep("a name", NAME);
    story.secrets.push(("the master key".to_owned(), MASTER.to_vec()));
    story.yard.user(NAME, PASSWORD, "user").await;
    keys(&mut story).await;
    sessions(&mut story).await;
    tickets(&mut story).await;
    story.yard.settle().await;

    let commands = [
        &["events", "tail", "--lines", "10000"][..],
        &["token", "list", "--json"],
        &["secrets", "status"],
        &["projections", "list"],
        &["policy"],
    ];
    let mut printed = String::new();
    for command in commands {
        let ran = story.yard.command(command).await;
        printed += &(ran.out + &ran.err);
    }
    let names_apart: Vec<_> = story.secrets.iter().filter(|(what, _)| what != "a name").cloned().collect();
    let users = story.yard.command(&["user", "list", "--json"]).await.out;
    assert_eq!(found(&names_apart, &users), [""; 0], "in the list of users");
    // The list of keys names their owners to whoever runs the commands.
    let events = story.yard.command(&["events", "tail", "--lines", "10000"]).await.out;
    assert_eq!(found(&story.secrets, &events), [""; 0], "in the events");
    assert_eq!(found(&names_apart, &printed), [""; 0], "printed by commands");
    assert_eq!(found(&names_apart, &story.answers), [""; 0], "in an answer");
    let metrics = story.yard.get("/metrics").await.text();
    assert_eq!(found(&story.secrets, &metrics), [""; 0], "in the metrics");
    let log = story.yard.server().log();
    assert!(log.lines().count() > 100, "a log of the story");
    assert_eq!(found(&story.secrets, &log), [""; 0], "in the log of the server");
    assert_eq!(found(&story.secrets, &dump(&story.yard)), [""; 0], "in the database");
    assert!(story.secrets.len() > 20, "{} secrets", story.secrets.len());
}

async fn keys(story: &mut Story) {
    for dialect in Dialect::WITH_CREDENTIALS {
        let by_command = story.yard.token(dialect.name(), "user").await;
        let wish = json!({ "dialects": [dialect.name()], "role": "publisher", "label": "of the story" });
        let by_request = story.yard.key(NAME, wish).await;
        for (how, token) in [("command", by_command), ("request", by_request)] {
            story.keep(format!("a key for {} by {how}", dialect.name()), &token.secret);
            story.keep(format!("a Basic header for {} by {how}", dialect.name()), &token.basic());
            story.used(dialect, &token).await;
        }
    }
    let wish = json!({ "dialects": ["nexus"], "owner": NAME });
    for _ in 0..2 {
        let request = story.yard.bearing(Method::POST, "/nexus/identity/keys", ADMIN).json(&wish);
        let answer = story.yard.send(request.header("Idempotency-Key", "the-story")).await.expect(201);
        let secret = answer.json()["data"]["token"].as_str().expect("a token").to_owned();
        story.keep("a key under an idempotency key", &secret);
    }
    assert_eq!(
        story
            .secrets
            .iter()
            .rev()
            .take(2)
            .map(|(_, secret)| secret)
            .collect::<std::collections::BTreeSet<_>>()
            .len(),
        1
    );
}

async fn sessions(story: &mut Story) {
    let (access, refresh) = story.yard.log_in(NAME, PASSWORD).await;
    let renew = json!({ "refresh_token": refresh });
    let renewed = story.yard.post("/nexus/api/v1/auth/refresh", &renew).await.expect(200).json();
    let langbot = json!({ "user": NAME, "password": PASSWORD });
    let langbot = story.yard.post("/langbot/api/v1/user/auth", &langbot).await.expect(200).json();
    let text = |value: &Value| value.as_str().expect("a token").to_owned();
    for (name, token) in [
        ("an access token", access),
        ("a refresh token", refresh),
        ("a later access token", text(&renewed["data"]["tokens"]["access_token"])),
        ("a later refresh token", text(&renewed["data"]["tokens"]["refresh_token"])),
        ("a token of LangBot", text(&langbot["data"]["token"])),
    ] {
        story.keep(name, &token);
        for mount in ["/nexus", "/langbot", "/backstage"] {
            let request = story.yard.bearing(Method::GET, &format!("{mount}/identity"), &token);
            story.send(request).await;
        }
        let body = json!({ "refresh_token": token, "password": WRONG, "username": NAME });
        for path in ["/nexus/api/v1/auth/login", "/nexus/identity/keys"] {
            let request = story.yard.request(Method::POST, path).json(&body);
            story.send(request).await;
        }
    }
    let wrong = json!({ "user": NAME, "password": WRONG });
    let request = story.yard.request(Method::POST, "/langbot/api/v1/user/auth").json(&wrong);
    story.send(request).await;
}

async fn tickets(story: &mut Story) {
    let task = story.yard.upload(&Plugin::new("watched"), "").await;
    for _ in 0..2 {
        let answer = story.yard.post_as("/identity/tickets", ADMIN, &json!({})).await.expect(200).json();
        let ticket = answer["ticket"].as_str().expect("a ticket").to_owned();
        story.keep("a ticket", &ticket);
        let address = format!("{}/ws/tasks/{task}?ticket={ticket}", story.yard.base());
        Socket::open(&address).await.frame().await;
        let again = Socket::try_open(&address).await;
        assert!(again.is_err(), "it is used");
        let request = story.yard.get(&format!("/nexus/identity?ticket={ticket}&api_key={ticket}")).await;
        story.answers += &request.text();
    }
}
