//! What is asked for becomes an operation; whoever asks waits for its end, half a minute at most, and is then told how
//! far it is.

use std::time::Duration;

use application::{
    operating::Operating,
    queries::operations::{OperationView, Stage},
};
use axum::extract::FromRef;
use chrono::{DateTime, TimeDelta, Utc};
use domain::{
    operation,
    values::{InstallScope, OperationId},
};
use serde_json::{Map, Value, json};

use super::moment;
use crate::{
    asker::Asker,
    consistency::LogPosition,
    refusal::{Fault, Refusal},
    services::Services,
    work::Work,
};

const LONGEST_WAIT: Duration = Duration::from_secs(30);

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

/// Asked for, with its configuration in the clear.
pub(super) struct Order {
    pub(super) work: operation::Work,
    pub(super) scope: InstallScope,
    pub(super) configuration: Option<Map<String, Value>>,
    /// As the document writes it.
    pub(super) path: &'static str,
    /// The meaning of the request.
    pub(super) canonical: Value,
}

/// What became of it.
pub(super) struct Outcome {
    pub(super) position: LogPosition,
    pub(super) view: OperationView,
}

impl Desk {
    /// Not cut short when whoever asks goes away.
    pub(super) async fn place(&self, order: Order, asker: Asker) -> Result<Outcome, Refusal> {
        let operating = self.operating.clone();
        let owner = asker.principal.account;
        let caller = asker.caller(order.path, &order.canonical);
        let asking = async move {
            let id = OperationId(operating.hosting.ids.secret());
            let mut work = order.work;
            if let (operation::Work::Install(install), Some(sent)) = (&mut work, &order.configuration) {
                install.configuration = Some(operating.sealed(id, sent).await?);
            }
            operating.request_as(id, work, order.scope, owner, &caller).await
        };
        let accepted = self.work.finish(asking).await?;
        let view = self.operating.ended(accepted.id, LONGEST_WAIT).await?;
        Ok(Outcome { position: LogPosition(accepted.position), view })
    }
}

impl Outcome {
    /// None: it goes on.
    pub(super) fn ended_at(&self) -> Result<Option<DateTime<Utc>>, Refusal> {
        match self.view.stage {
            Stage::Waiting | Stage::Running => Ok(None),
            Stage::Completed => Ok(Some(self.view.ended_at.unwrap_or(self.view.updated_at))),
            Stage::Cancelled => {
                Err(self
                    .placed(Refusal::new(Fault::Conflict, "The operation was cancelled by somebody else")))
            }
            Stage::Failed => Err(self.placed(self.failure())),
        }
    }

    fn failure(&self) -> Refusal {
        let fault = self.view.fault.clone();
        let mut refusal = fault.map_or_else(Refusal::internal, Refusal::from);
        if self.is_bad_address(&refusal) {
            refusal.fault = Fault::Meaningless;
            refusal.code = None;
        }
        refusal
    }

    /// An address, or a file of the server, that nobody may name or that is not there: the request is at fault.
    fn is_bad_address(&self, refusal: &Refusal) -> bool {
        let source = match &self.view.work {
            operation::Work::Install(install) => &install.source,
            operation::Work::Upgrade(upgrade) => &upgrade.source,
            operation::Work::RollBack(_) | operation::Work::Uninstall(_) => return false,
        };
        let reason = refusal.details.get("reason").and_then(Value::as_str);
        match source {
            operation::Source::Folder { .. } => reason == Some("FETCH_FAILED"),
            operation::Source::Url { .. } => matches!(reason, Some("URL_FORBIDDEN" | "REDIRECT_FORBIDDEN")),
            operation::Source::Catalogue { .. }
            | operation::Source::Upload { .. }
            | operation::Source::Github { .. } => false,
        }
    }

    /// With where it came to its end.
    fn placed(&self, refusal: Refusal) -> Refusal {
        let refusal = refusal.detail("operation_id", self.view.id.to_string());
        let refusal = match self.view.current() {
            Some(step) => refusal.detail("step", step.as_str()),
            None => refusal,
        };
        match self.view.found.installation {
            Some(installation) => refusal.detail("installation_id", installation.to_string()),
            None => refusal,
        }
    }

    /// Of what goes on: how far it is.
    pub(super) fn so_far(&self) -> Value {
        json!({
            "status": "in_progress",
            "operation_id": self.view.id,
            "step": self.view.current().map(operation::Step::as_str),
            "progress": self.view.percent(),
            "requested_at": moment(self.view.requested_at),
        })
    }

    /// In seconds, to the millisecond.
    pub(super) fn took(&self, until: DateTime<Utc>) -> f64 {
        let took: TimeDelta = until - self.view.requested_at;
        (took.as_seconds_f64() * 1000.0).round() / 1000.0
    }
}
