//! What plugins write, and what is kept of it.

use std::time::{Duration, Instant};

use application::ports::hosting::{Level, PluginHost as _};
use serde_json::json;

use crate::support::{Yard, secret, until};

#[tokio::test(flavor = "multi_thread")]
async fn standard_error_and_messages_are_lines_without_secrets() {
    let yard = Yard::open();
    let mut launch = yard.launch("echo", json!({"token": "correct-horse"}));
    launch.secrets = vec![secret("correct-horse")];
    let instance = launch.instance;
    yard.started(launch).await.unwrap();
    let said = json!({"level": "WARNING", "text": "token correct-horse\u{1b}[2J", "metadata": {"t": "correct-horse"}});
    yard.answer(instance, "say", said).await;
    until(|| yard.heard.lines(instance).len() >= 3).await;
    let lines = yard.heard.lines(instance);
    let own = lines.iter().find(|line| line.level == Level::Warning).unwrap();
    assert_eq!((own.text.as_str(), &own.metadata["t"]), ("token ***\\u{1b}[2J", &json!("***")));
    assert!(lines.iter().any(|line| line.text == "starting with a token of 13 characters"));
    assert!(lines.iter().all(|line| !line.text.contains("horse")), "{lines:?}");
    yard.stop(instance).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_traceback_is_one_error() {
    let yard = Yard::open();
    let instance = yard.start("crash", json!({})).await;
    let _ = yard.say(instance, "raise", json!({})).await;
    until(|| yard.heard.lines(instance).iter().any(|line| line.text.contains("Traceback"))).await;
    let lines = yard.heard.lines(instance);
    let traceback = lines.iter().find(|line| line.text.contains("Traceback")).unwrap();
    assert_eq!(traceback.level, Level::Error);
    assert!(traceback.text.ends_with("ValueError: on purpose"), "{}", traceback.text);
    yard.stop(instance).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_does_not_slow_the_plugin_and_nothing_is_lost_uncounted() {
    const FLOOD: u64 = 100_000;
    let yard = Yard::open();
    let instance = yard.start("echo", json!({})).await;
    let begun = Instant::now();
    let said = yard.answer(instance, "flood", json!({"count": FLOOD, "level": "INFO", "size": 20})).await;
    assert_eq!(said, FLOOD);
    assert!(begun.elapsed() < Duration::from_secs(15));
    assert_eq!(yard.answer(instance, "echo", json!(1)).await, 1);
    let counted = || {
        let snapshot = yard.host.snapshot(instance).unwrap();
        let lines = yard.heard.lines(instance);
        let kept = lines.iter().filter(|line| line.text.starts_with("INFO line ")).count() as u64;
        kept + snapshot.counters.log_dropped
    };
    until(|| counted() == FLOOD).await;
    let lines = yard.heard.lines(instance);
    assert!(
        lines.iter().any(|line| line.level == Level::Warning && line.text.contains("lines were dropped"))
    );
    assert!(lines.windows(2).all(|pair| pair[0].number < pair[1].number));
    yard.stop(instance).await;
}
