//! How one event changes a task's row. Pure; the same fold answers a read that comes before the projection.

use application::queries::tasks::{TaskStatus, TaskView};
use domain::{
    recorded::{Event, Recorded},
    task::{Fault, Source, TaskEvent, TaskRequested},
};

/// `None` when the stream does not begin with its request.
pub(super) fn fold(row: Option<TaskView>, recorded: &Recorded) -> Option<TaskView> {
    let Event::Task(_, event) = &recorded.event;
    if let TaskEvent::TaskRequested(requested) = event {
        return Some(requested_view(requested, recorded));
    }
    let mut view = row?;
    view.updated_at = recorded.recorded_at;
    view.sequence = recorded.sequence;
    match event {
        TaskEvent::TaskRequested(_) => {}
        TaskEvent::TaskStarted { .. } => {
            view.status = TaskStatus::Running;
            if view.phase.is_none() {
                "Starting".clone_into(&mut view.message);
            }
        }
        TaskEvent::TaskProgressed(progress) => {
            view.phase = Some(progress.phase);
            view.percent = view.percent.max(progress.percent);
            view.message.clone_from(&progress.message);
            view.plugin = progress.plugin.clone().or(view.plugin.take());
        }
        TaskEvent::TaskAttemptLost { reason, .. } => {
            view.status = TaskStatus::Queued;
            view.attempt += u32::from(reason.counts());
            "Interrupted; it will be tried again".clone_into(&mut view.message);
        }
        TaskEvent::TaskCompleted(completed) => {
            view.percent = 100;
            view.plugin = Some(completed.plugin.clone());
            view.artifact = Some(completed.artifact.clone());
            view.report = Some(completed.report.clone());
            end(&mut view, TaskStatus::Completed, "Completed", recorded);
        }
        TaskEvent::TaskFailed(fault) => {
            view.error = Some(fault.clone());
            end(&mut view, TaskStatus::Failed, "Failed", recorded);
        }
        TaskEvent::TaskCancelled { .. } => {
            view.error = Some(Fault { code: "CANCELLED".to_owned(), message: "Cancelled".to_owned() });
            end(&mut view, TaskStatus::Cancelled, "Cancelled", recorded);
        }
        TaskEvent::ArtifactExpired { .. } => {
            view.status = TaskStatus::Expired;
            "Expired".clone_into(&mut view.message);
        }
    }
    Some(view)
}

fn requested_view(requested: &TaskRequested, recorded: &Recorded) -> TaskView {
    TaskView {
        id: requested.task_uid,
        status: TaskStatus::Queued,
        phase: None,
        percent: 0,
        message: "Waiting for a free worker".to_owned(),
        error: None,
        attempt: 1,
        created_at: recorded.recorded_at,
        updated_at: recorded.recorded_at,
        ended_at: None,
        original_filename: requested.original_filename.clone(),
        platform: requested.options.platform.clone(),
        suffix: requested.options.suffix.clone(),
        plugin: None,
        input: match &requested.subject {
            Source::Url(_) => None,
            Source::UploadSha256(digest) => Some(digest.clone()),
        },
        artifact: None,
        report: None,
        sequence: recorded.sequence,
    }
}

fn end(view: &mut TaskView, status: TaskStatus, message: &str, recorded: &Recorded) {
    view.status = status;
    view.ended_at = Some(recorded.recorded_at);
    message.clone_into(&mut view.message);
}
