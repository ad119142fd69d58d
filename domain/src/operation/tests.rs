use chrono::TimeZone as _;
use cqrs_es::test::TestFramework;
use uuid::Uuid;

use super::{OperationCommand as C, OperationEvent as E, *};
use crate::values::{Dialect, InstallScope, OperationId};

fn operation() -> TestFramework<Operation> {
    TestFramework::with(())
}

fn at() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 11, 20, 10, 0, 0).unwrap()
}

fn requested() -> Box<OperationRequested> {
    Box::new(OperationRequested {
        operation_uid: OperationId(Uuid::from_u128(1)),
        number: 1,
        work: Work::Uninstall(Uninstall {
            name: "echo".parse().unwrap(),
            force: false,
            backup: false,
            cleanup_data: true,
        }),
        scope: InstallScope::default(),
        dialect: Dialect::Nexus,
        owner: None,
        at: at(),
    })
}

fn taken(run: u32) -> E {
    E::OperationTaken { run, node: "a".to_owned(), at: at() }
}

fn running() -> Vec<E> {
    vec![E::OperationRequested(requested()), taken(1)]
}

fn done(step: Step) -> Vec<E> {
    vec![E::StepBegun { step, at: at() }, E::StepDone { step, found: None, at: at() }]
}

fn begin(run: u32, step: Step) -> C {
    C::Begin { run, step, at: at() }
}

fn complete() -> C {
    C::Complete { run: 1, inst_uid: InstallationId(Uuid::nil()), version: None, at: at() }
}

fn fault() -> OperationFault {
    OperationFault {
        code: "PLUGIN_NOT_FOUND".to_owned(),
        message: "gone".to_owned(),
        details: serde_json::Value::Null,
    }
}

#[test]
fn steps_are_begun_in_their_order_and_again_after_they_were_cut_short() {
    operation().given(running()).when(begin(1, Step::Stop)).then_expect_error(OperationError::OutOfOrder);
    operation().given(running()).when(begin(1, Step::Fetch)).then_expect_error(OperationError::OutOfOrder);
    let begun = E::StepBegun { step: Step::Claim, at: at() };
    operation().given(running()).when(begin(1, Step::Claim)).then_expect_events(vec![begun.clone()]);
    operation()
        .given([running(), vec![begun.clone(), taken(2)]].concat())
        .when(begin(2, Step::Claim))
        .then_expect_events(vec![begun]);
    let finish = C::Finish { run: 1, step: Step::Claim, found: None, at: at() };
    operation().given(running()).when(finish).then_expect_error(OperationError::OutOfOrder);
}

#[test]
fn whoever_was_overtaken_changes_nothing() {
    let overtaken = || [running(), vec![taken(2)]].concat();
    for late in [
        begin(1, Step::Claim),
        complete(),
        C::Fail { run: 1, step: None, fault: fault(), at: at() },
        C::Take { run: 2, node: "b".to_owned(), at: at() },
    ] {
        operation().given(overtaken()).when(late).then_expect_error(OperationError::Overtaken);
    }
}

#[test]
fn it_completes_when_all_its_steps_are_done() {
    operation().given(running()).when(complete()).then_expect_error(OperationError::OutOfOrder);
    let steps = requested().work.steps().iter().flat_map(|step| done(*step)).collect();
    let completed = E::OperationCompleted { inst_uid: InstallationId(Uuid::nil()), version: None, at: at() };
    let all = || [running(), Vec::clone(&steps)].concat();
    operation().given(all()).when(complete()).then_expect_events(vec![completed.clone()]);
    operation()
        .given([all(), vec![completed]].concat())
        .when(C::Fail { run: 1, step: None, fault: fault(), at: at() })
        .then_expect_error(OperationError::Ended);
}

#[test]
fn it_is_cancelled_until_the_point_of_no_return_and_what_was_done_is_taken_back_first() {
    let cancel = || C::Cancel { by: "ann".to_owned(), at: at() };
    let cancelled = E::OperationCancelled { by: "ann".to_owned(), at: at() };
    operation()
        .given(vec![E::OperationRequested(requested())])
        .when(cancel())
        .then_expect_events(vec![cancelled.clone()]);
    let asked = E::CancelRequested { by: "ann".to_owned(), at: at() };
    operation().given(running()).when(cancel()).then_expect_events(vec![asked.clone()]);
    let leaving = || [running(), done(Step::Claim), vec![asked.clone()]].concat();
    operation()
        .given(leaving())
        .when(begin(1, Step::Dependencies))
        .then_expect_error(OperationError::Cancelling);
    operation()
        .given(leaving())
        .when(C::Undo { run: 1, step: Step::Claim, at: at() })
        .then_expect_events(vec![E::StepUndone { step: Step::Claim, at: at() }]);
    let confirm = C::ConfirmCancel { run: 1, at: at() };
    operation().given(leaving()).when(confirm.clone()).then_expect_events(vec![cancelled]);
    operation().given(running()).when(confirm).then_expect_error(OperationError::OutOfOrder);
    let late = [
        running(),
        done(Step::Claim),
        done(Step::Dependencies),
        vec![E::StepBegun { step: Step::Stop, at: at() }],
    ];
    operation().given(late.concat()).when(cancel()).then_expect_error(OperationError::TooLate);
}

#[test]
fn what_was_never_requested_is_unknown() {
    operation()
        .given_no_previous_events()
        .when(C::Cancel { by: "ann".to_owned(), at: at() })
        .then_expect_error(OperationError::Unknown);
    operation()
        .given(running())
        .when(C::Request(requested()))
        .then_expect_error(OperationError::AlreadyRequested);
}
