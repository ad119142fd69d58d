//! From inside: what a command in the sandbox can do, and what it cannot.

use std::{fs, path::Path, time::Duration};

use tokio_util::sync::CancellationToken;

use infrastructure::sandbox::{Caps, Ended, Fault, JOB, Outcome, Sandbox, Shown, Spec, Watch};
use plugyard_tests::binary;

/// With the product as the launcher: a process of tests has too many threads for it.
fn sandbox() -> Sandbox {
    Sandbox::new(binary::plugyard())
}

#[tokio::test]
async fn a_command_says_something_and_ends() {
    let (_, outcome) = run("echo hello; echo there >&2; exit 3").await;
    assert_eq!((outcome.ended, outcome.output.as_str()), (Ended::Code(3), "hello\nthere\n"));
}

fn shell(directory: &Path, script: &str) -> Spec {
    Spec {
        program: "/bin/sh".into(),
        arguments: vec!["-c".to_owned(), script.to_owned()],
        environment: [("GIVEN".to_owned(), "yes".to_owned())].into(),
        cwd: JOB.into(),
        directory: directory.to_owned(),
        shown: Vec::new(),
        input: String::new(),
        caps: Caps::default(),
    }
}

const LONG: Duration = Duration::from_mins(1);

async fn run(script: &str) -> (tempfile::TempDir, Outcome) {
    let job = tempfile::tempdir().unwrap();
    let watch = Watch { time: LONG, until: None };
    let outcome = sandbox().run(&shell(job.path(), script), watch, &CancellationToken::new()).await.unwrap();
    (job, outcome)
}

