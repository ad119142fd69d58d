//! One run of an operation on this node: step after step, each written down before and after; what was begun is taken
//! back in the reverse order when a step fails or somebody asks for it to stop.

use domain::{
    operation::{OperationCommand, OperationError, OperationFault, Step},
    values::{Metadata, OperationId},
};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::{Operating, faults::Halt};
use crate::{
    commands::CommandError,
    ports::hosting::InstanceId,
    queries::operations::{OperationView, READ_MODEL},
};

/// What a step works with.
pub(super) struct Run<'a> {
    pub(super) operating: &'a Operating,
    /// As it was before the step.
    pub(super) view: OperationView,
    pub(super) by: Metadata,
    /// The process that this operation starts.
    pub(super) instance: InstanceId,
    pub(super) cancel: CancellationToken,
}

impl Operating {
    /// Does the operation, from where it stands to its end. Returns early when this node has to let go of it: then
    /// somebody takes it up again.
    pub async fn run(&self, id: OperationId, node: &str, cancel: CancellationToken) {
        match self.attempt(id, node, cancel).await {
            Ok(()) => {}
            Err(Halt::Adrift(why)) => warn!(operation = %id, why, "let go of; it is taken up again"),
            Err(halt @ (Halt::Fault(_) | Halt::Cancelled)) => {
                warn!(operation = %id, ?halt, "its end could not be written down");
            }
        }
    }

    async fn attempt(&self, id: OperationId, node: &str, cancel: CancellationToken) -> Result<(), Halt> {
        let view = self.view(id).await?;
        if view.has_ended() {
            return Ok(());
        }
        let run = view.run + 1;
        let instance = InstanceId(self.hosting.ids.secret());
        let by = Metadata::of_process("run_operations", id.to_string(), format!("run {run}"));
        let take = OperationCommand::Take { run, node: node.to_owned(), at: self.hosting.clock.now() };
        let mut this = Run { operating: self, view, by, instance, cancel };
        this.command(take).await?;
        this.reload().await?;
        let outcome = this.walk().await;
        this.settle(outcome).await
    }
}

impl Run<'_> {
    async fn walk(&mut self) -> Result<(), (Step, Halt)> {
        for step in self.view.work.steps() {
            let at = |halt: Halt| (*step, halt);
            // A process does not outlive its host, and another host starts what is enabled.
            let of_processes = matches!(step, Step::Start | Step::Stop);
            if self.view.is_done(*step) && (!of_processes || self.view.is_done(Step::Switch)) {
                continue;
            }
            if self.cancel.is_cancelled() || self.view.cancelled_by.is_some() {
                return Err(at(Halt::Cancelled));
            }
            let (run, now) = (self.view.run, self.operating.hosting.clock.now());
            self.command(OperationCommand::Begin { run, step: *step, at: now }).await.map_err(at)?;
            let cancel = self.cancel.clone();
            let found = tokio::select! {
                found = self.act(*step) => found.map_err(at)?,
                () = cancel.cancelled(), if *step < Step::Switch => return Err(at(Halt::Cancelled)),
            };
            let now = self.operating.hosting.clock.now();
            self.command(OperationCommand::Finish { run, step: *step, found, at: now }).await.map_err(at)?;
            self.reload().await.map_err(at)?;
        }
        Ok(())
    }

    async fn settle(&mut self, outcome: Result<(), (Step, Halt)>) -> Result<(), Halt> {
        let run = self.view.run;
        match outcome {
            Ok(()) => {
                let release = self.view.found.release.as_ref();
                let version = release.map(|release| release.version.clone());
                let inst_uid = self.installation()?;
                let at = self.operating.hosting.clock.now();
                self.command(OperationCommand::Complete { run, inst_uid, version, at }).await?;
                info!(operation = %self.view.id, kind = self.view.work.as_str(), "completed");
                Ok(())
            }
            Err((_, Halt::Adrift(why))) => self.let_go(why).await,
            Err((step, Halt::Fault(fault))) => {
                self.unwind(Some(&fault)).await?;
                info!(operation = %self.view.id, code = fault.code, step = step.as_str(), "failed");
                let at = self.operating.hosting.clock.now();
                self.command(OperationCommand::Fail { run, step: Some(step), fault, at }).await
            }
            Err((_, Halt::Cancelled)) => {
                self.reload().await?;
                if self.view.cancelled_by.is_none() {
                    return self.let_go("the host is going down".to_owned()).await;
                }
                self.unwind(None).await?;
                let at = self.operating.hosting.clock.now();
                self.command(OperationCommand::ConfirmCancel { run, at }).await
            }
        }
    }

    /// Somebody goes on later. A process that nobody is sent to yet is of no use to him.
    async fn let_go(&self, why: String) -> Result<(), Halt> {
        let hosting = &self.operating.hosting;
        if !hosting.router.is_current(self.instance) {
            hosting.end(self.instance).await;
        }
        Err(Halt::Adrift(why))
    }

    /// What was begun is taken back, the last first. A compensation that fails is told and does not keep the others.
    async fn unwind(&mut self, fault: Option<&OperationFault>) -> Result<(), Halt> {
        self.reload().await?;
        let begun: Vec<Step> = self
            .view
            .steps
            .iter()
            .rev()
            .filter(|step| step.undone_at.is_none())
            .map(|step| step.step)
            .collect();
        let run = self.view.run;
        for step in begun {
            if let Err(failure) = self.undo(step).await {
                warn!(operation = %self.view.id, step = step.as_str(), %failure, "could not be taken back");
            }
            let at = self.operating.hosting.clock.now();
            self.command(OperationCommand::Undo { run, step, at }).await?;
        }
        self.give_back(fault).await
    }

    async fn reload(&mut self) -> Result<(), Halt> {
        self.view = self.operating.view(self.view.id).await?;
        Ok(())
    }

    async fn command(&self, command: OperationCommand) -> Result<(), Halt> {
        let (stream, by) = (self.view.id.to_string(), self.by.clone());
        let written = self.operating.operations.execute(&stream, command, by).await;
        match written {
            Ok(Some(position)) => {
                self.operating.hosting.freshness.reached(READ_MODEL, position).await;
                Ok(())
            }
            Ok(None) => Ok(()),
            Err(CommandError::Refused(OperationError::Cancelling)) => Err(Halt::Cancelled),
            Err(error) => Err(Halt::Adrift(error.to_string())),
        }
    }
}
