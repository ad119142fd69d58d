//! The catalogue for one command, on the database of the settings, with or without a server beside it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use application::{
    commands::Commands,
    identity::Identity,
    ports::{blobs::Blobs, freshness::Freshness},
};
use domain::repository::Repository;
use infrastructure::{
    event_log::{LogCommands, LogWriter},
    postgres::Pools,
    subscription::{Freshly, Runner, Signals, statuses},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{catalogue::build_cataloguing, identity::build_identity, open_database, packaging::blobs};
use crate::{services::Cataloguing, settings::Settings};

const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// What a command needs that writes the catalogue.
pub(crate) struct Cataloguer {
    pub(crate) cataloguing: Cataloguing,
    pub(crate) identity: Identity,
    pub(crate) repository_commands: Arc<dyn Commands<Repository>>,
    pools: Pools,
    writer: LogWriter,
    following: Following,
}

/// The readers of the log, running or not.
#[derive(Default)]
struct Following {
    runners: Vec<Arc<Runner>>,
    running: TaskTracker,
    stop: CancellationToken,
    begun: AtomicBool,
}

impl Following {
    fn begin(&self) {
        if self.begun.swap(true, Ordering::Relaxed) {
            return;
        }
        for runner in &self.runners {
            let (runner, stop) = (runner.clone(), self.stop.clone());
            self.running.spawn(async move { runner.run(stop).await });
        }
    }
}

impl Cataloguer {
    /// Events that this command has appended.
    pub(crate) fn events(&self) -> u64 {
        self.writer.facts().events.load(Ordering::Relaxed)
    }

    /// Events that the slowest read model has not taken in yet.
    async fn lag(&self) -> anyhow::Result<u64> {
        let statuses = statuses(&self.pools.reads).await?;
        let lags = statuses.iter().filter(|status| status.status == "live").map(|status| {
            let parked = i64::try_from(status.parked.len()).unwrap_or(i64::MAX);
            u64::try_from(status.lag.saturating_sub(parked)).unwrap_or_default()
        });
        Ok(lags.max().unwrap_or_default())
    }

    /// Waits until every read model shows what was written.
    pub(crate) async fn shown(&self, mut told: impl FnMut(u64) + Send) -> anyhow::Result<()> {
        self.following.begin();
        loop {
            let lag = self.lag().await?;
            told(lag);
            if lag == 0 {
                return Ok(());
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }
}

/// `follows`: the read models follow what is written from the beginning, and not only at its end.
pub(crate) async fn with_cataloguer<T>(
    settings: &Settings,
    follows: bool,
    work: impl AsyncFnOnce(&Cataloguer) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let database = open_database(settings).await?;
    let (pools, signals) = (database.pools.clone(), Signals::default());
    let (writer, writing) = LogWriter::new(&pools, &signals);
    let runner = |projection| Arc::new(Runner::new(projection, pools.writes.clone(), signals.clone()));
    let runners: Vec<_> = projections::all().into_iter().map(runner).collect();
    let following = Following { runners, ..Following::default() };
    let (running, stop) = (following.running.clone(), following.stop.clone());
    running.spawn(writing);
    let done = async {
        let cataloguer = build(settings, pools, writer, following, &signals).await?;
        if follows {
            cataloguer.following.begin();
        }
        work(&cataloguer).await
    };
    let done = done.await;
    stop.cancel();
    running.close();
    running.wait().await;
    database.close().await;
    done
}

async fn build(
    settings: &Settings,
    pools: Pools,
    writer: LogWriter,
    following: Following,
    signals: &Signals,
) -> anyhow::Result<Cataloguer> {
    let freshness: Arc<dyn Freshness> = Arc::new(Freshly::new(&following.runners, pools.reads.clone()));
    let identifying = build_identity(settings, &pools, &writer, freshness.clone()).await?;
    let blobs: Arc<dyn Blobs> = Arc::new(blobs(settings)?);
    Ok(Cataloguer {
        cataloguing: build_cataloguing(
            settings,
            &pools,
            &writer,
            &freshness,
            &blobs,
            &identifying,
            &[&signals.projected],
        )?,
        repository_commands: Arc::new(LogCommands::new(&pools, writer.clone())),
        identity: identifying.identity,
        pools,
        writer,
        following,
    })
}
