use axum::http::Method;
use domain::values::{Dialect, Role};

use super::*;
use crate::{
    fakes::{ADMIN, Gate, voice},
    operations::get,
};

const EVERY: Accepts = Accepts { bearer: true, api_key: true, basic: true };

/// Ok: what was sent, if anything. Err: it cannot be read.
fn read(accepts: Accepts, headers: &[(&'static str, &[u8])]) -> Result<Option<String>, ()> {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(*name, axum::http::HeaderValue::from_bytes(value).unwrap());
    }
    let told = |credential| match credential {
        Credential::Token(secret) => secret.into_inner(),
        Credential::Pair { id, secret } => format!("{id} {}", secret.into_inner()),
        Credential::Ticket(_) => unreachable!("no header holds one"),
    };
    accepts.read(&map).map(|credential| credential.map(told)).map_err(drop)
}

fn gate(dialect: Dialect, accepts: Accepts, flags: &[&str]) -> Gate {
    let open = get("/open", application::policy::Action::ReadCatalogue, async || "fine");
    Gate::new(voice(dialect, accepts), vec![open], flags)
}

async fn with_token(gate: &Gate, token: &str, from: &str) -> u16 {
    let bearer = format!("Bearer {token}");
    gate.send(Method::GET, "/open", &[("authorization", &bearer)], "", from).await.status
}

#[test]
fn credentials_are_read_in_every_form_that_is_taken() {
    let said = |text: &str| Ok(Some(text.to_owned()));
    assert_eq!(read(EVERY, &[]), Ok(None));
    assert_eq!(read(EVERY, &[("authorization", b"Bearer abc")]), said("abc"));
    assert_eq!(read(EVERY, &[("authorization", b"bEARER   abc ")]), said("abc"));
    assert_eq!(read(EVERY, &[("authorization", b"Basic aWQ6YTpi")]), said("id a:b"));
    let both = [("authorization", &b"Bearer abc"[..]), ("x-api-key", b"key")];
    assert_eq!(read(EVERY, &both), said("key"), "the key wins");
    assert_eq!(read(Accepts { api_key: false, ..EVERY }, &both), said("abc"), "it is none here");
    assert_eq!(read(Accepts::NOTHING, &both), Ok(None));
}

#[test]
fn what_cannot_be_read_is_a_bad_credential() {
    for value in [
        &b""[..],
        b"Bearer",
        b"Bearer ",
        b"Basic",
        b"Basic !!!",
        b"Basic aWQ=",
        b"Basic /w==",
        b"Digest abc",
        b"abc",
        b"Bearer \xff",
        &[b"Bearer ", [b'x'; LONGEST + 1].as_slice()].concat(),
    ] {
        assert_eq!(read(EVERY, &[("authorization", value)]), Err(()), "{}", String::from_utf8_lossy(value));
    }
    let twice = [("authorization", &b"Bearer abc"[..]), ("authorization", b"Bearer abc")];
    assert_eq!(read(EVERY, &twice), Err(()));
    assert_eq!(read(EVERY, &[("x-api-key", b"a"), ("x-api-key", b"b")]), Err(()));
    assert_eq!(read(EVERY, &[("x-api-key", b"")]), Err(()));
    let bearer_alone = Accepts { bearer: true, ..Accepts::NOTHING };
    assert_eq!(read(bearer_alone, &[("authorization", b"Basic aWQ6YTpi")]), Err(()));
}

#[tokio::test]
async fn a_refused_credential_is_401_with_a_challenge_for_each_form() {
    let gate = gate(Dialect::Inkdrop, Accepts { bearer: true, api_key: false, basic: true }, &[]);
    let answer = gate.ask(Method::GET, "/open", &[("authorization", "Bearer nobody")]).await;
    assert_eq!(answer.status, 401);
    let challenges: Vec<_> = answer.headers.get_all("www-authenticate").iter().collect();
    assert_eq!(challenges, ["Basic realm=\"plugyard\", charset=\"UTF-8\"", "Bearer"]);
    assert_eq!(answer.header("x-ratelimit-remaining"), "119", "it counts as a request of the address");
    let constant = gate.ask(Method::GET, "/open", &[("x-api-key", "1")]).await;
    assert_eq!(constant.status, 200, "a constant that a client sends beside its credential");
}

#[tokio::test]
async fn an_address_that_guesses_has_to_wait_and_others_have_not() {
    let gate = gate(Dialect::Langbot, EVERY, &["--rate-limits", "credentials=3/3600"]);
    let good = gate.key(Dialect::Langbot, Role::User, None).await;
    let guesser = "192.0.2.7";
    assert_eq!(with_token(&gate, &good, guesser).await, 200);
    for guess in 0..3 {
        assert_eq!(with_token(&gate, &format!("guess-{guess}"), guesser).await, 401);
    }
    let bearer = [("authorization", "Bearer guess")];
    let waiting = gate.send(Method::GET, "/open", &bearer, "", guesser).await;
    assert_eq!((waiting.status, waiting.header("retry-after")), (429, "1200"));
    assert_eq!(with_token(&gate, &good, guesser).await, 429, "nobody is asked whether it is good");
    assert_eq!(with_token(&gate, ADMIN, guesser).await, 200, "for this one nobody has to be asked");
    assert_eq!(gate.send(Method::GET, "/open", &[], "", guesser).await.status, 200);
    assert_eq!(with_token(&gate, &good, "192.0.2.8").await, 200);
    assert_eq!(with_token(&gate, "guess", "192.0.2.8").await, 401);
}

#[tokio::test]
async fn a_database_that_is_down_is_no_fault_of_the_credential() {
    let gate = gate(Dialect::Langbot, EVERY, &["--rate-limits", "credentials=1/3600"]);
    let good = gate.key(Dialect::Langbot, Role::User, None).await;
    gate.fakes.take_down();
    for _ in 0..3 {
        assert_eq!(with_token(&gate, &good, "192.0.2.1").await, 503);
    }
    assert_eq!(with_token(&gate, "guess", "192.0.2.1").await, 401, "this needs no database");
}

#[tokio::test]
async fn a_key_of_another_dialect_proves_nothing() {
    let gate = gate(Dialect::Backstage, EVERY, &[]);
    let other = gate.key(Dialect::Nexus, Role::Admin, None).await;
    assert_eq!(with_token(&gate, &other, "192.0.2.1").await, 401);
    let own = gate.key(Dialect::Backstage, Role::User, None).await;
    assert_eq!(with_token(&gate, &own, "192.0.2.1").await, 200);
}
