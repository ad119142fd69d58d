//! Reading installations.

use application::{
    error::Error,
    queries::installations::{InstallationQueries, InstallationView},
};
use async_trait::async_trait;
use cqrs_es::Aggregate as _;
use domain::{
    installation::Installation,
    values::{Digest, InstallationId},
};
use sqlx::{PgPool, types::Json};

use super::Installations;
use crate::{per_stream::folded, reading::unavailable};

#[derive(Debug, Clone)]
pub struct PgInstallations {
    pool: PgPool,
}

impl PgInstallations {
    pub fn new(pool: PgPool) -> Self {
        Self { pool }
    }
}

#[async_trait]
impl InstallationQueries for PgInstallations {
    /// Its one stream: who starts and stops processes goes by what was written last.
    async fn installation(&self, id: InstallationId) -> Result<Option<InstallationView>, Error> {
        Ok(folded::<Installations>(&self.pool, Installation::TYPE, id).await.map_err(unavailable)?.view)
    }

    async fn live(&self) -> Result<Vec<InstallationView>, Error> {
        let found = sqlx::query_scalar(
            "select view from read.installations where live order by name, installation_id",
        )
        .fetch_all(&self.pool);
        let found: Vec<Json<InstallationView>> = found.await.map_err(unavailable)?;
        Ok(found.into_iter().map(|view| view.0).collect())
    }

    async fn uses(&self, digest: &Digest) -> Result<bool, Error> {
        let query = "select exists(select from read.installations where digests @> array[$1])
            or exists(select from read.operations where not ended
                      and $1 in (view #>> '{found,fetched,digest}', view #>> '{work,source,digest}'))";
        sqlx::query_scalar(query).bind(digest.to_string()).fetch_one(&self.pool).await.map_err(unavailable)
    }
}
