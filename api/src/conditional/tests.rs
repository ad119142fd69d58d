use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use application::{policy::Action, queries::catalogue::CatalogueQueries};
use axum::{Json, extract::State, http::Method};
use domain::{plugin::PackageFormat, values::Role};
use serde_json::{Value, json};

use super::*;
use crate::{
    backstage,
    credential::Accepts,
    dify, difymarket,
    fakes::{Gate, Reply, published, voice},
    inkdrop, langbot, nexus,
    operations::{Operation, get},
    space,
    voice::Heard,
    yard,
};

static ASKED: AtomicUsize = AtomicUsize::new(0);

async fn dialects(State(catalogue): State<Arc<dyn CatalogueQueries>>) -> Result<Json<Value>, Refusal> {
    Ok(Json(json!(catalogue.publishers(Dialect::Inkdrop).await?)))
}

async fn counting() -> Json<Value> {
    ASKED.fetch_add(1, Ordering::SeqCst);
    Json(json!({}))
}

async fn missing() -> Refusal {
    Refusal::not_found("There is no such thing")
}

fn gate() -> Gate {
    let accepts = Accepts { bearer: true, ..Accepts::NOTHING };
    let read = |path: &str, cache| get(path, Action::ReadCatalogue, dialects).cached(cache);
    let operations = vec![
        read("/revalidated", Cache::Revalidated),
        read("/list", Cache::List),
        read("/details", Cache::Details),
        read("/feed", Cache::Feed),
        get("/counting", Action::ReadCatalogue, counting).cached(Cache::Revalidated),
        get("/missing", Action::ReadCatalogue, missing).cached(Cache::List),
    ];
    Gate::new(voice(Dialect::Inkdrop, accepts), operations, &[])
}

async fn ask(gate: &Gate, path: &str, headers: &[(&str, &str)]) -> Reply {
    gate.ask(Method::GET, path, headers).await
}

async fn tag(gate: &Gate, path: &str, headers: &[(&str, &str)]) -> String {
    let reply = ask(gate, path, headers).await;
    assert_eq!(reply.status, 200, "{path}");
    reply.header("etag").to_owned()
}

#[tokio::test]
async fn what_is_held_is_not_sent_again_and_not_looked_up() {
    let gate = gate();
    let tag = tag(&gate, "/counting", &[]).await;
    assert!(tag.starts_with("W/\"") && tag.ends_with('"'), "{tag}");
    let strong = tag.trim_start_matches("W/").to_owned();
    let asked = ASKED.load(Ordering::SeqCst);
    for held in [tag.clone(), strong, format!("\"x\", {tag}"), format!("{tag},\"y\"")] {
        let reply = ask(&gate, "/counting", &[("if-none-match", &held)]).await;
        assert_eq!((reply.status, reply.body.len()), (304, 0), "{held}");
        assert_eq!(reply.header("etag"), tag);
        assert_eq!(reply.header("cache-control"), "public, max-age=0, must-revalidate");
    }
    assert_eq!(ASKED.load(Ordering::SeqCst), asked);
    for other in ["\"x\"", "W/\"x\"", "", "x"] {
        assert_eq!(ask(&gate, "/counting", &[("if-none-match", other)]).await.status, 200, "{other}");
    }
    assert_eq!(gate.ask(Method::HEAD, "/counting", &[("if-none-match", &tag)]).await.status, 304);
}

#[tokio::test]
async fn whoever_changes_something_gets_another_answer_at_once() {
    let gate = gate();
    let before = tag(&gate, "/revalidated", &[]).await;
    published(&gate.fakes, &gate.services, PackageFormat::Tarball, "notes", "1.0.0").await;
    let reply = ask(&gate, "/revalidated", &[("if-none-match", &before)]).await;
    assert_eq!(reply.status, 200);
    assert_ne!(reply.header("etag"), before);
    assert_ne!(reply.json(), json!([]));
}

#[tokio::test]
async fn a_validator_is_good_for_one_address_on_one_host() {
    let gate = gate();
    let one = tag(&gate, "/list", &[("host", "a.example")]).await;
    assert_eq!(one, tag(&gate, "/list", &[("host", "a.example")]).await);
    for (path, host) in [("/list", "b.example"), ("/list?page=2", "a.example"), ("/feed", "a.example")] {
        assert_ne!(one, tag(&gate, path, &[("host", host)]).await, "{path} on {host}");
    }
}

#[tokio::test]
async fn answers_say_how_long_they_are_good_for_and_a_credential_changes_nothing() {
    let gate = gate();
    let key = gate.key(Dialect::Inkdrop, Role::User, None).await;
    let bearer = format!("Bearer {key}");
    for (path, control) in [
        ("/revalidated", "public, max-age=0, must-revalidate"),
        ("/list", "public, max-age=60, s-maxage=300"),
        ("/details", "public, max-age=300, s-maxage=600"),
        ("/feed", "public, max-age=60"),
    ] {
        let open = ask(&gate, path, &[]).await;
        let known = ask(&gate, path, &[("authorization", &bearer)]).await;
        assert_eq!((open.header("cache-control"), known.header("cache-control")), (control, control));
        assert_eq!(open.header("etag"), known.header("etag"));
    }
}

