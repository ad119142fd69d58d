//! Counting downloads: one event for each that went through to its end. Who it was stays unknown: the log keeps a keyed
//! hash that tells the downloaders of one plugin and one day apart, and nothing that outlives the day.

mod recorder;

use std::{fmt::Write as _, sync::Arc, time::Duration};

use domain::{
    download_log::{Channel, DownloadLog, DownloadRecorded},
    values::{Dialect, PluginId},
};
use sha2::{Digest as _, Sha256};
use tokio::{
    sync::{mpsc, oneshot},
    time::timeout,
};

use crate::{
    caller::Caller,
    commands::Commands,
    ports::{
        freshness::Freshness,
        system::{Clock, Ids},
        vault::Secret,
    },
    queries::{catalogue, downloads},
};
use recorder::{MOST_WAITING, Recorder, Waiting};

/// The longest that a download waits for its count.
const PATIENCE: Duration = Duration::from_secs(2);
const LONGEST_CLIENT: usize = 64;

#[derive(Clone)]
pub struct Counting {
    queue: mpsc::Sender<Waiting>,
    freshness: Arc<dyn Freshness>,
    clock: Arc<dyn Clock>,
    key: Secret<[u8; 32]>,
}

/// A download that has come to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    pub plugin: PluginId,
    pub version: String,
    pub dialect: Dialect,
    pub channel: Channel,
    /// What the client calls itself; cut to 64 characters.
    pub client: Option<String>,
}

impl Counting {
    /// The service, and the loop that must be run for it; the loop ends when the last handle is gone. `key` makes the
    /// hashes of downloaders: secret, and the same on every node.
    pub fn new(
        downloads: Arc<dyn Commands<DownloadLog>>,
        freshness: Arc<dyn Freshness>,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn Ids>,
        key: Secret<[u8; 32]>,
    ) -> (Self, impl Future<Output = ()> + Send + use<>) {
        let (queue, arriving) = mpsc::channel(MOST_WAITING);
        let recorder = Recorder { downloads, ids };
        (Self { queue, freshness, clock, key }, recorder.run(arriving))
    }

    /// Returns when the next read shows it, or it cannot be counted now: a download is never refused for its count.
    pub async fn count(&self, fetched: Fetched, caller: &Caller) {
        self.record(self.recorded(fetched, caller), None, caller).await;
    }

    /// The same, but of all that is counted for one piece of work, once: it may be tried again.
    pub async fn count_for(&self, work: &str, fetched: Fetched, caller: &Caller) {
        self.record(self.recorded(fetched, caller), Some(work.to_owned()), caller).await;
    }

    /// The same, but of one caller only once a day and plugin.
    pub async fn count_daily(&self, fetched: Fetched, caller: &Caller) {
        let channel = fetched.channel;
        let recorded = self.recorded(fetched, caller);
        let key = recorded.downloader.as_ref().map(|who| format!("{channel:?} by {who}"));
        self.record(recorded, key, caller).await;
    }

    async fn record(&self, recorded: DownloadRecorded, key: Option<String>, caller: &Caller) {
        let (plugin, request) = (recorded.plugin_uid, caller.metadata.correlation_id.clone());
        let shown = async {
            let (reply, written) = oneshot::channel();
            if self.queue.send(Waiting { recorded, key, request, reply }).await.is_err() {
                return;
            }
            if let Ok(Some(cursor)) = written.await {
                tokio::join!(
                    self.freshness.reached(catalogue::READ_MODEL, cursor),
                    self.freshness.reached(downloads::READ_MODEL, cursor),
                );
            }
        };
        if timeout(PATIENCE, shown).await.is_err() {
            tracing::warn!(%plugin, "a download does not wait any longer for its count");
        }
    }

    fn recorded(&self, fetched: Fetched, caller: &Caller) -> DownloadRecorded {
        let at = self.clock.now();
        let Fetched { plugin: plugin_uid, version, dialect, channel, client } = fetched;
        let printable = |client: String| -> String {
            client.chars().filter(|c| !c.is_control()).take(LONGEST_CLIENT).collect()
        };
        DownloadRecorded {
            plugin_uid,
            version,
            dialect,
            channel,
            downloader: who(caller).map(|who| self.downloader(who, plugin_uid, &at.date_naive().to_string())),
            client: client.map(printable).filter(|client| !client.is_empty()),
            at,
        }
    }

    /// Tells two downloaders of one plugin and one day apart without naming either.
    fn downloader(&self, who: &str, plugin: PluginId, day: &str) -> String {
        let digest = Sha256::new()
            .chain_update(self.key.reveal())
            .chain_update(format!("downloader of {plugin} on {day}: {who}"))
            .finalize();
        digest.iter().take(16).fold(String::with_capacity(32), |mut text, byte| {
            // Writing to a String cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
    }
}

/// The account, else the address, as far as the log may know it.
fn who(caller: &Caller) -> Option<&str> {
    match caller.metadata.actor_principal.as_str() {
        "anonymous" => caller.metadata.actor_ip_hash.as_deref(),
        principal => Some(principal),
    }
}

#[cfg(test)]
mod tests;
