//! JSON as YAML that people can read: blocks, with every text in double quotes.

use std::fmt::Write as _;

use serde_json::Value;

/// An object. What a JSON text may hold, a YAML text in double quotes may hold too.
pub(super) fn block(value: &Value) -> String {
    let mut text = String::new();
    write(&mut text, value, 0);
    text
}

fn write(text: &mut String, value: &Value, depth: usize) {
    let indent = "  ".repeat(depth);
    match value {
        Value::Object(members) => {
            for (key, member) in members {
                text.push_str(&indent);
                // Writing to a string does not fail.
                let _ = write!(text, "{}:", Value::from(key.as_str()));
                after_key(text, member, depth);
            }
        }
        Value::Array(items) => {
            for item in items {
                text.push_str(&indent);
                text.push('-');
                after_key(text, item, depth);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            let _ = writeln!(text, "{indent}{value}");
        }
    }
}

fn after_key(text: &mut String, value: &Value, depth: usize) {
    let is_empty = value.as_object().is_some_and(serde_json::Map::is_empty)
        || value.as_array().is_some_and(Vec::is_empty);
    if is_empty || !(value.is_object() || value.is_array()) {
        let _ = writeln!(text, " {value}");
        return;
    }
    text.push('\n');
    write(text, value, depth + 1);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let value = json!({
            "version": "0.0.9", "yes": "no", "nothing": null, "count": 3, "on": true, "text": "a: \"b\"\n# ä 处",
            "list": ["1.0", ["x"], {"deep": {"er": []}}], "empty": {}, "object": {"a b": {"c": [1.5]}},
        });
        let read: Value = serde_saphyr::from_str(&block(&value)).unwrap();
        assert_eq!(read, value);
    }
}
