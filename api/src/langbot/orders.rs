//! What is asked for becomes a task, and whoever asks is given its number and looks later.

use application::operating::Operating;
use axum::extract::FromRef;
use domain::{operation, values::InstallScope};
use serde_json::{Value, json};

use super::tasks::{id_for, must_have_room};
use crate::{
    asker::Asker, consistency::LogPosition, refusal::Refusal, services::Services, voice::Said, work::Work,
};

/// Everything that changing what is installed takes.
#[derive(Clone)]
pub(super) struct Desk {
    pub(super) operating: Operating,
    work: Work,
}

impl FromRef<Services> for Desk {
    fn from_ref(services: &Services) -> Self {
        Self { operating: services.operating.clone(), work: services.work.clone() }
    }
}

pub(super) type Answer = Result<(LogPosition, Said), Refusal>;

impl Desk {
    /// Not cut short when whoever asks goes away. `path` is the one of the document.
    pub(super) async fn place(
        &self,
        work: operation::Work,
        scope: InstallScope,
        path: &'static str,
        asker: Asker,
    ) -> Answer {
        must_have_room(&self.operating.queries).await?;
        let (operating, principal) = (self.operating.clone(), asker.principal.clone());
        let canonical = json!({"scope": scope, "work": work});
        let caller = asker.caller(path, &canonical);
        let owner = principal.account;
        let asking = async move { operating.request(work, scope, owner, &caller).await };
        let accepted = self.work.finish(asking).await?;
        let id: Value = id_for(&principal, accepted.number);
        Ok((LogPosition(accepted.position), Said::ok(json!({"task_id": id}))))
    }
}
