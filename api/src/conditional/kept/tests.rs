use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use application::{
    policy::Action,
    principal::Principal,
    publishing::{Asker, Change},
    queries::catalogue::{CatalogueQueries, Which},
};
use axum::{
    extract::State,
    http::{HeaderValue, Method},
};
use domain::{
    plugin::PackageFormat,
    values::{Dialect, Role},
};
use serde_json::{Value, json};

use super::*;
use crate::{
    conditional::Cache,
    credential::Accepts,
    fakes::{Gate, Reply, caller, published, voice},
    links::Links,
    operations::{Operation, get},
};

static MADE: AtomicUsize = AtomicUsize::new(0);

/// Another answer whenever it is made.
async fn made() -> Said {
    Said::ok(json!(MADE.fetch_add(1, Ordering::SeqCst)))
}

async fn linked(links: Links) -> Json<Value> {
    Json(json!([links.root("/x"), MADE.fetch_add(1, Ordering::SeqCst)]))
}

async fn unclosed() -> Result<Unclosed, Refusal> {
    let made = MADE.fetch_add(1, Ordering::SeqCst);
    Unclosed::of(&json!({"made": made}), |heard| format!(",\"id\":\"{}\"}}", heard.request_id))
}

async fn notes(State(catalogue): State<Arc<dyn CatalogueQueries>>) -> Result<Said, Refusal> {
    let which = Which::Word { dialect: Dialect::Inkdrop, name: "notes".to_owned() };
    let there = catalogue.plugin(&which).await?.filter(|view| view.is_visible(Dialect::Inkdrop));
    let view = there.ok_or_else(|| Refusal::not_found("There is no such thing"))?;
    Ok(Said::ok(json!({"made": MADE.fetch_add(1, Ordering::SeqCst), "releases": view.releases.len()})))
}

async fn large() -> String {
    format!("{}{}", MADE.fetch_add(1, Ordering::SeqCst), "x".repeat(LARGEST))
}

fn gate(flags: &[&str]) -> Gate {
    let read = |operation: Operation| operation.cached(Cache::Details);
    let operations = vec![
        read(get("/made", Action::ReadCatalogue, made)),
        read(get("/linked", Action::ReadCatalogue, linked)),
        read(get("/unclosed", Action::ReadCatalogue, unclosed)),
        read(get("/notes", Action::ReadCatalogue, notes)),
        read(get("/large", Action::ReadCatalogue, large)),
    ];
    let accepts = Accepts { bearer: true, ..Accepts::NOTHING };
    Gate::new(voice(Dialect::Inkdrop, accepts), operations, flags)
}

async fn ask(gate: &Gate, path: &str, headers: &[(&str, &str)]) -> Reply {
    let reply = gate.ask(Method::GET, path, headers).await;
    assert_eq!(reply.status, 200, "{path}");
    reply
}

#[tokio::test]
async fn what_was_asked_in_the_same_state_is_answered_without_looking() {
    let gate = gate(&[]);
    let first = ask(&gate, "/made?q=1", &[]).await;
    let again = ask(&gate, "/made?q=1", &[]).await;
    assert_eq!(again.body, first.body);
    for header in ["content-type", "content-length", "etag", "last-modified", "cache-control"] {
        assert_eq!(again.header(header), first.header(header), "{header}");
    }
    assert_ne!(ask(&gate, "/made?q=2", &[]).await.body, first.body);
}

#[tokio::test]
async fn a_head_has_the_headers_of_the_get_and_leaves_nothing_behind() {
    let gate = gate(&[]);
    let before = gate.ask(Method::HEAD, "/made", &[]).await;
    assert_eq!((before.status, before.body.len()), (200, 0));
    let whole = ask(&gate, "/made", &[]).await;
    assert!(!whole.body.is_empty());
    let after = gate.ask(Method::HEAD, "/made", &[]).await;
    assert_eq!((after.status, after.body.len()), (200, 0));
    assert_eq!(after.header("content-length"), whole.header("content-length"));
    assert_eq!(ask(&gate, "/made", &[]).await.body, whole.body);
    let held = [("if-none-match", whole.header("etag"))];
    assert_eq!(gate.ask(Method::GET, "/made", &held).await.status, 304);
    assert_eq!(gate.ask(Method::GET, "/made", &[("if-none-match", "*")]).await.status, 304);
}

