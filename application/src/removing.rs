//! Taking finished results away: the record says so first; then the bytes go, unless another result offers the
//! same ones, or a release is made of them.

use std::{collections::HashSet, sync::Arc, time::Duration};

use domain::{
    recorded::Cursor,
    task::{Task, TaskCommand},
    values::{Digest, Metadata},
};
use futures::future::join_all;
use serde_json::{Value, json};
use tracing::{info, warn};

use crate::{
    caller::Caller,
    commands::{Commands, Outcome},
    error::Error,
    ports::{blobs::Blobs, freshness::Freshness},
    queries::{
        catalogue::{self, CatalogueQueries},
        installations::{self, InstallationQueries},
        operations,
        tasks::{TaskQueries, TaskStatus, TaskView},
    },
    tasks::READ_MODEL,
};

/// Bytes younger than this may belong to a result whose event is about to be stored.
pub const YOUNG: Duration = Duration::from_hours(1);
/// Commands on their way at the same time: the log stores them together.
const AT_ONCE: usize = 32;

#[derive(Clone)]
pub struct Removing {
    pub tasks: Arc<dyn TaskQueries>,
    pub catalogue: Arc<dyn CatalogueQueries>,
    pub installations: Arc<dyn InstallationQueries>,
    pub commands: Arc<dyn Commands<Task>>,
    pub blobs: Arc<dyn Blobs>,
    pub freshness: Arc<dyn Freshness>,
    /// How long results stay by themselves.
    pub retention: Duration,
}

/// What became of the results that were to go.
#[derive(Debug, Default)]
pub struct Removed {
    /// Those that went just now; others had gone before.
    pub count: usize,
    /// Where the last event stands.
    pub position: Option<Cursor>,
    /// Why one of them stayed.
    pub refusal: Option<Error>,
}

impl Removed {
    fn counted_as(self, promised: Option<&Value>) -> Result<Self, Error> {
        match (promised, self.refusal) {
            (None, refusal) => Ok(Self { refusal, ..self }),
            (Some(_), Some(refusal)) => Err(refusal),
            (Some(answer), None) => {
                let count = answer["count"].as_u64().and_then(|count| usize::try_from(count).ok());
                Ok(Self {
                    count: count.ok_or_else(Error::unavailable)?,
                    position: self.position,
                    refusal: None,
                })
            }
        }
    }
}

impl Removing {
    /// One result, as a caller asks for it. Under an idempotency key a repeat counts what the first request counted.
    pub async fn remove_one(&self, view: &TaskView, caller: Caller) -> Result<Removed, Error> {
        let offered = usize::from(view.status == TaskStatus::Completed);
        let promised = self.promised(&caller, "remove_file", json!({"count": offered})).await?;
        let removed = self.remove(std::slice::from_ref(view), |_| caller.metadata.clone()).await?;
        removed.counted_as(promised.as_ref())
    }

    /// Every result that was completed before this time. Under an idempotency key not more than 1000 at once, so that
    /// they can be counted before the first one goes.
    pub async fn clean_up(
        &self,
        before: chrono::DateTime<chrono::Utc>,
        caller: Caller,
    ) -> Result<Removed, Error> {
        const MOST: u32 = 1000;
        let by = |_: &TaskView| caller.metadata.clone();
        if caller.once.is_none() {
            return self.remove_older(before, by).await;
        }
        let mut due = self.tasks.due_to_expire(before, MOST).await?;
        let answer = json!({"count": due.len(), "before": before});
        let promised = self.promised(&caller, "clean_up", answer).await?;
        let first = promised.as_ref().and_then(|answer| answer["before"].as_str()?.parse().ok());
        if let Some(first) = first.filter(|first| *first != before) {
            // What has become due since then is no part of that request.
            due = self.tasks.due_to_expire(first, MOST).await?;
        }
        self.remove(&due, by).await?.counted_as(promised.as_ref())
    }

