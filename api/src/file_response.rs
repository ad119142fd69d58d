//! Serving a file that never changes: conditional requests, one range, and a name that is safe in a header
//! (RFC 9110, RFC 6266, RFC 8187).

use std::{fmt::Write as _, ops::Range};

use axum::http::{
    HeaderMap, HeaderName, HeaderValue, Method, StatusCode,
    header::{
        ACCEPT_RANGES, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, IF_NONE_MATCH,
        IF_RANGE, RANGE, X_CONTENT_TYPE_OPTIONS,
    },
};
use domain::values::Digest;

/// A file as it is given out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct File<'a> {
    pub(crate) sha256: &'a Digest,
    pub(crate) size: u64,
    pub(crate) name: &'a str,
    pub(crate) media_type: &'static str,
    /// A picture that a page may show; everything else is for keeping.
    pub(crate) shown: bool,
}

/// Of what nobody needs to know more about.
pub(crate) const BYTES: &str = "application/octet-stream";

/// What is to be answered, before a byte is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    /// The bytes to send, if any.
    pub(crate) bytes: Option<Range<u64>>,
}

pub(crate) fn plan(method: &Method, asked: &HeaderMap, file: &File<'_>) -> Plan {
    let File { sha256, size, .. } = *file;
    let etag = format!("\"{sha256}\"");
    let mut headers = HeaderMap::new();
    set(&mut headers, ETAG, &etag);
    set(&mut headers, ACCEPT_RANGES, "bytes");
    if matches_any(asked, &etag) {
        return Plan { status: StatusCode::NOT_MODIFIED, headers, bytes: None };
    }
    set(&mut headers, X_CONTENT_TYPE_OPTIONS, "nosniff");
    let range = if method == Method::GET && still_the_same(asked, &etag) {
        read_range(asked, size)
    } else {
        Asked::Everything
    };
    let (status, bytes) = match range {
        Asked::Nothing => {
            set(&mut headers, CONTENT_RANGE, &format!("bytes */{size}"));
            return Plan { status: StatusCode::RANGE_NOT_SATISFIABLE, headers, bytes: None };
        }
        Asked::Everything => (StatusCode::OK, 0..size),
        Asked::Part(part) => {
            set(&mut headers, CONTENT_RANGE, &format!("bytes {}-{}/{size}", part.start, part.end - 1));
            (StatusCode::PARTIAL_CONTENT, part)
        }
    };
    headers.insert(CONTENT_LENGTH, HeaderValue::from(bytes.end - bytes.start));
    set(&mut headers, CONTENT_TYPE, file.media_type);
    set(&mut headers, CONTENT_DISPOSITION, &disposition(file));
    let bytes = (method != Method::HEAD).then_some(bytes);
    Plan { status, headers, bytes }
}

/// Whether the client says that it has the bytes of this digest.
pub(crate) fn is_held(asked: &HeaderMap, sha256: &Digest) -> bool {
    matches_any(asked, &format!("\"{sha256}\""))
}

fn set(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

/// `If-None-Match` compares weakly.
pub(crate) fn matches_any(asked: &HeaderMap, etag: &str) -> bool {
    let lists = asked.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    lists
        .flat_map(|list| list.split(','))
        .map(str::trim)
        .any(|given| given == "*" || given.strip_prefix("W/").unwrap_or(given) == etag)
}

/// `If-Range` compares strongly; a date is none of ours.
fn still_the_same(asked: &HeaderMap, etag: &str) -> bool {
    asked.get(IF_RANGE).is_none_or(|given| given.as_bytes() == etag.as_bytes())
}

enum Asked {
    Everything,
    Part(Range<u64>),
    /// No byte of the file is in the range.
    Nothing,
}

/// Several ranges, other units and malformed ones are ignored, as the RFC allows.
fn read_range(asked: &HeaderMap, size: u64) -> Asked {
    let mut values = asked.get_all(RANGE).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return Asked::Everything };
    let spec = value.to_str().ok().and_then(|text| text.trim().strip_prefix("bytes="));
    let Some((first, last)) = spec.map(str::trim).and_then(|spec| spec.split_once('-')) else {
        return Asked::Everything;
    };
    let range = match (number(first), number(last)) {
        (Some(first), Some(last)) if first <= last => first..last.saturating_add(1).min(size),
        (Some(first), None) if last.is_empty() => first..size,
        (None, Some(suffix)) if first.is_empty() => size.saturating_sub(suffix)..size,
        _ => return Asked::Everything,
    };
    if range.is_empty() { Asked::Nothing } else { Asked::Part(range) }
}

/// A number too large for the type is past the end of any file.
fn number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(u64::MAX))
}

