//! The native protocol end to end.

use std::time::{Duration, Instant};

use application::ports::hosting::{
    CallFault, Configured, Delivery, Happening, PluginHost as _, Reported, StartFault, State, Stop,
};
use serde_json::json;

use crate::support::{NOBODY, Yard, call, object, until};

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_starts_answers_and_is_gone() {
    let yard = Yard::open();
    let launch = yard.launch("echo", json!({"token": "hush"}));
    let instance = launch.instance;
    let started = yard.started(launch).await.unwrap();
    assert_eq!(started.capabilities.subscribes, ["echo.*"]);
    assert!(started.capabilities.message_types.contains(&"echo".to_owned()));
    assert_eq!(yard.answer(instance, "echo", json!({"x": [1, "é"]})).await, json!({"x": [1, "é"]}));
    let snapshot = yard.host.snapshot(instance).unwrap();
    assert_eq!(
        (snapshot.state, snapshot.process, snapshot.restarts),
        (State::Running, Some(started.process), 0)
    );
    assert_eq!(Yard::processes(instance), [started.process]);
    yard.stop(instance).await;
    assert_eq!(Yard::processes(instance), NOBODY);
    assert_eq!(yard.host.snapshot(instance), None);
    assert_eq!(
        yard.heard.states(instance),
        [State::Starting, State::Running, State::Stopping, State::Stopped]
    );
    assert_eq!(yard.say(instance, "echo", json!(1)).await.unwrap_err(), CallFault::NotRunning);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_configuration_is_told_and_is_nowhere_else() {
    let yard = Yard::open();
    let instance = yard.start("echo", json!({"token": "very-secret-value"})).await;
    let known = yard.answer(instance, "known", json!({})).await;
    assert_eq!(known["config"]["token"], "very-secret-value");
    let expected = [
        "HOME",
        "LANG",
        "PATH",
        "PLUGYARD_INSTANCE",
        "PYTHONDONTWRITEBYTECODE",
        "PYTHONUNBUFFERED",
        "TMPDIR",
    ];
    let names: Vec<&str> =
        known["environ"].as_array().unwrap().iter().filter_map(|name| name.as_str()).collect();
    assert_eq!(names.iter().filter(|name| **name != "LC_CTYPE").copied().collect::<Vec<_>>(), expected);
    for id in Yard::processes(instance) {
        for file in ["environ", "cmdline"] {
            let bytes = std::fs::read(format!("/proc/{id}/{file}")).unwrap();
            assert!(!String::from_utf8_lossy(&bytes).contains("very-secret-value"));
        }
    }
    yard.stop(instance).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_run_side_by_side_and_there_are_never_too_many() {
    let yard = Yard::open();
    let instance = yard.start("slow", json!({})).await;
    let begun = Instant::now();
    let calls = (0..80).map(|number| yard.say(instance, "sleep", json!({"seconds": 0.5, "n": number})));
    let outcomes = futures::future::join_all(calls).await;
    assert!(begun.elapsed() < Duration::from_secs(10));
    let refused = outcomes.iter().filter(|outcome| **outcome == Err(CallFault::Busy)).count();
    assert_eq!(refused, 16, "64 are under way");
    for (number, outcome) in outcomes.iter().enumerate().filter(|(_, outcome)| outcome.is_ok()) {
        assert_eq!(outcome.as_ref().unwrap().answer.as_ref().unwrap()["n"], number);
    }
    let counters = yard.host.snapshot(instance).unwrap().counters;
    assert_eq!((counters.requests, counters.ok, counters.in_flight), (64, 64, 0));
    yard.stop(instance).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_answer_is_dropped_and_counted() {
    let yard = Yard::open();
    let instance = yard.start("chatter", json!({})).await;
    let short = Duration::from_millis(200);
    let late = yard.host.call(instance, call("late", json!({"seconds": 0.4}), short)).await;
    assert_eq!(late, Err(CallFault::TimedOut(short)));
    until(|| yard.host.snapshot(instance).unwrap().counters.late == 1).await;
    assert_eq!(yard.answer(instance, "wrong_id", json!({})).await, "said");
    let counters = yard.host.snapshot(instance).unwrap().counters;
    assert_eq!((counters.late, counters.timeouts, counters.ok), (3, 1, 1));
    yard.stop(instance).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn chatter_is_a_warning_and_a_line_without_end_the_end() {
    let yard = Yard::open();
    let instance = yard.start("chatter", json!({})).await;
    assert_eq!(yard.answer(instance, "stray", json!({})).await, "said");
    assert_eq!(yard.answer(instance, "halves", json!("in pieces")).await, "said");
    let lines = || yard.host.tail(instance, 0).unwrap().lines;
    until(|| lines().iter().filter(|line| line.text == "in pieces").count() == 2).await;
    assert_eq!(lines().iter().filter(|line| line.text.starts_with("on standard output: ")).count(), 4);
    let begun = Instant::now();
    assert_eq!(yard.say(instance, "oversize", json!({})).await, Err(CallFault::Died));
    assert!(begun.elapsed() < Duration::from_secs(3), "not at its deadline");
    until(|| yard.host.snapshot(instance).unwrap().restarts == 1).await;
    yard.until_state(instance, State::Running).await;
    yard.stop(instance).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_closes_its_output_is_not_waited_for() {
    let yard = Yard::open();
    let instance = yard.start("chatter", json!({})).await;
    let begun = Instant::now();
    assert_eq!(yard.say(instance, "close", json!({})).await, Err(CallFault::Died));
    assert!(begun.elapsed() < Duration::from_secs(2));
    until(|| !yard.heard.exits(instance).is_empty()).await;
    yard.stop(instance).await;
    assert_eq!(Yard::processes(instance), NOBODY);
}

#[tokio::test(flavor = "multi_thread")]
async fn liars_and_those_who_refuse_do_not_start() {
    let yard = Yard::open();
    for lie in [json!({"protocol_version": 2}), json!({"id": "echo"}), json!({"version": "2.0.0"})] {
        let launch = yard.launch("liar", lie.clone());
        let instance = launch.instance;
        let fault = yard.started(launch).await.unwrap_err();
        assert!(matches!(fault, StartFault::Impostor(_)), "{lie}: {fault:?}");
        assert_eq!((Yard::processes(instance), yard.host.snapshot(instance)), (NOBODY.to_vec(), None));
    }
    let launch = yard.launch("echo", json!({"refuse": "no licence"}));
    let instance = launch.instance;
    assert_eq!(yard.started(launch).await, Err(StartFault::Refused("refused: no licence".to_owned())));
    assert_eq!(Yard::processes(instance), NOBODY);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_it_wants_is_asked_for_and_what_it_reports_is_only_told() {
    let yard = Yard::open();
    let instance = yard.start("liar", json!({})).await;
    let said = yard.answer(instance, "boast", json!({})).await;
    assert_eq!(said["event/emit"]["result"], json!({"emitted": true}));
    assert_eq!(said["storage/put"]["error"]["code"], -32003);
    assert_eq!(said["host/shutdown"]["error"]["code"], -32601);
    let methods: Vec<String> = yard.asked.0.lock().unwrap().iter().map(|ask| ask.method.clone()).collect();
    assert_eq!(methods, ["event/emit", "storage/put", "host/shutdown"]);
    let custom = vec![("total_requests".to_owned(), 1e9), ("unique_users".to_owned(), 1e6)];
    let reported = Happening::Reported(Reported { custom });
    until(|| yard.heard.all(instance).contains(&reported)).await;
    assert_eq!(yard.host.snapshot(instance).unwrap().counters.requests, 1, "the host's own count");
    yard.stop(instance).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_applied_refused_or_waits_for_a_restart() {
    let yard = Yard::open();
    let instance = yard.start("echo", json!({"token": "a"})).await;
    let change =
        async |changed| yard.host.configure(instance, object(&changed).into(), Vec::new()).await.unwrap();
    assert_eq!(change(json!({"batch_size": 20})).await, Configured::Applied);
    let refused = Configured::Refused("batch_size must be 10 or more".to_owned());
    assert_eq!(change(json!({"batch_size": 5})).await, refused);
    assert_eq!(change(json!({"workers": 2})).await, Configured::RestartRequired);
    yard.host.permit(instance, ["events:emit".to_owned()].into()).await.unwrap();
    let event = Delivery {
        event_id: "e1".to_owned(),
        event_type: "echo.done".to_owned(),
        source_plugin: Some("other".to_owned()),
        data: json!({"n": 1}),
    };
    yard.host.deliver(instance, event).await.unwrap();
    let known = yard.answer(instance, "known", json!({})).await;
    assert_eq!(known["config"], json!({"token": "a", "batch_size": 20, "workers": 2}));
    assert_eq!(known["permissions"], json!(["events:emit"]));
    assert_eq!(known["events"][0]["event_id"], "e1");
    yard.host.restart(instance, Stop::after(Duration::from_secs(1))).await.unwrap();
    let known = yard.answer(instance, "known", json!({})).await;
    assert_eq!(known["config"], json!({"token": "a", "batch_size": 20, "workers": 2}), "kept over a restart");
    assert_eq!(known["permissions"], json!(["events:emit"]));
    yard.stop(instance).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_round_trip_takes_little_more_than_the_plugin() {
    let yard = Yard::open();
    let instance = yard.start("echo", json!({})).await;
    let mut took = Vec::new();
    for number in 0..500 {
        took.push(yard.say(instance, "echo", json!(number)).await.unwrap().took);
    }
    took.sort();
    assert!(took[250] < Duration::from_millis(20), "{:?}", took[250]);
    yard.stop(instance).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_plugin_of_the_guide_runs_as_it_is_written() {
    let guide = include_str!("../../../tests/plugins/README.md");
    let code = guide.split("```python\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    assert!(code.lines().count() <= 20);
    let yard = Yard::open();
    let mut launch = yard.launch("echo", json!({}));
    std::fs::write(launch.code.join("main.py"), code).unwrap();
    "hello".clone_into(&mut launch.name);
    let instance = launch.instance;
    yard.started(launch).await.unwrap();
    assert_eq!(yard.answer(instance, "greet", json!({"name": "Ada"})).await["text"], "Hello, Ada!");
    yard.stop(instance).await;
    assert_eq!(Yard::processes(instance), NOBODY);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_plugin_leaves_nothing_behind() {
    let yard = Yard::open();
    for entry_point in ["missing.py", "../main.py", "a:b:c", ""] {
        let mut launch = yard.launch("echo", json!({}));
        entry_point.clone_into(&mut launch.entry_point);
        assert!(matches!(yard.started(launch).await, Err(StartFault::NotMade(_))), "{entry_point}");
    }
    assert_eq!(std::fs::read_dir(yard.root.join("host/instances")).unwrap().count(), 0);
}
