//! Installing, upgrading, taking back and removing plugins: what is asked for becomes an operation, and the node that
//! hosts plugins does it step by step. Whoever asks may wait for it, or look later.

pub mod configuring;
pub mod depending;
pub mod faults;
mod fetching;
mod permitting;
mod reading;
mod running;
mod steps;
#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use domain::{
    operation::{Operation, OperationCommand, OperationError, OperationRequested, Work},
    recorded::Cursor,
    values::{AccountId, InstallScope, OperationId, Sealed},
};
use serde_json::{Map, Value, json};

use crate::{
    caller::Caller,
    commands::{CommandError, Commands, Outcome},
    error::{Error, Kind},
    hosting::{CONFIGURATION, Hosting},
    ports::{
        blobs::Blobs,
        marketplace::Marketplace,
        packages::{Numbered, Numbers, PackageReader},
        packaging::Downloads,
        vault::Secret,
    },
    queries::{
        catalogue::CatalogueQueries,
        operations::{OperationQueries, OperationView, READ_MODEL, Stage},
    },
    signal::Signal,
};

pub const NO_OPERATION: &str = "No such operation";
/// By then somebody has taken it up, or there is nobody to do so now.
const UNTAKEN: Duration = Duration::from_secs(2);

#[derive(Clone)]
pub struct Operating {
    pub operations: Arc<dyn Commands<Operation>>,
    pub queries: Arc<dyn OperationQueries>,
    pub hosting: Hosting,
    pub catalogue: Arc<dyn CatalogueQueries>,
    pub marketplace: Arc<dyn Marketplace>,
    pub downloads: Arc<dyn Downloads>,
    pub reader: Arc<dyn PackageReader>,
    pub blobs: Arc<dyn Blobs>,
    pub numbers: Arc<dyn Numbers>,
    /// Raised when an operation was asked for, or is to be stopped.
    pub asked: Signal,
    /// Raised when the read model of operations has changed.
    pub moved: Signal,
}

/// An operation that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Accepted {
    pub id: OperationId,
    pub number: u64,
    pub position: Option<Cursor>,
}

impl Operating {
    /// Writes it down; it is done by whoever hosts plugins.
    pub async fn request(
        &self,
        work: Work,
        scope: InstallScope,
        owner: Option<AccountId>,
        caller: &Caller,
    ) -> Result<Accepted, Error> {
        let id = OperationId(self.hosting.ids.secret());
        self.request_as(id, work, scope, owner, caller).await
    }

    /// The same under an id that was made before: what belongs to the operation was sealed for it.
    pub async fn request_as(
        &self,
        id: OperationId,
        work: Work,
        scope: InstallScope,
        owner: Option<AccountId>,
        caller: &Caller,
    ) -> Result<Accepted, Error> {
        let number = self.numbers.next(Numbered::Operation).await?;
        let requested = OperationRequested {
            operation_uid: id,
            number,
            work,
            scope,
            dialect: caller.dialect,
            owner,
            at: self.hosting.clock.now(),
        };
        let (stream, command) = (id.to_string(), OperationCommand::Request(Box::new(requested)));
        let outcome = match caller.once("operation", json!({"operation": id, "number": number})) {
            None => Outcome::Written(
                self.operations.execute(&stream, command, caller.metadata.clone()).await.map_err(told)?,
            ),
            Some(once) => {
                let metadata = caller.metadata.clone();
                self.operations.execute_once(&stream, command, metadata, once).await.map_err(told)?
            }
        };
        match outcome {
            Outcome::Written(position) => {
                if let Some(position) = position {
                    self.hosting.freshness.reached(READ_MODEL, position).await;
                }
                self.asked.raise();
                Ok(Accepted { id, number, position })
            }
            Outcome::Repeated(answer) => {
                let id = answer["operation"].as_str().and_then(|id| id.parse().ok());
                let number = answer["number"].as_u64();
                let (Some(id), Some(number)) = (id, number) else { return Err(Error::unavailable()) };
                Ok(Accepted { id, number, position: None })
            }
        }
    }

    /// What is sent with an order, whole: what of it is a secret only the package says.
    pub async fn sealed(&self, id: OperationId, sent: &Map<String, Value>) -> Result<Sealed, Error> {
        let text = Secret::from(json!(sent).to_string());
        self.hosting.vault.seal(&format!("operation/{id}"), CONFIGURATION, &text).await
    }

    pub async fn view(&self, id: OperationId) -> Result<OperationView, Error> {
        self.queries.operation(id).await?.ok_or_else(|| Error::not_found(NO_OPERATION))
    }

    /// Until it has ended, or for as long; it goes on either way. Nobody waits for what nobody takes up.
    pub async fn ended(&self, id: OperationId, at_most: Duration) -> Result<OperationView, Error> {
        let mut moved = self.moved.waiter();
        let limit = tokio::time::sleep(at_most);
        tokio::pin!(limit);
        let untaken = tokio::time::Instant::now() + UNTAKEN;
        loop {
            let view = self.view(id).await?;
            if view.has_ended() {
                return Ok(view);
            }
            tokio::select! {
                () = &mut limit => return Ok(view),
                () = tokio::time::sleep_until(untaken), if view.stage == Stage::Waiting => return self.view(id).await,
                () = moved.raised() => {}
            }
        }
    }

    /// What was done so far is taken back; what is past the switch goes on.
    pub async fn cancel(&self, id: OperationId, caller: &Caller) -> Result<Option<Cursor>, Error> {
        let by = caller.metadata.actor_principal.clone();
        let command = OperationCommand::Cancel { by, at: self.hosting.clock.now() };
        let position =
            self.operations.execute(&id.to_string(), command, caller.metadata.clone()).await.map_err(told)?;
        if let Some(position) = position {
            self.hosting.freshness.reached(READ_MODEL, position).await;
        }
        self.asked.raise();
        Ok(position)
    }
}

pub(crate) fn told(error: CommandError<OperationError>) -> Error {
    error.told("operation", |refusal| match refusal {
        OperationError::Unknown => Error::not_found(NO_OPERATION),
        OperationError::AlreadyRequested
        | OperationError::Ended
        | OperationError::Overtaken
        | OperationError::OutOfOrder
        | OperationError::TooLate
        | OperationError::Cancelling => Error::new(Kind::Conflict, refusal.to_string()),
    })
}
