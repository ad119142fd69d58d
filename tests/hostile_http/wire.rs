//! Requests that are broken below the level of handlers.

use plugyard_tests::{Dialect, Yard, raw};

use super::{PATIENCE, is_in_a_form_of, is_well};

/// An open operation of every dialect.
fn path(dialect: Dialect) -> String {
    match dialect {
        Dialect::Dify => "/dify/api/v1/tasks".to_owned(),
        Dialect::Inkdrop
        | Dialect::Backstage
        | Dialect::Langbot
        | Dialect::Space
        | Dialect::Nexus
        | Dialect::Yard => format!("{}/identity", dialect.mount()),
    }
}

#[tokio::test]
async fn what_is_too_large_is_refused_in_the_words_of_the_dialect() {
    let yard = Yard::start().await;
    for dialect in Dialect::ALL {
        let path = path(dialect);
        let pairs: Vec<String> = (0..300).map(|n| format!("k{n}=v")).collect();
        let huge = format!("X-Large: {}", "x".repeat(20 * 1024));
        let cases = [
            ("20 KB of headers", format!("GET {path} HTTP/1.1\r\nHost: x\r\n{huge}\r\n\r\n"), 431),
            (
                "150 headers",
                format!("GET {path} HTTP/1.1\r\nHost: x\r\n{}\r\n", "X-A: 1\r\n".repeat(150)),
                431,
            ),
            ("9 KB of path", format!("GET {path}/{} HTTP/1.1\r\nHost: x\r\n\r\n", "a".repeat(9 * 1024)), 414),
            (
                "9 KB of query",
                format!("GET {path}?q={} HTTP/1.1\r\nHost: x\r\n\r\n", "a".repeat(9 * 1024)),
                414,
            ),
            ("300 pairs", format!("GET {path}?{} HTTP/1.1\r\nHost: x\r\n\r\n", pairs.join("&")), 400),
        ];
        for (what, request, status) in cases {
            let heard = raw::say(yard.base(), request.as_bytes(), PATIENCE).await;
            let answer = heard.and_then(|heard| heard.answer);
            let answer = answer.unwrap_or_else(|| panic!("{what} at {path}: no answer"));
            assert_eq!(dialect.refusal(&answer).status, status, "{what} at {path}: {}", answer.text());
        }
    }
    is_well(&yard).await;
}

#[tokio::test]
async fn what_two_readers_would_read_differently_is_refused_and_ends_the_connection() {
    let yard = Yard::start().await;
    for dialect in Dialect::ALL {
        let path = path(dialect);
        let post = format!("POST {path} HTTP/1.1\r\nHost: x\r\n");
        let get = format!("GET {path} HTTP/1.1\r\nHost: x\r\n");
        let cases = [
            ("two lengths", format!("{post}Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd")),
            ("two lengths in one line", format!("{post}Content-Length: 3, 4\r\n\r\nabcd")),
            ("a signed length", format!("{post}Content-Length: +3\r\n\r\nabc")),
            ("a negative length", format!("{post}Content-Length: -1\r\n\r\nabc")),
            ("a length beyond all", format!("{post}Content-Length: 99999999999999999999\r\n\r\nabc")),
            (
                "chunks that are not the last",
                format!("{post}Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n"),
            ),
            ("an unknown transfer", format!("{post}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n")),
            ("a folded header", format!("{get}X-A: b\r\n  folded\r\n\r\n")),
            ("a blank before the colon", format!("{post}Content-Length : 3\r\n\r\nabc")),
            ("a header without a name", format!("{get}: x\r\n\r\n")),
            ("a header without a colon", format!("{get}nonsense\r\n\r\n")),
            ("a NUL in a header", format!("{get}X-A: a\0b\r\n\r\n")),
            ("a NUL in the path", format!("GET {path}\0 HTTP/1.1\r\nHost: x\r\n\r\n")),
            ("a blank in the path", format!("GET {path} x HTTP/1.1\r\nHost: x\r\n\r\n")),
            ("an unknown protocol", format!("GET {path} HTTP/9.9\r\nHost: x\r\n\r\n")),
            ("another protocol", "\x16\x03\x01\x02\x00\x01\x00\x01\u{fc}\x03\x03\r\n\r\n".to_owned()),
            ("a method that is none", format!("GE T {path} HTTP/1.1\r\nHost: x\r\n\r\n")),
        ];
        for (what, request) in cases {
            let heard = raw::say(yard.base(), request.as_bytes(), PATIENCE).await;
            let heard = heard.unwrap_or_else(|| panic!("{what} at {path}: neither an answer nor an end"));
            let Some(answer) = heard.answer else { continue };
            assert_eq!(answer.status, 400, "{what} at {path}: {}", answer.text());
            assert!(heard.closed, "{what} at {path}: the connection goes on");
            let fine = answer.body.is_empty() || is_in_a_form_of(&Dialect::ALL, &answer);
            assert!(fine, "{what}: {}", answer.text());
        }
    }
    is_well(&yard).await;
}