    /// The answer that the log keeps under the caller's key: of the first request, so that its repeats, also those at
    /// the same time, bring to an end what it began and are told the same.
    async fn promised(
        &self,
        caller: &Caller,
        operation: &str,
        answer: Value,
    ) -> Result<Option<Value>, Error> {
        let Some(once) = caller.once(operation, answer.clone()) else { return Ok(None) };
        let by = caller.metadata.clone();
        let outcome = self.commands.execute_once(operation, TaskCommand::Acknowledge, by, once).await?;
        Ok(Some(match outcome {
            Outcome::Written(_) => answer,
            Outcome::Repeated(first) => first,
        }))
    }

    /// `by` says who wants it gone.
    pub async fn remove(
        &self,
        results: &[TaskView],
        by: impl Fn(&TaskView) -> Metadata,
    ) -> Result<Removed, Error> {
        let mut removed = Removed::default();
        let mut released: HashSet<&Digest> = HashSet::new();
        for some in results.chunks(AT_ONCE) {
            let outcomes = join_all(some.iter().map(|view| self.expire(view, by(view)))).await;
            for (view, outcome) in some.iter().zip(outcomes) {
                match outcome {
                    Ok(Some(position)) => {
                        removed.count += 1;
                        removed.position = removed.position.max(Some(position));
                        released.extend(view.artifact.as_ref().map(|artifact| &artifact.sha256));
                        released.extend(&view.input);
                    }
                    Ok(None) => {}
                    Err(refusal) => removed.refusal = Some(refusal),
                }
            }
        }
        let Some(position) = removed.position else { return Ok(removed) };
        // What is not shown as gone yet is looked for again by the sweep of orphaned bytes.
        if self.freshness.reached(READ_MODEL, position).await {
            self.release(released).await?;
        }
        Ok(removed)
    }

    /// Removes every result that was completed before the retention time, or before another one.
    pub async fn remove_older(
        &self,
        before: chrono::DateTime<chrono::Utc>,
        by: impl Fn(&TaskView) -> Metadata,
    ) -> Result<Removed, Error> {
        const AT_A_TIME: u32 = 100;
        let mut all = Removed::default();
        loop {
            let due = self.tasks.due_to_expire(before, AT_A_TIME).await?;
            let removed = self.remove(&due, &by).await?;
            all.count += removed.count;
            all.position = all.position.max(removed.position);
            all.refusal = removed.refusal.or(all.refusal);
            // A round in which nothing went would be followed by the same one.
            if removed.count == 0 {
                return Ok(all);
            }
        }
    }

    async fn expire(&self, view: &TaskView, by: Metadata) -> Result<Option<Cursor>, Error> {
        let expired = self.commands.execute(&view.id.to_string(), TaskCommand::ExpireArtifact, by).await;
        match expired {
            Ok(Some(position)) => {
                info!(task = %view.id, "the result has expired");
                Ok(Some(position))
            }
            Ok(None) => Ok(None),
            Err(error) => {
                warn!(task = %view.id, %error, "a result could not be made to expire");
                Err(error.into())
            }
        }
    }

    async fn release(&self, digests: HashSet<&Digest>) -> Result<(), Error> {
        let age = YOUNG.min(self.retention);
        for digest in digests {
            if !self.needs(digest, age).await? {
                self.blobs.delete(digest, age).await?;
            }
        }
        Ok(())
    }

    /// Whether anything names these bytes, apart from what is younger than `age`: who names bytes stores them first, and
    /// what was just stored is not deleted. A catalogue that is behind, or has events it cannot read, knows nothing.
    pub(crate) async fn needs(&self, digest: &Digest, age: Duration) -> Result<bool, Error> {
        if self.tasks.needs_blob(digest).await?
            || self.catalogue.uses(digest).await?
            || self.installations.uses(digest).await?
        {
            return Ok(true);
        }
        // Asked once more after it was seen to know: it may have learnt just between.
        for read_model in [catalogue::READ_MODEL, installations::READ_MODEL, operations::READ_MODEL] {
            if !self.freshness.has_all_before(read_model, age).await {
                return Ok(true);
            }
        }
        Ok(self.catalogue.uses(digest).await? || self.installations.uses(digest).await?)
    }
}
