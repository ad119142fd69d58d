//! A node's worth of machinery on a database of its own, and a small projection.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use domain::{
    recorded::{Cursor, Recorded},
    task::{Loss, RepackageOptions, Source, Task, TaskCommand, TaskEvent, TaskKind, TaskRequested},
    values::{Dialect, Metadata, Platform, Suffix, TargetOptions, TaskId},
};
use infrastructure::{
    event_log::{LogCommands, LogWriter},
    postgres::Pools,
    subscription::{ApplyError, Policy, Projection, Runner, Signals, first_generation},
};
use sqlx::{ConnectOptions, PgConnection, postgres::PgConnectOptions};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use uuid::Uuid;

use crate::cluster::{Cluster, fresh_database};

/// A fresh database with the schema, and a node's worth of machinery on it.
pub(crate) struct Log {
    pub(crate) options: PgConnectOptions,
    pub(crate) pools: Pools,
    pub(crate) signals: Signals,
    pub(crate) writer: LogWriter,
    pub(crate) tasks: Arc<LogCommands<Task>>,
    pub(crate) stop: CancellationToken,
    pub(crate) running: TaskTracker,
    cluster: Arc<Cluster>,
}

impl Log {
    pub(crate) async fn fresh() -> Self {
        let (options, cluster) = fresh_database().await;
        Self::on(options, cluster)
    }

    /// Another node on the same database.
    pub(crate) fn second_node(&self) -> Self {
        Self::on(self.options.clone(), self.cluster.clone())
    }

    fn on(options: PgConnectOptions, cluster: Arc<Cluster>) -> Self {
        let (pools, signals, running) = (Pools::new(&options), Signals::default(), TaskTracker::new());
        let (writer, run) = LogWriter::new(&pools, &signals);
        running.spawn(run);
        let tasks = Arc::new(LogCommands::new(&pools, writer.clone()));
        let stop = CancellationToken::new();
        Self { options, pools, signals, writer, tasks, stop, running, cluster }
    }

    /// With the rights of the owner.
    pub(crate) async fn owner(&self) -> PgConnection {
        self.options.connect().await.unwrap()
    }

    /// Follows the feed with a projection until the test ends.
    pub(crate) async fn follow(&self, projection: impl Projection) -> Arc<Runner> {
        let projection = Arc::new(projection);
        first_generation(&mut self.owner().await, projection.as_ref()).await.unwrap();
        let runner = Arc::new(Runner::new(projection, self.pools.writes.clone(), self.signals.clone()));
        let (running, stop) = (runner.clone(), self.stop.clone());
        self.running.spawn(async move { running.run(stop).await });
        runner
    }

    pub(crate) async fn scalar<T>(&self, query: &str) -> T
    where
        T: Send + Unpin + for<'r> sqlx::Decode<'r, sqlx::Postgres> + sqlx::Type<sqlx::Postgres>,
    {
        sqlx::query_scalar(query).fetch_one(&mut self.owner().await).await.unwrap()
    }

    /// Waits for a condition that a query states.
    pub(crate) async fn until(&self, condition: &str) {
        let query = format!("select {condition}");
        for _ in 0..3000 {
            if self.scalar::<bool>(&query).await {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("never became true: {condition}");
    }

    pub(crate) async fn run_task(&self, id: TaskId, command: TaskCommand) -> Option<Cursor> {
        use application::commands::Commands;
        self.tasks.execute(&id.to_string(), command, by()).await.unwrap()
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

pub(crate) fn by() -> Metadata {
    Metadata::of_process("test", "story".to_owned(), "test".to_owned())
}

pub(crate) fn new_task() -> TaskId {
    TaskId(Uuid::new_v4())
}

pub(crate) fn request(id: TaskId) -> TaskCommand {
    let target = serde_json::json!({"os": "linux", "arch": "x86_64", "floor": "2.39", "python": "3.12.3"});
    TaskCommand::Request(TaskRequested {
        task_uid: id,
        kind: TaskKind::Repackage,
        label: "x".to_owned(),
        subject: Source::Url("https://example.com/x.difypkg".to_owned()),
        original_filename: "x.difypkg".to_owned(),
        options: RepackageOptions {
            platform: Platform::host(),
            target: serde_json::from_value(target).unwrap(),
            asked: TargetOptions::default(),
            suffix: Suffix::default(),
            combined_with: Vec::new(),
            verify_install: false,
            refresh: false,
        },
        dialect: Dialect::Dify,
        tenant: "default".to_owned(),
        group: None,
    })
}

pub(crate) fn start(attempt: u32) -> TaskCommand {
    TaskCommand::Start { attempt, worker: "w".to_owned() }
}

pub(crate) fn released(attempt: u32) -> TaskCommand {
    TaskCommand::LoseAttempt { attempt, reason: Loss::Released, fault: None, retry_in_ms: 0 }
}

async fn run_all(owner: &mut PgConnection, statements: &str) -> Result<(), sqlx::Error> {
    for statement in statements.split(';') {
        sqlx::query(statement).execute(&mut *owner).await?;
    }
    Ok(())
}

/// Keeps what it saw, in the order in which it saw it; refuses events by a worker named `poison`.
#[derive(Clone, Copy)]
pub(crate) struct Seen {
    pub(crate) policy: Policy,
}

#[async_trait]
impl Projection for Seen {
    fn name(&self) -> &'static str {
        "seen"
    }

    fn takes(&self) -> &'static [&'static str] {
        &TaskEvent::TYPES
    }

    fn policy(&self) -> Policy {
        self.policy
    }

    async fn create(&self, owner: &mut PgConnection, generation: i32) -> Result<(), sqlx::Error> {
        let table = format!("read.seen_v{generation}");
        let make = format!(
            "create table {table} (n bigint generated always as identity, event_id uuid primary key,
             aggregate_id text, sequence bigint); grant all on {table} to plugyard_app"
        );
        run_all(owner, &make).await
    }

    async fn show(&self, owner: &mut PgConnection, generation: i32) -> Result<(), sqlx::Error> {
        let make = format!("create or replace view read.seen as select * from read.seen_v{generation}");
        run_all(owner, &make).await
    }

    async fn remove(&self, owner: &mut PgConnection, generation: i32) -> Result<(), sqlx::Error> {
        run_all(owner, &format!("drop table read.seen_v{generation}")).await
    }

    async fn fingerprint(
        &self,
        connection: &mut PgConnection,
        generation: i32,
    ) -> Result<String, sqlx::Error> {
        let query = format!(
            "select coalesce(md5(string_agg(event_id::text, ',' order by n)), '') from read.seen_v{generation}"
        );
        sqlx::query_scalar(&query).fetch_one(connection).await
    }

    async fn apply(
        &self,
        transaction: &mut PgConnection,
        generation: i32,
        events: &[Recorded],
    ) -> Result<(), ApplyError> {
        for recorded in events {
            let domain::recorded::Event::Task(id, event) = &recorded.event else { continue };
            if matches!(event, TaskEvent::TaskStarted { worker, .. } if worker == "poison") {
                return Err(ApplyError::Poison("told to refuse it".to_owned()));
            }
            let query = format!(
                "insert into read.seen_v{generation} (event_id, aggregate_id, sequence) values ($1, $2, $3)"
            );
            sqlx::query(&query)
                .bind(recorded.event_id)
                .bind(id.to_string())
                .bind(recorded.sequence)
                .execute(&mut *transaction)
                .await?;
        }
        Ok(())
    }
}
