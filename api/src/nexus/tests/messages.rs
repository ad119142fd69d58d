use std::time::Duration;

use application::ports::hosting::{CallFault, PluginError, Reply};
use axum::http::Method;
use serde_json::{Value, json};

use super::host::{Host, data, refused, zip};

/// The receiver of the document, and somebody who writes to it.
async fn two() -> Host {
    let host = Host::with_analytics().await;
    let installed = host.install(&zip("user-management", "1.0.0")).await;
    assert_eq!(installed.status, 200, "{installed:?}");
    host
}

fn letter(message_type: &str) -> Value {
    json!({
        "target_plugin": "analytics-plugin",
        "message_type": message_type,
        "data": {"query": "user_activity"},
        "timeout_seconds": 10,
    })
}

#[tokio::test(start_paused = true)]
async fn a_message_is_answered_and_speaks_for_whoever_asks() {
    let host = two().await;
    let answer = host.post("/user-management/message", &letter("data_request")).await;
    let told = data(&answer);
    assert!(told["message_id"].as_str().is_some_and(|id| id.starts_with("msg_")), "{told}");
    assert_eq!(told["response"], json!({"status": "success", "data": {"query": "user_activity"}}));
    assert!(told["response_time_ms"].is_number());
    let call = host.door.fakes().yard.lock().calls.remove(0);
    assert_eq!(
        (call.caller.as_deref(), call.source_plugin.as_deref()),
        (Some("user:bootstrap"), Some("user-management"))
    );
    assert_eq!((call.message_type.as_str(), call.deadline), ("data_request", Duration::from_secs(10)));
}

#[tokio::test(start_paused = true)]
async fn what_a_plugin_answers_is_an_answer_and_everything_else_has_its_code() {
    let host = two().await;
    let error = PluginError { code: -32601, message: "what?".to_owned(), data: Value::Null };
    let reply = Reply { answer: Err(error), took: Duration::from_micros(150_500) };
    let answers = [
        ("error", Ok(reply)),
        ("slow", Err(CallFault::TimedOut(Duration::from_secs(1)))),
        ("gone", Err(CallFault::NotRunning)),
        ("crash", Err(CallFault::Died)),
        ("busy", Err(CallFault::Busy)),
        ("large", Err(CallFault::TooLarge)),
    ];
    let answers = answers.map(|(kind, answer)| (kind.to_owned(), answer));
    host.door.fakes().yard.lock().answers.extend(answers);
    let answer = host.post("/user-management/message", &letter("error")).await;
    let response = json!({"status": "error", "error": {"code": -32601, "message": "what?", "data": null}});
    assert_eq!((&data(&answer)["response"], &data(&answer)["response_time_ms"]), (&response, &json!(150.5)));
    for (kind, expected) in [
        ("slow", (408, "PLUGIN_COMMUNICATION_TIMEOUT")),
        ("gone", (409, "PLUGIN_NOT_RUNNING")),
        ("crash", (409, "PLUGIN_NOT_RUNNING")),
        ("busy", (429, "RATE_LIMIT_EXCEEDED")),
        ("large", (413, "PAYLOAD_TOO_LARGE")),
    ] {
        let answer = host.post("/user-management/message", &letter(kind)).await;
        assert_eq!(refused(&answer), expected, "{kind}");
        assert_eq!(answer.body["error"]["details"]["plugin_id"], "analytics-plugin");
        assert_eq!(!answer.header("retry-after").is_empty(), kind == "busy");
    }
    let off = host.post("/analytics-plugin/disable", &json!({})).await;
    assert_eq!(off.status, 200);
    let answer = host.post("/user-management/message", &letter("data_request")).await;
    assert_eq!(refused(&answer), (409, "PLUGIN_NOT_RUNNING"));
}

#[tokio::test(start_paused = true)]
async fn a_message_names_who_is_there_and_what_it_is() {
    let host = two().await;
    let mut unknown = letter("x");
    unknown["target_plugin"] = json!("nobody");
    for sender in ["/user-management", "/nobody"] {
        let answer = host.post(&format!("{sender}/message"), &unknown).await;
        assert_eq!(refused(&answer), (404, "PLUGIN_NOT_FOUND"));
    }
    for (member, value) in [
        ("message_type", Value::Null),
        ("message_type", json!("")),
        ("message_type", json!("a\nb")),
        ("message_type", json!("x".repeat(129))),
        ("target_plugin", Value::Null),
        ("target_plugin", json!(7)),
        ("timeout_seconds", json!(0)),
        ("timeout_seconds", json!(31)),
        ("timeout_seconds", json!(1.5)),
        ("data", json!({"a": "\0"})),
    ] {
        let mut odd = letter("x");
        odd[member] = value;
        let answer = host.post("/user-management/message", &odd).await;
        assert_eq!(refused(&answer), (400, "VALIDATION_ERROR"), "{odd}");
    }
}

#[tokio::test(start_paused = true)]
async fn nobody_speaks_for_a_plugin_of_somebody_else() {
    let host = two().await;
    let answer = host.as_user(Method::POST, "/user-management/message", &letter("x")).await;
    assert_eq!(refused(&answer), (403, "PLUGIN_PERMISSION_DENIED"));
    assert!(host.door.fakes().yard.lock().calls.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_broadcast_reaches_whom_it_is_for_and_nobody_waits_for_another() {
    let host = two().await;
    assert_eq!(host.install_with(&zip("off", "1.0.0"), json!({"auto_enable": false})).await.status, 200);
    let all = host.as_user(Method::POST, "/broadcast", &json!({"message_type": "system_announcement"})).await;
    let told = data(&all);
    assert_eq!(told["delivered_to"], json!(["analytics-plugin", "user-management"]));
    assert_eq!(
        (&told["delivered_count"], &told["excluded"], &told["failed"]),
        (&json!(2), &json!([]), &json!([]))
    );
    let calls: Vec<_> = host.door.fakes().yard.lock().calls.drain(..).collect();
    assert!(calls.iter().all(|call| call.source_plugin.is_none() && call.message_id == calls[0].message_id));
    let some = json!({
        "message_type": "system_announcement",
        "data": {"severity": "warning"},
        "target_categories": ["Monitoring"],
        "exclude_plugins": ["user-management"],
    });
    assert_eq!(data(&host.post("/broadcast", &some).await)["delivered_to"], json!(["analytics-plugin"]));
    let none = json!({"message_type": "x", "exclude_plugins": ["Analytics-Plugin", "user-management"]});
    let told = host.post("/broadcast", &none).await;
    assert_eq!(data(&told)["excluded"], json!(["analytics-plugin", "user-management"]));
    host.door.fakes().yard.lock().answers.insert("slow".to_owned(), Err(CallFault::TimedOut(Duration::ZERO)));
    let told = host.post("/broadcast", &json!({"message_type": "slow"})).await;
    assert_eq!(data(&told)["failed"][1]["code"], "PLUGIN_COMMUNICATION_TIMEOUT");
    for body in [
        json!({}),
        json!({"message_type": 7}),
        json!({"message_type": "x", "target_categories": "monitoring"}),
        json!({"message_type": "x", "exclude_plugins": vec!["a"; 201]}),
    ] {
        assert_eq!(refused(&host.post("/broadcast", &body).await), (400, "VALIDATION_ERROR"), "{body}");
    }
}
