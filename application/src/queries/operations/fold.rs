//! What each event makes of the view of its operation.

use domain::{
    operation::{Found, OperationEvent, OperationRequested},
    recorded::{Event, Recorded},
};

use super::{Fetched, Findings, OperationView, Stage, StepView};

/// None: its stream does not begin with its request.
pub fn fold(view: Option<OperationView>, recorded: &Recorded) -> Option<OperationView> {
    let Event::Operation(_, event) = &recorded.event else { return view };
    if let OperationEvent::OperationRequested(requested) = event {
        return Some(begun(requested));
    }
    let mut view = view?;
    view.updated_at = recorded.recorded_at;
    change(&mut view, event);
    Some(view)
}

fn begun(requested: &OperationRequested) -> OperationView {
    OperationView {
        id: requested.operation_uid,
        number: requested.number,
        work: requested.work.clone(),
        scope: requested.scope.clone(),
        dialect: requested.dialect,
        owner: requested.owner,
        stage: Stage::Waiting,
        run: 0,
        steps: Vec::new(),
        found: Findings::default(),
        cancelled_by: None,
        fault: None,
        version: None,
        requested_at: requested.at,
        updated_at: requested.at,
        ended_at: None,
    }
}

fn change(view: &mut OperationView, event: &OperationEvent) {
    use OperationEvent as E;
    match event {
        E::OperationRequested(_) => {}
        E::OperationTaken { run, .. } => {
            view.stage = Stage::Running;
            view.run = *run;
        }
        E::StepBegun { step, at } => {
            view.steps.retain(|other| other.step != *step);
            view.steps.push(StepView { step: *step, begun_at: *at, done_at: None, undone_at: None });
        }
        E::StepDone { step, found, at } => {
            if let Some(step) = view.steps.iter_mut().find(|view| view.step == *step) {
                step.done_at = Some(*at);
            }
            if let Some(found) = found {
                learn(&mut view.found, found.clone());
            }
        }
        E::StepUndone { step, at } => {
            if let Some(step) = view.steps.iter_mut().find(|view| view.step == *step) {
                step.undone_at = Some(*at);
            }
        }
        E::CancelRequested { by, .. } => view.cancelled_by = Some(by.clone()),
        E::OperationCompleted { inst_uid, version, at } => {
            view.stage = Stage::Completed;
            view.found.installation = Some(*inst_uid);
            view.version.clone_from(version);
            view.ended_at = Some(*at);
        }
        E::OperationFailed { fault, at, .. } => {
            view.stage = Stage::Failed;
            view.fault = Some(fault.clone());
            view.ended_at = Some(*at);
        }
        E::OperationCancelled { by, at } => {
            view.stage = Stage::Cancelled;
            view.cancelled_by = Some(by.clone());
            view.ended_at = Some(*at);
        }
    }
}

fn learn(findings: &mut Findings, found: Found) {
    match found {
        Found::Fetched { digest, size, origin } => findings.fetched = Some(Fetched { digest, size, origin }),
        Found::Identified { inst_uid, release } => {
            findings.installation = Some(inst_uid);
            findings.release = Some(release);
        }
        Found::Granted { granted } => findings.granted = Some(granted),
        Found::Configured { configuration } => findings.configuration = Some(configuration),
        Found::BackedUp { backup_uid, holds_data } => {
            findings.backup = Some(backup_uid);
            findings.holds_data = holds_data;
        }
    }
}
