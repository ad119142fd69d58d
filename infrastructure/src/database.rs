//! The database of a node: the operator's, or a private cluster in the data directory; brought up to date before
//! anything reads it.

use std::{path::Path, sync::Arc, time::Duration};

use sqlx::postgres::PgConnectOptions;
use tokio::{sync::Mutex, time::Instant};
use tokio_util::sync::CancellationToken;

use crate::{
    embedded_postgres::{self, EmbeddedPostgres},
    event_log::{self, Life},
    postgres::{self, Pools, Unusable},
    subscription::{Projection, first_generation},
};

/// How long a database that is just starting is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

pub struct Database {
    pub pools: Pools,
    options: PgConnectOptions,
    embedded: Option<Mutex<EmbeddedPostgres>>,
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Embedded(#[from] embedded_postgres::Error),
    #[error("DATABASE_URL is not a PostgreSQL URL such as postgres://user@host/database")]
    Url,
    #[error(transparent)]
    Unusable(#[from] Unusable),
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        Self::Unusable(error.into())
    }
}

impl Database {
    /// `url`: the operator's database; without one a private cluster.
    pub async fn open(url: Option<&str>, data_dir: &Path) -> Result<Self, Error> {
        let Some(url) = url else {
            let embedded = EmbeddedPostgres::start(data_dir).await?;
            let options = embedded.options().clone();
            return Ok(Self { pools: Pools::new(&options), options, embedded: Some(Mutex::new(embedded)) });
        };
        // The text of a parse error may hold the password.
        let options = url.parse().map_err(|_may_hold_the_password: sqlx::Error| Error::Url)?;
        Ok(Self { pools: Pools::new(&options), options, embedded: None })
    }

    /// Schema, tables of every projection, and a new epoch if the log was restored from elsewhere. As the owner.
    pub async fn prepare(&self, projections: &[Arc<dyn Projection>]) -> Result<(), Error> {
        let began = Instant::now();
        loop {
            match postgres::migrate(&self.options).await {
                Ok(()) => break,
                Err(Unusable::Unreachable(_)) if began.elapsed() < PATIENCE => {
                    tokio::time::sleep(Duration::from_millis(200)).await;
                }
                Err(error) => return Err(error.into()),
            }
        }
        let mut owner = self.pools.own_connection().await?;
        if event_log::life(&mut owner).await? == Life::Moved {
            event_log::begin_new_epoch(&mut owner).await?;
            tracing::warn!("the log was restored from elsewhere: a new epoch has begun");
        }
        for projection in projections {
            first_generation(&mut owner, projection.as_ref()).await?;
        }
        Ok(())
    }

    /// Starts a private server again should it die under us; until `stop`.
    pub async fn keep_alive(&self, stop: CancellationToken) {
        let Some(embedded) = &self.embedded else { return };
        while !stop.is_cancelled() {
            if let Err(error) = embedded.lock().await.revive().await {
                tracing::error!(%error, "PostgreSQL died and does not come back");
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(Duration::from_secs(1)) => {}
            }
        }
    }

    pub async fn close(&self) {
        self.pools.close().await;
        if let Some(embedded) = &self.embedded {
            embedded.lock().await.stop().await;
        }
    }
}
