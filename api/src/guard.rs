//! What no handler needs to see: requests too large in any direction, and packed bodies.

use std::time::Duration;

use axum::{
    body::Body,
    extract::Request,
    http::{HeaderMap, Uri, header::CONTENT_ENCODING},
    middleware::Next,
    response::{IntoResponse, Response},
};
use futures::StreamExt as _;
use serde_json::Value;

use crate::refusal::{Fault, Issue, Refusal};

const LONGEST_URL: usize = 8 * 1024;
const MOST_PAIRS: usize = 200;
const LARGEST_HEADERS: usize = 16 * 1024;
const MOST_HEADERS: usize = 100;
const MOST_READ_ON: usize = 4 * 1024 * 1024;
const LONGEST_READ_ON: Duration = Duration::from_secs(2);

pub(crate) async fn measure(request: Request, next: Next) -> Response {
    match judge(request.uri(), request.headers()) {
        Ok(()) => next.run(request).await,
        Err(refusal) => {
            read_on(request.into_body()).await;
            refusal.into_response()
        }
    }
}

/// Takes in a little of a body that nobody wants, so that its sender sees the refusal instead of a reset.
pub(crate) async fn read_on(body: Body) {
    let mut rest = body.into_data_stream();
    let reading = async {
        let mut read = 0;
        while let Some(Ok(bytes)) = rest.next().await {
            read += bytes.len();
            if read > MOST_READ_ON {
                break;
            }
        }
    };
    let _ = tokio::time::timeout(LONGEST_READ_ON, reading).await;
}

/// Whether a request can be looked at. What a path names is left to the handlers: each dialect has words of its own for what cannot be there.
pub(crate) fn judge(uri: &Uri, headers: &HeaderMap) -> Result<(), Refusal> {
    let query = uri.query().unwrap_or_default();
    if uri.path().len() + query.len() > LONGEST_URL {
        return Err(Refusal::new(Fault::UrlTooLong, "URI Too Long"));
    }
    let pairs = || query.split('&').filter(|pair| !pair.is_empty());
    if pairs().count() > MOST_PAIRS {
        return Err(Refusal::meaningless("Too many query parameters"));
    }
    for pair in pairs() {
        if let Err(msg) = decodes(pair) {
            let name = pair.split('=').next().unwrap_or(pair);
            let issue = Issue::new("value_error", &["query", name], msg, Value::Null);
            return Err(Refusal::malformed(vec![issue]));
        }
    }
    let size: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
    if size > LARGEST_HEADERS || headers.len() > MOST_HEADERS {
        return Err(Refusal::new(Fault::HeadersTooLarge, "Request Header Fields Too Large"));
    }
    let plain = |encoding: &[u8]| encoding.trim_ascii().eq_ignore_ascii_case(b"identity");
    if headers.get_all(CONTENT_ENCODING).iter().any(|encoding| !plain(encoding.as_bytes())) {
        return Err(Refusal::new(
            Fault::MediaType,
            "Content-Encoding is not supported: send the body as it is",
        ));
    }
    Ok(())
}

/// Whether the text means UTF-8 without U+0000, which PostgreSQL text cannot hold.
fn decodes(text: &str) -> Result<(), &'static str> {
    if !text.contains('%') {
        return Ok(());
    }
    let decoded = percent_decoded(text.as_bytes());
    if decoded.contains(&0) {
        return Err("Value error, the character U+0000 is not allowed");
    }
    std::str::from_utf8(&decoded).map(drop).map_err(|_not_utf8| "Value error, this is not UTF-8 text")
}

/// What is no escape stands for itself.
fn percent_decoded(text: &[u8]) -> Vec<u8> {
    let digit = |place: usize| text.get(place).and_then(|&byte| char::from(byte).to_digit(16));
    let mut decoded = Vec::with_capacity(text.len());
    let mut place = 0;
    while let Some(&byte) = text.get(place) {
        let escaped = (byte == b'%').then(|| digit(place + 1).zip(digit(place + 2))).flatten();
        let value = escaped.and_then(|(high, low)| u8::try_from(high << 4 | low).ok());
        decoded.push(value.unwrap_or(byte));
        place += if value.is_some() { 3 } else { 1 };
    }
    decoded
}

#[cfg(test)]
mod tests {
    use axum::http::header::ACCEPT;

    use super::*;

    fn judged(uri: &str, headers: &[(&str, usize)]) -> Option<Fault> {
        let mut map = HeaderMap::new();
        for (name, length) in headers {
            map.append(ACCEPT, format!("{name}{}", "x".repeat(*length)).parse().unwrap());
        }
        judge(&uri.parse().unwrap(), &map).err().map(|refusal| refusal.fault)
    }

    #[test]
    fn a_query_means_utf8_text_without_nul() {
        for uri in ["/a", "/%E4%BD%A0?q=%C3%BC", "/%zz%2?q=100%", "/a%2fb", "/?q=%25%30%30"] {
            assert_eq!(judged(uri, &[]), None, "{uri}");
        }
        for uri in ["/a?q=a%00b", "/?q=%C3", "/?a=1&%00=1", "/?q=%ED%A0%80"] {
            assert_eq!(judged(uri, &[]), Some(Fault::Malformed), "{uri}");
        }
    }

    #[test]
    fn what_is_too_large_is_told_by_its_name() {
        assert_eq!(judged(&format!("/{}", "a".repeat(LONGEST_URL - 1)), &[]), None);
        assert_eq!(judged(&format!("/{}", "a".repeat(LONGEST_URL)), &[]), Some(Fault::UrlTooLong));
        assert_eq!(judged(&format!("/?{}", "a=1&".repeat(MOST_PAIRS)), &[]), None);
        assert_eq!(judged(&format!("/?{}", "a=1&".repeat(MOST_PAIRS + 1)), &[]), Some(Fault::Meaningless));
        assert_eq!(judged("/", &[("", LARGEST_HEADERS / 2)]), None);
        assert_eq!(judged("/", &[("", 1); MOST_HEADERS]), None);
        assert_eq!(judged("/", &[("", 1); MOST_HEADERS + 1]), Some(Fault::HeadersTooLarge));
        let twice = [("", LARGEST_HEADERS / 2), ("", LARGEST_HEADERS / 2)];
        assert_eq!(judged("/", &twice), Some(Fault::HeadersTooLarge));
    }
}
