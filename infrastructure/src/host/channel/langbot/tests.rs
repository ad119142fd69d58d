use proptest::prelude::*;

use super::*;
use crate::host::channel::fixture::{call, greeting, sent};

fn registration(capability: &str, name: &str) -> Value {
    let metadata = json!({"name": name, "version": "1.0.0", "author": "a"});
    let manifest = json!({"owner": "x", "manifest": {"kind": "Plugin", "metadata": metadata}});
    let components = json!([{"manifest": {"manifest": {"kind": "Command"}}}]);
    let container = json!({"manifest": manifest, "components": components});
    json!({"seq_id": 3688, "action": "register_plugin", "data": {
        "plugin_container": container, "prod_mode": true, "plugin_debug_key": "", "registration_capability": capability,
    }})
}

fn hear(channel: &mut Langbot, message: &Value) -> Vec<Effect> {
    channel.hear(format!("{message}\n").as_bytes())
}

fn response(seq: &Value, data: &Value, status: &str) -> Value {
    json!({"seq_id": seq, "code": 0, "message": "success", "data": data, "chunk_status": status})
}

fn ready() -> Langbot {
    let mut channel = Langbot::new(greeting());
    assert_eq!(channel.open(), []);
    let told = sent(&hear(&mut channel, &registration(&"c".repeat(40), "echo")));
    assert_eq!((&told[0]["seq_id"], &told[0]["code"]), (&json!(3688), &json!(0)));
    assert_eq!(told[1]["action"], "__ping");
    let told = sent(&hear(&mut channel, &response(&told[1]["seq_id"], &json!({"alive": true}), "continue")));
    assert_eq!(told[0]["data"]["plugin_settings"]["plugin_config"], json!({"token": "hush"}));
    let heard = hear(&mut channel, &response(&told[0]["seq_id"], &json!({}), "continue"));
    let [Effect::Ready(capabilities)] = &heard[..] else { panic!("{heard:?}") };
    assert_eq!(capabilities.message_types, ["execute_command"]);
    channel
}

#[test]
fn it_registers_with_what_it_was_started_with_and_only_once() {
    let mut channel = ready();
    let again = sent(&hear(&mut channel, &registration(&"c".repeat(40), "echo")));
    assert_eq!(again[0]["code"], 1);
    for (capability, name) in [("d".repeat(40), "echo"), (String::new(), "echo"), ("c".repeat(40), "other")] {
        let mut channel = Langbot::new(greeting());
        let heard = hear(&mut channel, &registration(&capability, name));
        assert!(matches!(heard[..], [Effect::Impostor(_)]), "{name}: {heard:?}");
    }
}

#[test]
fn a_command_answers_until_it_says_so_and_a_tool_at_once() {
    let mut channel = ready();
    let asked = sent(&channel.call(7, &call("execute_command", json!({"command_context": {}}))).unwrap());
    let piece = |text: &str| json!({"command_response": {"text": text, "error": null}});
    for text in ["a", "b"] {
        assert_eq!(hear(&mut channel, &response(&asked[0]["seq_id"], &piece(text), "continue")), []);
    }
    let heard = hear(&mut channel, &response(&asked[0]["seq_id"], &json!({}), "end"));
    let whole = json!({"text": "ab", "messages": [piece("a"), piece("b")]});
    assert_eq!(heard, [Effect::Answered(7, Ok(whole))]);
    let asked = sent(&channel.call(8, &call("call_tool", json!({}))).unwrap());
    let heard = hear(&mut channel, &response(&asked[0]["seq_id"], &json!({"x": 1}), "continue"));
    assert_eq!(heard, [Effect::Answered(8, Ok(json!({"x": 1})))]);
    let asked = sent(&channel.call(9, &call("call_tool", json!({}))).unwrap());
    let error =
        json!({"seq_id": asked[0]["seq_id"], "code": 1, "message": "Tool nope not found", "data": {}});
    let heard = hear(&mut channel, &error);
    assert!(
        matches!(&heard[..], [Effect::Answered(9, Err(error))] if error.message == "Tool nope not found")
    );
    assert_eq!(hear(&mut channel, &error), [Effect::Late]);
}

#[test]
fn large_messages_go_in_pieces_both_ways() {
    let mut channel = ready();
    let large = "é".repeat(20_000);
    let asked = sent(&channel.call(7, &call("call_tool", json!({"text": large}))).unwrap());
    assert_eq!(asked.first().unwrap()["type"], "chunk_start");
    assert_eq!(asked.last().unwrap(), &json!({"type": "chunk_end"}));
    let text: String = asked.iter().filter_map(|piece| piece["data"].as_str()).collect();
    let request: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(request["data"]["text"], large);
    let answer = response(&request["seq_id"], &json!({"text": large}), "continue").to_string();
    let lines = chunks::split(&answer).unwrap();
    assert!(lines.len() > 3);
    // What it prints may come in between.
    let heard: Vec<Effect> =
        lines.iter().flat_map(|line| channel.hear(&[line, &b"print\n"[..]].concat())).collect();
    let answers: Vec<&Effect> =
        heard.iter().filter(|effect| matches!(effect, Effect::Answered(..))).collect();
    assert_eq!(answers, [&Effect::Answered(7, Ok(json!({"text": large})))]);
}

#[test]
fn what_is_no_message_was_printed() {
    let mut channel = ready();
    let heard = channel.hear(b"Running plugin in current directory\n");
    assert_eq!(
        heard,
        [Effect::Log(Level::Info, "Running plugin in current directory".to_owned(), Map::new())]
    );
}

#[test]
fn it_asks_is_asked_and_told_to_end() {
    let mut channel = ready();
    let wish = json!({"seq_id": 4000, "action": "get_plugin_storage", "data": {"key": "k"}});
    let ask = Ask { method: "invoke/get_plugin_storage".to_owned(), params: json!({"key": "k"}) };
    assert_eq!(hear(&mut channel, &wish), [Effect::Asked(1, ask)]);
    let denied = sent(&channel.answer(1, Err(Denied::Permission("storage:read".to_owned()))));
    assert_eq!((&denied[0]["seq_id"], &denied[0]["code"]), (&json!(4000), &json!(1)));
    let ping = sent(&channel.examine());
    let heard = hear(&mut channel, &response(&ping[0]["seq_id"], &json!({"alive": true}), "continue"));
    assert_eq!(heard, [Effect::Heartbeat]);
    let asked = sent(&channel.call(7, &call("call_tool", json!({}))).unwrap());
    let cancelled = sent(&channel.forget(7));
    assert_eq!(
        (&cancelled[0]["action"], &cancelled[0]["data"]["seq_id"]),
        (&json!("__cancel_action"), &asked[0]["seq_id"])
    );
    let farewell = channel.close(1000);
    assert!(farewell.close && farewell.heeded && !farewell.send.is_empty());
}

proptest! {
    #[test]
    fn noise_is_never_an_answer_or_a_panic(noise in proptest::collection::vec(any::<u8>(), 0..400)) {
        let mut channel = ready();
        channel.call(7, &call("call_tool", json!({}))).unwrap();
        let calm = |effect: &Effect| matches!(effect, Effect::Log(..) | Effect::Late);
        prop_assert!(channel.hear(&noise).iter().all(calm));
    }
}
