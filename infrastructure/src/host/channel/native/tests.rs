use application::ports::hosting::CheckStatus;
use proptest::prelude::*;

use super::*;
use crate::host::channel::fixture::{call, greeting, sent};

const HELLO: &str = r#"{"jsonrpc":"2.0","id":1,"result":{"protocol_version":1,"plugin":{"id":"echo","version":"1.0.0"},"capabilities":{"health":true,"message_types":["echo"],"subscribes":[],"config_reload":true}}}"#;

fn greeted() -> Native {
    let mut channel = Native::new(greeting());
    channel.open();
    assert!(matches!(channel.hear(format!("{HELLO}\n").as_bytes())[..], [Effect::Ready(_)]));
    channel
}

fn hear(channel: &mut Native, message: &Value) -> Vec<Effect> {
    channel.hear(format!("{message}\n").as_bytes())
}

#[test]
fn a_plugin_is_told_its_configuration_and_rights_and_says_what_it_can() {
    let mut channel = Native::new(greeting());
    let opening = sent(&channel.open());
    assert_eq!(opening[0]["method"], "initialize");
    assert_eq!(opening[0]["params"]["config"]["token"], "hush");
    assert_eq!(opening[0]["params"]["granted_permissions"], json!(["events:emit"]));
    assert_eq!(opening[0]["params"]["limits"], json!({"memory_mb": 256, "file_handles": 100}));
    let (half, rest) = HELLO.split_at(40);
    assert_eq!(channel.hear(half.as_bytes()), []);
    let capabilities = Capabilities {
        health: true,
        message_types: vec!["echo".to_owned()],
        subscribes: Vec::new(),
        config_reload: true,
    };
    assert_eq!(channel.hear(format!("{rest}\n").as_bytes()), [Effect::Ready(capabilities)]);
}

