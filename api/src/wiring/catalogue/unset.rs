//! Adapters that are not there yet.

use std::path::Path;

use application::{
    Error,
    failure::Failure,
    ports::packages::{Numbered, Numbers, Package, PackageReader, Scan, Scanner},
    queries::{
        activity::{ActivityQueries, ActivityView},
        catalogue::{
            Card, CatalogueQueries, Facet, Find, Found, LookAlike, PluginView, PublisherView, State, Which,
        },
        downloads::{DownloadQueries, DownloadsView},
        repositories::{RepositoryQueries, RepositoryView},
        reviews::{ReviewQueries, ReviewSort, ReviewView, WhichReview},
    },
};
use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, Utc};
use domain::{
    plugin::PackageFormat,
    values::{AccountId, Dialect, PluginId},
};

pub(crate) struct Unset;

#[async_trait]
impl CatalogueQueries for Unset {
    async fn find(&self, _: &Find) -> Result<Found, Error> {
        Err(Error::unavailable())
    }

    async fn plugin(&self, _: &Which) -> Result<Option<PluginView>, Error> {
        Err(Error::unavailable())
    }

    async fn current(&self, _: PluginId) -> Result<Option<PluginView>, Error> {
        Err(Error::unavailable())
    }

    async fn look_alikes(&self, _: &str, _: Option<AccountId>) -> Result<Vec<LookAlike>, Error> {
        Err(Error::unavailable())
    }

    async fn categories(&self, _: Dialect) -> Result<Vec<Facet>, Error> {
        Err(Error::unavailable())
    }

    async fn publishers(&self, _: Dialect) -> Result<Vec<String>, Error> {
        Err(Error::unavailable())
    }

    async fn publisher(&self, _: &str) -> Result<Option<PublisherView>, Error> {
        Err(Error::unavailable())
    }

    async fn of_publisher(&self, _: &str) -> Result<Vec<PluginId>, Error> {
        Err(Error::unavailable())
    }

    async fn related(&self, _: &PluginView, _: Dialect, _: u32) -> Result<Vec<Card>, Error> {
        Err(Error::unavailable())
    }

    async fn uses(&self, _: &domain::values::Digest) -> Result<bool, Error> {
        Err(Error::unavailable())
    }

    async fn holding(&self, _: &domain::values::Digest) -> Result<Vec<PluginView>, Error> {
        Err(Error::unavailable())
    }

    async fn quarantined(&self) -> Result<Vec<(PluginId, Option<String>, String)>, Error> {
        Err(Error::unavailable())
    }

    async fn state(&self) -> Result<State, Error> {
        Err(Error::unavailable())
    }
}

#[async_trait]
impl ReviewQueries for Unset {
    async fn of_plugin(
        &self,
        _: PluginId,
        _: ReviewSort,
        _: u64,
        _: u32,
    ) -> Result<(Vec<ReviewView>, u64), Error> {
        Err(Error::unavailable())
    }

    async fn review(&self, _: WhichReview) -> Result<Option<ReviewView>, Error> {
        Err(Error::unavailable())
    }

    async fn user_number(&self, _: AccountId) -> Result<Option<u64>, Error> {
        Err(Error::unavailable())
    }

    async fn trend(&self, _: PluginId, _: DateTime<Utc>) -> Result<Option<f64>, Error> {
        Err(Error::unavailable())
    }
}

#[async_trait]
impl DownloadQueries for Unset {
    async fn of_plugin(&self, _: PluginId, _: NaiveDate, _: NaiveDate) -> Result<DownloadsView, Error> {
        Err(Error::unavailable())
    }
}

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

#[async_trait]
impl PackageReader for Unset {
    async fn read(&self, _: &Path, _: &[PackageFormat]) -> Result<Package, Failure> {
        Err(Failure::internal())
    }
}

#[async_trait]
impl Scanner for Unset {
    async fn scan(&self, _: &Path) -> Scan {
        Scan::Clean
    }
}

#[async_trait]
impl Numbers for Unset {
    async fn next(&self, _: Numbered) -> Result<u64, Failure> {
        Err(Failure::internal())
    }
}

#[cfg(test)]
mod commands {
    use application::commands::{CommandError, Commands, Once, Outcome};
    use async_trait::async_trait;
    use domain::{recorded::Cursor, values::Metadata};

    macro_rules! unset {
        ($($aggregate:path, $command:path, $error:path;)+) => {$(
            #[async_trait]
            impl Commands<$aggregate> for super::Unset {
                async fn execute(
                    &self,
                    _: &str,
                    _: $command,
                    _: Metadata,
                ) -> Result<Option<Cursor>, CommandError<$error>> {
                    Err(CommandError::Unavailable)
                }

                async fn execute_once(
                    &self,
                    _: &str,
                    _: $command,
                    _: Metadata,
                    _: Once,
                ) -> Result<Outcome, CommandError<$error>> {
                    Err(CommandError::Unavailable)
                }

                async fn answered(
                    &self,
                    _: &Once,
                ) -> Result<Option<serde_json::Value>, CommandError<$error>> {
                    Err(CommandError::Unavailable)
                }
            }
        )+};
    }

    unset! {
        domain::plugin::Plugin, domain::plugin::PluginCommand, domain::plugin::PluginError;
        domain::publisher::Publisher, domain::publisher::PublisherCommand, domain::publisher::PublisherError;
        domain::name_claim::NameClaim, domain::name_claim::NameClaimCommand, domain::name_claim::NameClaimError;
        domain::review::Review, domain::review::ReviewCommand, domain::review::ReviewError;
        domain::download_log::DownloadLog, domain::download_log::RecordDownloads, std::convert::Infallible;
    }
}
