//! A private PostgreSQL with the product's schema, and nodes on it as the server puts them together.

use std::{str::FromStr, sync::Arc, sync::atomic::Ordering, time::Duration};

use domain::task::Task;
use infrastructure::{
    event_log::{LogCommands, LogWriter},
    postgres::{Pools, migrate},
    subscription::Signals,
};
use plugyard_tests::{Cluster, Database, until};
use sqlx::postgres::PgConnectOptions;
use tokio_util::task::TaskTracker;

pub(super) struct Ground {
    pub(super) cluster: Cluster,
    pub(super) database: Database,
    options: PgConnectOptions,
}

impl Ground {
    pub(super) async fn new() -> Self {
        let cluster = Cluster::start();
        let database = cluster.database().await;
        let options = PgConnectOptions::from_str(&database.url).unwrap();
        migrate(&options).await.unwrap();
        super::baseline::prepare(&database).await;
        Self { cluster, database, options }
    }

    pub(super) fn node(&self) -> Node {
        let (pools, signals, running) = (Pools::new(&self.options), Signals::default(), TaskTracker::new());
        let (writer, run) = LogWriter::new(&pools, &signals);
        running.spawn(run);
        let tasks = Arc::new(LogCommands::new(&pools, writer.clone()));
        Node { pools, signals, writer, tasks, running }
    }

    /// Leaves PostgreSQL nothing to catch up with.
    pub(super) async fn rest(&self) {
        self.database.execute("vacuum analyze es.events").await.unwrap();
        self.database.execute("checkpoint").await.unwrap();
    }

    /// Flushes of the write-ahead log so far. A backend tells of its own when it ends.
    pub(super) async fn flushes(&self) -> i64 {
        until("the clients are gone", Duration::from_secs(10), async || {
            let clients = "select count(*) from pg_stat_activity
                            where application_name like 'plugyard-%' or application_name = 'pgbench'";
            (self.database.number(clients).await == 0).then_some(())
        })
        .await;
        let newer =
            self.database.number("select current_setting('server_version_num')::bigint / 10000").await >= 18;
        let query = if newer {
            "select sum(fsyncs)::bigint from pg_stat_io where object = 'wal'"
        } else {
            "select wal_sync from pg_stat_wal"
        };
        self.database.number(query).await
    }
}

pub(super) struct Node {
    pub(super) pools: Pools,
    pub(super) signals: Signals,
    writer: LogWriter,
    pub(super) tasks: Arc<LogCommands<Task>>,
    pub(super) running: TaskTracker,
}

impl Node {
    /// Statements and events so far.
    pub(super) fn appended(&self) -> (u64, u64) {
        let facts = self.writer.facts();
        (facts.statements.load(Ordering::Relaxed), facts.events.load(Ordering::Relaxed))
    }

    /// Everybody who runs on it must have ended.
    pub(super) async fn end(self) {
        let Self { pools, writer, tasks, running, .. } = self;
        drop((writer, tasks));
        running.close();
        running.wait().await;
        pools.close().await;
    }
}
