use proptest::prelude::*;

use super::*;
use crate::host::channel::fixture::{call, greeting, sent};

const MANIFEST: &str = r#"{"version":"1.0.0","type":"plugin","author":"a","name":"echo","meta":{}}"#;
const BEAT: &str = r#"{"event":"heartbeat","session_id":null,"data":{}}"#;

fn ready() -> Dify {
    let mut channel = Dify::new(greeting());
    assert_eq!(channel.open(), []);
    assert_eq!(channel.hear(format!("{MANIFEST}\n\n").as_bytes()), []);
    assert!(matches!(channel.hear(format!("{BEAT}\n").as_bytes())[..], [Effect::Ready(_)]));
    channel
}

fn says(channel: &mut Dify, number: Number, kind: &str, data: Value) -> Vec<Effect> {
    let said = Map::from_iter([("type".to_owned(), kind.into()), ("data".to_owned(), data)]);
    let message = json!({"event": "session", "session_id": format!("s{number}"), "data": said});
    channel.hear(format!("{message}\n").as_bytes())
}

fn text(text: &str) -> Value {
    json!({"type": "text", "message": {"text": text}, "meta": null})
}

fn asked(channel: &mut Dify, number: Number) -> Value {
    let call = call("tool.invoke_tool", json!({"provider": "p", "tool": "t", "tool_parameters": {}}));
    sent(&channel.call(number, &call).unwrap()).remove(0)
}

#[test]
fn it_is_ready_with_its_first_heartbeat_after_it_said_who_it_is() {
    let mut channel = Dify::new(greeting());
    assert_eq!(channel.hear(format!("{BEAT}\n").as_bytes()), [Effect::Heartbeat]);
    let other = MANIFEST.replace("\"echo\"", "\"other\"");
    assert!(matches!(channel.hear(format!("{other}\n").as_bytes())[..], [Effect::Impostor(_)]));
    let mut channel = ready();
    assert_eq!(channel.hear(format!("{BEAT}\n").as_bytes()), [Effect::Heartbeat]);
}

#[test]
fn a_request_is_a_session_and_its_texts_are_joined() {
    let mut channel = ready();
    let request = asked(&mut channel, 7);
    assert_eq!((&request["session_id"], &request["event"]), (&json!("s7"), &json!("request")));
    assert_eq!(request["data"]["type"], "tool");
    assert_eq!(request["data"]["action"], "invoke_tool");
    assert_eq!(request["data"]["user_id"], "user:u1");
    assert_eq!(request["data"]["credentials"], json!({"token": "hush"}));
    assert_eq!(says(&mut channel, 7, "stream", text("4")), []);
    assert_eq!(says(&mut channel, 7, "stream", text("2")), []);
    let heard = says(&mut channel, 7, "end", json!({}));
    let expected = json!({"text": "42", "messages": [text("4"), text("2")]});
    assert_eq!(heard, [Effect::Answered(7, Ok(expected))]);
}

#[test]
fn an_end_alone_is_a_failure_and_an_error_is_one_before_its_end() {
    let mut channel = ready();
    asked(&mut channel, 7);
    let heard = says(&mut channel, 7, "end", json!({}));
    assert!(matches!(&heard[..], [Effect::Answered(7, Err(error))] if error.code == -32601), "{heard:?}");
    asked(&mut channel, 8);
    let error =
        json!({"error_type": "ValueError", "message": "bad", "args": {"a": 1, "traceback": "File x"}});
    let heard = says(&mut channel, 8, "error", error);
    let error =
        PluginError { code: PLUGIN_ERROR, message: "ValueError: bad".to_owned(), data: json!({"a": 1}) };
    let place = Effect::Log(Level::Error, "File x".to_owned(), Map::new());
    assert_eq!(heard, [Effect::Answered(8, Err(error)), place]);
    assert_eq!(says(&mut channel, 8, "end", json!({})), [], "it belongs to the error");
    assert_eq!(says(&mut channel, 8, "end", json!({})), [Effect::Late]);
}

