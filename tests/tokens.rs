//! Credentials and accounts on the command line: beside a running server, and alone.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use plugyard_tests::{Cli, Cluster, Plan, Yard, binary, command_line::Ran, until, waiting::seconds};
use reqwest::Method;
use serde_json::{Value, json};

const ADMIN_VIEW: &str = "/admin/projections";

/// What a command prints that must succeed.
async fn said(cli: Cli, arguments: &[&str]) -> Value {
    cli.args(arguments).run().await.expect(0).json()
}

async fn refused(cli: Cli, arguments: &[&str]) -> Ran {
    let ran = cli.args(arguments).run().await;
    assert!(![Some(0), None].contains(&ran.code), "{arguments:?}: {ran:?}");
    assert!(!ran.err.contains("panicked") && !ran.err.is_empty(), "{ran:?}");
    ran
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_else(|| panic!("{name} in {value}"))
}

async fn status(yard: &Yard, token: &str) -> u16 {
    yard.send(yard.request(Method::GET, ADMIN_VIEW).bearer_auth(token)).await.status
}

#[tokio::test]
async fn a_token_is_shown_once_with_everything_that_is_needed_to_send_it() {
    let yard = Yard::start().await;
    for (dialect, prefix) in [
        ("langbot", "lbk_"),
        ("space", "lbpat_"),
        ("inkdrop", "pyk_"),
        ("backstage", "pyk_"),
        ("nexus", "pyk_"),
        ("nexus,backstage", "pyk_"),
    ] {
        let made =
            said(yard.cli(), &["token", "create", "--dialect", dialect, "--role", "publisher", "--json"])
                .await;
        let mut members: Vec<&String> = made.as_object().unwrap().keys().collect();
        members.sort();
        assert_eq!(members, ["dialect", "expires_at", "id", "role", "secret", "token"]);
        assert_eq!(made["token"], made["secret"]);
        assert!(text(&made, "token").starts_with(prefix) && text(&made, "token").len() > 40, "{made}");
        assert_eq!((text(&made, "dialect"), text(&made, "role")), (dialect, "publisher"));
        assert!(made["expires_at"].is_null(), "{made}");
        let listed = said(yard.cli(), &["token", "list", "--json"]).await;
        let shown = listed.as_array().unwrap().iter().find(|key| key["id"] == made["id"]);
        let shown = shown.unwrap_or_else(|| panic!("{made} in {listed}"));
        assert_eq!((text(shown, "name"), text(shown, "state")), ("default", "live"));
        assert!(!listed.to_string().contains(text(&made, "token")), "a list shows no secret");
    }
    let plain = yard.cli().args(["token", "create", "--dialect", "nexus", "--role", "user", "--name", "ann"]);
    let plain = plain.run().await.expect(0);
    assert_eq!(plain.out.lines().count(), 1, "the token alone, for a variable of a script: {:?}", plain.out);
    assert!(plain.out.starts_with("pyk_") && plain.err.contains("ann"), "{plain:?}");
    let table = yard.cli().args(["token", "list"]).run().await.expect(0).out;
    assert_eq!(table.lines().count(), 8, "a head and a line for each: {table}");
    assert!(!table.contains(plain.out.trim()) && table.contains("ann"), "{table}");
}

#[tokio::test]
async fn a_token_opens_what_its_role_may_until_it_is_revoked_on_every_node() {
    let yard = Yard::start().await;
    let other = yard.neighbour("api").await;
    let create = async |more: &[&str]| {
        let usual = ["token", "create", "--dialect", "nexus", "--json"];
        said(yard.cli(), &[&usual, more].concat()).await
    };
    let admin = create(&["--role", "admin"]).await;
    let reader = create(&["--role", "admin", "--scope", "read"]).await;
    let user = create(&["--role", "user"]).await;
    for node in [&yard, &other] {
        for _ in 0..2 {
            assert_eq!(status(node, text(&admin, "token")).await, 200);
        }
        assert_eq!(status(node, text(&reader, "token")).await, 403, "without the scope");
        assert_eq!(status(node, text(&user, "token")).await, 403, "without the role");
    }
    let id = text(&admin, "id");
    yard.cli().args(["token", "revoke", id, "--reason", "lost"]).run().await.expect(0);
    for node in [&yard, &other] {
        until("the revocation holds", seconds(2), async || {
            (status(node, text(&admin, "token")).await == 401).then_some(())
        })
        .await;
    }
    assert_eq!(status(&other, text(&user, "token")).await, 403, "others are as good as before");
    said(yard.cli(), &["projections", "rebuild", "api_keys"]).await;
    assert_eq!(status(&other, text(&user, "token")).await, 403);
    yard.cli().args(["token", "revoke", text(&user, "id")]).run().await.expect(0);
    for node in [&yard, &other] {
        until("a revocation after a rebuild holds", seconds(2), async || {
            (status(node, text(&user, "token")).await == 401).then_some(())
        })
        .await;
    }
    let again = yard.cli().args(["token", "revoke", id]).run().await.expect(0);
    assert!(again.out.contains("before"), "{again:?}");
    let listed = said(yard.cli(), &["token", "list", "--json"]).await;
    let shown = listed.as_array().unwrap().iter().find(|key| key["id"] == id).unwrap();
    assert_eq!(text(shown, "state"), "revoked");
    let events = yard.cli().args(["events", "tail"]).run().await.expect(0).out;
    let revoked = events.lines().find(|line| line.contains("ApiKeyRevoked")).unwrap();
    let revoked: Value = serde_json::from_str(revoked).unwrap();
    assert_eq!((&revoked["data"]["reason"], &revoked["actor"]), (&json!("lost"), &json!("bootstrap")));
    assert_eq!(revoked["metadata"]["actor_dialect"], "cli");
}

