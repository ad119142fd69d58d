//! Manifests as JSON values: each key once, no NUL, not too deep and not too large to be kept.

use std::fmt;

use application::failure::{Failure, Reason};
use serde_json::Value;

use crate::json::Unambiguous;

const DEEPEST: usize = 64;
/// As it is kept.
const LARGEST: usize = 256 * 1024;

/// # Errors
/// `ManifestInvalid`, with the name of the file.
pub(super) fn invalid(file: &str, what: impl fmt::Display) -> Failure {
    Failure::permanent(Reason::ManifestInvalid, format!("{file} is missing or invalid: {what}"))
}

/// A JSON text as an object that may be kept.
pub(super) fn read(file: &str, bytes: &[u8]) -> Result<Value, Failure> {
    let text = std::str::from_utf8(bytes).map_err(|_not_utf8| invalid(file, "it is not UTF-8"))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let Unambiguous(value) = serde_json::from_str(text).map_err(|error| {
        tracing::debug!(%error, "a manifest is not readable");
        invalid(file, "it is not readable as JSON (or too deep, or a key is in it twice)")
    })?;
    kept(file, value)
}

/// An object that may be kept, however it was written.
pub(super) fn kept(file: &str, value: Value) -> Result<Value, Failure> {
    if !value.is_object() {
        return Err(invalid(file, "it is no object"));
    }
    if !is_plain(&value, 0) {
        let depth = format!("it is deeper than {DEEPEST} levels, or there is a NUL character in it");
        return Err(invalid(file, depth));
    }
    if value.to_string().len() > LARGEST {
        return Err(invalid(file, format!("it is larger than {} KB", LARGEST / 1024)));
    }
    Ok(value)
}

fn is_plain(value: &Value, depth: usize) -> bool {
    if depth > DEEPEST {
        return false;
    }
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => true,
        Value::String(text) => !text.contains('\0'),
        Value::Array(items) => items.iter().all(|item| is_plain(item, depth + 1)),
        Value::Object(members) => {
            members.iter().all(|(key, member)| !key.contains('\0') && is_plain(member, depth + 1))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_manifest_is_read_as_it_is_written() {
        let text = "\u{feff}{\"a\": [1, -2, 2.5, null, true, \"\\u00e9\"], \"b\": {\"c\": {}}}";
        assert_eq!(
            read("package.json", text.as_bytes()),
            Ok(json!({"a": [1, -2, 2.5, null, true, "\u{e9}"], "b": {"c": {}}}))
        );
    }

    #[test]
    fn what_readers_or_databases_stumble_over_is_refused() {
        let deep = format!("{{\"a\":{}1{}}}", "[".repeat(65), "]".repeat(65));
        let deeper = "[".repeat(100_000);
        let large = format!("{{\"a\":\"{}\"}}", "x".repeat(LARGEST));
        for text in [
            "",
            "[]",
            "\"a\"",
            "{\"a\":1,\"a\":2}",
            "{\"a\":{\"b\":1,\"b\":1}}",
            "{\"a\":\"\\u0000\"}",
            "{\"a\\u0000\":1}",
            "{\"a\":1e999}",
            "{\"a\":NaN}",
            "{\"a\":\"\\ud800\"}",
            "{} {}",
            &deep,
            &deeper,
            &large,
        ] {
            let failure = read("package.json", text.as_bytes()).unwrap_err();
            assert_eq!(failure.reason, Reason::ManifestInvalid);
            assert!(failure.message.starts_with("package.json is missing or invalid: "), "{failure}");
        }
        assert!(read("package.json", b"{\"a\": \"\xff\"}").is_err());
    }
}
