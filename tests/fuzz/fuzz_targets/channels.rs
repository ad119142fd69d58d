//! Any bytes from a plugin, in any pieces: never a panic, never an answer to what was not asked, never ready twice,
//! and the same in whatever pieces they come.
#![no_main]
#![expect(clippy::unwrap_used, reason = "a fuzz target: a panic is what it looks for")]

use std::time::Duration;

use application::ports::hosting::{Call, Denied};
use infrastructure::host::channel::{
    Channel, Effect, Greeting, dify::Dify, langbot::Langbot, native::Native,
};
use libfuzzer_sys::fuzz_target;
use serde_json::json;

fuzz_target!(|bytes: &[u8]| {
    let Some((kind, said)) = bytes.split_first() else { return };
    let whole = heard(*kind, &[said]);
    let pieces: Vec<&[u8]> = said.chunks(usize::from(kind >> 2) + 1).collect();
    assert_eq!(heard(*kind, &pieces), whole);
});

fn heard(kind: u8, pieces: &[&[u8]]) -> Vec<Effect> {
    let mut channel: Box<dyn Channel> = match kind % 3 {
        0 => Box::new(Native::new(greeting())),
        1 => Box::new(Dify::new(greeting())),
        _ => Box::new(Langbot::new(greeting())),
    };
    let mut effects = channel.open();
    assert!(channel.call(7, &call()).is_some());
    for piece in pieces {
        effects.extend(channel.hear(piece));
    }
    let answers = effects.iter().filter(|effect| matches!(effect, Effect::Answered(..)));
    assert!(answers.clone().all(|effect| matches!(effect, Effect::Answered(7, _))));
    assert!(answers.count() <= 1, "one answer to a call");
    assert!(effects.iter().filter(|effect| matches!(effect, Effect::Ready(_))).count() <= 1);
    let asked: Vec<u64> = effects
        .iter()
        .filter_map(|effect| if let Effect::Asked(number, _) = effect { Some(*number) } else { None })
        .collect();
    for number in asked {
        effects.extend(channel.answer(number, Err(Denied::Unknown)));
    }
    effects.extend(channel.forget(7));
    effects.extend(channel.examine());
    for effect in &effects {
        if let Effect::Send(line) = effect {
            assert!(line.ends_with(b"\n"));
            serde_json::from_slice::<serde_json::Value>(line).unwrap();
        }
    }
    effects
}

fn greeting() -> Greeting {
    Greeting {
        name: "echo".to_owned(),
        version: "1.0.0".to_owned(),
        configuration: serde_json::Map::new(),
        permissions: std::collections::BTreeSet::new(),
        data_dir: "/data".to_owned(),
        memory_mb: 256,
        file_handles: 100,
        locale: "en".to_owned(),
        capability: "c".repeat(32),
    }
}

fn call() -> Call {
    Call {
        message_id: "m".to_owned(),
        message_type: "tool.invoke_tool".to_owned(),
        data: json!({}),
        caller: None,
        source_plugin: None,
        deadline: Duration::from_secs(1),
    }
}
