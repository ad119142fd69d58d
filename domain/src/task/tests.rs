use cqrs_es::test::TestFramework;
use proptest::prelude::*;

use super::*;
use crate::values::{Dialect, Digest, Platform, PluginIdentity, Suffix, Target, TargetOptions, TaskId};

fn task() -> TestFramework<Task> {
    TestFramework::with(())
}

fn requested() -> TaskRequested {
    let platform: Platform = "manylinux2014_x86_64".parse().unwrap();
    let target: Target = serde_json::from_value(serde_json::json!(
        {"os": "linux", "arch": "x86_64", "floor": "2.39", "python": "3.12.3"}
    ))
    .unwrap();
    TaskRequested {
        task_uid: TaskId("123e4567-e89b-42d3-a456-426614174000".parse().unwrap()),
        kind: TaskKind::Repackage,
        label: "agent.difypkg".to_owned(),
        subject: Source::Url("https://example.com/agent.difypkg".to_owned()),
        original_filename: "agent.difypkg".to_owned(),
        options: RepackageOptions {
            platform,
            target,
            asked: TargetOptions::default(),
            suffix: Suffix::default(),
            combined_with: Vec::new(),
            verify_install: false,
            refresh: false,
        },
        dialect: Dialect::Dify,
        tenant: "default".to_owned(),
        group: None,
    }
}

fn asked() -> TaskEvent {
    TaskEvent::TaskRequested(requested())
}

fn started(attempt: u32) -> TaskEvent {
    TaskEvent::TaskStarted { attempt, worker: "w".to_owned() }
}

fn start(attempt: u32) -> TaskCommand {
    TaskCommand::Start { attempt, worker: "w".to_owned() }
}

fn lost(attempt: u32, reason: Loss) -> TaskEvent {
    TaskEvent::TaskAttemptLost { attempt, reason, fault: None, retry_in_ms: 0 }
}

fn lose(attempt: u32, reason: Loss) -> TaskCommand {
    TaskCommand::LoseAttempt { attempt, reason, fault: None, retry_in_ms: 0 }
}

fn at(attempt: u32, phase: Phase, percent: u8) -> TaskProgressed {
    TaskProgressed { attempt, phase, percent, message: String::new(), plugin: None, about: None }
}

fn progressed(attempt: u32, phase: Phase, percent: u8) -> TaskEvent {
    TaskEvent::TaskProgressed(at(attempt, phase, percent))
}

fn completed(attempt: u32) -> TaskCompleted {
    TaskCompleted {
        attempt,
        artifact: Artifact { sha256: digest(), filename: "agent-offline.difypkg".to_owned(), size: 7 },
        plugin: PluginIdentity::new("langgenius", "agent", "0.0.9").unwrap(),
        about: None,
        report: Report {
            target: requested().options.target,
            combined_with: Vec::new(),
            strict: false,
            source: "uv.lock".to_owned(),
            resolver: None,
            resolutions: Vec::new(),
            wheels: 1,
            wheel_bytes: 1,
            downloaded_bytes: 1,
            cache_hits: 0,
            output_bytes: 7,
            uncompressed_bytes: 9,
            sha256: digest().to_string(),
            identifier_in: "in".to_owned(),
            identifier_out: "out".to_owned(),
            needs_glibc: None,
            needs_macos: None,
            built: Vec::new(),
            signed: false,
            signing_key: None,
            verified_install: None,
            notes: Vec::new(),
            timings: Timings::default(),
        },
    }
}

fn boxed(attempt: u32) -> Box<TaskCompleted> {
    Box::new(completed(attempt))
}

fn done(attempt: u32) -> TaskEvent {
    TaskEvent::TaskCompleted(boxed(attempt))
}

fn fault(code: &str) -> Fault {
    Fault { code: code.to_owned(), message: "m".to_owned() }
}

fn digest() -> Digest {
    "ab".repeat(32).parse().unwrap()
}

#[test]
fn a_task_is_requested_once() {
    task()
        .given_no_previous_events()
        .when(TaskCommand::Request(requested()))
        .then_expect_events(vec![asked()]);
    task()
        .given(vec![asked()])
        .when(TaskCommand::Request(requested()))
        .then_expect_error(TaskError::AlreadyRequested);
}

#[test]
fn nothing_can_be_done_to_a_task_nobody_asked_for() {
    for command in [start(1), lose(1, Loss::Lease), TaskCommand::ExpireArtifact] {
        task().given_no_previous_events().when(command).then_expect_error(TaskError::Unknown);
    }
}