#[tokio::test]
async fn links_lead_to_the_host_that_was_asked_or_to_the_public_address() {
    let one = gate(&[]);
    let a = ask(&one, "/linked", &[("host", "a.example")]).await;
    assert_eq!(a.json()[0], "http://a.example/x");
    assert_eq!(ask(&one, "/linked", &[("host", "b.example")]).await.json()[0], "http://b.example/x");
    assert_eq!(ask(&one, "/linked", &[("host", "a.example")]).await.body, a.body);
    let public = gate(&["--public-url", "https://plugins.example"]);
    for host in ["a.example", "b.example", "a.example"] {
        let answer = ask(&public, "/linked", &[("host", host)]).await;
        assert_eq!(answer.json()[0], "https://plugins.example/x");
    }
}

#[tokio::test]
async fn what_an_answer_tells_of_its_request_is_of_each_request() {
    let gate = gate(&[]);
    let first = ask(&gate, "/unclosed", &[("x-request-id", "one")]).await.json();
    let second = ask(&gate, "/unclosed", &[("x-request-id", "two")]).await;
    assert_eq!((&first["id"], &second.json()["id"]), (&json!("one"), &json!("two")));
    assert_eq!(first["made"], second.json()["made"]);
    assert_eq!(second.header("content-type"), "application/json");
    let key = gate.key(Dialect::Inkdrop, Role::User, None).await;
    let known = ask(&gate, "/unclosed", &[("authorization", &format!("Bearer {key}"))]).await;
    assert_eq!(known.json()["made"], first["made"], "it is the same for everybody");
    assert_eq!(gate.ask(Method::GET, "/unclosed", &[("authorization", "Bearer wrong")]).await.status, 401);
}

#[tokio::test]
async fn whoever_writes_reads_it_at_once_and_what_is_hidden_is_gone() {
    let gate = gate(&[]);
    assert_eq!(gate.ask(Method::GET, "/notes", &[]).await.status, 404);
    let plugin = published(&gate.fakes, &gate.services, PackageFormat::Tarball, "notes", "1.0.0").await;
    let shown = ask(&gate, "/notes", &[]).await;
    assert_eq!(ask(&gate, "/notes", &[]).await.body, shown.body);
    let by = Asker { principal: &Principal::bootstrap(), caller: caller() };
    let quarantine = Change::Quarantine { version: None, reason: "looks odd".to_owned() };
    gate.services.publishing.change(plugin, quarantine, by).await.unwrap();
    assert_eq!(gate.ask(Method::GET, "/notes", &[]).await.status, 404);
}

#[tokio::test]
async fn what_is_large_is_made_each_time() {
    let gate = gate(&[]);
    let first = ask(&gate, "/large", &[]).await;
    assert_ne!(ask(&gate, "/large", &[]).await.body, first.body);
}

#[tokio::test]
async fn what_is_asked_for_stays_and_the_rest_makes_room() {
    let answers = Answers::default();
    let voice = voice(Dialect::Inkdrop, Accepts::NOTHING);
    let body = |of: u8| Response::new(Body::from(vec![of; LARGEST / 2]));
    let many = u128::try_from(4 * MOST / LARGEST).unwrap();
    for number in 0..many {
        answers.keep(number, voice, body(1)).await;
        assert!(answers.get(0).is_some(), "{number}");
    }
    assert!(answers.get(1).is_none());
    assert!(answers.get(many - 1).is_some());
    let shelf = answers.0.lock().unwrap();
    let weight: usize = shelf.answers.iter().map(|(_, answer)| answer.weight()).sum();
    assert_eq!(shelf.bytes, weight);
    assert!(weight <= MOST && weight > MOST / 2, "{weight}");
}

#[tokio::test]
async fn an_answer_that_is_put_again_weighs_once() {
    let answers = Answers::default();
    let voice = voice(Dialect::Inkdrop, Accepts::NOTHING);
    for body in ["first", "second"] {
        let mut answer = Response::new(Body::from(body));
        answer.headers_mut().insert("x-own", HeaderValue::from_static("kept"));
        answers.keep(7, voice, answer).await;
    }
    let answer = answers.get(7).unwrap();
    assert_eq!(answer.headers()["x-own"], "kept");
    assert_eq!(to_bytes(answer.into_body(), 100).await.unwrap(), "second");
    assert_eq!(answers.0.lock().unwrap().bytes, "second".len() + BESIDE);
}
