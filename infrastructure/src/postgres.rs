//! Connections to the one PostgreSQL: migrations as its owner, everything else as the role `plugyard_app`, which
//! cannot change what is stored in the log.

use std::time::Duration;

use sqlx::{
    Connection as _, Executor, PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};

const RESTED: Duration = Duration::from_millis(250);

/// What a node does with its connections.
#[derive(Debug, Clone)]
pub struct Pools {
    /// Reads: limited in time, so that one slow query holds nobody up.
    pub reads: PgPool,
    /// Short write transactions: checkpoints, job rows. Never limited in time: a commit that waits must not be
    /// cancelled.
    pub writes: PgPool,
    /// Streams on their way into memory. Apart, so that many loads do not keep readers of the log waiting.
    pub loads: PgPool,
    /// Leases of running work: a pool full of other things must not cost a healthy job its lease.
    pub leases: PgPool,
    options: PgConnectOptions,
}

/// Why a database cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    #[error("PostgreSQL cannot be reached: {0}")]
    Unreachable(#[source] sqlx::Error),
    #[error("the schema could not be brought up to date: {0}")]
    Migration(#[from] sqlx::migrate::MigrateError),
    /// Acknowledged must mean stored.
    #[error("PostgreSQL runs with {0} = off: an acknowledged command could be lost; set it to on")]
    Unsafe(String),
    #[error("PostgreSQL refused a statement: {0}")]
    Statement(#[from] sqlx::Error),
}

impl Pools {
    /// Opens no connection yet.
    pub fn new(options: &PgConnectOptions) -> Self {
        let named = |name: &str| options.clone().application_name(name);
        let base = || {
            PgPoolOptions::new()
                .acquire_timeout(Duration::from_secs(2))
                .idle_timeout(Duration::from_mins(1))
                .max_lifetime(Duration::from_hours(1))
        };
        // Whether it still stands is asked of a connection that has rested, not before every question.
        let reads = base().max_connections(8).test_before_acquire(false).before_acquire(|connection, met| {
            Box::pin(async move {
                if met.idle_for > RESTED {
                    connection.ping().await?;
                }
                Ok(true)
            })
        });
        let reads = reads.after_connect(|connection, _| {
            Box::pin(async move {
                connection
                    .execute(
                        // What is read often is in memory, and many read at once: an index costs no seeks, and helpers
                        // only take from one another.
                        "set role plugyard_app; set statement_timeout = '2s'; set lock_timeout = '2s'; \
                              set random_page_cost = 1.1; set max_parallel_workers_per_gather = 0; \
                              set pg_trgm.word_similarity_threshold = 0.4",
                    )
                    .await
                    .map(drop)
            })
        });
        let write_setup = "set role plugyard_app; set lock_timeout = '5s'; \
                           set idle_in_transaction_session_timeout = '30s'";
        let writes = base().max_connections(8).after_connect(move |connection, _| {
            Box::pin(async move { connection.execute(write_setup).await.map(drop) })
        });
        let loads =
            base().max_connections(8).test_before_acquire(false).after_connect(move |connection, _| {
                Box::pin(async move { connection.execute(write_setup).await.map(drop) })
            });
        let leases = base().max_connections(2).after_connect(move |connection, _| {
            Box::pin(async move { connection.execute(write_setup).await.map(drop) })
        });
        Self {
            leases: leases.connect_lazy_with(named("plugyard-leases")),
            reads: reads.connect_lazy_with(named("plugyard-reads")),
            writes: writes.connect_lazy_with(named("plugyard-writes")),
            loads: loads.connect_lazy_with(named("plugyard-loads")),
            options: options.clone(),
        }
    }

    /// A connection of its own, with the rights of the configured role: for `LISTEN` and for schema changes.
    pub async fn own_connection(&self) -> Result<sqlx::PgConnection, sqlx::Error> {
        use sqlx::ConnectOptions;
        self.options.clone().application_name("plugyard").connect().await
    }

    /// A connection that only appends. One plan serves every batch: planning would cost more than a small one.
    pub(crate) async fn append_connection(&self) -> Result<sqlx::PgConnection, sqlx::Error> {
        use sqlx::ConnectOptions;
        let mut connection = self.options.clone().application_name("plugyard-appends").connect().await?;
        connection
            .execute(
                "set role plugyard_app; set lock_timeout = '5s'; set plan_cache_mode = force_generic_plan",
            )
            .await?;
        Ok(connection)
    }

    pub async fn close(&self) {
        tokio::join!(self.reads.close(), self.writes.close(), self.loads.close(), self.leases.close());
    }
}

/// Brings the schema up to date, as the configured role. Safe to run on several nodes at once.
pub async fn migrate(options: &PgConnectOptions) -> Result<(), Unusable> {
    use sqlx::ConnectOptions;
    let mut connection = options.clone().connect().await.map_err(Unusable::Unreachable)?;
    refuse_unsafe(&mut connection).await?;
    let mut migrator = sqlx::migrate!("../migrations");
    // During a downgrade this build meets a schema that a newer one has extended.
    migrator.set_ignore_missing(true);
    migrator.run(&mut connection).await?;
    grant(&mut connection).await?;
    Ok(())
}

/// The role and its rights, if anything of them is missing: a dump does not bring them along.
async fn grant(owner: &mut sqlx::PgConnection) -> Result<(), sqlx::Error> {
    let granted: bool = sqlx::query_scalar(
        "select coalesce((select pg_has_role(current_user, oid, 'member')
                             and has_table_privilege(oid, 'es.events', 'insert')
                             and has_table_privilege(oid, 'es.job_runtime', 'update')
                             and has_table_privilege(oid, 'es.rate_buckets', 'update')
                             and has_sequence_privilege(oid, 'es.key_changes', 'usage')
                             and has_sequence_privilege(oid, 'es.user_numbers', 'usage')
                             and has_table_privilege(oid, 'es.reviewers', 'insert')
                             and has_schema_privilege(oid, 'read', 'usage')
                             and not exists (select 1 from pg_class c join pg_namespace n on n.oid = c.relnamespace
                                  where n.nspname = 'read' and c.relkind = 'r'
                                    and not has_table_privilege(r.oid, c.oid, 'insert'))
                            from pg_roles r where rolname = 'plugyard_app'), false)",
    )
    .fetch_one(&mut *owner)
    .await?;
    if !granted {
        sqlx::raw_sql(concat!("begin;", include_str!("../../migrations/grants.sql"), "commit;"))
            .execute(owner)
            .await?;
    }
    Ok(())
}

async fn refuse_unsafe(connection: &mut sqlx::PgConnection) -> Result<(), Unusable> {
    for name in ["fsync", "full_page_writes", "synchronous_commit"] {
        let value: String =
            sqlx::query_scalar("select current_setting($1)").bind(name).fetch_one(&mut *connection).await?;
        if value == "off" {
            return Err(Unusable::Unsafe(name.to_owned()));
        }
    }
    Ok(())
}
