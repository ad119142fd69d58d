//! The hash chain of a stream: a changed, missing or foreign event shows.

use serde_json::Value;
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// Before the first event of a stream.
pub(super) const BEGINNING: [u8; 32] = [0; 32];

/// What the chain covers of one event; the feed order is not part of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Link<'a> {
    pub(super) event_id: Uuid,
    pub(super) aggregate_type: &'a str,
    pub(super) aggregate_id: &'a str,
    pub(super) sequence: i64,
    pub(super) event_type: &'a str,
    pub(super) event_version: &'a str,
    pub(super) payload: &'a Value,
    pub(super) metadata: &'a Value,
}

/// sha256 over the previous chain and every part with its length in front.
pub(super) fn next(previous: &[u8], link: &Link<'_>) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(previous);
    let (payload, metadata) = (canonical(link.payload), canonical(link.metadata));
    let sequence = link.sequence.to_string();
    let event_id = link.event_id.to_string();
    for part in [
        event_id.as_str(),
        link.aggregate_type,
        link.aggregate_id,
        &sequence,
        link.event_type,
        link.event_version,
        &payload,
        &metadata,
    ] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    hash.finalize().into()
}

/// Of the hexadecimal text that the view `es.streams` gives. An event that came from outside this product carries no
/// chain; the next one begins a new chain, and `events verify` tells of it.
pub(super) fn read(text: &Value) -> [u8; 32] {
    let bytes = text.as_str().and_then(|text| hex::decode(text).ok());
    bytes.and_then(|bytes| bytes.try_into().ok()).unwrap_or(BEGINNING)
}

/// Sorted keys, no spaces: the same text before the database and after it.
fn canonical(value: &Value) -> String {
    let mut text = String::new();
    write(value, &mut text);
    text
}

fn write(value: &Value, text: &mut String) {
    match value {
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_by_key(|(name, _)| name.as_str());
            text.push('{');
            for (n, (name, value)) in members.into_iter().enumerate() {
                text.push_str(if n == 0 { "" } else { "," });
                text.push_str(&Value::String(name.clone()).to_string());
                text.push(':');
                write(value, text);
            }
            text.push('}');
        }
        Value::Array(items) => {
            text.push('[');
            for (n, item) in items.iter().enumerate() {
                text.push_str(if n == 0 { "" } else { "," });
                write(item, text);
            }
            text.push(']');
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            text.push_str(&value.to_string());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_order_of_members_does_not_matter_and_their_values_do() {
        let (a, b): (Value, Value) = (
            json!({"b": [1, {"y": 2, "x": null}], "a": "é\n"}),
            json!({"a": "é\n", "b": [1, {"x": null, "y": 2}]}),
        );
        assert_eq!(canonical(&a), canonical(&b));
        assert_eq!(canonical(&a), "{\"a\":\"é\\n\",\"b\":[1,{\"x\":null,\"y\":2}]}");
    }

    #[test]
    fn every_part_is_covered_and_parts_do_not_run_into_each_other() {
        let (payload, metadata) = (json!({"n": 1}), json!({}));
        let link = Link {
            event_id: Uuid::nil(),
            aggregate_type: "task",
            aggregate_id: "1",
            sequence: 1,
            event_type: "A",
            event_version: "1",
            payload: &payload,
            metadata: &metadata,
        };
        let base = next(&BEGINNING, &link);
        let other = json!({"n": 2});
        for changed in [
            next(&base, &link),
            next(&BEGINNING, &Link { aggregate_type: "tas", aggregate_id: "k1", ..link }),
            next(&BEGINNING, &Link { sequence: 2, ..link }),
            next(&BEGINNING, &Link { event_type: "B", ..link }),
            next(&BEGINNING, &Link { event_version: "2", ..link }),
            next(&BEGINNING, &Link { payload: &other, ..link }),
            next(&BEGINNING, &Link { metadata: &other, ..link }),
            next(&BEGINNING, &Link { event_id: Uuid::max(), ..link }),
        ] {
            assert_ne!(base, changed);
        }
    }
}
