//! Read models that no test of the handlers needs.

use application::{
    Error,
    queries::{
        activity::{ActivityQueries, ActivityView},
        repositories::{RepositoryQueries, RepositoryView},
    },
};
use async_trait::async_trait;
use domain::values::{Dialect, PluginId};

pub(super) struct Unset;

#[async_trait]
impl ActivityQueries for Unset {
    async fn recent(
        &self,
        _: Option<PluginId>,
        _: Option<Dialect>,
        _: u32,
    ) -> Result<Vec<ActivityView>, Error> {
        Err(Error::unavailable())
    }
}

#[async_trait]
impl RepositoryQueries for Unset {
    async fn all(&self) -> Result<Vec<RepositoryView>, Error> {
        Err(Error::unavailable())
    }
}
