//! One loop per node writes the counts down: what arrives for a plugin while an append of it is on its way waits, and
//! goes in together with the next one. So a crowd of downloads of one plugin costs a few appends, and none of them
//! races another of this node; against other nodes they are tried again, under a key that lets each count in once. What
//! has a key of its own is counted once for all time that keys are kept, on whichever node.

use std::{
    collections::{HashMap, HashSet},
    convert::Infallible,
    panic::AssertUnwindSafe,
    sync::Arc,
    time::Duration,
};

use domain::{
    download_log::{DownloadLog, DownloadRecorded, DownloadStream, RecordDownloads},
    recorded::Cursor,
    values::Metadata,
};
use futures::FutureExt as _;
use serde_json::Value;
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinSet,
    time::{Instant, sleep},
};

use crate::{
    commands::{CommandError, Commands, Once, Outcome},
    ports::system::Ids,
};

/// Beyond it, whoever comes waits to get in.
pub(super) const MOST_WAITING: usize = 4096;
/// What one append carries at most.
const MOST_AT_ONCE: usize = 300;
/// How long a log that does not answer is asked again before counts are lost.
const PATIENCE: Duration = Duration::from_mins(1);
const AFTER_A_RACE: Duration = Duration::from_millis(10);
const AFTER_A_FAULT: Duration = Duration::from_millis(500);

/// A download that wants to be written down.
pub(super) struct Waiting {
    pub(super) recorded: DownloadRecorded,
    /// Of all that have the same one, one is written down.
    pub(super) key: Option<String>,
    pub(super) request: String,
    /// Told where it stands in the log, as soon as that is known.
    pub(super) reply: oneshot::Sender<Option<Cursor>>,
}

#[derive(Clone)]
pub(super) struct Recorder {
    pub(super) downloads: Arc<dyn Commands<DownloadLog>>,
    pub(super) ids: Arc<dyn Ids>,
}

impl Recorder {
    pub(super) async fn run(self, mut arriving: mpsc::Receiver<Waiting>) {
        let mut waiting: HashMap<DownloadStream, Vec<Waiting>> = HashMap::new();
        let mut busy: HashSet<DownloadStream> = HashSet::new();
        let mut under_way = JoinSet::new();
        let (mut held, mut open) = (0, true);
        while open || !waiting.is_empty() || !under_way.is_empty() {
            for (stream, batch) in next_batches(&mut waiting, &busy) {
                busy.insert(stream);
                held -= batch.len();
                under_way.spawn(self.clone().record(stream, batch));
            }
            tokio::select! {
                one = arriving.recv(), if open && held < MOST_WAITING => match one {
                    Some(one) => {
                        held += 1;
                        waiting.entry(DownloadStream::of(&one.recorded)).or_default().push(one);
                    }
                    None => open = false,
                },
                Some(done) = under_way.join_next() => {
                    if let Ok(stream) = done {
                        busy.remove(&stream);
                    }
                }
            }
        }
    }

    /// Returns the stream however it ends: it must be free again.
    async fn record(self, stream: DownloadStream, batch: Vec<Waiting>) -> DownloadStream {
        if AssertUnwindSafe(self.write(stream, batch)).catch_unwind().await.is_err() {
            tracing::error!(%stream, "counting has panicked; these downloads are lost");
        }
        stream
    }

    async fn write(&self, stream: DownloadStream, batch: Vec<Waiting>) {
        let Some(first) = batch.first() else { return };
        let (request, key) = (first.request.clone(), first.key.clone());
        let most = if key.is_some() { 1 } else { batch.len() };
        let counts = batch.iter().take(most).map(|one| one.recorded.clone()).collect();
        let key = key.unwrap_or_else(|| self.ids.secret().to_string());
        let cursor = self.append(stream, RecordDownloads(counts), request, key).await;
        for one in batch {
            // Who does not wait any longer is counted all the same.
            let _ = one.reply.send(cursor);
        }
    }

    async fn append(
        &self,
        stream: DownloadStream,
        counts: RecordDownloads,
        request: String,
        key: String,
    ) -> Option<Cursor> {
        let once = Once { scope: "downloads".to_owned(), key, request_hash: [0; 32], response: Value::Null };
        // Not who downloaded: that is what the hash is for.
        let by = Metadata::of_process("count_downloads", request.clone(), request);
        let (id, number, deadline) = (stream.to_string(), counts.0.len(), Instant::now() + PATIENCE);
        loop {
            let tried = self.downloads.execute_once(&id, counts.clone(), by.clone(), once.clone()).await;
            let fault: CommandError<Infallible> = match tried {
                Ok(Outcome::Written(cursor)) => return cursor,
                // An earlier try went in, although nobody said so.
                Ok(Outcome::Repeated(_)) => return None,
                Err(fault) => fault,
            };
            let pause = match fault {
                CommandError::Refused(never) => match never {},
                CommandError::Contended => AFTER_A_RACE,
                CommandError::KeyReused | CommandError::Full | CommandError::Unavailable => AFTER_A_FAULT,
            };
            if Instant::now() + pause > deadline {
                tracing::error!(stream = id, downloads = number, %fault, "downloads could not be counted");
                return None;
            }
            sleep(pause).await;
        }
    }
}

/// Of every stream that is free, what has waited longest.
fn next_batches(
    waiting: &mut HashMap<DownloadStream, Vec<Waiting>>,
    busy: &HashSet<DownloadStream>,
) -> Vec<(DownloadStream, Vec<Waiting>)> {
    let free: Vec<_> = waiting.keys().filter(|stream| !busy.contains(stream)).copied().collect();
    let taken = free.into_iter().filter_map(|stream| {
        let all = waiting.remove(&stream)?;
        let (batch, rest) = split(all);
        if !rest.is_empty() {
            waiting.insert(stream, rest);
        }
        Some((stream, batch))
    });
    taken.collect()
}

/// What goes in together, and what waits on: all that is one count to the first, or as many as have no key.
fn split(all: Vec<Waiting>) -> (Vec<Waiting>, Vec<Waiting>) {
    let key = all.first().and_then(|first| first.key.clone());
    let (mut batch, mut rest): (Vec<_>, Vec<_>) = all.into_iter().partition(|one| one.key == key);
    if batch.len() > MOST_AT_ONCE && key.is_none() {
        let later = batch.split_off(MOST_AT_ONCE);
        rest.extend(later);
    }
    (batch, rest)
}
