//! What a JSON body may not hold.

use plugyard_tests::{Answer, Dialect, Yard, yard::ADMIN};
use reqwest::Method;

use super::{answered, is_well};

/// An operation that takes JSON, and a body that it takes but for `SLOT`.
struct Door {
    dialect: Dialect,
    path: String,
    body: &'static str,
}

const SLOT: &str = "SLOT";

fn doors() -> Vec<Door> {
    let door = |dialect, path: &str, body| Door { dialect, path: path.to_owned(), body };
    let mut doors: Vec<Door> = ["/api/v1/tasks", "/dify/api/v1/tasks", "/dify/api/v1/tasks/batch"]
        .into_iter()
        .map(|path| door(Dialect::Dify, path, r#"{"url": "https://example.com/a.difypkg", "suffix": SLOT}"#))
        .collect();
    for path in ["/nexus/api/v1/auth/login", "/api/v1/auth/login"] {
        doors.push(door(Dialect::Nexus, path, r#"{"password": "a password", "username": SLOT}"#));
    }
    for path in ["/langbot/api/v1/user/auth", "/api/v1/user/auth"] {
        doors.push(door(Dialect::Langbot, path, r#"{"password": "a password", "user": SLOT}"#));
    }
    for dialect in Dialect::WITH_CREDENTIALS.into_iter().chain([Dialect::Yard]) {
        let path = format!("{}/identity/keys", dialect.mount());
        doors.push(door(dialect, &path, r#"{"owner": "o", "dialects": ["nexus"], "label": SLOT}"#));
    }
    doors
}

async fn offered(yard: &Yard, door: &Door, headers: &[(&str, &str)], body: Vec<u8>) -> Answer {
    let mut request = yard.bearing(Method::POST, &door.path, ADMIN).body(body);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    answered(yard, &door.path, request).await
}

fn is_refused(what: &str, door: &Door, answer: &Answer) {
    let refused = door.dialect.refusal(answer);
    let fitting = [400, 413, 415, 422].contains(&refused.status);
    assert!(fitting, "{what} at {}: {} {}", door.path, answer.status, answer.text());
}

const JSON: (&str, &str) = ("content-type", "application/json");

#[tokio::test]
async fn what_is_no_clean_json_is_refused_in_the_form_of_every_dialect() {
    let yard = Yard::start().await;
    let deep = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n)).into_bytes();
    let deep_objects = format!("{}1{}", r#"{"a":"#.repeat(200), "}".repeat(200)).into_bytes();
    let slots: Vec<(&str, Vec<u8>)> = vec![
        ("NUL, escaped", br#""a\u0000b""#.to_vec()),
        ("NUL, raw", b"\"a\0b\"".to_vec()),
        ("a lone high surrogate", br#""\ud800""#.to_vec()),
        ("a lone low surrogate", br#""\udc00x""#.to_vec()),
        ("surrogates in the wrong order", br#""\udc00\ud800""#.to_vec()),
        ("a number beyond all", b"1e999".to_vec()),
        ("a number beyond all, negative", b"-1e999".to_vec()),
        ("no number", b"NaN".to_vec()),
        ("infinity", b"Infinity".to_vec()),
        ("a hexadecimal number", b"0x10".to_vec()),
        ("a raw line break in a text", b"\"a\nb\"".to_vec()),
        ("bytes that are no text", b"\"\xff\xfe\"".to_vec()),
        ("an overlong encoding", b"\"\xc0\x80\"".to_vec()),
        ("an encoded surrogate", b"\"\xed\xa0\x80\"".to_vec()),
        ("a text cut in the middle of a letter", b"\"\xc3\"".to_vec()),
        ("depth 200", deep(200)),
        ("depth 100,000", deep(100_000)),
        ("depth of objects", deep_objects),
        ("an open depth", b"[".repeat(100_000)),
        ("single quotes", b"'a'".to_vec()),
        ("a comment", b"/* a */ \"a\"".to_vec()),
        ("a trailing comma", b"\"a\",".to_vec()),
        ("a member that stands twice", br#""a", "password": "x", "dialects": [], "url": "x""#.to_vec()),
        ("a wrong type", b"{\"a\": [1]}".to_vec()),
        ("more after the end", br#""a"}{"b": 1"#.to_vec()),
    ];
    for door in doors() {
        for (what, slot) in &slots {
            let (before, after) = door.body.split_once(SLOT).expect("a slot");
            let body = [before.as_bytes(), slot, after.as_bytes()].concat();
            is_refused(what, &door, &offered(&yard, &door, &[JSON], body).await);
        }
        for (what, body) in [
            ("nothing", ""),
            ("an array", "[]"),
            ("a text", "\"a\""),
            ("a number", "7"),
            ("null", "null"),
            ("half an object", "{\"a\": "),
            ("a form", "a=b&c=d"),
            ("a mark of byte order", "\u{feff}{}"),
        ] {
            is_refused(what, &door, &offered(&yard, &door, &[JSON], body.into()).await);
        }
    }
    is_well(&yard).await;
}

#[tokio::test]
async fn packed_bodies_other_types_and_two_megabytes_are_refused_before_they_are_read() {
    let yard = Yard::start().await;
    for door in doors() {
        let fine = || door.body.replace(SLOT, "\"x\"").into_bytes();
        for packed in ["gzip", "deflate", "br", "zstd", "identity, gzip", "x-unknown"] {
            let answer = offered(&yard, &door, &[JSON, ("content-encoding", packed)], fine()).await;
            assert_eq!(door.dialect.refusal(&answer).status, 415, "{packed} at {}", door.path);
        }
        for kind in ["application/xml", "text/html", "multipart/form-data", "application/octet-stream"] {
            let answer = offered(&yard, &door, &[("content-type", kind)], fine()).await;
            assert_eq!(
                door.dialect.refusal(&answer).status,
                415,
                "{kind} at {}: {}",
                door.path,
                answer.text()
            );
        }
        let large = format!("\"{}\"", "x".repeat(2 << 20));
        let answer = offered(&yard, &door, &[JSON], door.body.replace(SLOT, &large).into()).await;
        let expected = if door.dialect == Dialect::Dify { 400 } else { 413 };
        assert_eq!(door.dialect.refusal(&answer).status, expected, "2 MB at {}", door.path);
    }
    is_well(&yard).await;
}
