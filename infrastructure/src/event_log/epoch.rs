//! Which life of the log this is. Transaction ids restart in a new cluster, so a restored log begins a new epoch:
//! older epochs are complete by definition, and no reader stays blind.

use sqlx::{PgConnection, PgExecutor};

/// How the log stands to the cluster it is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Life {
    /// As it was written.
    Same,
    /// Copied into another cluster, or ahead of its own transaction ids: readers would be blind.
    Moved,
}

pub async fn life(executor: impl PgExecutor<'_>) -> Result<Life, sqlx::Error> {
    let moved: bool = sqlx::query_scalar(
        "select e.epoch is not null and (
                e.system_identifier <> (select system_identifier from pg_control_system())
                or coalesce((select x.transaction_id from es.events x where x.epoch = e.epoch
                              order by x.transaction_id desc, x.global_position desc limit 1)
                            >= pg_snapshot_xmax(pg_current_snapshot()), false))
           from es.log_epoch e",
    )
    .fetch_one(executor)
    .await?;
    Ok(if moved { Life::Moved } else { Life::Same })
}

/// Needs the owner's rights; safe while others append.
pub async fn begin_new_epoch(owner: &mut PgConnection) -> Result<(), sqlx::Error> {
    use sqlx::Connection;
    let mut transaction = owner.begin().await?;
    sqlx::query("lock table es.events in share row exclusive mode").execute(&mut *transaction).await?;
    sqlx::query(
        "update es.log_epoch
            set epoch = epoch + 1, system_identifier = (select system_identifier from pg_control_system())",
    )
    .execute(&mut *transaction)
    .await?;
    transaction.commit().await
}
