//! What repositories list, as it was last taken in: to tell what is new there, and to answer when they do not.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::repository::Listing;

use crate::error::Error;

pub const READ_MODEL: &str = "listings";

/// Of disabled repositories too: whoever asks judges.
#[async_trait]
pub trait ListingQueries: Send + Sync {
    /// Everything that a repository lists, by `author/name`.
    async fn of(&self, repository: &str) -> Result<BTreeMap<String, Taken>, Error>;

    /// What repositories list under these names, by name of the repository.
    async fn named(&self, plugins: &[(String, String)]) -> Result<Vec<Taken>, Error>;

    async fn authors(&self, repositories: &[String]) -> Result<BTreeSet<String>, Error>;
}

/// A listing as it was taken in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    pub repository: String,
    pub listing: Listing,
    pub at: DateTime<Utc>,
}
