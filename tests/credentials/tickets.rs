//! Tickets: good once, for a socket, for a moment.

use plugyard_tests::{Dialect, Plugin, Socket, Yard, yard::ADMIN};
use serde_json::json;

async fn ticket(yard: &Yard, dialect: Dialect, secret: &str) -> String {
    let answer = yard.post_as(&format!("{}/identity/tickets", dialect.mount()), secret, &json!({})).await;
    let answer = answer.expect(200);
    assert_eq!(answer.header("cache-control"), "no-store");
    let data = dialect.data(&answer);
    assert!(data["expires_at"].is_string(), "{data}");
    data["ticket"].as_str().expect("a ticket").to_owned()
}

#[tokio::test]
async fn a_ticket_opens_one_socket_and_nothing_else() {
    let yard = Yard::start().await;
    let task = yard.upload(&Plugin::new("watched"), "").await;
    let address = |ticket: &str| format!("{}/ws/tasks/{task}?ticket={ticket}", yard.base());
    let user = yard.key_for("somebody", &["nexus"], "user").await;
    for (dialect, secret) in [(Dialect::Nexus, &*user.secret), (Dialect::Yard, ADMIN)] {
        let ticket = ticket(&yard, dialect, secret).await;
        assert_eq!(
            yard.get_as("/nexus/identity", &ticket).await.status,
            401,
            "it is no credential elsewhere"
        );
        let mut socket = Socket::open(&address(&ticket)).await;
        assert_eq!(socket.frame().await["task_id"], task);
        let again = Socket::try_open(&address(&ticket)).await.err().expect("it is used");
        assert!(again.to_string().contains("401"), "{again}");
    }
    for bad in ["", "x", "pyt_0000", &user.secret, ADMIN] {
        let refused = Socket::try_open(&address(bad)).await.err().unwrap_or_else(|| panic!("{bad:?} opened"));
        assert!(refused.to_string().contains("401"), "{bad:?}: {refused}");
    }
    Socket::open(&format!("{}/ws/tasks/{task}", yard.base())).await.frame().await;
    assert!(!yard.server().log().contains("pyt_"), "no ticket is in the log");
}

#[tokio::test]
async fn of_many_who_show_one_ticket_one_comes_in() {
    let yard = Yard::start().await;
    let task = yard.upload(&Plugin::new("crowded"), "").await;
    let ticket = ticket(&yard, Dialect::Yard, ADMIN).await;
    let address = format!("{}/ws/tasks/{task}?ticket={ticket}", yard.base());
    let tries = futures::future::join_all((0..20).map(|_| Socket::try_open(&address))).await;
    assert_eq!(tries.iter().filter(|tried| tried.is_ok()).count(), 1);
}

#[tokio::test]
async fn whoever_shows_nothing_gets_no_ticket() {
    let yard = Yard::start().await;
    for dialect in Dialect::WITH_CREDENTIALS {
        let answer = yard.post(&format!("{}/identity/tickets", dialect.mount()), &json!({})).await;
        assert_eq!(dialect.refusal(&answer).code, dialect.codes()[0], "{}", dialect.name());
    }
}
