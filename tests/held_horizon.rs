//! Revoked is revoked although no read model can move: a stranger's transaction on the same server holds the horizon of
//! every reader, or the reader of the keys has halted.

use std::time::Instant;

use plugyard_tests::{
    Cluster, Token, Yard, until,
    waiting::seconds,
    yard::{ADMIN, Plan},
};
use reqwest::Method;
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};

const NAME: &str = "ada";
const PASSWORD: &str = "correct horse battery staple";
const OTHER_PASSWORD: &str = "another horse, another battery";

async fn status(node: &Yard, secret: &str) -> u16 {
    node.get_as("/nexus/identity", secret).await.status
}

/// Refused by the node that did it at once, by the other within two seconds.
async fn ended(nodes: [&Yard; 2], secret: &str) {
    let [here, there] = nodes;
    let since = Instant::now();
    assert_eq!(status(here, secret).await, 401, "at once");
    let left = seconds(2).saturating_sub(since.elapsed());
    until("the other node knows", left, async || (status(there, secret).await == 401).then_some(())).await;
}

/// Let in by both nodes, twice, so that they have it in memory.
async fn used(nodes: [&Yard; 2], secret: &str) {
    for node in [nodes[0], nodes[1], nodes[0], nodes[1]] {
        assert_eq!(status(node, secret).await, 200);
    }
}

async fn set(node: &Yard, account: &Value) {
    let request = node.bearing(Method::PUT, &format!("/identity/accounts/{NAME}"), ADMIN).json(account);
    node.send(request).await.expect(200);
}

async fn revoke(node: &Yard, key: &Token) {
    let path = format!("/identity/keys/{}", key.id);
    node.send(node.bearing(Method::DELETE, &path, ADMIN)).await.expect(204);
}

async fn try_log_in(node: &Yard, password: &str) -> u16 {
    let body = json!({ "username": NAME, "password": password });
    node.post("/nexus/api/v1/auth/login", &body).await.status
}

/// What must hold from the moment on in which `hold` has come, for credentials of before and of after.
async fn credentials_end(yard: &Yard, hold: impl AsyncFnOnce()) {
    let other = yard.neighbour("api").await;
    let nodes = [yard, &other];
    set(yard, &json!({ "role": "publisher", "password": PASSWORD })).await;
    let before = yard.key_for("somebody", &["nexus"], "user").await;
    let (session, refresh) = yard.log_in(NAME, PASSWORD).await;
    used(nodes, &before.secret).await;
    used(nodes, &session).await;
    hold().await;

    revoke(yard, &before).await;
    ended(nodes, &before.secret).await;
    let after = yard.key_for("somebody", &["nexus"], "user").await;
    used(nodes, &after.secret).await;
    revoke(yard, &after).await;
    ended(nodes, &after.secret).await;

    let renew = |token: &str| json!({ "refresh_token": token });
    let renewed = yard.post("/nexus/api/v1/auth/refresh", &renew(&refresh)).await.expect(200).json();
    let renewed = renewed["data"]["tokens"]["refresh_token"].as_str().expect("another").to_owned();
    assert_eq!(other.post("/nexus/api/v1/auth/refresh", &renew(&refresh)).await.status, 401, "it was used");
    let (second, _) = yard.log_in(NAME, PASSWORD).await;
    used(nodes, &second).await;
    set(yard, &json!({ "role": "publisher", "password": OTHER_PASSWORD })).await;
    ended(nodes, &session).await;
    ended(nodes, &second).await;
    assert_eq!(other.post("/nexus/api/v1/auth/refresh", &renew(&renewed)).await.status, 401);
    for node in nodes {
        assert_eq!(try_log_in(node, PASSWORD).await, 401, "the password of before");
    }

    let (publisher, _) = other.log_in(NAME, OTHER_PASSWORD).await;
    used(nodes, &publisher).await;
    set(yard, &json!({ "role": "user" })).await;
    ended(nodes, &publisher).await;
    let (user, _) = other.log_in(NAME, OTHER_PASSWORD).await;
    let who = yard.get_as("/nexus/identity", &user).await.expect(200).json();
    assert_eq!(who["data"]["standing"], "user");
}

#[tokio::test]
async fn credentials_end_while_a_stranger_holds_the_horizon() {
    let cluster = Cluster::start();
    let database = cluster.database().await;
    let yard = Plan::default().database(&database).start().await;
    let mut stranger = PgConnection::connect(&cluster.url("postgres")).await.unwrap();
    credentials_end(&yard, async || {
        sqlx::raw_sql("begin; select pg_current_xact_id()").execute(&mut stranger).await.unwrap();
    })
    .await;
    let shown = database.number("select count(*) from read.api_keys where revoked_at is not null").await;
    assert_eq!(shown, 0, "the read model did not move");
    sqlx::raw_sql("commit").execute(&mut stranger).await.unwrap();
    yard.settle().await;
    let shown = database.number("select count(*) from read.api_keys where revoked_at is not null").await;
    assert_eq!(shown, 5, "two keys and three sessions");
}

#[tokio::test]
async fn credentials_end_while_the_reader_of_the_keys_has_halted() {
    let yard = Yard::start().await;
    credentials_end(&yard, async || {
        yard.settle().await;
        let halt = "update es.checkpoints set status = 'halted' where subscription = 'api_keys'";
        yard.database().execute(halt).await.unwrap();
    })
    .await;
    let shown =
        yard.database().number("select count(*) from read.api_keys where revoked_at is not null").await;
    assert_eq!(shown, 0, "the read model did not move");
}
