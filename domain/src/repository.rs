//! A catalogue elsewhere that ours shows too, and how far it was read.
//!
//! Guards: it is added once; what it listed is taken in only while it is enabled.

mod event;

pub use event::{Listing, RepositoryAdded, RepositoryEvent};

use serde::{Deserialize, Serialize};

/// Listings in one event: a page, not a catalogue.
pub const MOST_LISTINGS: usize = 200;

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Repository {
    #[default]
    Absent,
    Enabled,
    Disabled,
}

#[derive(Debug, Clone, PartialEq)]
pub enum RepositoryCommand {
    Add(RepositoryAdded),
    Enable,
    Disable {
        reason: String,
    },
    /// A page of what is new or different there, and what is there no more (as `author/name`).
    Observe {
        listings: Vec<Listing>,
        gone: Vec<String>,
    },
    /// Read to the end.
    Sync {
        cursor: String,
        added: u64,
        updated: u64,
        removed: u64,
    },
    FailSync {
        error: String,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RepositoryError {
    #[error("No such repository")]
    Unknown,
    #[error("This repository exists already")]
    AlreadyAdded,
    #[error("This repository is disabled")]
    Disabled,
    #[error("Too many listings at once")]
    TooMany,
}

impl Repository {
    pub fn decide(&self, command: RepositoryCommand) -> Result<Vec<RepositoryEvent>, RepositoryError> {
        use RepositoryCommand as C;
        use RepositoryEvent as E;
        match command {
            C::Add(_) if *self != Self::Absent => Err(RepositoryError::AlreadyAdded),
            C::Add(added) => Ok(vec![E::RepositoryAdded(added)]),
            _ if *self == Self::Absent => Err(RepositoryError::Unknown),
            C::Enable if *self == Self::Enabled => Ok(Vec::new()),
            C::Enable => Ok(vec![E::RepositoryEnabled {}]),
            C::Disable { .. } if *self == Self::Disabled => Ok(Vec::new()),
            C::Disable { reason } => Ok(vec![E::RepositoryDisabled { reason }]),
            _ if *self == Self::Disabled => Err(RepositoryError::Disabled),
            C::Observe { listings, gone } if listings.len() + gone.len() > MOST_LISTINGS => {
                Err(RepositoryError::TooMany)
            }
            C::Observe { listings, gone } if listings.is_empty() && gone.is_empty() => Ok(Vec::new()),
            C::Observe { listings, gone } => Ok(vec![E::ListingsObserved { listings, gone }]),
            C::Sync { cursor, added, updated, removed } => {
                Ok(vec![E::RepositorySynced { cursor, added, updated, removed }])
            }
            C::FailSync { error } => Ok(vec![E::RepositorySyncFailed { error }]),
        }
    }
}

aggregate!(Repository, "repository", RepositoryCommand, RepositoryEvent, RepositoryError);

impl Repository {
    #[expect(clippy::needless_pass_by_value, reason = "the signature that all aggregates have")]
    fn evolve(&mut self, event: RepositoryEvent) {
        match event {
            RepositoryEvent::RepositoryAdded(_) | RepositoryEvent::RepositoryEnabled {} => {
                *self = Self::Enabled;
            }
            RepositoryEvent::RepositoryDisabled { .. } => *self = Self::Disabled,
            RepositoryEvent::ListingsObserved { .. }
            | RepositoryEvent::RepositorySynced { .. }
            | RepositoryEvent::RepositorySyncFailed { .. } => {}
        }
    }
}

#[cfg(test)]
mod tests;
