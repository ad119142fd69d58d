//! What the tests of all channels begin with.

use std::time::Duration;

use application::ports::hosting::Call;
use serde_json::{Map, Value, json};

use super::{Effect, Greeting};

pub(super) fn greeting() -> Greeting {
    Greeting {
        name: "echo".to_owned(),
        version: "1.0.0".to_owned(),
        configuration: Map::from_iter([("token".to_owned(), json!("hush"))]),
        permissions: ["events:emit".to_owned()].into(),
        data_dir: "/data".to_owned(),
        memory_mb: 256,
        file_handles: 100,
        locale: "en".to_owned(),
        capability: "c".repeat(40),
    }
}

pub(super) fn call(message_type: &str, data: Value) -> Call {
    Call {
        message_id: "msg_1".to_owned(),
        message_type: message_type.to_owned(),
        data,
        caller: Some("user:u1".to_owned()),
        source_plugin: None,
        deadline: Duration::from_secs(10),
    }
}

/// What was sent, each line as JSON; everything else is left out.
pub(super) fn sent(effects: &[Effect]) -> Vec<Value> {
    let bytes = effects
        .iter()
        .filter_map(|effect| if let Effect::Send(bytes) = effect { Some(bytes.as_slice()) } else { None });
    let text = String::from_utf8(bytes.collect::<Vec<_>>().concat()).unwrap();
    text.lines().filter(|line| !line.is_empty()).map(|line| serde_json::from_str(line).unwrap()).collect()
}
