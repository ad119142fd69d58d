//! The printed policy is what the service does: every cell of the table, at an operation of every action.

use std::collections::{BTreeMap, BTreeSet};

use plugyard_tests::{Answer, Dialect, Token, Yard, until, waiting::seconds, yard::ADMIN};
use reqwest::Method;
use serde_json::{Value, json};

/// Where an action is asked for. What is asked of is not there, or is nobody's, so that what decides is the policy.
struct Operation {
    dialect: Dialect,
    method: Method,
    path: &'static str,
    body: Value,
}

/// Of every action that can be asked for over REST. `{key}` and `{account}` stand for somebody's.
fn operation(action: &str) -> Operation {
    let of = |dialect, method: &str, path| {
        let method = Method::from_bytes(method.as_bytes()).expect("a method");
        Operation { dialect, method, path, body: json!({}) }
    };
    let (backstage, nexus) = (Dialect::Backstage, Dialect::Nexus);
    match action {
        "tasks.read" => of(Dialect::Dify, "GET", "/dify/api/v1/tasks"),
        "tasks.create" => of(Dialect::Dify, "POST", "/dify/api/v1/tasks"),
        "tasks.cancel" => of(Dialect::Dify, "POST", "/dify/api/v1/tasks/none/cancel"),
        "files.remove" => of(Dialect::Dify, "DELETE", "/dify/api/v1/files/none"),
        "catalogue.read" => of(backstage, "GET", "/backstage/api/marketplace/v1/plugins"),
        "catalogue.review" => of(backstage, "POST", "/backstage/api/marketplace/v1/plugins/p/reviews"),
        "packages.publish" => of(Dialect::Inkdrop, "POST", "/inkdrop/v2/packages"),
        "packages.remove" => of(Dialect::Inkdrop, "DELETE", "/inkdrop/v2/packages/p"),
        "installations.read" => of(backstage, "GET", "/backstage/api/marketplace/v1/installations/i"),
        "installations.logs" => of(backstage, "GET", "/backstage/api/marketplace/v1/installations/i/logs"),
        "installations.request" => of(backstage, "POST", "/backstage/api/marketplace/v1/plugins/p/install"),
        "installations.end" => of(backstage, "DELETE", "/backstage/api/marketplace/v1/installations/i"),
        "webhooks.manage" => of(backstage, "GET", "/backstage/api/marketplace/v1/webhooks"),
        "host.read" => of(nexus, "GET", "/nexus/api/v1/plugins"),
        "host.message" => of(nexus, "POST", "/nexus/api/v1/plugins/broadcast"),
        "host.logs" => of(Dialect::Langbot, "GET", "/langbot/api/v1/plugins/a/p/logs"),
        "host.change" => of(nexus, "POST", "/nexus/api/v1/plugins/install"),
        "host.secrets" => of(nexus, "GET", "/nexus/api/v1/plugins/p/config?include_secrets=true"),
        "instance.read" => of(Dialect::Langbot, "GET", "/langbot/api/v1/system/info"),
        "identity.login" => of(nexus, "POST", "/nexus/api/v1/auth/login"),
        "identity.read" => of(nexus, "GET", "/nexus/identity"),
        "keys.read" => of(nexus, "GET", "/nexus/identity/keys/{key}"),
        "keys.issue" => Operation {
            body: json!({ "owner": "{owner}", "dialects": ["nexus"] }),
            ..of(nexus, "POST", "/nexus/identity/keys")
        },
        "keys.revoke" => of(nexus, "DELETE", "/nexus/identity/keys/{key}"),
        "sockets.open" => of(nexus, "POST", "/nexus/identity/tickets"),
        "accounts.manage" => of(nexus, "GET", "/nexus/identity/accounts"),
        "accounts.erase" => of(nexus, "DELETE", "/nexus/identity/accounts/{account}"),
        "policy.read" => of(Dialect::Yard, "GET", "/admin/policy"),
        "yard.operate" => of(Dialect::Yard, "GET", "/admin/projections"),
        other => panic!("the policy has a new action, {other}: say here where it is asked for"),
    }
}

async fn table(yard: &Yard) -> Vec<Value> {
    let printed = yard.command(&["policy", "--json"]).await.json();
    printed.as_array().expect("a list of lines").clone()
}

