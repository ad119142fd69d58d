//! Wakes the readers of other nodes: at most one `NOTIFY` in 20 ms on a connection of its own, never in the append.
//! The payload says nothing and a lost one costs a poll.

use std::time::Duration;

use application::signal::Signal;
use sqlx::{Executor, postgres::PgListener};
use tokio_util::sync::CancellationToken;

use crate::{postgres::Pools, subscription::Signals};

const CHANNEL: &str = "plugyard_log";
const BETWEEN: Duration = Duration::from_millis(20);
const RECONNECT: Duration = Duration::from_secs(1);

/// Tells other nodes of appends here, and readers here of appends elsewhere; until `stop`.
pub async fn share_nudges(pools: Pools, signals: Signals, stop: CancellationToken) {
    while !stop.is_cancelled() {
        let ended = tokio::select! {
            () = stop.cancelled() => return,
            ended = tell(&pools, &signals.written) => ended,
            ended = listen(&pools, &signals.appended) => ended,
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "other nodes cannot be heard for a moment");
        }
        signals.appended.raise();
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(RECONNECT) => {}
        }
    }
}

async fn tell(pools: &Pools, written: &Signal) -> Result<(), sqlx::Error> {
    let mut connection = pools.own_connection().await?;
    let mut raises = written.waiter();
    loop {
        raises.raised().await;
        connection.execute("notify plugyard_log").await?;
        tokio::time::sleep(BETWEEN).await;
    }
}

async fn listen(pools: &Pools, heard: &Signal) -> Result<(), sqlx::Error> {
    let mut listener = PgListener::connect_with(&pools.writes).await?;
    listener.listen(CHANNEL).await?;
    loop {
        listener.recv().await?;
        heard.raise();
    }
}
