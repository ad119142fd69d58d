//! How one event changes a task's row. Pure; the same fold answers a read that comes before the projection.

use application::queries::tasks::{TaskStatus, TaskView};
use domain::{
    recorded::{Event, Recorded},
    task::{Fault, Source, TaskEvent, TaskRequested},
};

/// `None` when the stream does not begin with its request.
pub(super) fn fold(row: Option<TaskView>, recorded: &Recorded) -> Option<TaskView> {
    let Event::Task(_, event) = &recorded.event else { return row };
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
            view.about = progress.about.clone().or(view.about.take());
        }
        TaskEvent::TaskAttemptLost { reason, .. } => {
            view.status = TaskStatus::Queued;
            view.attempt += u32::from(reason.counts());
            "Interrupted; it will be tried again".clone_into(&mut view.message);
        }
        TaskEvent::TaskCompleted(completed) => {
            view.percent = 100;
            view.plugin = Some(completed.plugin.clone());
            view.about = completed.about.clone().or(view.about.take());
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
    let (input, marketplace) = match &requested.subject {
        Source::Url(_) => (None, None),
        Source::UploadSha256(digest) => (Some(digest.clone()), None),
        Source::Marketplace(plugin) => (None, Some(plugin.clone())),
    };
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
        plugin: marketplace.clone(),
        about: None,
        marketplace,
        group: requested.group,
        input,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generation::tests::{self, story};

    fn views(story: &[Recorded]) -> Vec<TaskView> {
        tests::views(story, fold)
    }

    #[test]
    fn a_task_is_shown_from_its_request_to_its_end_and_progress_never_falls() {
        let views = views(&story("task_completed_and_expired.json"));
        let statuses: Vec<_> = views.iter().map(|view| view.status.as_str()).collect();
        let expected =
            ["queued", "running", "running", "queued", "running", "running", "completed", "expired"];
        assert_eq!(statuses, expected);
        assert!(views.iter().map(|view| view.percent).is_sorted());
        let last = views.last().unwrap();
        assert_eq!((last.attempt, last.percent, last.sequence), (2, 100, 8));
        assert_eq!(last.plugin.as_ref().unwrap().to_string(), "langgenius/agent:0.0.9");
        assert_eq!(last.artifact.as_ref().unwrap().filename, "agent-offline.difypkg");
        assert!(last.ended_at < Some(last.updated_at), "it ended before it expired");
    }

    #[test]
    fn a_failure_and_a_cancellation_say_why() {
        let error = |name| views(&story(name)).pop().unwrap().error.unwrap();
        assert_eq!(error("task_failed.json").code, "NO_WHEEL");
        assert_eq!(error("task_cancelled.json").code, "CANCELLED");
    }

    #[test]
    fn an_upload_remembers_its_bytes_and_a_url_has_none() {
        let input = |name| views(&story(name)).pop().unwrap().input;
        assert_eq!(input("task_cancelled.json").unwrap().as_str(), "ab".repeat(32));
        assert_eq!(input("task_failed.json"), None);
    }

    #[test]
    fn a_plugin_of_the_marketplace_is_known_from_its_request_on_and_presents_itself_once_it_is_read() {
        let views = views(&story("task_combined_from_the_marketplace.json"));
        assert!(views.iter().all(|view| view.plugin.as_ref().is_some_and(|plugin| plugin.name() == "agent")));
        assert!(views.iter().all(|view| view.group.is_some()));
        let labels: Vec<_> =
            views.iter().map(|view| view.about.as_ref().map(|about| about.label.as_str())).collect();
        assert_eq!(labels, [None, None, Some("Agent"), Some("Agent"), Some("Agent"), Some("Agent")]);
    }

    #[test]
    fn a_stream_that_does_not_begin_with_its_request_has_no_view() {
        assert_eq!(fold(None, &story("task_failed.json")[1]), None);
    }
}