#[test]
fn only_the_open_attempt_may_finish() {
    let past = vec![asked(), started(1), lost(1, Loss::Lease), started(3)];
    let stale = TaskError::StaleAttempt { given: 1, last: 3 };
    task().given(past.clone()).when(TaskCommand::Complete(boxed(1))).then_expect_error(stale);
    task().given(past).when(TaskCommand::Complete(boxed(3))).then_expect_events(vec![done(3)]);
}

#[test]
fn an_attempt_number_is_never_used_twice() {
    task()
        .given(vec![asked(), started(2)])
        .when(start(2))
        .then_expect_error(TaskError::StaleAttempt { given: 2, last: 2 });
}

#[test]
fn a_newer_claim_ends_the_open_attempt() {
    task()
        .given(vec![asked(), started(1)])
        .when(start(2))
        .then_expect_events(vec![lost(1, Loss::Lease), started(2)]);
}

#[test]
fn an_attempt_that_never_started_may_be_lost_but_not_twice() {
    task().given(vec![asked()]).when(lose(1, Loss::Lease)).then_expect_events(vec![lost(1, Loss::Lease)]);
    task()
        .given(vec![asked(), lost(1, Loss::Lease)])
        .when(lose(1, Loss::Lease))
        .then_expect_error(TaskError::StaleAttempt { given: 1, last: 1 });
}

#[test]
fn the_fifth_counted_failure_ends_the_task() {
    let mut past = vec![asked()];
    for attempt in 1..=4 {
        past.extend([started(attempt), lost(attempt, Loss::Error)]);
    }
    past.push(started(5));
    let failed =
        TaskEvent::TaskFailed(Fault { code: "INTERRUPTED".to_owned(), message: "Interrupted".to_owned() });
    task().given(past).when(lose(5, Loss::Lease)).then_expect_events(vec![lost(5, Loss::Lease), failed]);
}

#[test]
fn the_last_fault_is_what_the_user_is_told() {
    let mut past = vec![asked()];
    for attempt in 1..=4 {
        past.extend([started(attempt), lost(attempt, Loss::Error)]);
    }
    past.push(started(5));
    let gone = TaskCommand::LoseAttempt {
        attempt: 5,
        reason: Loss::Error,
        fault: Some(fault("FETCH_FAILED")),
        retry_in_ms: 7,
    };
    let lost = TaskEvent::TaskAttemptLost {
        attempt: 5,
        reason: Loss::Error,
        fault: Some(fault("FETCH_FAILED")),
        retry_in_ms: 7,
    };
    task()
        .given(past)
        .when(gone)
        .then_expect_events(vec![lost, TaskEvent::TaskFailed(fault("FETCH_FAILED"))]);
}

#[test]
fn a_released_attempt_is_not_a_failure() {
    let mut past = vec![asked()];
    for attempt in 1..=9 {
        past.extend([started(attempt), lost(attempt, Loss::Released)]);
    }
    task().given(past).when(start(10)).then_expect_events(vec![started(10)]);
}

#[test]
fn a_finished_task_stays_as_it_is() {
    for end in [done(1), TaskEvent::TaskFailed(fault("X")), TaskEvent::TaskCancelled { by: "x".to_owned() }] {
        for command in [start(2), TaskCommand::Cancel { by: "y".to_owned() }, lose(1, Loss::Lease)] {
            task()
                .given(vec![asked(), started(1), end.clone()])
                .when(command)
                .then_expect_error(TaskError::Finished);
        }
    }
}

#[test]
fn the_same_outcome_reported_again_is_no_second_outcome() {
    task()
        .given(vec![asked(), started(1), done(1)])
        .when(TaskCommand::Complete(boxed(1)))
        .then_expect_events(vec![]);
}

#[test]
fn a_running_task_can_be_cancelled_at_once() {
    task()
        .given(vec![asked(), started(1)])
        .when(TaskCommand::Cancel { by: "anonymous".to_owned() })
        .then_expect_events(vec![TaskEvent::TaskCancelled { by: "anonymous".to_owned() }]);
}

#[test]
fn only_a_phase_change_or_ten_points_reach_the_log() {
    let past = vec![asked(), started(1), progressed(1, Phase::Wheels, 40)];
    let report = |phase, percent| TaskCommand::Report(at(1, phase, percent));
    task().given(past.clone()).when(report(Phase::Wheels, 49)).then_expect_events(vec![]);
    task().given(past.clone()).when(report(Phase::Wheels, 50)).then_expect_events(vec![progressed(
        1,
        Phase::Wheels,
        50,
    )]);
    task().given(past).when(report(Phase::Packing, 41)).then_expect_events(vec![progressed(
        1,
        Phase::Packing,
        41,
    )]);
}