/// The last line that was said.
async fn last_line(script: &str) -> String {
    let (_, outcome) = run(script).await;
    assert_eq!(outcome.ended, Ended::Code(0), "{}", outcome.output);
    outcome.output.trim_end().lines().last().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn it_writes_into_its_directory_and_nowhere_else() {
    let (job, outcome) = run("echo x > made; echo x > tmp/too; for place in / /usr /etc /dev /var/tmp; do \
        (echo x > $place/made) 2>/dev/null && echo wrote $place; done; echo end")
    .await;
    assert!(outcome.output.ends_with("end\n") && !outcome.output.contains("wrote"), "{}", outcome.output);
    assert_eq!(fs::read(job.path().join("made")).unwrap(), b"x\n");
    assert!(job.path().join("tmp/too").exists());
    assert!(!Path::new("/usr/made").exists() && !Path::new("/etc/made").exists());
}

#[tokio::test]
async fn it_sees_what_it_is_shown_and_nothing_else_of_the_host() {
    let ground = tempfile::tempdir().unwrap();
    let (shown, hidden) = (ground.path().join("shown"), ground.path().join("hidden"));
    fs::write(&shown, "you may know\n").unwrap();
    fs::write(&hidden, "secret\n").unwrap();
    let job = tempfile::tempdir().unwrap();
    let script = format!(
        "cat /given/file; echo more >> /given/file; cat {} {}; ls /home /root /var /etc/shadow /proc/1/environ",
        hidden.display(),
        shown.display()
    );
    let spec = Spec {
        shown: vec![Shown { outside: shown.clone(), inside: "/given/file".into() }],
        ..shell(job.path(), &format!("({script}) 2>/dev/null; echo end"))
    };
    let watch = Watch { time: LONG, until: None };
    let outcome = sandbox().run(&spec, watch, &CancellationToken::new()).await.unwrap();
    assert!(outcome.output.contains("you may know\nend\n") || outcome.output.contains("you may know\n/proc"));
    assert!(!outcome.output.contains("secret") && !outcome.output.contains("shadow"), "{}", outcome.output);
    assert_eq!(fs::read(&shown).unwrap(), b"you may know\n");
}

#[tokio::test]
async fn its_environment_is_what_it_is_given() {
    let names =
        last_line("env | cut -d= -f1 | grep -v -e _ -e PWD -e SHLVL -e OLDPWD | sort | tr '\\n' ' '").await;
    assert_eq!(names.trim(), "GIVEN HOME PATH TMPDIR");
}

#[tokio::test]
async fn it_is_a_user_without_rights_and_with_limits() {
    let said =
        last_line("echo $(grep -e NoNewPrivs -e CapEff /proc/self/status) $(ulimit -n) $(id -u)").await;
    let words: Vec<&str> = said.split_whitespace().collect();
    assert_eq!(words[..5], ["CapEff:", "0000000000000000", "NoNewPrivs:", "1", "1024"], "{said}");
    assert_ne!(words[5], "0", "{said}");
}

#[tokio::test]
async fn there_is_no_network_but_its_own_loopback() {
    assert_eq!(
        last_line("tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d ' \\n'; tail -n +2 /proc/net/route").await,
        "lo"
    );
}

#[tokio::test]
async fn a_bomb_of_processes_ends_at_its_limit() {
    let (_, outcome) = run("i=0; while [ $i -lt 400 ]; do sleep 30 & i=$((i+1)); done; echo all").await;
    assert!(!outcome.output.contains("all"), "{}", outcome.output);
    assert_ne!(outcome.ended, Ended::Code(0));
}

#[tokio::test]
async fn what_is_left_ends_with_the_command() {
    let mark = format!("3{:06}", std::process::id());
    let (_, outcome) = run(&format!("setsid sleep {mark} & (setsid sleep {mark} &) ; echo started")).await;
    assert_eq!(outcome.ended, Ended::Code(0));
    assert_eq!(sleepers(&mark), 0);
}

#[tokio::test]
async fn time_and_cancelling_end_everything_inside() {
    let mark = format!("4{:06}", std::process::id());
    let script = format!("setsid sleep {mark} & trap '' TERM INT HUP; sleep {mark}; sleep {mark}");
    let job = tempfile::tempdir().unwrap();
    let spec = shell(job.path(), &script);
    sandbox().ready().await.unwrap();
    let watch = Watch { time: Duration::from_secs(2), until: None };
    let outcome = sandbox().run(&spec, watch, &CancellationToken::new()).await.unwrap();
    assert_eq!((outcome.ended, sleepers(&mark)), (Ended::OutOfTime, 0));
    let cancel = CancellationToken::new();
    let stop = cancel.clone();
    let mut until = move |_: &str| {
        stop.cancel();
        false
    };
    let spec = shell(job.path(), &format!("setsid sleep {mark} & echo begun; sleep {mark}"));
    let watch = Watch { time: LONG, until: Some(&mut until) };
    let ended = sandbox().run(&spec, watch, &cancel).await;
    assert_eq!((ended, sleepers(&mark)), (Err(Fault::Cancelled), 0));
}

#[tokio::test]
async fn whoever_no_longer_waits_leaves_nothing_behind() {
    let mark = format!("5{:06}", std::process::id());
    let job = tempfile::tempdir().unwrap();
    let (began, begins) = tokio::sync::oneshot::channel();
    let mut began = Some(began);
    let mut until = move |line: &str| {
        if line.contains("begun") {
            began.take().map(|began| began.send(()));
        }
        false
    };
    let spec = shell(job.path(), &format!("setsid sleep {mark} & echo begun; sleep {mark}"));
    let (sandbox, never) = (sandbox(), CancellationToken::new());
    {
        let watch = Watch { time: LONG, until: Some(&mut until) };
        let running = sandbox.run(&spec, watch, &never);
        tokio::select! {
            _ = running => panic!("it goes on"),
            _ = begins => {}
        }
    }
    // Nobody waits for the kernel here.
    for _ in 0..500 {
        if sleepers(&mark) == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{} are left", sleepers(&mark));
}

#[tokio::test]
async fn a_line_may_be_all_that_was_wanted() {
    let job = tempfile::tempdir().unwrap();
    let mut until = |line: &str| line.trim_end() == "ready";
    let watch = Watch { time: LONG, until: Some(&mut until) };
    let spec = shell(job.path(), "echo not yet; echo ready; sleep 1000");
    let outcome = sandbox().run(&spec, watch, &CancellationToken::new()).await.unwrap();
    assert_eq!(outcome.ended, Ended::Enough);
}

#[tokio::test]
async fn more_than_its_disk_ends_it() {
    let job = tempfile::tempdir().unwrap();
    let spec = Spec {
        caps: Caps { disk: 8 << 20, ..Caps::default() },
        ..shell(job.path(), "i=0; while :; do head -c 1000000 /dev/zero > f$i; i=$((i+1)); sleep 0.05; done")
    };
    let watch = Watch { time: LONG, until: None };
    let outcome = sandbox().run(&spec, watch, &CancellationToken::new()).await.unwrap();
    assert_eq!(outcome.ended, Ended::OutOfDisk);
}

#[tokio::test]
async fn more_memory_than_all_may_have_ends_it() {
    let job = tempfile::tempdir().unwrap();
    // A line that does not end is kept whole.
    let eat = "(head -c 60000000 /dev/zero; sleep 30) | tail -n 1 > /dev/null";
    let spec = Spec {
        caps: Caps { memory: 100 << 20, ..Caps::default() },
        ..shell(job.path(), &format!("{eat} & {eat} & {eat} & wait"))
    };
    let watch = Watch { time: LONG, until: None };
    let outcome = sandbox().run(&spec, watch, &CancellationToken::new()).await.unwrap();
    assert_eq!(outcome.ended, Ended::OutOfMemory);
}

#[tokio::test]
async fn what_cannot_be_set_up_is_not_run() {
    let job = tempfile::tempdir().unwrap();
    let spec =
        Spec { shown: vec![Shown::as_it_is("/no/such/place".into())], ..shell(job.path(), "echo ran") };
    let watch = Watch { time: LONG, until: None };
    let refused = sandbox().run(&spec, watch, &CancellationToken::new()).await.unwrap_err();
    assert_eq!(refused, Fault::Unavailable("no shown files".to_owned()));
}

/// Living processes that sleep for so long.
fn sleepers(mark: &str) -> usize {
    let of = |entry: fs::DirEntry| fs::read(entry.path().join("cmdline")).ok();
    let wanted = format!("sleep\0{mark}\0").into_bytes();
    fs::read_dir("/proc").unwrap().flatten().filter_map(of).filter(|line| *line == wanted).count()
}
