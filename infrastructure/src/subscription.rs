//! Named readers of the feed, each with one checkpoint.
//!
//! A subscription reads pages behind the horizon and applies them: the rows it writes and its checkpoint move in
//! ONE transaction, so every event has its effect exactly once, whatever is killed when. The lock on the checkpoint
//! row makes one node the active consumer; the others stay idle and take over when the lock is free. The page is
//! read before that transaction begins, because a writing transaction holds the horizon of every reader.
//!
//! An event that cannot be read or applied is a poison event: the page is replayed one event at a time to find it,
//! it is tried five times, and then parked with the later events of its stream, or the subscription halts, by
//! policy. Faults of the database are never poison: they are retried for ever. Woken by a signal after every
//! append; polling is the guarantee.

mod checkpoint;
mod parked;
mod rebuild;
mod replay;
mod runner;
mod status;

use application::signal::Signal;
use async_trait::async_trait;
use domain::recorded::{Event, Recorded};
use sqlx::PgConnection;

pub use rebuild::{RebuildError, Rebuilt, first_generation, rebuild};
pub use runner::Runner;
pub use status::{Freshly, SubscriptionStatus, behind, statuses};

/// A reader's rows, and how events change them. Tables that migrations make have one generation: nothing is made, shown
/// or removed of it, and it cannot be rebuilt.
#[async_trait]
pub trait Projection: Send + Sync + 'static {
    fn name(&self) -> &'static str;

    /// The event types it takes. Others that the product knows are passed over; a type the product does not know
    /// is a poison event.
    fn takes(&self) -> &'static [&'static str];

    fn policy(&self) -> Policy {
        Policy::Park
    }

    /// Makes the tables of a generation, as the owner. Does nothing if they are there.
    async fn create(&self, _owner: &mut PgConnection, _generation: i32) -> Result<(), sqlx::Error> {
        Ok(())
    }

    /// Makes what only readers and `apply` need of them, as the owner: after the load, because that is far faster.
    async fn index(&self, _owner: &mut PgConnection, _generation: i32) -> Result<(), sqlx::Error> {
        Ok(())
    }

    /// Makes this generation the one that readers see, as the owner.
    async fn show(&self, _owner: &mut PgConnection, _generation: i32) -> Result<(), sqlx::Error> {
        Ok(())
    }

    /// Removes the tables of a generation that nobody sees any more.
    async fn remove(&self, _owner: &mut PgConnection, _generation: i32) -> Result<(), sqlx::Error> {
        Ok(())
    }

    /// False for what has effects beyond its own tables: it is never replayed.
    fn can_be_rebuilt(&self) -> bool {
        true
    }

    /// Whether two generations have the same rows; each is read through the connection beside it, and the second one also
    /// sees the first.
    async fn is_same(
        &self,
        (one, before): (&mut PgConnection, i32),
        (other, after): (&mut PgConnection, i32),
    ) -> Result<bool, sqlx::Error> {
        let (before, after) =
            tokio::try_join!(self.fingerprint(one, before), self.fingerprint(other, after))?;
        Ok(before == after)
    }

    /// A text that is equal exactly when the rows are.
    async fn fingerprint(
        &self,
        connection: &mut PgConnection,
        generation: i32,
    ) -> Result<String, sqlx::Error>;

    /// Applies events in their order. No effect outside the transaction it is given.
    async fn apply(
        &self,
        transaction: &mut PgConnection,
        generation: i32,
        events: &[Recorded],
    ) -> Result<(), ApplyError>;

    /// The same for a generation that is not indexed yet and that nobody reads.
    async fn load(
        &self,
        transaction: &mut PgConnection,
        generation: i32,
        events: &[Recorded],
    ) -> Result<(), ApplyError> {
        self.apply(transaction, generation, events).await
    }

    /// Events of different numbers change different rows, so that they may be loaded beside each other. None: loaded
    /// after all that came before, and before all that comes after.
    fn lane(&self, _event: &Event) -> Option<u64> {
        None
    }
}

/// What happens to an event that cannot be applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// Park it and every later event of its stream; go on with all others. For rows that belong to one stream.
    Park,
    /// Stop, and skip nothing. For rows that fold across streams.
    Halt,
}

#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// A fault of the moment: tried again for ever.
    #[error("the database did not answer: {0}")]
    Database(#[source] sqlx::Error),
    /// This event will not fit.
    #[error("{0}")]
    Poison(String),
}

impl From<sqlx::Error> for ApplyError {
    fn from(error: sqlx::Error) -> Self {
        let class = error
            .as_database_error()
            .and_then(sqlx::error::DatabaseError::code)
            .map(|code| code[..2].to_owned());
        match class.as_deref() {
            // Connection, rollback, resources, intervention, system: a later try may fare better. So may one on the
            // primary, if this was a standby.
            None | Some("08" | "25" | "40" | "53" | "55" | "57" | "58" | "XX") => Self::Database(error),
            Some(_) => Self::Poison(error.to_string()),
        }
    }
}

/// The signals a subscription hears and gives.
#[derive(Debug, Clone, Default)]
pub struct Signals {
    /// Raised after an append on this node: other nodes are to be told.
    pub written: Signal,
    /// Raised after an append, here or on another node.
    pub appended: Signal,
    /// Raised after a checkpoint has moved on this node.
    pub projected: Signal,
}