#[test]
fn who_answers_as_somebody_else_is_an_impostor() {
    for (from, to) in [
        (r#""protocol_version":1"#, r#""protocol_version":2"#),
        (r#""id":"echo""#, r#""id":"other""#),
        (r#""version":"1.0.0""#, r#""version":"1.0.1""#),
        (r#""version":"1.0.0""#, r#""version":7"#),
    ] {
        let mut channel = Native::new(greeting());
        channel.open();
        let heard = channel.hear(format!("{}\n", HELLO.replace(from, to)).as_bytes());
        assert!(matches!(heard[..], [Effect::Impostor(_)]), "{to}: {heard:?}");
    }
    let mut channel = Native::new(greeting());
    channel.open();
    let refused = json!({"jsonrpc": "2.0", "id": 1, "error": {"code": -32010, "message": "no\nlicence"}});
    assert_eq!(hear(&mut channel, &refused), [Effect::Refused("no\\nlicence".to_owned())]);
}

#[test]
fn answers_find_their_calls_in_any_order() {
    let mut channel = greeted();
    let first = sent(&channel.call(70, &call("echo", json!({"x": 1}))).unwrap());
    let second = sent(&channel.call(71, &call("echo", json!({"x": 2}))).unwrap());
    assert_eq!(first[0]["params"]["caller"], "user:u1");
    assert_eq!(first[0]["params"]["deadline_ms"], 10_000);
    let answer = |asked: &Value, data: Value| {
        json!({"jsonrpc": "2.0", "id": asked["id"], "result": {"status": "success", "data": data}})
            .to_string()
    };
    let both = format!("{}\n\n{}\n", answer(&second[0], json!(2)), answer(&first[0], json!(1)));
    let heard = channel.hear(both.as_bytes());
    assert_eq!(heard, [Effect::Answered(71, Ok(json!(2))), Effect::Answered(70, Ok(json!(1)))]);
    assert_eq!(channel.hear(both.as_bytes()), [Effect::Late, Effect::Late]);
}

#[test]
fn an_error_of_the_plugin_is_an_answer() {
    let mut channel = greeted();
    let asked = sent(&channel.call(7, &call("nope", json!(null))).unwrap());
    let error =
        json!({"jsonrpc": "2.0", "id": asked[0]["id"], "error": {"code": -32601, "message": "unknown"}});
    let expected = PluginError { code: -32601, message: "unknown".to_owned(), data: Value::Null };
    assert_eq!(hear(&mut channel, &error), [Effect::Answered(7, Err(expected))]);
    let asked = sent(&channel.call(8, &call("echo", json!(null))).unwrap());
    let said =
        json!({"jsonrpc": "2.0", "id": asked[0]["id"], "result": {"status": "error", "message": "bad"}});
    let expected = PluginError { code: -32000, message: "bad".to_owned(), data: Value::Null };
    assert_eq!(hear(&mut channel, &said), [Effect::Answered(8, Err(expected))]);
}

#[test]
fn a_call_that_nobody_waits_for_is_cancelled_and_its_answer_is_late() {
    let mut channel = greeted();
    let asked = sent(&channel.call(7, &call("echo", json!(1))).unwrap());
    let cancelled = sent(&channel.forget(7));
    assert_eq!(
        (cancelled[0]["method"].as_str(), &cancelled[0]["params"]["id"]),
        (Some("$/cancel"), &asked[0]["id"])
    );
    let answer = json!({"jsonrpc": "2.0", "id": asked[0]["id"], "result": {}});
    assert_eq!(hear(&mut channel, &answer), [Effect::Late]);
    assert_eq!(channel.forget(7), []);
}

#[test]
fn what_is_no_message_is_a_warning_and_a_line_without_end_is_the_end() {
    let mut channel = greeted();
    let heard = channel.hear(b"hello\n{\"a\":1}\n\xff\xfe\n[1]\n");
    assert_eq!(heard.len(), 4);
    assert!(heard.iter().all(|effect| matches!(effect, Effect::Log(Level::Warning, _, _))), "{heard:?}");
    let heard = channel.hear(&vec![b'x'; LONGEST_LINE + 1]);
    assert!(matches!(heard[..], [Effect::Broken(_)]));
}

#[test]
fn its_wishes_are_numbered_and_answered_under_its_own_ids() {
    let mut channel = greeted();
    let wish = json!({"jsonrpc": "2.0", "id": "w", "method": "event/emit", "params": {"type": "a"}});
    let ask = Ask { method: "event/emit".to_owned(), params: json!({"type": "a"}) };
    assert_eq!(hear(&mut channel, &wish), [Effect::Asked(1, ask)]);
    let denied = sent(&channel.answer(1, Err(Denied::Permission("events:emit".to_owned()))));
    assert_eq!((&denied[0]["id"], &denied[0]["error"]["code"]), (&json!("w"), &json!(-32003)));
    assert_eq!(channel.answer(1, Ok(json!(1))), [], "answered once");
}

#[test]
fn it_may_not_want_everything_at_once() {
    let mut channel = greeted();
    for id in 0..MOST_ASKED {
        let wish = json!({"jsonrpc": "2.0", "id": id, "method": "storage/get", "params": {}});
        assert!(matches!(hear(&mut channel, &wish)[..], [Effect::Asked(..)]));
    }
    let wish = json!({"jsonrpc": "2.0", "id": 99, "method": "storage/get", "params": {}});
    assert_eq!(sent(&hear(&mut channel, &wish))[0]["error"]["code"], OVERLOADED);
}

#[test]
fn health_is_what_it_says_within_bounds_and_no_answer_fits_an_old_question() {
    let mut channel = greeted();
    let first = sent(&channel.examine());
    let second = sent(&channel.examine());
    assert_eq!(first[0]["method"], "health/check");
    let many = vec![json!({"name": "db", "status": "fail", "message": "x".repeat(5000)}); 100];
    let report = |asked: &Value| json!({"jsonrpc": "2.0", "id": asked["id"], "result": {"status": "warning", "checks": many}});
    assert_eq!(hear(&mut channel, &report(&first[0])), [Effect::Late]);
    let heard = hear(&mut channel, &report(&second[0]));
    let [Effect::Healthy(checks)] = &heard[..] else { panic!("{heard:?}") };
    assert_eq!(
        (checks.len(), checks[0].status, checks[1].status),
        (65, CheckStatus::Warning, CheckStatus::Fail)
    );
    assert!(checks.iter().all(|check| check.message.len() <= 1024));
}

#[test]
fn logs_and_figures_are_told_as_they_are() {
    let mut channel = greeted();
    let log = json!({"jsonrpc": "2.0", "method": "log", "params": {"level": "CRITICAL", "message": "m", "metadata": {"a": 1}}});
    let metadata = Map::from_iter([("a".to_owned(), json!(1))]);
    assert_eq!(hear(&mut channel, &log), [Effect::Log(Level::Error, "m".to_owned(), metadata)]);
    let report = json!({"jsonrpc": "2.0", "method": "metrics/report", "params": {"metrics": {"queue": 3, "name": "x"}}});
    assert_eq!(hear(&mut channel, &report), [Effect::Reported(vec![("queue".to_owned(), 3.0)])]);
}

#[test]
fn what_is_too_large_for_a_message_is_not_sent() {
    let mut channel = greeted();
    assert_eq!(channel.call(1, &call("echo", json!("x".repeat(LONGEST_LINE)))), None);
}

proptest! {
    #[test]
    fn noise_is_never_an_answer_or_a_panic(noise in proptest::collection::vec(any::<u8>(), 0..400)) {
        let mut channel = greeted();
        let calm = |effect: &Effect| matches!(effect, Effect::Log(..) | Effect::Late);
        prop_assert!(channel.hear(&noise).iter().all(calm));
    }
}
