//! A piece of work on an installation, step by step: what is about to be done is written down before it is done, and
//! what was done is taken back when a later step fails.
//!
//! Guards: one outcome; steps in their order; the number of the run is the fence, so a node that was overtaken can change
//! nothing; nobody cancels what is past the point of no return.

mod event;

pub use event::{
    Found, Install, OperationEvent, OperationFault, OperationRequested, RollBack, Source, Step, Strategy,
    Uninstall, Upgrade, Work,
};

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::values::{InstallationId, ReleaseVersion};

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Operation {
    stage: Stage,
    work: Option<Box<Work>>,
    run: u32,
    begun: BTreeSet<Step>,
    done: BTreeSet<Step>,
    cancelled_by: Option<String>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
enum Stage {
    #[default]
    Absent,
    Waiting,
    Running,
    Ended,
}

#[derive(Debug, Clone, PartialEq)]
pub enum OperationCommand {
    Request(Box<OperationRequested>),
    Take {
        run: u32,
        node: String,
        at: DateTime<Utc>,
    },
    Begin {
        run: u32,
        step: Step,
        at: DateTime<Utc>,
    },
    Finish {
        run: u32,
        step: Step,
        found: Option<Found>,
        at: DateTime<Utc>,
    },
    Undo {
        run: u32,
        step: Step,
        at: DateTime<Utc>,
    },
    Cancel {
        by: String,
        at: DateTime<Utc>,
    },
    Complete {
        run: u32,
        inst_uid: InstallationId,
        version: Option<ReleaseVersion>,
        at: DateTime<Utc>,
    },
    Fail {
        run: u32,
        step: Option<Step>,
        fault: OperationFault,
        at: DateTime<Utc>,
    },
    /// What was asked to stop has been taken back.
    ConfirmCancel {
        run: u32,
        at: DateTime<Utc>,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OperationError {
    #[error("No such operation")]
    Unknown,
    #[error("This operation was requested already")]
    AlreadyRequested,
    #[error("This operation has ended")]
    Ended,
    /// Another node has it.
    #[error("This operation was taken up by somebody else")]
    Overtaken,
    #[error("A step comes after the one before it")]
    OutOfOrder,
    #[error("It is too late to cancel: the plugin is being switched over")]
    TooLate,
    /// Nothing more is begun.
    #[error("This operation is being cancelled")]
    Cancelling,
}

impl Operation {
    /// The rules, one line a command.
    pub fn decide(&self, command: OperationCommand) -> Result<Vec<OperationEvent>, OperationError> {
        use OperationCommand as C;
        use OperationEvent as E;
        match command {
            C::Request(requested) if self.stage == Stage::Absent => {
                Ok(vec![E::OperationRequested(requested)])
            }
            C::Request(_) => Err(OperationError::AlreadyRequested),
            C::Take { run, node, at } => {
                self.must_be_open()?;
                if run <= self.run {
                    return Err(OperationError::Overtaken);
                }
                Ok(vec![E::OperationTaken { run, node, at }])
            }
            C::Begin { run, step, at } => self.begin(run, step, at),
            C::Finish { run, step, found, at } => {
                self.must_have(run)?;
                if !self.begun.contains(&step) {
                    return Err(OperationError::OutOfOrder);
                }
                Ok(vec![E::StepDone { step, found, at }])
            }
            C::Undo { run, step, at } => {
                self.must_have(run)?;
                Ok(if self.begun.contains(&step) { vec![E::StepUndone { step, at }] } else { Vec::new() })
            }
            C::Cancel { by, at } => self.cancel(by, at),
            C::Complete { run, inst_uid, version, at } => {
                self.must_have(run)?;
                if !self.steps().iter().all(|step| self.done.contains(step)) {
                    return Err(OperationError::OutOfOrder);
                }
                Ok(vec![E::OperationCompleted { inst_uid, version, at }])
            }
            C::Fail { run, step, fault, at } => {
                self.must_have(run)?;
                Ok(vec![E::OperationFailed { step, fault, at }])
            }
            C::ConfirmCancel { run, at } => {
                self.must_have(run)?;
                let by = self.cancelled_by.clone().ok_or(OperationError::OutOfOrder)?;
                Ok(vec![E::OperationCancelled { by, at }])
            }
        }
    }

    /// A step that was begun in vain is begun again.
    fn begin(&self, run: u32, step: Step, at: DateTime<Utc>) -> Result<Vec<OperationEvent>, OperationError> {
        self.must_have(run)?;
        if self.cancelled_by.is_some() {
            return Err(OperationError::Cancelling);
        }
        let mut before = self.steps().iter().take_while(|other| **other != step);
        if !self.steps().contains(&step) || !before.all(|other| self.done.contains(other)) {
            return Err(OperationError::OutOfOrder);
        }
        Ok(vec![OperationEvent::StepBegun { step, at }])
    }

    fn cancel(&self, by: String, at: DateTime<Utc>) -> Result<Vec<OperationEvent>, OperationError> {
        self.must_be_open()?;
        if self.stage == Stage::Waiting {
            return Ok(vec![OperationEvent::OperationCancelled { by, at }]);
        }
        if self.work.as_ref().is_some_and(|work| self.begun.contains(&work.point_of_no_return())) {
            return Err(OperationError::TooLate);
        }
        if self.cancelled_by.is_some() {
            return Ok(Vec::new());
        }
        Ok(vec![OperationEvent::CancelRequested { by, at }])
    }

    fn steps(&self) -> &'static [Step] {
        self.work.as_ref().map_or(&[], |work| work.steps())
    }

    fn must_be_open(&self) -> Result<(), OperationError> {
        match self.stage {
            Stage::Absent => Err(OperationError::Unknown),
            Stage::Waiting | Stage::Running => Ok(()),
            Stage::Ended => Err(OperationError::Ended),
        }
    }

    fn must_have(&self, run: u32) -> Result<(), OperationError> {
        self.must_be_open()?;
        if self.stage == Stage::Running && self.run == run { Ok(()) } else { Err(OperationError::Overtaken) }
    }
}

aggregate!(Operation, "operation", OperationCommand, OperationEvent, OperationError);

impl Operation {
    fn evolve(&mut self, event: OperationEvent) {
        match event {
            OperationEvent::OperationRequested(requested) => {
                self.stage = Stage::Waiting;
                self.work = Some(Box::new(requested.work));
            }
            OperationEvent::OperationTaken { run, .. } => {
                self.stage = Stage::Running;
                self.run = run;
            }
            OperationEvent::StepBegun { step, .. } => drop(self.begun.insert(step)),
            OperationEvent::StepDone { step, .. } => drop(self.done.insert(step)),
            OperationEvent::StepUndone { step, .. } => {
                self.begun.remove(&step);
                self.done.remove(&step);
            }
            OperationEvent::CancelRequested { by, .. } => self.cancelled_by = Some(by),
            OperationEvent::OperationCompleted { .. }
            | OperationEvent::OperationFailed { .. }
            | OperationEvent::OperationCancelled { .. } => self.stage = Stage::Ended,
        }
    }
}

#[cfg(test)]
mod tests;
