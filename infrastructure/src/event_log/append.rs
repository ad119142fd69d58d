//! One writer per node appends for everybody.
//!
//! Commands that arrive while a statement is in flight wait in a queue, and the next statement carries them all:
//! one commit, one flush, for many commands. Two commands of one stream never travel at the same time. A command's
//! events go in together or not at all, and one guilty command fails alone.

use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use domain::recorded::{Cursor, Stream};
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinSet,
    time::Instant,
};

use super::{
    line::Line,
    prepared::Append,
    statement::{Fault, Outcome},
};
use crate::{postgres::Pools, subscription::Signals};

/// Statements in flight at the same time.
const IN_FLIGHT: usize = 3;
/// Commands that make another statement worth its commit while one is in flight.
const WORTH_ANOTHER: usize = 4;
/// Events one statement carries at most, unless a single command brings more.
const EVENTS_A_STATEMENT: usize = 300;
/// Commands that may wait; beyond it callers wait to get in.
const QUEUE: usize = 4096;
/// How long a command whose outcome is unknown is offered again.
const PATIENCE: Duration = Duration::from_secs(2);

/// Where the last event of the command stands; none if it had no events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    pub cursor: Option<Cursor>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// The stream has moved on: load and decide again.
    #[error("the stream has moved on")]
    Conflict,
    #[error("the idempotency key was used before")]
    KeyUsed,
    /// Nothing was stored, and nothing will be until there is space.
    #[error("the database has no space left")]
    Full,
    /// The outcome is unknown; the same command with the same key is safe to repeat.
    #[error("the log is not reachable")]
    Unavailable,
}

type Reply = oneshot::Sender<Result<Appended, AppendError>>;
type Waiting = (Append, Reply);

/// A handle to the node's writer; the writer ends when the last handle is gone.
#[derive(Debug, Clone)]
pub struct LogWriter {
    queue: mpsc::Sender<Waiting>,
    facts: Arc<WriterFacts>,
}

/// What the writer has done so far.
#[derive(Debug, Default)]
pub struct WriterFacts {
    pub statements: AtomicU64,
    pub commands: AtomicU64,
    pub events: AtomicU64,
    pub conflicts: AtomicU64,
}

impl LogWriter {
    /// The handle and the loop that must be run for it. Readers and other nodes are told of every commit.
    pub fn new(pools: &Pools, signals: &Signals) -> (Self, impl Future<Output = ()> + Send + use<>) {
        let (queue, commands) = mpsc::channel(QUEUE);
        let facts = Arc::new(WriterFacts::default());
        let writer = Writer { pools: pools.clone(), signals: signals.clone(), facts: facts.clone() };
        (Self { queue, facts }, writer.run(commands))
    }

    pub fn facts(&self) -> &WriterFacts {
        &self.facts
    }

    /// Once it is queued it is carried through, even if the caller goes away.
    pub(super) async fn append(&self, append: Append) -> Result<Appended, AppendError> {
        let (reply, answer) = oneshot::channel();
        self.queue.send((append, reply)).await.map_err(|_closed| AppendError::Unavailable)?;
        answer.await.unwrap_or(Err(AppendError::Unavailable))
    }
}

#[derive(Clone)]
struct Writer {
    pools: Pools,
    signals: Signals,
    facts: Arc<WriterFacts>,
}

impl Writer {
    async fn run(self, mut commands: mpsc::Receiver<Waiting>) {
        let mut queue: Vec<Waiting> = Vec::new();
        let mut busy: HashSet<Stream> = HashSet::new();
        let mut idle: Vec<Line> = (0..IN_FLIGHT).map(|_| Line::default()).collect();
        let mut in_flight: JoinSet<(Line, Vec<Stream>)> = JoinSet::new();
        let mut open = true;
        while open || !queue.is_empty() || !in_flight.is_empty() {
            while in_flight.is_empty() || queue.len() >= WORTH_ANOTHER {
                let Some(line) = idle.pop() else { break };
                let batch = next_batch(&mut queue, &mut busy);
                if batch.is_empty() {
                    idle.push(line);
                    break;
                }
                in_flight.spawn(self.clone().write(line, batch));
            }
            tokio::select! {
                received = commands.recv_many(&mut queue, QUEUE), if open && queue.len() < QUEUE => {
                    open = received > 0;
                    // Whoever was woken together with the first may join its statement.
                    tokio::task::yield_now().await;
                    while let Ok(waiting) = commands.try_recv() {
                        queue.push(waiting);
                    }
                }
                Some(done) = in_flight.join_next() => {
                    let (line, streams) = done.unwrap_or_default();
                    idle.push(line);
                    for stream in streams {
                        busy.remove(&stream);
                    }
                }
            }
        }
    }

