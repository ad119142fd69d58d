//! Children that misbehave, and what is made of them.

use std::time::Instant;

use super::*;

/// Starts this test binary with the one test that serves as a child when it is told to.
pub(crate) fn isolation() -> Isolation {
    let name = "isolation::parent::tests::an_answer_comes_back_from_the_child_of_the_tests";
    // The filter skips nothing; it is how the test knows that it is the child.
    Isolation::with_arguments(
        std::env::current_exe().unwrap(),
        &[name, "--exact", "--quiet", "--nocapture", "--test-threads=1", "--skip", CHILD_ARGUMENT],
    )
}

#[test]
fn an_answer_comes_back_from_the_child_of_the_tests() {
    if std::env::args().any(|argument| argument == CHILD_ARGUMENT) {
        let code = super::super::serve_child();
        std::process::exit(i32::from(code != std::process::ExitCode::SUCCESS));
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    assert_eq!(runtime.block_on(misbehave("hello", LONG)).unwrap(), "hello");
}

async fn misbehave(how: &str, time: Duration) -> Result<serde_json::Value, Failure> {
    let work = Work::Misbehave(how.to_owned());
    isolation().run(&work, time, &|_, _| {}, &CancellationToken::new()).await
}

const LONG: Duration = Duration::from_secs(30);

#[tokio::test]
async fn a_question_is_answered_by_the_parent_or_ends_the_child() {
    let work = Work::Misbehave("ask for a seal".to_owned());
    let ask = async |on_seal: OnSeal<'_>| {
        let cancel = CancellationToken::new();
        isolation().run_sealing::<String>(&work, LONG, &|_, _| {}, on_seal, &cancel).await
    };
    let comment = |entries: &[Digest]| (entries == [Digest::of_bytes([7; 32])]).then(|| "{}".to_owned());
    assert_eq!(ask(&comment).await.unwrap(), "{}");
    assert!(ask(&|_| None).await.is_err());
}

#[tokio::test]
async fn the_environment_does_not_go_in() {
    let known = misbehave("show environment", LONG).await.unwrap();
    assert!(known.as_u64().unwrap() <= 1, "{known}");
}

#[tokio::test]
async fn a_child_that_crashes_or_talks_nonsense_refuses_the_package() {
    for how in ["abort", "eat memory", "write a file", "talk nonsense", "spin"] {
        let failure = misbehave(how, LONG).await.unwrap_err();
        assert_eq!(failure.reason, Reason::PackageInvalid, "{how}");
        assert!(failure.message.starts_with("The package could not be read"), "{how}");
    }
}

#[tokio::test]
async fn a_child_that_is_ended_from_outside_says_nothing_about_the_package() {
    for signal in [Signal::KILL, Signal::TERM, Signal::INT, Signal::HUP] {
        let failure = misbehave(&format!("signal {}", signal.as_raw()), LONG).await.unwrap_err();
        assert_eq!(failure, Failure::internal(), "{signal:?}");
    }
    for signal in [Signal::SEGV, Signal::BUS, Signal::ILL, Signal::FPE, Signal::SYS] {
        let failure = misbehave(&format!("signal {}", signal.as_raw()), LONG).await.unwrap_err();
        assert!(!failure.transient, "{signal:?}");
    }
}

#[tokio::test]
async fn a_child_that_hangs_is_ended() {
    let start = Instant::now();
    let failure = misbehave("hang", Duration::from_millis(300)).await.unwrap_err();
    assert_eq!(failure.message, "The package could not be read: it took too long");
    assert!(start.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn cancelling_ends_the_child() {
    let cancel = CancellationToken::new();
    let running = async {
        let work = Work::Misbehave("hang".to_owned());
        isolation().run::<serde_json::Value>(&work, LONG, &|_, _| {}, &cancel).await
    };
    let (outcome, ()) = tokio::join!(running, async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        cancel.cancel();
    });
    assert_eq!(outcome.unwrap_err(), Failure::cancelled());
}

#[tokio::test]
async fn a_request_of_another_version_is_no_fault_of_the_package() {
    let mut running = Running::start(&isolation()).unwrap();
    let said = running.talk(b"plugyard-0/0.0.0 {\"Misbehave\":\"hello\"}\n", &|_, _| {}, &|_| None).await;
    assert!(matches!(said, Some(Word::Failed(failure)) if failure == Failure::internal()));
}

#[test]
fn the_running_binary_is_started_even_when_its_path_leads_elsewhere() {
    assert_eq!(isolation().program(), Path::new("/proc/self/exe"));
    let moved = Isolation { executable: "/nowhere".into(), ..isolation() };
    let work = Work::Misbehave("hello".to_owned());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let cancel = CancellationToken::new();
    let answer = runtime.block_on(moved.run::<String>(&work, LONG, &|_, _| {}, &cancel));
    assert_eq!(answer.unwrap(), "hello");
    assert_eq!(Isolation::new("/bin/false".into()).program(), Path::new("/bin/false"));
}

#[tokio::test]
async fn a_child_ends_with_its_parent() {
    let mut running = Running::start(&isolation()).unwrap();
    let request = super::super::request(&Work::Misbehave("hang".to_owned())).unwrap();
    running.stdin.as_mut().unwrap().write_all(&request).await.unwrap();
    assert!(running.child.try_wait().unwrap().is_none());
    running.stdin = None;
    let ended = tokio::time::timeout(Duration::from_secs(10), running.child.wait()).await;
    assert_eq!(ended.unwrap().unwrap().code(), Some(1));
}