/// Somebody new of this standing, so that nothing of an earlier cell is left; with the account.
async fn somebody(yard: &Yard, standing: &str, name: &str) -> Option<(Token, String)> {
    if standing == "anonymous" {
        return None;
    }
    let everywhere = Dialect::WITH_CREDENTIALS.map(Dialect::name);
    let token = yard.key_for(name, &everywhere, standing).await;
    let who = yard.get_as("/identity", &token.secret).await.expect(200).json();
    let account = who["account"]["id"].as_str().expect("an account").to_owned();
    Some((token, account))
}

async fn ask(yard: &Yard, operation: &Operation, token: Option<&str>, key: &str, account: &str) -> Answer {
    let path = operation.path.replace("{key}", key).replace("{account}", account);
    let mut request = yard.request(operation.method.clone(), &path);
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    if operation.method == Method::POST {
        let mut body = operation.body.clone();
        if body["owner"] == "{owner}" {
            // Who has an account is the owner without saying so.
            match account {
                "" => drop(body.as_object_mut().and_then(|body| body.remove("owner"))),
                name => body["owner"] = name.into(),
            }
        }
        request = request.json(&body);
    }
    yard.send(request).await
}

fn is_let_through(answer: &Answer) -> bool {
    ![401, 403].contains(&answer.status)
}

const STANDINGS: [&str; 4] = ["anonymous", "user", "publisher", "admin"];
/// Actions on things that somebody owns, and that there can be in this version.
const OWNED: [&str; 4] = ["keys.read", "keys.issue", "keys.revoke", "accounts.erase"];

#[tokio::test]
async fn every_cell_of_the_printed_table_is_what_the_service_answers() {
    let yard = Yard::start().await;
    let mut cells = 0;
    for line in table(&yard).await {
        let action = line["action"].as_str().expect("an action");
        let operation = operation(action);
        for standing in STANDINGS {
            let reach = line[standing].as_str().expect("a cell");
            let name = format!("{}-{standing}", action.replace('.', "-"));
            let asking = somebody(&yard, standing, &name).await;
            let token = asking.as_ref().map(|(token, _)| token.secret.as_str());
            let (key, account) = match &asking {
                Some((token, account)) => (token.id.as_str(), account.as_str()),
                None => ("none", "none"),
            };
            let what = format!("{action}, {standing}, own");
            let own = if action == "keys.issue" { "" } else { account };
            let answer = ask(&yard, &operation, token, key, own).await;
            let told = format!("{what}: {} {}", answer.status, answer.text());
            match (reach, standing) {
                ("-", "anonymous") => assert_eq!(operation.dialect.refusal(&answer).status, 401, "{told}"),
                ("-", _) => assert_eq!(operation.dialect.refusal(&answer).status, 403, "{told}"),
                ("own" | "all", _) => {
                    assert!(is_let_through(&answer), "{told}");
                    let done = OWNED.contains(&action);
                    assert!(!done || answer.status < 300, "{told}");
                }
                other => panic!("{what}: {other:?} is no cell"),
            }
            cells += 1;
        }
    }
    assert!(cells > 100, "{cells} cells");
}

#[tokio::test]
async fn what_belongs_to_somebody_else_is_there_for_those_who_reach_all() {
    let yard = Yard::start().await;
    let lines: BTreeMap<String, Value> = table(&yard)
        .await
        .into_iter()
        .map(|line| (line["action"].as_str().expect("an action").to_owned(), line))
        .collect();
    for action in OWNED {
        let operation = operation(action);
        for standing in ["user", "publisher", "admin"] {
            let (asking, _) =
                somebody(&yard, standing, &format!("asking-{standing}")).await.expect("somebody");
            let (theirs, their_account) =
                somebody(&yard, "user", &format!("{}-{standing}", action.replace('.', "-")))
                    .await
                    .expect("one");
            let named = if action == "keys.issue" { "somebody-else" } else { &their_account };
            let answer = ask(&yard, &operation, Some(&asking.secret), &theirs.id, named).await;
            let told = format!("{action}, {standing}, foreign: {} {}", answer.status, answer.text());
            match (lines[action][standing].as_str(), action) {
                (Some("all"), _) => assert!(answer.status < 300, "{told}"),
                // Nothing is there yet that could look as if it were not.
                (Some("own"), "keys.issue") => {
                    assert_eq!(operation.dialect.refusal(&answer).status, 403, "{told}");
                }
                (Some("own"), _) => assert_eq!(operation.dialect.refusal(&answer).status, 404, "{told}"),
                other => panic!("{told}: {other:?}"),
            }
            let ended = ["keys.revoke", "accounts.erase"].contains(&action) && standing == "admin";
            until("their key is as it should be", seconds(2), async || {
                (yard.get_as("/identity", &theirs.secret).await.status == if ended { 401 } else { 200 })
                    .then_some(())
            })
            .await;
        }
    }
}

