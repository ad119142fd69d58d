//! One input for several platforms: a task each, or one package for all of them.

use std::sync::Arc;

use application::{
    ports::{marketplace::Marketplace, system::Clock},
    queries::tasks::{TaskQueries, TaskView},
    tasks::{AskedGroup, Tasks, Wish},
};
use axum::{Extension, Json, body::Body, extract::State};
use domain::values::{GroupId, Platform};
use serde::Serialize;
use serde_json::{Value, json};

use super::{
    DifyError,
    body::{Record, status_word},
    named::NamedGroup,
    order::{self, Options, Subject},
};
use crate::{asker::Asker, consistency::LogPosition, fields::Fields, mount::Mount, work::Work};

/// As many as there are documented platforms, the host's own not counted.
pub(super) const MOST_PLATFORMS: usize = 6;

/// The answer to a creation.
#[derive(Debug, Serialize)]
pub(super) struct Created {
    group_id: GroupId,
    tasks: Vec<Record>,
}

#[derive(Debug, Serialize)]
pub(super) struct Batch {
    group_id: GroupId,
    status: &'static str,
    progress: u8,
    tasks: Vec<Record>,
}

pub(super) async fn create(
    State(tasks): State<Tasks>,
    State(queries): State<Arc<dyn TaskQueries>>,
    State(clock): State<Arc<dyn Clock>>,
    State(work): State<Work>,
    State(market): State<Arc<dyn Marketplace>>,
    asker: Asker,
    body: Body,
) -> Result<(LogPosition, Json<Created>), DifyError> {
    let mut fields = Fields::of_json(body).await?;
    let (url, marketplace) = (fields.text("url"), fields.object("marketplace_plugin"));
    let platforms = fields.texts("platforms", MOST_PLATFORMS);
    let combined = fields.flag("combined").unwrap_or_default();
    let options = Options::read(&mut fields);
    fields.well_formed()?;
    let subject = Subject::judged(url, marketplace)?;
    let wishes = wishes(&options.judged()?, &platforms.unwrap_or_default(), combined)?;
    let canonical = json!({"subject": subject.canonical(), "wishes": canonical(&wishes)});
    let caller = asker.caller("/api/v1/tasks/batch", &canonical);
    let input = subject.settled(&tasks, &*market).await?;
    let name = input.name().to_owned();
    let accepted = work.finish(async move { tasks.repackage_many(input, wishes, caller).await }).await?;
    Ok((LogPosition(accepted.position), Json(created(accepted, &name, &*queries, &*clock).await)))
}

pub(super) async fn show(
    State(queries): State<Arc<dyn TaskQueries>>,
    Extension(mount): Extension<Mount>,
    NamedGroup(id): NamedGroup,
) -> Result<Json<Batch>, DifyError> {
    let views = queries.group(id).await?;
    if views.is_empty() {
        return Err(DifyError::no_task());
    }
    Ok(Json(Batch {
        group_id: id,
        status: status(&views),
        progress: progress(&views),
        tasks: views.iter().map(|view| Record::of(view, mount)).collect(),
    }))
}

/// The tasks exist from here on, so their records are given even if they cannot be read back at once.
pub(super) async fn created(
    asked: AskedGroup,
    name: &str,
    queries: &dyn TaskQueries,
    clock: &dyn Clock,
) -> Created {
    let views = queries.group(asked.group).await.unwrap_or_default();
    let record = |id| match views.iter().find(|view| view.id == id) {
        Some(view) => Record::created(id, view.created_at, Some(view.original_filename.clone())),
        None => Record::created(id, clock.now(), Some(name.to_owned())),
    };
    Created { group_id: asked.group, tasks: asked.tasks.into_iter().map(record).collect() }
}

/// One per platform, or one for all of them together.
pub(super) fn wishes(common: &Wish, platforms: &[String], combined: bool) -> Result<Vec<Wish>, DifyError> {
    if platforms.len() > MOST_PLATFORMS {
        return Err(DifyError::bad(format!("Not more than {MOST_PLATFORMS} platforms at once")));
    }
    let mut read: Vec<Platform> = Vec::with_capacity(platforms.len());
    for text in platforms {
        let platform =
            Platform::documented(text).map_err(|unsupported| DifyError::bad(unsupported.to_string()))?;
        if read.contains(&platform) {
            return Err(DifyError::bad(format!("Platform given twice: {}", platform.word())));
        }
        read.push(platform);
    }
    let for_one = |platform| Wish { platform, ..common.clone() };
    if !combined {
        return Ok(read.into_iter().map(for_one).collect());
    }
    let mut all = read.into_iter();
    let first = all.next().map(for_one);
    Ok(first.map(|first| Wish { combined_with: all.collect(), ..first }).into_iter().collect())
}

pub(super) fn canonical(wishes: &[Wish]) -> Value {
    wishes.iter().map(order::canonical).collect()
}

/// In the words of a task: it goes on until every task has ended, and is completed when each of them is.
fn status(views: &[TaskView]) -> &'static str {
    let words: Vec<&str> = views.iter().map(status_word).collect();
    let all = |word| words.iter().all(|is| *is == word);
    if views.iter().all(|view| view.status.is_final()) {
        return if all("completed") { "completed" } else { "failed" };
    }
    match () {
        () if all("pending") => "pending",
        () if words.iter().all(|is| ["pending", "downloading"].contains(is)) => "downloading",
        () => "processing",
    }
}

/// The mean: it falls as little as its parts.
fn progress(views: &[TaskView]) -> u8 {
    let sum: usize = views.iter().map(|view| usize::from(view.percent)).sum();
    u8::try_from(sum / views.len().max(1)).unwrap_or(100)
}

#[cfg(test)]
mod tests {
    use application::queries::tasks::TaskStatus;

    use super::*;
    use crate::fakes::{completed_view, queued_view};

    fn with(status: TaskStatus, percent: u8) -> TaskView {
        TaskView { status, percent, ..queued_view() }
    }

    #[test]
    fn a_batch_goes_on_until_every_task_has_ended_and_fails_with_one_of_them() {
        use TaskStatus::{Failed, Queued, Running};
        for (views, is) in [
            (vec![queued_view(), queued_view()], ("pending", 0)),
            (vec![with(Running, 5), queued_view()], ("downloading", 2)),
            (vec![with(Running, 50), queued_view()], ("processing", 25)),
            (vec![completed_view(), queued_view()], ("processing", 50)),
            (vec![with(Failed, 30), with(Queued, 0)], ("processing", 15)),
            (vec![with(Failed, 30), completed_view()], ("failed", 65)),
            (vec![completed_view(), completed_view()], ("completed", 100)),
        ] {
            assert_eq!((status(&views), progress(&views)), is);
        }
    }
}