#[tokio::test]
async fn behind_a_length_and_chunks_nothing_is_smuggled() {
    let yard = Yard::start().await;
    for dialect in Dialect::ALL {
        let path = path(dialect);
        let second = "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n";
        for headers in [
            "Content-Length: 3\r\nTransfer-Encoding: chunked",
            "Transfer-Encoding: chunked\r\nContent-Length: 3",
        ] {
            let request = format!("POST {path} HTTP/1.1\r\nHost: x\r\n{headers}\r\n\r\n0\r\n\r\n{second}");
            let said = raw::all(yard.base(), request.as_bytes(), PATIENCE).await;
            let said = said.unwrap_or_else(|| panic!("{headers:?} at {path}: the connection goes on"));
            assert_eq!(said.matches("HTTP/1.1 ").count(), 1, "{headers:?} at {path}: {said}");
            assert!(
                said.starts_with("HTTP/1.1 4") || said.starts_with("HTTP/1.1 501"),
                "{headers:?} at {path}: {said}"
            );
        }
    }
    is_well(&yard).await;
}

#[tokio::test]
async fn a_chunked_body_that_breaks_is_refused() {
    let yard = Yard::start().await;
    for (what, chunks) in [
        ("a size that is none", "zz\r\nabc\r\n0\r\n\r\n"),
        ("a size beyond all", "fffffffffffffffff\r\nabc\r\n0\r\n\r\n"),
        ("a chunk longer than it says", "2\r\nabcdef\r\n0\r\n\r\n"),
        ("a size with a sign", "-1\r\nabc\r\n0\r\n\r\n"),
        ("a bare line feed", "3\nabc\n0\n\n"),
    ] {
        for dialect in [Dialect::Dify, Dialect::Nexus, Dialect::Langbot] {
            let path = match dialect {
                Dialect::Nexus => "/nexus/api/v1/auth/login",
                Dialect::Langbot => "/langbot/api/v1/user/auth",
                Dialect::Dify | Dialect::Inkdrop | Dialect::Backstage | Dialect::Space | Dialect::Yard => {
                    "/dify/api/v1/tasks"
                }
            };
            let request = format!(
                "POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n\
                 Transfer-Encoding: chunked\r\n\r\n{chunks}"
            );
            let heard = raw::say(yard.base(), request.as_bytes(), PATIENCE).await;
            let heard = heard.unwrap_or_else(|| panic!("{what} at {path}: neither an answer nor an end"));
            if let Some(answer) = heard.answer {
                assert!((400..500).contains(&answer.status), "{what} at {path}: {}", answer.text());
                let fine = answer.body.is_empty() || dialect.read(&answer).is_some();
                assert!(fine, "{what} at {path}: {}", answer.text());
            }
        }
    }
    is_well(&yard).await;
}

#[tokio::test]
async fn whatever_a_request_carries_the_log_stays_one_object_a_line() {
    let yard = Yard::start().await;
    let evil = "\u{1b}[2J\u{1b}[31mred\u{7}";
    let quoted = r#""} {"level":"ERROR","message":"forged"}"#;
    for dialect in Dialect::ALL {
        let path = path(dialect);
        for target in [
            format!("{path}/%1b%5b2J%0a%7b%7d"),
            format!("{path}?q=%0d%0a%7b%22level%22%3a1%7d&t=%1b[2J"),
            format!("{path}/{quoted}").replace(' ', "%20"),
        ] {
            for header in [
                format!("User-Agent: {evil}"),
                format!("X-Request-Id: {evil}"),
                format!("X-Request-Id: {quoted}"),
                format!("Referer: {quoted}"),
                format!("X-Forwarded-For: {evil}, {quoted}"),
                "Host: \u{1b}[2J".to_owned(),
            ] {
                let request =
                    format!("GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{header}\r\n\r\n");
                let heard = raw::say(yard.base(), request.as_bytes(), PATIENCE).await;
                let heard = heard.unwrap_or_else(|| panic!("{header:?} at {target}: no answer"));
                assert!(heard.answer.is_none_or(|answer| answer.status < 500), "{header:?} at {target}");
            }
        }
    }
    is_well(&yard).await;
}
