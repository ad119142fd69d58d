//! The catalogue for one command: beside the services, what only one that fills it needs.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use application::{commands::Commands, identity::Identity, ports::blobs::Blobs};
use domain::repository::Repository;
use infrastructure::{
    event_log::{LogCommands, LogWriter},
    postgres::Pools,
    subscription::{Runner, Signals, behind},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    catalogue::build_cataloguing,
    identity::{Standing, beside_the_log},
    packaging::blobs,
};
use crate::{services::Cataloguing, settings::Settings};

const LOOK_AGAIN: Duration = Duration::from_millis(100);

pub(crate) struct Cataloguer {
    pub(crate) cataloguing: Cataloguing,
    pub(crate) identity: Identity,
    pub(crate) repository_commands: Arc<dyn Commands<Repository>>,
    pools: Pools,
    writer: LogWriter,
    signals: Signals,
    follows: bool,
}

impl Cataloguer {
    /// Events that this command has appended.
    pub(crate) fn events(&self) -> u64 {
        self.writer.facts().events.load(Ordering::Relaxed)
    }

    /// Waits until every read model shows what was written; hears how many events the slowest one has not yet.
    pub(crate) async fn shown(&self, told: impl FnMut(u64)) -> anyhow::Result<()> {
        let (running, stop) = (TaskTracker::new(), CancellationToken::new());
        if !self.follows {
            for projection in projections::all() {
                let runner = Runner::new(projection, self.pools.writes.clone(), self.signals.clone());
                let stop = stop.clone();
                running.spawn(async move { runner.run(stop).await });
            }
        }
        let caught_up = self.caught_up(told).await;
        stop.cancel();
        running.close();
        running.wait().await;
        caught_up
    }

    async fn caught_up(&self, mut told: impl FnMut(u64)) -> anyhow::Result<()> {
        loop {
            let lag = behind(&self.pools.reads).await?;
            told(lag);
            if lag == 0 {
                return Ok(());
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }
}

/// `follows`: the read models follow what is written from the beginning, and not only at its end.
pub(crate) async fn with_catalogue<T>(
    settings: &Settings,
    follows: bool,
    work: impl AsyncFnOnce(&Cataloguer) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let blobs: Arc<dyn Blobs> = Arc::new(blobs(settings)?);
    let readers = if follows { projections::all() } else { Vec::new() };
    beside_the_log(settings, readers, async |standing: Standing<'_>| {
        let Standing { pools, writer, signals, freshness, identifying } = standing;
        let changes = [&signals.projected];
        let cataloguer = Cataloguer {
            cataloguing: build_cataloguing(
                settings,
                pools,
                writer,
                &freshness,
                &blobs,
                &identifying,
                &changes,
            )?,
            repository_commands: Arc::new(LogCommands::new(pools, writer.clone())),
            identity: identifying.identity,
            pools: pools.clone(),
            writer: writer.clone(),
            signals: signals.clone(),
            follows,
        };
        work(&cataloguer).await
    })
    .await
}