#[test]
fn values_are_found_however_lines_end() {
    let mut channel = ready();
    let log = r#"{"event":"log","data":{"level":"ERROR","message":"m","timestamp":1.5}}"#;
    let heard = channel.hear(format!("{BEAT}{log}\n\nprinted by hand\n{BEAT} and more\n").as_bytes());
    let printed = |text: &str| Effect::Log(Level::Info, text.to_owned(), Map::new());
    let logged = Effect::Log(Level::Error, "m".to_owned(), Map::new());
    assert_eq!(
        heard,
        [Effect::Heartbeat, logged, printed("printed by hand"), Effect::Heartbeat, printed("and more")]
    );
    let failed = r#"{"event":"error","session_id":null,"data":{"error":"'session_id'"}}"#;
    let logged = Effect::Log(Level::Error, "'session_id'".to_owned(), Map::new());
    assert_eq!(channel.hear(format!("{failed}\n").as_bytes()), [logged]);
}

#[test]
fn a_file_in_parts_is_put_together_and_must_be_whole() {
    let part = |sequence: u64, blob: &str, end: bool| {
        let blob = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, blob);
        let message = json!({"id": "f", "sequence": sequence, "total_length": 4, "blob": blob, "end": end});
        json!({"type": "blob_chunk", "message": message, "meta": {"mime_type": "text/plain"}})
    };
    let mut channel = ready();
    asked(&mut channel, 7);
    says(&mut channel, 7, "stream", part(0, "ab", false));
    says(&mut channel, 7, "stream", part(1, "cd", true));
    let heard = says(&mut channel, 7, "end", json!({}));
    let blob = json!({"type": "blob", "message": {"blob": "YWJjZA=="}, "meta": {"mime_type": "text/plain"}});
    assert_eq!(heard, [Effect::Answered(7, Ok(json!({"text": null, "messages": [blob]})))]);
    for parts in [[part(0, "ab", false), part(2, "cd", true)], [part(0, "a", false), part(1, "b", true)]] {
        asked(&mut channel, 8);
        let heard: Vec<Effect> =
            parts.into_iter().flat_map(|part| says(&mut channel, 8, "stream", part)).collect();
        assert!(matches!(heard[..], [Effect::Answered(8, Err(_))]), "{heard:?}");
        assert_eq!(says(&mut channel, 8, "end", json!({})), []);
    }
}

#[test]
fn an_answer_without_bounds_is_given_up() {
    let mut channel = ready();
    asked(&mut channel, 7);
    let mut heard = Vec::new();
    for _ in 0..20 {
        heard.extend(says(&mut channel, 7, "stream", text(&"x".repeat(1 << 20))));
    }
    assert!(matches!(heard[..], [Effect::Answered(7, Err(_))]), "{}", heard.len());
}

#[test]
fn what_it_asks_back_is_answered_in_its_session() {
    let mut channel = ready();
    asked(&mut channel, 7);
    let invoke = json!({"type": "llm", "backwards_request_id": "b-1", "request": {"model": "m"}});
    let heard = says(&mut channel, 7, "invoke", invoke.clone());
    let ask =
        Ask { method: "invoke/llm".to_owned(), params: json!({"session": 7, "request": {"model": "m"}}) };
    assert_eq!(heard, [Effect::Asked(1, ask)]);
    let denied = sent(&channel.answer(1, Err(Denied::Permission("model".to_owned()))));
    assert_eq!(denied[0]["event"], "backwards_response");
    assert_eq!(
        (&denied[0]["data"]["event"], &denied[0]["data"]["backwards_request_id"]),
        (&json!("error"), &json!("b-1"))
    );
    assert!(denied[0]["data"]["message"].is_string());
    says(&mut channel, 7, "invoke", invoke);
    let told = sent(&channel.answer(2, Ok(json!({"x": 1}))));
    assert_eq!((&told[0]["data"]["event"], &told[0]["data"]["data"]), (&json!("response"), &json!({"x": 1})));
    assert_eq!(told[1]["data"]["event"], "end");
}

#[test]
fn what_is_no_request_is_not_sent() {
    let mut channel = ready();
    for (kind, data) in [("nodot", json!({})), ("tool.invoke_tool", json!([]))] {
        let heard = channel.call(7, &call(kind, data)).unwrap();
        assert!(matches!(heard[..], [Effect::Answered(7, Err(_))]));
    }
    assert_eq!(channel.close(1000), Farewell::default(), "it would spin at the end of its input");
}

proptest! {
    #[test]
    fn noise_is_never_an_answer_or_a_panic(noise in proptest::collection::vec(any::<u8>(), 0..400)) {
        let mut channel = ready();
        asked(&mut channel, 7);
        let calm = |effect: &Effect| matches!(effect, Effect::Log(..) | Effect::Late);
        prop_assert!(channel.hear(&noise).iter().all(calm));
    }
}
