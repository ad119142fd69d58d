//! A database of its own, and nodes on it.

use std::{path::PathBuf, sync::Arc};

use application::ports::vault::{Opened, Secret, Vault};
use domain::values::Sealed;
use infrastructure::{
    postgres::Pools,
    vault::{Keyring, PgVault, VaultError},
};
use sqlx::{ConnectOptions, postgres::PgConnectOptions};

use crate::cluster::{Cluster, fresh_database};

pub(crate) struct Yard {
    pub(crate) options: PgConnectOptions,
    pub(crate) pools: Pools,
    /// Where `secret.key` lies.
    pub(crate) directory: tempfile::TempDir,
    _cluster: Arc<Cluster>,
}

impl Yard {
    pub(crate) async fn fresh() -> Self {
        let (options, cluster) = fresh_database().await;
        let directory = tempfile::tempdir().unwrap();
        Self { pools: Pools::new(&options), options, directory, _cluster: cluster }
    }

    /// Another node with the same master key.
    pub(crate) async fn vault(&self) -> PgVault {
        self.try_vault(self.keyring()).await.unwrap()
    }

    pub(crate) async fn try_vault(&self, keyring: Keyring) -> Result<PgVault, VaultError> {
        PgVault::open(&self.pools, keyring).await
    }

    pub(crate) fn keyring(&self) -> Keyring {
        Keyring::of_directory(self.directory.path()).unwrap()
    }

    pub(crate) fn key_file(&self) -> PathBuf {
        self.directory.path().join(infrastructure::vault::FILE)
    }

    /// With the rights of the owner.
    pub(crate) async fn execute(&self, statement: &str) {
        let mut owner = self.options.connect().await.unwrap();
        sqlx::raw_sql(statement).execute(&mut owner).await.unwrap();
    }

    /// Waits for a condition that a query states.
    pub(crate) async fn until(&self, condition: &str) {
        let query = format!("select {condition}");
        for _ in 0..3000 {
            if self.scalar::<bool>(&query).await {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        panic!("never became true: {condition}");
    }

    pub(crate) async fn scalar<T>(&self, query: &str) -> T
    where
        T: Send + Unpin + for<'r> sqlx::Decode<'r, sqlx::Postgres> + sqlx::Type<sqlx::Postgres>,
    {
        let mut owner = self.options.connect().await.unwrap();
        sqlx::query_scalar(query).fetch_one(&mut owner).await.unwrap()
    }
}

pub(crate) fn secret(text: &str) -> Secret {
    text.to_owned().into()
}

pub(crate) fn plain(text: &str) -> Opened {
    Opened::Plain(secret(text))
}

pub(crate) async fn seal(vault: &PgVault, subject: &str, text: &str) -> Sealed {
    vault.seal(subject, "name", &secret(text)).await.unwrap()
}

pub(crate) async fn open(vault: &PgVault, sealed: &Sealed) -> Opened {
    vault.open(sealed, "name").await.unwrap()
}