/// Always both forms: one every client reads, and one that holds every character.
fn disposition(file: &File<'_>) -> String {
    let (kind, name) = (if file.shown { "inline" } else { "attachment" }, file.name);
    let plain = |c: char| {
        if c.is_ascii_graphic() && !matches!(c, '"' | '\\' | '/' | '%') || c == ' ' { c } else { '_' }
    };
    let fallback: String = name.chars().map(plain).collect();
    let mut encoded = String::with_capacity(name.len());
    for byte in name.bytes() {
        // attr-char of RFC 8187.
        if byte.is_ascii_alphanumeric() || b"!#$&+-.^_`|~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    format!("{kind}; filename=\"{fallback}\"; filename*=UTF-8''{encoded}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: u64 = 1000;

    fn answer(method: &Method, asked: &[(HeaderName, &str)]) -> Plan {
        let mut headers = HeaderMap::new();
        for (name, value) in asked {
            headers.append(name, value.parse().unwrap());
        }
        plan(method, &headers, &file("agent-offline.difypkg", &Digest::of_bytes([0xab; 32])))
    }

    fn file<'a>(name: &'a str, sha256: &'a Digest) -> File<'a> {
        File { sha256, size: SIZE, name, media_type: BYTES, shown: false }
    }

    fn etag() -> String {
        format!("\"{}\"", "ab".repeat(32))
    }

    #[test]
    fn everything_is_sent_unless_asked_otherwise() {
        let plan = answer(&Method::GET, &[]);
        assert_eq!((plan.status, plan.bytes), (StatusCode::OK, Some(0..SIZE)));
        assert_eq!(plan.headers[CONTENT_LENGTH], "1000");
        assert_eq!(plan.headers[ETAG], etag());
        assert_eq!(plan.headers[X_CONTENT_TYPE_OPTIONS], "nosniff");
    }

    #[test]
    fn head_says_the_length_and_sends_nothing() {
        let plan = answer(&Method::HEAD, &[(RANGE, "bytes=0-1")]);
        assert_eq!((plan.status, plan.bytes), (StatusCode::OK, None));
        assert_eq!(plan.headers[CONTENT_LENGTH], "1000");
    }

    #[test]
    fn one_range_is_served_in_its_three_forms() {
        for (range, part, shown) in [
            ("bytes=0-0", 0..1, "bytes 0-0/1000"),
            ("bytes=900-", 900..1000, "bytes 900-999/1000"),
            ("bytes=-100", 900..1000, "bytes 900-999/1000"),
            ("bytes=-5000", 0..1000, "bytes 0-999/1000"),
            ("bytes=990-99999999999999999999999", 990..1000, "bytes 990-999/1000"),
        ] {
            let plan = answer(&Method::GET, &[(RANGE, range)]);
            assert_eq!((plan.status, plan.bytes), (StatusCode::PARTIAL_CONTENT, Some(part)), "{range}");
            assert_eq!(plan.headers[CONTENT_RANGE], shown);
        }
    }

    #[test]
    fn a_range_behind_the_end_is_416_and_an_odd_one_is_ignored() {
        for range in ["bytes=1000-", "bytes=1000-1001", "bytes=-0"] {
            let plan = answer(&Method::GET, &[(RANGE, range)]);
            assert_eq!(plan.status, StatusCode::RANGE_NOT_SATISFIABLE, "{range}");
            assert_eq!(plan.headers[CONTENT_RANGE], "bytes */1000");
        }
        for range in
            ["bytes=5-1", "bytes=0-1,5-6", "lines=1-2", "bytes=", "bytes=-", "bytes=a-b", "bytes=+1-2"]
        {
            assert_eq!(answer(&Method::GET, &[(RANGE, range)]).status, StatusCode::OK, "{range}");
        }
    }

    #[test]
    fn what_the_client_holds_is_not_sent_again() {
        for held in [etag(), format!("W/{}", etag()), format!("\"x\", {}", etag()), "*".to_owned()] {
            let plan = answer(&Method::GET, &[(IF_NONE_MATCH, &held)]);
            assert_eq!((plan.status, plan.bytes), (StatusCode::NOT_MODIFIED, None), "{held}");
            assert_eq!(plan.headers[ETAG], etag());
        }
        assert_eq!(answer(&Method::GET, &[(IF_NONE_MATCH, "\"x\"")]).status, StatusCode::OK);
    }

    #[test]
    fn a_part_continues_only_the_same_file() {
        let part =
            |condition: &str| answer(&Method::GET, &[(RANGE, "bytes=5-"), (IF_RANGE, condition)]).status;
        assert_eq!(part(&etag()), StatusCode::PARTIAL_CONTENT);
        for other in ["\"x\"", &format!("W/{}", etag()), "Wed, 21 Oct 2015 07:28:00 GMT"] {
            assert_eq!(part(other), StatusCode::OK, "{other}");
        }
    }

    #[test]
    fn any_name_is_safe_in_the_header() {
        let sha256 = Digest::of_bytes([0; 32]);
        let disposition = |name: &str| disposition(&file(name, &sha256));
        assert_eq!(
            disposition("agent-offline.difypkg"),
            "attachment; filename=\"agent-offline.difypkg\"; filename*=UTF-8''agent-offline.difypkg"
        );
        let odd = disposition("a\"; x=\"\\\r\nSet-Cookie: /ü%41.difypkg");
        assert!(HeaderValue::from_str(&odd).is_ok());
        assert_eq!(odd.matches('"').count(), 2, "{odd}");
        assert!(odd.ends_with("%0D%0ASet-Cookie%3A%20%2F%C3%BC%2541.difypkg"), "{odd}");
    }
}