#[tokio::test]
async fn a_token_ends_by_itself_when_it_was_given_an_end() {
    let yard = Yard::start().await;
    let create = ["token", "create", "--dialect", "nexus", "--role", "admin", "--json", "--expires"];
    let lasting = said(yard.cli(), &[&create[..], &["2200-01-31T02:00:00+02:00"]].concat()).await;
    assert_eq!(text(&lasting, "expires_at"), "2200-01-31T00:00:00Z");
    let short = said(yard.cli(), &[&create[..], &["4s"]].concat()).await;
    assert_eq!(status(&yard, text(&short, "token")).await, 200);
    until("it has ended", seconds(6), async || {
        (status(&yard, text(&short, "token")).await == 401).then_some(())
    })
    .await;
    let listed = said(yard.cli(), &["token", "list", "--json"]).await;
    let shown = listed.as_array().unwrap().iter().find(|key| key["id"] == short["id"]).unwrap();
    assert_eq!(text(shown, "state"), "expired");
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_and_makes_nothing() {
    let yard = Yard::start().await;
    let usual = ["token", "create", "--dialect", "nexus", "--role", "user"];
    for more in [
        &["--expires", "2001-01-01T00:00:00Z"][..],
        &["--expires", "soon"],
        &["--name", "two words"],
        &["--label", "a\u{1b}[2J"],
        &["--scope", "admin"],
        &["--rate", "0/60"],
        &["--dialect", "dify"],
        &["--role", "root"],
    ] {
        refused(yard.cli(), &[&usual[..], more].concat()).await;
    }
    refused(yard.cli(), &["token", "create", "--dialect", "nexus"]).await;
    refused(yard.cli(), &["token", "create", "--role", "user"]).await;
    let unknown = "123e4567-e89b-42d3-a456-426614174000";
    let ran = refused(yard.cli(), &["token", "revoke", unknown]).await;
    assert!(ran.err.contains("No such key"), "{ran:?}");
    refused(yard.cli(), &["token", "revoke", "everything"]).await;
    refused(yard.cli(), &["user", "erase", "nobody"]).await;
    refused(yard.cli().input("seven..\n"), &["user", "set", "ann"]).await;
    assert_eq!(said(yard.cli(), &["token", "list", "--json"]).await, json!([]));
    assert_eq!(said(yard.cli(), &["user", "list", "--json"]).await, json!([]));
}

#[tokio::test]
async fn commands_need_no_server_and_a_server_knows_what_they_made() {
    let ground = binary::ground();
    let alone = || Cli::on(ground.path());
    let made = said(alone(), &["token", "create", "--dialect", "nexus", "--role", "admin", "--json"]).await;
    let listed = said(alone(), &["token", "list", "--json"]).await;
    assert_eq!(listed[0]["id"], made["id"], "what was written shows at once");
    let set = alone().set("PLUGYARD_USER_PASSWORD", "correct horse").args(["user", "set", "ann"]);
    set.run().await.expect(0);
    let users = said(alone(), &["user", "list", "--json"]).await;
    let ann = users.as_array().unwrap().iter().find(|user| user["name"] == "ann").unwrap();
    assert_eq!((text(ann, "role"), &ann["has_password"]), ("user", &json!(true)));
    let yard = Plan::default().embedded().start_on(ground).await;
    assert_eq!(status(&yard, text(&made, "token")).await, 200);
    yard.cli().args(["token", "revoke", text(&made, "id")]).run().await.expect(0);
    until("the revocation holds", seconds(2), async || {
        (status(&yard, text(&made, "token")).await == 401).then_some(())
    })
    .await;
    yard.settle().await;
}

#[tokio::test]
async fn the_policy_is_printed_without_a_database() {
    let ground = binary::ground();
    let cli = || Cli::on(ground.path()).set("DATABASE_URL", "postgres://nobody@127.0.0.1:1/nothing");
    let table = said(cli(), &["policy", "--json"]).await;
    let line = |action: &str| {
        let lines = table.as_array().unwrap();
        lines.iter().find(|line| line["action"] == action).unwrap_or_else(|| panic!("{action}")).clone()
    };
    let expected = json!({
        "action": "yard.operate", "scope": "admin",
        "anonymous": "-", "user": "-", "publisher": "-", "admin": "all"
    });
    assert_eq!(line("yard.operate"), expected);
    assert_eq!(line("tasks.create")["anonymous"], "all");
    let printed = cli().args(["policy"]).run().await.expect(0).out;
    for word in ["yard.operate", "ANONYMOUS", "404", "denied"] {
        assert!(printed.contains(word), "{word} in {printed}");
    }
}

/// The text in every form that it could hide in.
fn forms(secret: &str) -> [String; 3] {
    let base64 = BASE64_STANDARD.encode(secret).trim_end_matches('=').to_owned();
    [secret.to_owned(), base64, hex::encode(secret)]
}

#[tokio::test]
async fn neither_the_database_nor_the_log_holds_a_secret_a_name_or_the_hash_of_a_password() {
    let yard = Plan::default().set("PLUGYARD_LOG", "debug").start().await;
    let (name, password) = ("zacharias.quixote", "correct horse battery staple");
    let set = yard.cli().args(["user", "set", name, "--role", "publisher"]).input(&format!("{password}\n"));
    let ran = set.run().await.expect(0);
    assert!(!format!("{ran:?}").contains(password), "{ran:?}");
    let create = ["token", "create", "--dialect", "nexus", "--role", "publisher", "--name", name, "--json"];
    let made = said(yard.cli(), &create).await;
    let token = text(&made, "token");
    assert_eq!(status(&yard, token).await, 403);
    let file = yard.ground().join("dump.sql");
    let dumped = || {
        let mut dump = Cluster::shared().client("pg_dump");
        dump.arg(format!("--dbname={}", yard.database().url)).arg("--file").arg(&file);
        assert!(dump.status().expect("pg_dump runs").success());
        std::fs::read_to_string(&file).unwrap()
    };
    let (dump, log) = (dumped(), yard.server().log());
    let random_part = &token["pyk_".len()..];
    for secret in [token, random_part, password, name, "$argon2"] {
        for form in forms(secret) {
            assert!(!dump.contains(&form), "{secret} is in the dump as {form}");
            assert!(!log.contains(&form), "{secret} is in the log as {form}");
        }
    }
    let id = text(&made, "id");
    assert!(dump.contains(id), "the dump holds the key");

    yard.cli().args(["user", "erase", name]).run().await.expect(0);
    let users = said(yard.cli(), &["user", "list", "--json"]).await;
    assert_eq!((text(&users[0], "name"), &users[0]["has_password"]), ("[erased]", &json!(false)));
    let tokens = said(yard.cli(), &["token", "list", "--json"]).await;
    assert_eq!((text(&tokens[0], "name"), text(&tokens[0], "state")), ("[erased]", "revoked"));
    let again = refused(yard.cli(), &create).await;
    assert!(again.err.contains("erased"), "{again:?}");
    yard.cli().args(["events", "verify"]).run().await.expect(0);
    for model in ["api_keys", "accounts"] {
        let rebuilt = said(yard.cli(), &["projections", "rebuild", model]).await;
        assert_eq!(rebuilt["same_as_before"], true, "{rebuilt}");
    }
    assert_eq!(said(yard.cli(), &["user", "list", "--json"]).await, users);
    assert_eq!(said(yard.cli(), &["token", "list", "--json"]).await, tokens);
}

#[tokio::test]
async fn a_password_comes_from_standard_input_or_the_environment_and_never_from_nowhere() {
    let yard = Yard::start().await;
    let set = async |cli: Cli, arguments: &[&str]| {
        cli.args(["user", "set", "ann"]).args(arguments.iter().copied()).run().await.expect(0).out
    };
    let ann = async || said(yard.cli(), &["user", "list", "--json"]).await[0].clone();
    assert!(set(yard.cli(), &[]).await.contains("no password"));
    assert_eq!((text(&ann().await, "role"), &ann().await["has_password"]), ("user", &json!(false)));
    set(yard.cli(), &["--role", "admin"]).await;
    assert_eq!(text(&ann().await, "role"), "admin");
    set(yard.cli().input("correct horse\n"), &[]).await;
    let after = ann().await;
    assert_eq!((text(&after, "role"), &after["has_password"]), ("admin", &json!(true)), "its role stays");
    set(yard.cli().set("PLUGYARD_USER_PASSWORD", "another horse").input("ignored"), &[]).await;
    let changes = "select count(*) from es.events where event_type = 'PasswordChanged'";
    assert_eq!(yard.database().number(changes).await, 2);
}
