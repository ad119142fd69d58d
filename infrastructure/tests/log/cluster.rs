//! One cluster for the tests that run at the same time, and a database for each of them.

use std::{
    os::unix::fs::PermissionsExt,
    sync::{Arc, Weak},
};

use infrastructure::{embedded_postgres::EmbeddedPostgres, postgres::migrate};
use sqlx::{ConnectOptions, Executor, postgres::PgConnectOptions};
use tokio::sync::Mutex;
use uuid::Uuid;

/// Stops with its last user.
pub(crate) struct Cluster {
    postgres: Option<EmbeddedPostgres>,
    directory: Option<tempfile::TempDir>,
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let (mut postgres, directory) = (self.postgres.take(), self.directory.take());
        // The runtime of the last test is still there, but may not be blocked: a thread with its own waits.
        let stopping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(postgres.as_mut().unwrap().stop());
            drop(directory);
        });
        stopping.join().unwrap();
    }
}

static CLUSTER: Mutex<Weak<Cluster>> = Mutex::const_new(Weak::new());

async fn cluster() -> Arc<Cluster> {
    let mut shared = CLUSTER.lock().await;
    if let Some(running) = shared.upgrade() {
        return running;
    }
    let mode = std::fs::Permissions::from_mode(0o755);
    let directory = tempfile::Builder::new().permissions(mode).tempdir().unwrap();
    let postgres = EmbeddedPostgres::start(&directory.path().join("yard")).await.unwrap();
    let cluster = Arc::new(Cluster { postgres: Some(postgres), directory: Some(directory) });
    *shared = Arc::downgrade(&cluster);
    cluster
}

/// With the schema.
pub(crate) async fn fresh_database() -> (PgConnectOptions, Arc<Cluster>) {
    let cluster = cluster().await;
    let postgres = cluster.postgres.as_ref().unwrap();
    let name = format!("test_{}", Uuid::new_v4().simple());
    let mut maintenance = postgres.options().connect().await.unwrap();
    maintenance.execute(format!("create database {name}").as_str()).await.unwrap();
    let options = postgres.options().clone().database(&name);
    migrate(&options).await.unwrap();
    (options, cluster)
}
