//! Dify's protocol end to end, behind the walls where there are any.

use std::time::{Duration, Instant};

use application::ports::hosting::{CallFault, Health, InstanceId, PluginHost as _, Runtime, Stop};
use serde_json::{Value, json};

use crate::support::{LONG, NOBODY, Yard, call, until};

async fn started(yard: &Yard, configuration: Value) -> InstanceId {
    yard.host.examine().await;
    let mut launch = yard.launch("dify-like", configuration);
    launch.runtime = Runtime::Dify;
    "main".clone_into(&mut launch.entry_point);
    let instance = launch.instance;
    let started = yard.started(launch).await.unwrap();
    assert!(started.capabilities.health);
    instance
}

fn tool(name: &str, parameters: &Value) -> Value {
    json!({"provider": "p", "tool": name, "tool_parameters": parameters})
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tool_answers_in_pieces_files_in_parts_and_errors_in_words() {
    let yard = Yard::with(true);
    let instance = started(&yard, json!({"api_key": "k"})).await;
    let parsed = yard.answer(instance, "tool.invoke_tool", tool("parse", &json!({}))).await;
    assert_eq!((&parsed["text"], parsed["messages"].as_array().unwrap().len()), (&json!("42"), 2));
    let file = yard.answer(instance, "tool.invoke_tool", tool("blob", &json!({"size": 100_000}))).await;
    let blob = file["messages"][0]["message"]["blob"].as_str().unwrap();
    assert_eq!(blob.len(), 100_000_usize.div_ceil(3) * 4);
    let error =
        yard.say(instance, "tool.invoke_tool", tool("nope", &json!({}))).await.unwrap().answer.unwrap_err();
    assert_eq!(error.message, "ValueError: tool nope not found");
    let error = yard.say(instance, "nope.nope", json!({})).await.unwrap().answer.unwrap_err();
    assert_eq!(error.code, -32601, "an end alone is no success");
    let known = yard.answer(instance, "tool.invoke_tool", tool("known", &json!({}))).await;
    assert_eq!(known["messages"][0]["message"]["credentials"], json!({"api_key": "k"}));
    until(|| yard.host.tail(instance, 0).unwrap().lines.iter().any(|line| line.text == "loading")).await;
    let counters = yard.host.snapshot(instance).unwrap().counters;
    assert_eq!((counters.requests, counters.ok, counters.errors, counters.late), (5, 3, 2, 0));
    yard.stop(instance).await;
    assert_eq!(Yard::processes(instance), NOBODY);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_back_without_the_right_is_refused_at_once() {
    let yard = Yard::with(true);
    let instance = started(&yard, json!({})).await;
    let said = yard.answer(instance, "tool.invoke_tool", tool("invoke", &json!({"model": "m"}))).await;
    assert_eq!(said["text"], "[\"error\"]");
    assert_eq!(yard.asked.0.lock().unwrap()[0].method, "invoke/llm");
    yard.stop(instance).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_well_while_its_heart_beats_and_ends_by_a_signal() {
    let yard = Yard::with(true);
    let instance = started(&yard, json!({})).await;
    assert_eq!(yard.host.probe(instance).await, Ok(Health::Healthy));
    let short = Duration::from_millis(100);
    let silent = yard.host.call(instance, call("tool.invoke_tool", tool("silent", &json!({})), short)).await;
    assert_eq!(silent, Err(CallFault::TimedOut(short)));
    let begun = Instant::now();
    yard.host.stop(instance, Stop::after(LONG)).await;
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    assert_eq!(Yard::processes(instance), NOBODY);
}