#[test]
fn what_a_client_sees_never_falls_also_not_in_a_second_attempt() {
    task()
        .given(vec![asked(), started(1), progressed(1, Phase::Packing, 90), lost(1, Loss::Lease), started(2)])
        .when(TaskCommand::Report(at(2, Phase::Downloading, 3)))
        .then_expect_events(vec![progressed(2, Phase::Downloading, 90)]);
}

#[test]
fn an_artifact_expires_once_and_only_when_there_is_one() {
    task()
        .given(vec![asked(), started(1), done(1)])
        .when(TaskCommand::ExpireArtifact)
        .then_expect_events(vec![TaskEvent::ArtifactExpired { sha256: digest() }]);
    task()
        .given(vec![asked(), started(1), done(1), TaskEvent::ArtifactExpired { sha256: digest() }])
        .when(TaskCommand::ExpireArtifact)
        .then_expect_events(vec![]);
    task()
        .given(vec![asked(), started(1)])
        .when(TaskCommand::ExpireArtifact)
        .then_expect_error(TaskError::Unfinished);
}

#[test]
fn an_acknowledgement_changes_nothing_wherever_a_task_stands() {
    for given in [vec![], vec![asked()], vec![asked(), started(1), done(1)]] {
        task().given(given).when(TaskCommand::Acknowledge).then_expect_events(vec![]);
    }
}

#[test]
fn every_event_survives_its_stored_form() {
    let all = [
        asked(),
        started(1),
        progressed(1, Phase::Wheels, 40),
        lost(1, Loss::Error),
        done(1),
        TaskEvent::TaskFailed(fault("NO_WHEEL")),
        TaskEvent::TaskCancelled { by: "x".to_owned() },
        TaskEvent::ArtifactExpired { sha256: digest() },
    ];
    assert_eq!(all.each_ref().map(TaskEvent::name), TaskEvent::TYPES);
    for event in all {
        let stored = serde_json::to_value(&event).unwrap();
        assert_eq!(stored["type"], event.name());
        assert_eq!(serde_json::from_value::<TaskEvent>(stored).unwrap(), event);
    }
}

fn any_command() -> impl Strategy<Value = TaskCommand> {
    let attempt = 0..6_u32;
    prop_oneof![
        Just(TaskCommand::Request(requested())),
        attempt.clone().prop_map(start),
        (attempt.clone(), 0..=100_u8).prop_map(|(a, percent)| TaskCommand::Report(at(
            a,
            Phase::Wheels,
            percent
        ))),
        attempt.clone().prop_map(|a| lose(a, Loss::Lease)),
        attempt.clone().prop_map(|a| lose(a, Loss::Released)),
        attempt.clone().prop_map(|a| TaskCommand::Complete(boxed(a))),
        attempt.prop_map(|attempt| TaskCommand::Fail { attempt, fault: fault("X") }),
        Just(TaskCommand::Cancel { by: "x".to_owned() }),
        Just(TaskCommand::ExpireArtifact),
        Just(TaskCommand::Acknowledge),
    ]
}

proptest! {
    #[test]
    fn a_state_stored_at_any_event_and_the_tail_are_the_full_replay(
        commands in proptest::collection::vec(any_command(), 0..40)
    ) {
        let (mut full, mut events) = (Task::default(), Vec::new());
        for command in commands {
            for event in full.decide(command).unwrap_or_default() {
                full.evolve(event.clone());
                events.push(event);
            }
        }
        for cut in 0..=events.len() {
            let mut state = Task::default();
            events[..cut].iter().cloned().for_each(|event| state.evolve(event));
            let stored = serde_json::to_string(&state).unwrap();
            let mut state: Task = serde_json::from_str(&stored).unwrap();
            events[cut..].iter().cloned().for_each(|event| state.evolve(event));
            prop_assert_eq!(&state, &full);
        }
    }

    #[test]
    fn whatever_is_tried_there_is_at_most_one_outcome_and_progress_never_falls(
        commands in proptest::collection::vec(any_command(), 0..60)
    ) {
        let mut state = Task::default();
        let (mut outcomes, mut percent) = (0, 0);
        for command in commands {
            for event in state.decide(command).unwrap_or_default() {
                match &event {
                    TaskEvent::TaskCompleted(_) | TaskEvent::TaskFailed(_) | TaskEvent::TaskCancelled { .. } => {
                        outcomes += 1;
                    }
                    TaskEvent::TaskProgressed(progress) => {
                        prop_assert!(progress.percent >= percent);
                        percent = progress.percent;
                    }
                    TaskEvent::TaskRequested(_)
                    | TaskEvent::TaskStarted { .. }
                    | TaskEvent::TaskAttemptLost { .. }
                    | TaskEvent::ArtifactExpired { .. } => {}
                }
                state.evolve(event);
            }
        }
        prop_assert!(outcomes <= 1);
    }
}
