//! The node that hosts plugins: it takes the turn, ends what an earlier run left behind, starts what is enabled, and does
//! the operations that are asked for, until it is told to stop.

use std::{collections::HashMap, sync::Arc, time::Duration};

use domain::values::OperationId;
use tokio::{sync::Semaphore, task::JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::{
    error::Error,
    operating::{Operating, depending::load_order},
    ports::{
        turns::{Turn, Turns},
        workplace::Place,
    },
    signal::Waiter,
};

const TURN: &str = "plugin-host";
/// Somebody else may end.
const LOOK_EVERY: Duration = Duration::from_secs(5);
const AT_ONCE: usize = 4;
const SETTLING: Duration = Duration::from_millis(200);
/// Directories that nobody knows are looked for.
const SWEEP_EVERY: Duration = Duration::from_hours(1);
const PAGE: u32 = 100;

pub struct RunOperations {
    pub operating: Operating,
    pub turns: Arc<dyn Turns>,
    /// How this node is called in the log.
    pub node: String,
}

impl RunOperations {
    pub async fn run(self, stop: CancellationToken) {
        let Some(_turn) = self.turn(&stop).await else { return };
        self.begin().await;
        let mut asked = self.operating.asked.waiter();
        let mut moved = self.operating.moved.waiter();
        let places = Arc::new(Semaphore::new(AT_ONCE));
        let mut running: HashMap<OperationId, CancellationToken> = HashMap::new();
        let mut work = JoinSet::new();
        let mut sweeping = tokio::time::interval(SWEEP_EVERY);
        loop {
            if let Err(error) = self.take_up(&mut running, &mut work, &places, &stop).await {
                warn!(%error, "operations could not be looked for");
            }
            tokio::select! {
                () = stop.cancelled() => break,
                () = asked.raised() => {}
                // Asked for on another node.
                () = settled(&mut moved) => {}
                () = tokio::time::sleep(LOOK_EVERY) => {}
                _ = sweeping.tick() => self.sweep().await,
                Some(done) = work.join_next() => {
                    if let Ok(id) = done {
                        running.remove(&id);
                    }
                }
            }
        }
        while work.join_next().await.is_some() {}
        self.operating.hosting.host.drain().await;
    }

    /// One node hosts all plugins.
    async fn turn(&self, stop: &CancellationToken) -> Option<Turn> {
        loop {
            match self.turns.take(TURN).await {
                Ok(Some(turn)) => return Some(turn),
                Ok(None) => {}
                Err(error) => warn!(%error, "the turn of hosting plugins could not be asked for"),
            }
            stop.run_until_cancelled(tokio::time::sleep(LOOK_EVERY)).await?;
        }
    }

    async fn begin(&self) {
        let hosting = &self.operating.hosting;
        hosting.router.open();
        let ended = hosting.host.sweep().await;
        if ended > 0 {
            info!(ended, "processes that an earlier run had left behind");
        }
        hosting.host.examine().await;
        match hosting.installations.live().await {
            Ok(live) => {
                for view in load_order(&live) {
                    hosting.keep_up(view).await;
                }
            }
            Err(error) => warn!(%error, "what is installed could not be read"),
        }
    }

    /// What neither an installation nor an operation knows.
    async fn sweep(&self) {
        let operating = &self.operating;
        let known = async {
            let live = operating.hosting.installations.live().await?;
            let live = live.iter().filter_map(|view| Some(Place::of(view.id, &view.live.as_ref()?.release)));
            let under_way = operating.queries.unfinished(PAGE).await?;
            let under_way = under_way
                .iter()
                .filter_map(|view| Some(Place::of(view.found.installation?, view.found.release.as_ref()?)));
            Ok::<Vec<Place>, Error>(live.chain(under_way).collect())
        };
        let swept = match known.await {
            Ok(known) => operating.hosting.workplace.sweep(&known).await.map_err(Error::from),
            Err(error) => Err(error),
        };
        if let Err(error) = swept {
            warn!(%error, "directories that nobody knows were not looked for");
        }
    }

    async fn take_up(
        &self,
        running: &mut HashMap<OperationId, CancellationToken>,
        work: &mut JoinSet<OperationId>,
        places: &Arc<Semaphore>,
        stop: &CancellationToken,
    ) -> Result<(), Error> {
        for view in self.operating.queries.unfinished(PAGE).await? {
            if let Some(cancel) = running.get(&view.id) {
                if view.cancelled_by.is_some() {
                    cancel.cancel();
                }
                continue;
            }
            let cancel = stop.child_token();
            running.insert(view.id, cancel.clone());
            let (operating, node, places) = (self.operating.clone(), self.node.clone(), places.clone());
            work.spawn(async move {
                if let Ok(_place) = places.acquire().await {
                    operating.run(view.id, &node, cancel).await;
                }
                view.id
            });
        }
        Ok(())
    }
}

/// A change, and what comes right after it.
async fn settled(moved: &mut Waiter) {
    moved.raised().await;
    tokio::time::sleep(SETTLING).await;
}
