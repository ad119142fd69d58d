//! What holds plugins in, tried from inside by one that wants everything.

use std::{
    fs,
    net::{TcpListener, UdpSocket},
    os::{linux::net::SocketAddrExt as _, unix::net::UnixListener},
    time::{Duration, Instant},
};

use application::ports::hosting::{
    Control, Exit, InstanceId, Limits, PluginHost as _, SandboxReport, StartFault, State, Tier,
};
use serde_json::{Value, json};

use crate::support::{NOBODY, Yard, sleepers, until};

/// `None` where nothing can be enforced, which the report says then.
async fn yard() -> Option<(Yard, SandboxReport)> {
    let yard = Yard::with(true);
    let report = yard.host.examine().await;
    assert!(report.checked_at.is_some(), "{report:?}");
    assert_eq!(yard.host.sandbox(), report);
    let holds = report.missing(false).is_empty();
    if !holds {
        let mut launch = yard.launch("echo", json!({}));
        launch.require_sandbox = true;
        assert!(matches!(yard.started(launch).await, Err(StartFault::NoSandbox { .. })));
    }
    holds.then_some((yard, report))
}

async fn hog(yard: &Yard, limits: Limits, network: bool) -> InstanceId {
    let mut launch = yard.launch("hog", json!({}));
    launch.limits = limits;
    launch.network = network;
    launch.require_sandbox = true;
    let instance = launch.instance;
    assert!(yard.started(launch).await.unwrap().sandboxed);
    instance
}

