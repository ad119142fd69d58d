//! An account that is erased: nobody reads its name again, and everything else goes on.

use plugyard_tests::{Yard, until, waiting::seconds, yard::ADMIN};
use serde_json::{Value, json};

use super::{dump, found};

const NAME: &str = "charles.babbage@example.org";
const LABEL: &str = "the telephone of Mr Babbage";
const PASSWORD: &str = "difference engine no. 2";

/// Keys and accounts as the commands list them, in one order.
async fn listed(yard: &Yard) -> Vec<String> {
    let mut lines = Vec::new();
    for command in [["token", "list", "--json"], ["user", "list", "--json"]] {
        let list = yard.command(&command).await.json();
        lines.extend(list.as_array().expect("a list").iter().map(Value::to_string));
    }
    lines.sort();
    lines
}

#[tokio::test]
async fn an_erased_account_leaves_no_name_no_key_and_no_broken_chain() {
    let yard = Yard::start().await;
    let other = yard.neighbour("api").await;
    yard.user(NAME, PASSWORD, "user").await;
    let key = yard.key(NAME, json!({ "dialects": ["nexus"], "label": LABEL })).await;
    let kept = yard.key_for("somebody-else", &["nexus"], "user").await;
    let (session, _) = yard.log_in(NAME, PASSWORD).await;
    until("the other node knows the key", seconds(5), async || {
        (other.get_as("/nexus/identity", &key.secret).await.status == 200).then_some(())
    })
    .await;
    let secrets = [("the name", NAME), ("the label", LABEL), ("the password", PASSWORD)];
    let secrets = secrets.map(|(name, secret)| (name.to_owned(), secret.into()));
    assert_eq!(found(&secrets, &dump(&yard)), [""; 0], "none was ever in the clear");
    for text in [NAME, LABEL] {
        assert!(listed(&yard).await.iter().any(|line| line.contains(text)), "those who may see {text}");
    }
    let shown = format!("/identity/keys/{}", key.id);
    for node in [&yard, &other] {
        assert_eq!(node.get_as(&shown, ADMIN).await.expect(200).json()["label"], LABEL);
    }

    yard.command(&["user", "erase", NAME]).await;
    for secret in [&key.secret, &session] {
        for node in [&yard, &other] {
            until("its credentials end", seconds(2), async || {
                (node.get_as("/nexus/identity", secret).await.status == 401).then_some(())
            })
            .await;
        }
    }
    for node in [&yard, &other] {
        until("the name and the label are gone", seconds(3), async || {
            let accounts = node.get_as("/identity/accounts", ADMIN).await.expect(200).text();
            let label = node.get_as(&shown, ADMIN).await.expect(200).json()["label"].clone();
            (accounts.contains("[erased]") && !accounts.contains(NAME) && label == "[erased]").then_some(())
        })
        .await;
    }
    let before = listed(&yard).await;
    assert!(!before.iter().any(|line| line.contains(NAME) || line.contains(LABEL)), "{before:#?}");
    assert!(before.iter().any(|line| line.contains("[erased]")), "{before:#?}");
    assert_eq!(found(&secrets, &dump(&yard)), [""; 0]);
    let body = json!({ "username": NAME, "password": PASSWORD });
    yard.post("/nexus/api/v1/auth/login", &body).await.expect(401);
    yard.get_as("/nexus/identity", &kept.secret).await.expect(200);

    yard.settle().await;
    yard.command(&["events", "verify"]).await;
    for model in ["api_keys", "accounts"] {
        let built = yard.command(&["projections", "rebuild", model]).await.json();
        assert!(built.is_object(), "{built}");
    }
    until("the new models say the same", seconds(10), async || (listed(&yard).await == before).then_some(()))
        .await;
    yard.get_as("/nexus/identity", &key.secret).await.expect(401);
    yard.get_as("/nexus/identity", &kept.secret).await.expect(200);
}

#[tokio::test]
async fn an_erasure_that_a_crash_cut_short_is_finished_by_the_next_sweep() {
    let yard = Yard::start().await;
    yard.user(NAME, PASSWORD, "user").await;
    let database = yard.database();
    database.execute("create table kept as select * from es.subject_keys").await.unwrap();
    yard.command(&["user", "erase", NAME]).await;
    // As if it had ended before the data key was destroyed.
    let restore = "with restored as (
            update es.subject_keys s set wrapped = k.wrapped, master_id = k.master_id, erased_at = null
              from kept k where k.key_id = s.key_id and s.erased_at is not null returning 1)
        select count(*) from restored";
    assert_eq!(database.number(restore).await, 1);
    let readable =
        "select count(*) from es.subject_keys where subject like 'account/%' and erased_at is null";
    let _sweeping = yard.neighbour("worker").await;
    until("the data key is destroyed again", seconds(10), async || {
        (database.number(readable).await == 0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn what_is_kept_of_a_request_tells_no_name_to_whoever_guesses() {
    let (yard, stranger) = (Yard::start().await, Yard::start().await);
    let mut kept = Vec::new();
    for yard in [&yard, &stranger] {
        let key = json!({ "owner": NAME, "dialects": ["nexus"], "label": LABEL });
        let account = json!({ "role": "user" });
        for (method, path, body) in
            [("POST", "/identity/keys", key), ("PUT", "/identity/accounts/ada.lovelace", account)]
        {
            let request = yard.bearing(method.parse().expect("a method"), path, ADMIN).json(&body);
            let answer = yard.send(request.header("idempotency-key", path)).await;
            assert!([200, 201].contains(&answer.status), "{answer:?}");
        }
        let hashes = "select encode(request_hash, 'hex') from es.commands
                       group by request_hash, idempotency_key order by idempotency_key";
        kept.push(yard.database().texts(hashes).await);
    }
    assert_eq!((kept[0].len(), kept[1].len()), (2, 2), "{kept:?}");
    for (here, there) in kept[0].iter().zip(&kept[1]) {
        assert_ne!(here, there, "the same request, of services with different keys");
    }
}