    /// Answers every command of the batch and returns their streams.
    async fn write(self, mut line: Line, batch: Vec<Waiting>) -> (Line, Vec<Stream>) {
        let streams = batch.iter().map(|(append, _)| append.stream.clone()).collect();
        let (appends, replies): (Vec<_>, Vec<_>) = batch.into_iter().unzip();
        if let Ok(outcomes) = self.store(&mut line, &appends).await {
            self.tell();
            for (outcome, reply) in outcomes.into_iter().zip(replies) {
                let _ = reply.send(self.answer(outcome));
            }
            return (line, streams);
        }
        // The whole statement is undone, or nobody knows: each command alone, and only the guilty one fails.
        let deadline = Instant::now() + PATIENCE;
        for (append, reply) in appends.into_iter().zip(replies) {
            let answer = self.alone(&mut line, &append, deadline).await;
            self.tell();
            let _ = reply.send(answer);
        }
        (line, streams)
    }

    async fn alone(
        &self,
        line: &mut Line,
        append: &Append,
        deadline: Instant,
    ) -> Result<Appended, AppendError> {
        loop {
            if Instant::now() > deadline {
                return Err(AppendError::Unavailable);
            }
            let fault = match self.store(line, std::slice::from_ref(append)).await {
                Ok(outcomes) if outcomes.first() != Some(&Outcome::Raced) => {
                    return self.answer(outcomes.into_iter().next().unwrap_or(Outcome::Raced));
                }
                // An earlier try may have been stored although its answer was lost.
                Ok(_) | Err(Fault::Stream) => match line.already_stored(&self.pools, append).await {
                    Ok(Some(cursor)) => return Ok(Appended { cursor: Some(cursor) }),
                    Ok(None) => return self.answer(Outcome::Raced),
                    Err(fault) => fault,
                },
                Err(Fault::Key) => return Err(AppendError::KeyUsed),
                Err(Fault::Full) => return Err(AppendError::Full),
                Err(Fault::Other(error)) => error,
            };
            tracing::warn!(error = %fault, "an append is tried again");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    fn tell(&self) {
        self.signals.appended.raise();
        self.signals.written.raise();
    }

    async fn store(&self, line: &mut Line, appends: &[Append]) -> Result<Vec<Outcome>, Fault> {
        let outcomes = line.store(&self.pools, appends).await?;
        let events: usize = appends.iter().map(|append| append.events.len()).sum();
        self.facts.statements.fetch_add(1, Ordering::Relaxed);
        self.facts.commands.fetch_add(appends.len() as u64, Ordering::Relaxed);
        self.facts.events.fetch_add(events as u64, Ordering::Relaxed);
        Ok(outcomes)
    }

    fn answer(&self, outcome: Outcome) -> Result<Appended, AppendError> {
        match outcome {
            Outcome::Stored(cursor) => Ok(Appended { cursor }),
            Outcome::Raced => {
                self.facts.conflicts.fetch_add(1, Ordering::Relaxed);
                Err(AppendError::Conflict)
            }
        }
    }
}

/// Takes the oldest commands whose streams are free, and marks these streams busy.
fn next_batch(queue: &mut Vec<Waiting>, busy: &mut HashSet<Stream>) -> Vec<Waiting> {
    let mut events = 0;
    let mut batch: Vec<Waiting> = Vec::new();
    let mut passed: HashSet<Stream> = HashSet::new();
    for (append, reply) in std::mem::take(queue) {
        let full = !batch.is_empty() && events + append.events.len() > EVENTS_A_STATEMENT;
        // Commands of one stream keep their order, also when the first of them has to wait.
        if full || busy.contains(&append.stream) || passed.contains(&append.stream) {
            passed.insert(append.stream.clone());
            queue.push((append, reply));
            continue;
        }
        events += append.events.len();
        busy.insert(append.stream.clone());
        batch.push((append, reply));
    }
    batch
}
