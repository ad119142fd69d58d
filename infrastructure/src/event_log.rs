//! The event log on PostgreSQL: load, decide, append, in that order and outside any transaction.
//!
//! An appended command is durable when `execute` returns. Folded aggregates stay in memory, keyed by stream: the
//! append is the fence, so a stale one costs a retry and nothing else.

mod append;
mod cache;
mod chain;
mod epoch;
mod feed;
mod head;
mod horizon;
mod line;
mod load;
mod notifier;
mod prepared;
mod statement;
mod turns;
mod verify;

use std::sync::Arc;

use application::commands::{CommandError, Commands, Once, Outcome};
use async_trait::async_trait;
use cqrs_es::{Aggregate, event_sink::EventSink};
use domain::{recorded::Cursor, values::Metadata};

use crate::postgres::Pools;

pub use append::{AppendError, Appended, LogWriter, WriterFacts};
pub use epoch::{Life, begin_new_epoch, life};
pub use feed::{Feed, Raw};
pub use head::{Head, HeadError, Heads};
pub use horizon::{Horizon, OldestWriter, horizon};
pub use notifier::share_nudges;
pub use verify::{Finding, verify};

use cache::{Folded, FoldedCache};
use load::Loader;
use prepared::Append;
use turns::Turns;

/// A lost version race is decided again this often; in turn, as far as this node goes.
const RACES: u32 = 7;

/// The one way into the log, for one kind of aggregate.
pub struct LogCommands<A> {
    loader: Loader,
    writer: LogWriter,
    cache: FoldedCache<A>,
    turns: Turns,
    decides: bool,
}

impl<A: Aggregate<Services = ()> + Clone> LogCommands<A> {
    pub fn new(pools: &Pools, writer: LogWriter) -> Self {
        Self {
            loader: Loader::new(pools),
            writer,
            cache: FoldedCache::default(),
            turns: Turns::default(),
            decides: true,
        }
    }

    /// For a history without a decision: of a stream, however long, only the end is looked at, and nothing is folded.
    pub fn of_history(pools: &Pools, writer: LogWriter) -> Self {
        Self { decides: false, ..Self::new(pools, writer) }
    }

    async fn run(
        &self,
        id: &str,
        command: A::Command,
        by: Metadata,
        once: Option<Once>,
    ) -> Result<Outcome, CommandError<A::Error>>
    where
        A::Command: Clone + Send,
        A::Error: Send,
    {
        if let Some(once) = &once
            && let Some(answer) = self.answered_before(once).await?
        {
            return Ok(Outcome::Repeated(answer));
        }
        let (mut fresh, mut turn) = (false, self.turns.behind_others(id).await);
        for _ in 0..=RACES {
            let (folded, cached) = self.folded(id, fresh).await?;
            let decided = decide(folded.as_ref().clone(), command.clone()).await;
            // Another node may have moved the stream since it was cached.
            fresh = true;
            let (state, events) = match decided {
                Err(_) if cached => continue,
                Err(refusal) => return Err(CommandError::Refused(refusal)),
                Ok(decided) => decided,
            };
            if events.is_empty() && once.is_none() {
                return Ok(Outcome::Written(None));
            }
            let append =
                Append::new::<A>(id, &folded, &events, &by, once.clone()).ok_or(CommandError::Unavailable)?;
            let (version, chain) = append.outcome();
            match self.writer.append(append).await {
                Ok(appended) => {
                    self.cache.put(id, Folded { state, version, chain });
                    return Ok(Outcome::Written(appended.cursor));
                }
                Err(AppendError::Conflict) => {
                    self.cache.forget(id);
                    if turn.is_none() {
                        turn = Some(self.turns.take(id).await);
                    }
                }
                Err(AppendError::KeyUsed) => {
                    let Some(once) = &once else { return Err(CommandError::Unavailable) };
                    let answer = self.answered_before(once).await?;
                    return answer.map(Outcome::Repeated).ok_or(CommandError::Unavailable);
                }
                Err(AppendError::Full) => return Err(CommandError::Full),
                Err(AppendError::Unavailable) => {
                    self.cache.forget(id);
                    return Err(CommandError::Unavailable);
                }
            }
        }
        Err(CommandError::Contended)
    }

    /// The aggregate, and whether it came from memory.
    async fn folded(&self, id: &str, fresh: bool) -> Result<(Arc<Folded<A>>, bool), CommandError<A::Error>> {
        if !fresh && let Some(folded) = self.cache.get(id) {
            return Ok((folded, true));
        }
        let loaded =
            if self.decides { self.loader.load::<A>(id).await } else { self.loader.end::<A>(id).await };
        match loaded {
            Ok(folded) => Ok((Arc::new(folded), false)),
            Err(error) => {
                tracing::warn!(stream = id, %error, "a stream cannot be loaded");
                Err(CommandError::Unavailable)
            }
        }
    }

    async fn answered_before(
        &self,
        once: &Once,
    ) -> Result<Option<serde_json::Value>, CommandError<A::Error>> {
        match self.loader.answered(once).await {
            Ok(None) => Ok(None),
            Ok(Some((hash, answer))) if hash == once.request_hash => Ok(Some(answer)),
            Ok(Some(_)) => Err(CommandError::KeyReused),
            Err(error) => {
                tracing::warn!(%error, "an idempotency key cannot be looked up");
                Err(CommandError::Unavailable)
            }
        }
    }
}

/// The new state and the events that led to it.
async fn decide<A: Aggregate<Services = ()>>(
    folded: Folded<A>,
    command: A::Command,
) -> Result<(A, Vec<A::Event>), A::Error> {
    let mut state = folded.state;
    let sink = EventSink::default();
    state.handle(command, &(), &sink).await?;
    Ok((state, sink.collect().await))
}

#[async_trait]
impl<A> Commands<A> for LogCommands<A>
where
    A: Aggregate<Services = ()> + Clone + 'static,
    A::Command: Clone + Send + 'static,
    A::Error: Send + 'static,
    A::Event: 'static,
{
    async fn execute(
        &self,
        id: &str,
        command: A::Command,
        by: Metadata,
    ) -> Result<Option<Cursor>, CommandError<A::Error>> {
        match self.run(id, command, by, None).await? {
            Outcome::Written(cursor) => Ok(cursor),
            Outcome::Repeated(_) => Ok(None),
        }
    }

    async fn execute_once(
        &self,
        id: &str,
        command: A::Command,
        by: Metadata,
        once: Once,
    ) -> Result<Outcome, CommandError<A::Error>> {
        self.run(id, command, by, Some(once)).await
    }

    async fn answered(&self, once: &Once) -> Result<Option<serde_json::Value>, CommandError<A::Error>> {
        self.answered_before(once).await
    }
}