#[tokio::test]
async fn what_is_foreign_cannot_be_told_from_what_is_unknown() {
    let yard = Yard::start().await;
    let everywhere = Dialect::WITH_CREDENTIALS.map(Dialect::name);
    let (theirs, their_account) = somebody(&yard, "user", "theirs").await.expect("somebody");
    let asking = yard.key_for("asking", &everywhere, "publisher").await;
    let unknown = "123e4567-e89b-42d3-a456-426614174000";
    for dialect in Dialect::WITH_CREDENTIALS.into_iter().chain([Dialect::Yard]) {
        for (method, kind, foreign) in [
            (Method::GET, "keys", &theirs.id),
            (Method::DELETE, "keys", &theirs.id),
            (Method::DELETE, "accounts", &their_account),
        ] {
            let path = |id: &str| format!("{}/identity/{kind}/{id}", dialect.mount());
            let mut seen = Vec::new();
            for id in [foreign, unknown, "none"] {
                let answer = yard.send(yard.bearing(method.clone(), &path(id), &asking.secret)).await;
                let headers: BTreeSet<String> =
                    answer.headers.keys().map(|name| name.as_str().to_owned()).collect();
                let refused = dialect.refusal(&answer);
                assert_eq!(refused.status, 404, "{method} {}: {}", path(id), answer.text());
                seen.push((refused, headers, answer.header("content-length").to_owned()));
            }
            seen.dedup();
            assert_eq!(seen.len(), 1, "{method} {kind} in {}: {seen:?}", dialect.name());
        }
    }
    let mine = yard.get_as("/nexus/identity/keys", &asking.secret).await.expect(200).json();
    assert_eq!(mine["data"]["total"], 1, "a list shows one's own: {mine}");
}

#[tokio::test]
async fn nobody_gives_more_than_he_has() {
    let yard = Yard::start().await;
    let user = yard.key_for("somebody", &["nexus"], "user").await;
    let publisher = yard.key_for("somebody-else", &["nexus", "inkdrop"], "publisher").await;
    for (asking, wish, status) in [
        (&user, json!({ "dialects": ["nexus"] }), 201),
        (&user, json!({ "dialects": ["nexus"], "role": "publisher" }), 403),
        (&user, json!({ "dialects": ["nexus"], "role": "admin" }), 403),
        (&user, json!({ "dialects": ["backstage"] }), 403),
        (&user, json!({ "dialects": ["nexus"], "owner": "root" }), 403),
        (&user, json!({ "dialects": ["nexus"], "rate": "1000000/1" }), 403),
        (&publisher, json!({ "dialects": ["nexus", "inkdrop"], "role": "publisher" }), 201),
        (&publisher, json!({ "dialects": ["nexus"], "role": "admin" }), 403),
    ] {
        let answer = yard.post_as("/nexus/identity/keys", &asking.secret, &wish).await;
        assert_eq!(answer.status, status, "{wish}: {}", answer.text());
    }
    for header in ["X-Role", "X-Forwarded-User", "X-Admin", "Role"] {
        let request =
            yard.bearing(Method::GET, "/nexus/identity/accounts", &user.secret).header(header, "admin");
        assert_eq!(yard.send(request).await.status, 403, "{header} raises nobody");
    }
    yard.get_as("/nexus/identity/accounts", ADMIN).await.expect(200);
}

#[tokio::test]
async fn the_policy_is_printed_for_people_and_served_as_it_is_printed() {
    let yard = Yard::start().await;
    let printed = table(&yard).await;
    let served = yard.get("/admin/policy").await.expect(200).json();
    assert_eq!(served["policy"], Value::from(printed.clone()));
    let text = yard.command(&["policy"]).await.out;
    for line in &printed {
        let action = line["action"].as_str().expect("an action");
        let shown = text.lines().find(|shown| shown.starts_with(action)).expect(action);
        let cells: Vec<&str> = shown.split_whitespace().skip(2).collect();
        let expected: Vec<&str> = STANDINGS.iter().map(|who| line[who].as_str().expect("a cell")).collect();
        assert_eq!(cells, expected, "{shown}");
    }
}