#[tokio::test]
async fn what_is_not_there_has_no_validator_and_is_never_held() {
    let gate = gate();
    let date = http_date(DateTime::from_timestamp(4_000_000_000, 0).unwrap());
    for (header, value) in [("accept", "*/*"), ("if-none-match", "*"), ("if-modified-since", &date)] {
        let reply = ask(&gate, "/missing", &[(header, value)]).await;
        assert_eq!((reply.status, reply.header("etag"), reply.header("cache-control")), (404, "", ""));
    }
    assert_eq!(ask(&gate, "/list", &[("if-none-match", "*")]).await.status, 304);
    assert_eq!(ask(&gate, "/list", &[("if-modified-since", &date)]).await.status, 304);
}

#[tokio::test]
async fn a_date_is_as_good_as_a_tag_unless_there_is_a_tag() {
    let gate = gate();
    let reply = ask(&gate, "/list", &[]).await;
    let date = reply.header("last-modified").to_owned();
    assert!(read_http_date(&date).is_some(), "{date}");
    assert_eq!(ask(&gate, "/list", &[("if-modified-since", &date)]).await.status, 304);
    let both = [("if-modified-since", date.as_str()), ("if-none-match", "\"x\"")];
    assert_eq!(ask(&gate, "/list", &both).await.status, 200);
    for other in ["Thu, 01 Jan 1970 00:00:00 GMT", "yesterday", ""] {
        assert_eq!(ask(&gate, "/list", &[("if-modified-since", other)]).await.status, 200, "{other}");
    }
}

#[tokio::test]
async fn a_second_stands_for_one_state_only() {
    let gate = gate();
    let validators = &gate.services.validators;
    let now = DateTime::from_timestamp(1000, 700_000_000).unwrap();
    let at = |tag: &str, millis| Position {
        tag: tag.to_owned(),
        at: DateTime::from_timestamp_millis(millis).unwrap(),
    };
    let second = |position: &Position, now| validators.second_of(position, now).map(|at| at.timestamp());
    assert_eq!(second(&at("a", 1_000_200), now), Some(1000));
    assert_eq!(second(&at("b", 1_000_600), now), None, "it would pass for the one before");
    assert_eq!(second(&at("a", 1_000_200), now), Some(1000));
    let later = DateTime::from_timestamp(1001, 0).unwrap();
    assert_eq!(second(&at("b", 1_000_600), later), Some(1001));
    assert_eq!(second(&at("c", 1_005_000), DateTime::from_timestamp(1005, 1).unwrap()), Some(1005));
}

#[test]
fn figures_of_the_last_days_are_others_tomorrow() {
    let position = Position { tag: "1".to_owned(), at: DateTime::from_timestamp(1000, 0).unwrap() };
    let now: DateTime<Utc> = "2026-11-20T12:00:00Z".parse().unwrap();
    let (today, tomorrow) = (of_today(&position, now), of_today(&position, now + chrono::TimeDelta::days(1)));
    assert_ne!(today.tag, tomorrow.tag);
    assert_eq!(tomorrow.at.to_rfc3339(), "2026-11-21T00:00:00+00:00");
}

/// Such an answer would tell one caller what another one was told.
#[test]
fn no_dialect_keeps_answers_whose_envelope_speaks_of_the_request() {
    let dialects = [
        (&backstage::VOICE, backstage::operations()),
        (&dify::VOICE, dify::operations()),
        (&difymarket::VOICE, difymarket::operations()),
        (&inkdrop::VOICE, inkdrop::operations()),
        (&langbot::VOICE, langbot::operations()),
        (&nexus::VOICE, nexus::operations()),
        (&space::VOICE, space::operations()),
        (&yard::VOICE, yard::operations()),
    ];
    let keeps = |operations: &[Operation]| operations.iter().any(|operation| operation.cache.is_some());
    let keeping: Vec<&Voice> =
        dialects.iter().filter(|(_, operations)| keeps(operations)).map(|(voice, _)| *voice).collect();
    assert!(keeping.len() > 2, "most catalogues keep their answers");
    let other =
        Heard { request_id: "other".into(), at: DateTime::<Utc>::MAX_UTC, took: Duration::from_secs(1) };
    for voice in keeping {
        let [one, other] = [&Heard::of_nobody(), &other].map(|heard| (voice.accept)(json!(1), heard));
        assert_eq!(one, other, "{}", voice.dialect.as_str());
    }
}