fn is_refused(answer: &Value) -> bool {
    answer["error"].is_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn where_we_are_root_every_control_is_enforced_or_said_not_to_be() {
    let Some((_yard, report)) = yard().await else { return };
    if rustix::process::geteuid().is_root() && report.tier == Tier::Users {
        let all =
            [report.filesystem, report.network, report.privileges, report.file_handles, report.processes];
        assert_eq!(all, [Control::Enforced; 5]);
        assert!([Control::Enforced, Control::Watchdog].contains(&report.memory));
        assert!([Control::Enforced, Control::Measured].contains(&report.cpu));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_walls_the_report_says_so_and_who_needs_one_does_not_start() {
    let yard = Yard::open();
    let report = yard.host.examine().await;
    assert_eq!(report.tier, Tier::None);
    assert_eq!(report.missing(false), ["filesystem", "network", "privileges"]);
    let mut launch = yard.launch("echo", json!({}));
    launch.require_sandbox = true;
    let fault = yard.started(launch).await.unwrap_err();
    assert_eq!(fault, StartFault::NoSandbox { missing: vec!["filesystem", "network", "privileges"] });
    let instance = yard.start("hog", json!({})).await;
    assert!(!yard.host.snapshot(instance).unwrap().sandboxed);
    let secret = yard.root.join("secret");
    fs::write(&secret, "s").unwrap();
    assert_eq!(yard.answer(instance, "read", json!({"path": secret})).await, json!({"ok": 1}));
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = tcp.local_addr().unwrap().port();
    assert_eq!(
        yard.answer(instance, "tcp", json!({"host": "127.0.0.1", "port": port})).await,
        json!({"ok": null})
    );
    yard.stop(instance).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_reads_its_own_writes_its_data_and_reaches_nobody() {
    let Some((yard, _)) = yard().await else { return };
    let instance = hog(&yard, Limits::default(), false).await;
    let other = yard.launch("echo", json!({}));
    let secret = yard.root.join("secret");
    fs::write(&secret, "s").unwrap();
    fs::write(other.data.join("theirs"), "s").unwrap();
    let theirs = [other.data.join("theirs"), other.code.join("main.py")];
    for path in theirs.into_iter().chain([secret.clone(), "/proc/1/environ".into(), "/etc/shadow".into()]) {
        assert!(is_refused(&yard.answer(instance, "read", json!({"path": path})).await), "{path:?}");
    }
    for path in [secret, "/usr/made".into(), "/etc/made".into(), "/made".into(), "../code/main.py".into()] {
        assert!(is_refused(&yard.answer(instance, "write", json!({"path": path})).await), "{path:?}");
    }
    assert_eq!(yard.answer(instance, "write", json!({"path": "mine"})).await, json!({"ok": 1}));
    assert_eq!(yard.answer(instance, "read", json!({"path": "/usr/bin/env"})).await["ok"], 4096);
    let own = json!(std::process::id());
    assert!(is_refused(&yard.answer(instance, "signal", json!({"pid": own})).await));
    assert!(is_refused(&yard.answer(instance, "setuid", json!({})).await));
    let unshare = json!({"command": ["/usr/bin/unshare", "-U", "true"]});
    assert!(is_refused(&yard.answer(instance, "exec", unshare).await));
    for (kind, flags, errno) in [(0, 0x1000_0000, 1), (0, 0x4000_0000, 1), (1, 0x1000_0000, 38), (1, 0, 38)] {
        let cloned = yard.answer(instance, "clone", json!({"kind": kind, "flags": flags})).await;
        assert_eq!(cloned["errno"], errno, "{kind} {flags:x}: {cloned}");
    }
    assert_eq!(yard.answer(instance, "clone", json!({"kind": 0, "flags": 0})).await, json!({"ok": null}));
    let who = yard.answer(instance, "who", json!({})).await;
    if rustix::process::geteuid().is_root() {
        assert!(who["ok"]["uid"].as_u64().unwrap() > 1000, "{who}");
    }
    yard.stop(instance).await;
    assert_eq!(Yard::processes(instance), NOBODY);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_right_to_it_there_is_no_network_and_with_it_there_is() {
    let Some((yard, _)) = yard().await else { return };
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    let name = format!("host-test-{}", std::process::id());
    let address = std::os::unix::net::SocketAddr::from_abstract_name(&name).unwrap();
    let named = UnixListener::bind_addr(&address).unwrap();
    tcp.set_nonblocking(true).unwrap();
    udp.set_nonblocking(true).unwrap();
    named.set_nonblocking(true).unwrap();
    let at = |port| json!({"host": "127.0.0.1", "port": port});
    let (tcp_at, udp_at) = (at(tcp.local_addr().unwrap().port()), at(udp.local_addr().unwrap().port()));
    let denied = hog(&yard, Limits::default(), false).await;
    for (attempt, data) in [("tcp", &tcp_at), ("udp", &udp_at), ("abstract", &json!({"name": name}))] {
        assert!(is_refused(&yard.answer(denied, attempt, data.clone()).await), "{attempt}");
    }
    assert!(tcp.accept().is_err() && udp.recv(&mut [0; 8]).is_err() && named.accept().is_err());
    yard.stop(denied).await;
    let granted = hog(&yard, Limits::default(), true).await;
    assert_eq!(yard.answer(granted, "tcp", tcp_at).await, json!({"ok": null}));
    assert_eq!(yard.answer(granted, "udp", udp_at).await, json!({"ok": 1}));
    assert!(tcp.accept().is_ok());
    assert!(is_refused(&yard.answer(granted, "abstract", json!({"name": name})).await), "not a network");
    yard.stop(granted).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_takes_too_much_memory_is_ended_and_started_again_and_nobody_else_notices() {
    let Some((yard, report)) = yard().await else { return };
    let other = yard.start("echo", json!({})).await;
    let limits = Limits { memory_mb: 64, ..Limits::default() };
    let instance = hog(&yard, limits, false).await;
    let begun = Instant::now();
    // Less than what the reserve of addresses would refuse.
    let _ = yard.say(instance, "allocate", json!({"mb": 300})).await;
    until(|| yard.host.snapshot(instance).unwrap().restarts == 1).await;
    assert!(begun.elapsed() < Duration::from_secs(6), "{:?}", begun.elapsed());
    if report.memory == Control::Enforced {
        assert_eq!(yard.heard.exits(instance)[0].0, Exit::OutOfMemory);
    }
    yard.until_state(instance, State::Running).await;
    assert_eq!(yard.answer(other, "echo", json!(1)).await, 1);
    yard.stop(instance).await;
    yard.stop(other).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn files_processes_and_the_processor_end_at_their_limits() {
    let Some((yard, report)) = yard().await else { return };
    let limits = Limits { file_handles: 60, processes: 20, cpu_percent: 25, ..Limits::default() };
    let instance = hog(&yard, limits, false).await;
    let opened = yard.answer(instance, "open", json!({"count": 200})).await;
    assert_eq!(opened["ok"]["errno"], 24, "{opened}");
    let forked = yard.answer(instance, "fork", json!({"count": 100})).await;
    if report.processes == Control::Enforced {
        assert_eq!(forked["ok"]["errno"], 11, "{forked}");
        assert!(forked["ok"]["forked"].as_u64().unwrap() < 20, "{forked}");
    }
    if report.cpu == Control::Enforced {
        let burnt = yard.answer(instance, "burn", json!({"seconds": 2})).await;
        assert!(burnt["ok"].as_f64().unwrap() < 0.4, "{burnt}");
    }
    assert_eq!(yard.host.snapshot(instance).unwrap().state, State::Running, "it is refused, not ended");
    yard.stop(instance).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_gets_away_with_an_empty_environment_is_found_all_the_same() {
    let Some((yard, _)) = yard().await else { return };
    let instance = hog(&yard, Limits::default(), false).await;
    let mark = format!("7{:06}", std::process::id());
    yard.answer(instance, "escape", json!({"seconds": mark, "clean": true})).await;
    until(|| sleepers(&mark) == 1).await;
    yard.stop(instance).await;
    assert_eq!(sleepers(&mark), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_a_stopped_plugin_is_left_but_its_data() {
    let Some((yard, _)) = yard().await else { return };
    let instance = hog(&yard, Limits::default(), false).await;
    yard.answer(instance, "write", json!({"path": "kept"})).await;
    yard.stop(instance).await;
    assert_eq!(fs::read_dir(yard.root.join("host/instances")).unwrap().count(), 0);
    let data = yard.root.join("installations").join(instance.to_string()).join("data/kept");
    assert!(data.exists());
    yard.host.drain().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_instances_of_an_installation_one_ends_and_the_other_goes_on() {
    let Some((yard, _)) = yard().await else { return };
    let old = yard.launch("hog", json!({}));
    let mut new = old.clone();
    new.instance = InstanceId(uuid::Uuid::new_v4());
    let (first, second) = (old.instance, new.instance);
    yard.started(old).await.unwrap();
    yard.started(new).await.unwrap();
    let mark = format!("9{:06}", std::process::id());
    yard.answer(second, "escape", json!({"seconds": mark, "clean": false})).await;
    until(|| sleepers(&mark) == 1).await;
    yard.stop(first).await;
    assert_eq!(
        yard.answer(second, "who", json!({})).await["ok"]["pid"],
        yard.host.snapshot(second).unwrap().process.unwrap()
    );
    assert_eq!(sleepers(&mark), 1);
    yard.stop(second).await;
    assert_eq!(sleepers(&mark), 0);
}
