//! What becomes of plugins that end, hang or do not want to end.

use std::time::{Duration, Instant};

use application::ports::hosting::{
    CallFault, Exit, Happening, InstanceId, PluginHost as _, StartFault, State, Stop,
};
use serde_json::json;

use crate::support::{NOBODY, Yard, sleepers, until};

#[tokio::test(flavor = "multi_thread")]
async fn who_ends_before_it_is_ready_has_not_started() {
    let yard = Yard::open();
    for (how, exit) in [(json!({"code": 7}), Exit::Code(7)), (json!({"signal": 11}), Exit::Signal(11))] {
        let launch = yard.launch("crash", json!({"before_handshake": how}));
        let instance = launch.instance;
        let fault = yard.started(launch).await.unwrap_err();
        assert_eq!(fault, StartFault::Exited { exit, stderr: "about to crash".to_owned() });
        assert_eq!(yard.heard.states(instance), [State::Starting, State::Failed]);
        assert_eq!((Yard::processes(instance), yard.host.snapshot(instance)), (NOBODY.to_vec(), None));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_not_ready_in_time_has_not_started() {
    let yard = Yard::open();
    let mut launch = yard.launch("slow", json!({"start_delay": 30}));
    launch.ready_within = Some(Duration::from_millis(500));
    let (instance, begun) = (launch.instance, Instant::now());
    let fault = yard.started(launch).await.unwrap_err();
    assert!(matches!(fault, StartFault::TimedOut { .. }), "{fault:?}");
    assert!(begun.elapsed() < Duration::from_secs(5));
    assert_eq!(Yard::processes(instance), NOBODY);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_fails_what_is_under_way_at_once_and_it_is_started_again() {
    let yard = Yard::open();
    let instance = yard.start("crash", json!({})).await;
    let begun = Instant::now();
    assert_eq!(yard.say(instance, "crash", json!({"signal": 9})).await, Err(CallFault::Died));
    assert!(begun.elapsed() < Duration::from_secs(2), "not at its deadline");
    until(|| yard.heard.exits(instance).len() == 1).await;
    assert_eq!(yard.heard.exits(instance), [(Exit::Signal(9), "about to crash".to_owned())]);
    let wait = yard.heard.all(instance).into_iter().find_map(|happening| {
        if let Happening::State { to: State::Waiting, wait, .. } = happening { wait } else { None }
    });
    assert!(wait.unwrap() >= Duration::from_millis(800) && wait.unwrap() <= Duration::from_millis(1200));
    until(|| yard.host.snapshot(instance).unwrap().restarts == 1).await;
    yard.until_state(instance, State::Running).await;
    assert_eq!(yard.answer(instance, "echo", json!(1)).await, 1);
    yard.stop(instance).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn five_crashes_are_enough_and_a_restart_forgets_them() {
    let yard = Yard::open();
    let mut launch = yard.launch("crash", json!({}));
    let instance = launch.instance;
    yard.started(launch.clone()).await.unwrap();
    // Each restart begins to count anew, so only crashes in a row without one add up.
    launch.configuration = crate::support::object(&json!({"after_ms": 1})).into();
    assert!(yard.host.relaunch(launch.clone()));
    let _ = yard.say(instance, "crash", json!({})).await;
    yard.until_state(instance, State::Failed).await;
    let states = yard.heard.states(instance);
    assert_eq!(states.iter().filter(|state| **state == State::Starting).count(), 5, "{states:?}");
    assert_eq!(yard.say(instance, "echo", json!(1)).await, Err(CallFault::NotRunning));
    let why = yard.host.snapshot(instance).unwrap().why.unwrap();
    assert!(why.contains("exit code 3"), "{why}");
    launch.configuration = crate::support::object(&json!({})).into();
    assert!(yard.host.relaunch(launch));
    yard.host.restart(instance, Stop::AT_ONCE).await.unwrap();
    assert_eq!(yard.answer(instance, "echo", json!(1)).await, 1);
    yard.stop(instance).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_willing_plugin_stops_fast_and_an_unwilling_one_in_time() {
    let yard = Yard::open();
    let willing = yard.start("echo", json!({})).await;
    let begun = Instant::now();
    yard.host.stop(willing, Stop::after(Duration::from_secs(10))).await;
    assert!(begun.elapsed() < Duration::from_secs(2));
    let unwilling = yard.start("slow", json!({"ignore_shutdown": true, "ignore_sigterm": true})).await;
    let begun = Instant::now();
    yard.host.stop(unwilling, Stop::after(Duration::from_secs(1))).await;
    assert!(begun.elapsed() >= Duration::from_secs(3) && begun.elapsed() < Duration::from_secs(5));
    assert_eq!(Yard::processes(unwilling), NOBODY);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_under_way_ends_before_the_plugin_does() {
    let yard = Yard::open();
    let instance = yard.start("slow", json!({})).await;
    let sleeping = yard.say(instance, "sleep", json!({"seconds": 0.5}));
    let stopping = async {
        until(|| yard.host.snapshot(instance).unwrap().counters.in_flight == 1).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
        yard.host.stop(instance, Stop::after(Duration::from_secs(5))).await;
    };
    let (slept, ()) = tokio::join!(sleeping, stopping);
    assert!(slept.unwrap().answer.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_of_its_family_is_left() {
    let yard = Yard::open();
    let instance = yard.start("hog", json!({})).await;
    let mark = format!("6{:06}", std::process::id());
    let answer = yard.answer(instance, "escape", json!({"seconds": mark})).await;
    assert_eq!(answer, json!({"ok": null}));
    yard.answer(instance, "fork", json!({"count": 3, "reap": false, "seconds": 60})).await;
    until(|| sleepers(&mark) == 1).await;
    yard.host.stop(instance, Stop::AT_ONCE).await;
    assert_eq!((sleepers(&mark), Yard::processes(instance)), (0, NOBODY.to_vec()));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_earlier_run_left_is_swept_and_nobody_else() {
    let yard = Yard::open();
    let neighbour = Yard::open();
    let other = neighbour.start("echo", json!({})).await;
    let instance = yard.start("echo", json!({})).await;
    let left = Yard::processes(instance);
    assert_eq!(yard.host.sweep().await, 1);
    until(|| left.iter().all(|id| !Yard::processes(instance).contains(id))).await;
    assert_eq!(neighbour.answer(other, "echo", json!(1)).await, 1);
    neighbour.stop(other).await;
    yard.host.drain().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_ends_takes_all_with_it_and_starts_nothing_more() {
    let yard = Yard::open();
    let instances =
        [yard.start("echo", json!({})).await, yard.start("slow", json!({"ignore_shutdown": true})).await];
    let begun = Instant::now();
    yard.host.drain().await;
    assert!(begun.elapsed() < Duration::from_secs(12));
    for instance in instances {
        assert_eq!(Yard::processes(instance), NOBODY);
    }
    let launch = yard.launch("echo", json!({}));
    assert_eq!(yard.started(launch).await, Err(StartFault::Stopped));
}

/// Where a host that is to be killed has its directory; only in the process that is it.
const VICTIM: &str = "HOST_TEST_VICTIM";

/// A host of its own process, until somebody ends it.
#[tokio::test(flavor = "multi_thread")]
async fn a_victim_runs_a_plugin_that_leaves_somebody_behind() {
    let victim = std::env::vars_os().find(|(name, _)| name == VICTIM);
    let Some((_, root)) = victim else { return };
    let yard = Yard::at(std::path::Path::new(&root), true);
    yard.host.examine().await;
    let instance = yard.start("hog", json!({})).await;
    let mark = root.to_string_lossy().rsplit('-').next().unwrap().to_owned();
    // Without users or mounts of their own nothing but the mark tells it from others.
    let clean = rustix::process::geteuid().is_root();
    yard.answer(instance, "escape", json!({"seconds": mark, "clean": clean})).await;
    std::fs::write(std::path::Path::new(&root).join("instance"), instance.to_string()).unwrap();
    std::future::pending::<()>().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_is_killed_leaves_nothing_that_its_next_run_does_not_find() {
    let mark = format!("8{:06}", std::process::id());
    let root = tempfile::Builder::new().prefix("host-").suffix(&format!("-{mark}")).tempdir().unwrap();
    let mut victim = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["supervising::a_victim_runs_a_plugin_that_leaves_somebody_behind", "--exact", "--quiet"])
        .env(VICTIM, root.path())
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let told = root.path().join("instance");
    until(|| told.exists() && sleepers(&mark) == 1).await;
    let instance = InstanceId(std::fs::read_to_string(told).unwrap().parse().unwrap());
    let of_plugin = |id: &u32| {
        std::fs::read_to_string(format!("/proc/{id}/cmdline")).unwrap_or_default().contains("main.py")
    };
    let plugins = || Yard::processes(instance).iter().filter(|id| of_plugin(id)).count();
    assert_eq!(plugins(), 1);
    victim.kill().unwrap();
    victim.wait().unwrap();
    until(|| plugins() == 0).await;
    let next = Yard::at(root.path(), true);
    let swept = next.host.sweep().await;
    assert_eq!(sleepers(&mark), 0);
    assert_eq!(swept, 1, "who had got away");
    assert_eq!(std::fs::read_dir(root.path().join("host/instances")).unwrap().count(), 0);
}
