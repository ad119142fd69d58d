//! LangBot's protocol end to end, behind the walls where there are any.

use std::time::{Duration, Instant};

use application::ports::hosting::{Health, InstanceId, Level, PluginHost as _, Runtime, StartFault, Stop};
use serde_json::{Value, json};

use crate::support::{LONG, NOBODY, Yard, until};

async fn start(yard: &Yard, configuration: Value) -> (InstanceId, Result<Vec<String>, StartFault>) {
    yard.host.examine().await;
    let mut launch = yard.launch("langbot-like", configuration);
    launch.runtime = Runtime::Langbot;
    let instance = launch.instance;
    (instance, yard.started(launch).await.map(|started| started.capabilities.message_types))
}

fn tool(name: &str, parameters: &Value) -> Value {
    json!({"tool_name": name, "tool_parameters": parameters, "session": {}, "query_id": 1})
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_and_tools_answer_however_large() {
    let yard = Yard::with(true);
    let (instance, started) = start(&yard, json!({"key": "value"})).await;
    assert_eq!(started.unwrap(), ["call_tool", "execute_command"]);
    let command = json!({"command_context": {"command": "info", "params": ["a", "b"]}});
    assert_eq!(yard.answer(instance, "execute_command", command).await["text"], "ab");
    let large = json!({"text": "é".repeat(40_000)});
    let echoed = yard.answer(instance, "call_tool", tool("echo", &large)).await;
    assert_eq!(echoed["tool_response"], large);
    let known = yard.answer(instance, "call_tool", tool("known", &json!({}))).await;
    assert_eq!(known["config"], json!({"key": "value"}));
    let error = yard.say(instance, "call_tool", tool("nope", &json!({}))).await.unwrap().answer.unwrap_err();
    assert_eq!(error.message, "Tool nope not found");
    let said = yard.answer(instance, "call_tool", tool("storage", &json!({}))).await;
    assert_eq!(said["said"], "This host does not offer that");
    assert_eq!(yard.host.probe(instance).await, Ok(Health::Healthy));
    let lines = || yard.host.tail(instance, 0).unwrap().lines;
    until(|| lines().iter().any(|line| line.level == Level::Warning && line.text.ends_with("loading"))).await;
    assert!(lines().iter().any(|line| line.text == "Running plugin in current directory"));
    let begun = Instant::now();
    yard.host.stop(instance, Stop::after(LONG)).await;
    assert!(begun.elapsed() < Duration::from_secs(2), "the end of its input ends it: {:?}", begun.elapsed());
    assert_eq!(Yard::processes(instance), NOBODY);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_want_its_configuration_does_not_start() {
    let yard = Yard::with(true);
    let (instance, started) = start(&yard, json!({"refuse": "no such bot"})).await;
    assert_eq!(started, Err(StartFault::Refused("no such bot".to_owned())));
    assert_eq!(Yard::processes(instance), NOBODY);
}
