//! Hostile requests at every dialect: refused in its own words, within two seconds, never with a fault of the server,
//! and the log stays one JSON object a line.

mod bodies;
mod spellings;
mod wire;

use std::time::{Duration, Instant};

use plugyard_tests::{Answer, Dialect, Yard};
use reqwest::RequestBuilder;
use serde_json::Value;

const PATIENCE: Duration = Duration::from_secs(2);

/// Sends it, and answers what came back in time.
async fn answered(yard: &Yard, what: &str, request: RequestBuilder) -> Answer {
    let begun = Instant::now();
    let answer = yard.send(request).await;
    let took = begun.elapsed();
    assert!(took < PATIENCE, "{what}: {took:?}");
    assert!(answer.status < 500, "{what}: {} {}", answer.status, answer.text());
    answer
}

/// Whether one of these dialects would say so.
fn is_in_a_form_of(dialects: &[Dialect], answer: &Answer) -> bool {
    dialects.iter().any(|dialect| dialect.read(answer).is_some())
}

/// The server is well, and every line of its log is one JSON object without a control character.
async fn is_well(yard: &Yard) {
    yard.get("/healthz").await.expect(200);
    let log = yard.server().log();
    let mut lines = 0;
    for line in log.lines() {
        let read: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line:?}"));
        assert!(read.is_object(), "{line}");
        assert!(!line.chars().any(char::is_control), "{line:?}");
        lines += 1;
    }
    assert!(lines > 0, "a log");
    assert!(!log.contains("panicked"), "{log}");
}
