//! The catalogue in memory: whatever aggregates record is what queries read, at once. For the tests of this crate and,
//! by path, for those of the handlers.

#[path = "shelf/catalogue.rs"]
mod catalogue;
#[path = "shelf/downloads.rs"]
mod downloads;
#[path = "shelf/folding.rs"]
mod folding;
#[path = "shelf/installations.rs"]
mod installations;
#[path = "shelf/packages.rs"]
mod packages;
#[path = "shelf/repositories.rs"]
mod repositories;
#[path = "shelf/reviews.rs"]
mod reviews;

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard},
};

use application::{
    Error,
    commands::{CommandError, Commands, Once, Outcome},
    ports::{
        packages::{Numbered, Scan},
        system::Clock,
    },
    queries::catalogue::PluginView,
};
use async_trait::async_trait;
use cqrs_es::{Aggregate, DomainEvent as _, event_sink::EventSink};
use domain::{
    recorded::{Cursor, Event, Recorded, Stream},
    values::{AccountId, Metadata, PluginId},
};
use futures::FutureExt as _;
use serde_json::Value;
use uuid::Uuid;

pub(crate) use packages::{packed, prepared};

pub(crate) struct Shelf {
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

#[derive(Default)]
pub(crate) struct State {
    log: Vec<(Recorded, Value)>,
    once: HashMap<(String, String), ([u8; 32], Value)>,
    numbers: HashMap<Numbered, u64>,
    reviewers: HashMap<AccountId, u64>,
    /// What the scanner says; none: that it found nothing.
    pub(crate) scan: Option<Scan>,
    /// Appends that are still possible; any number where nobody said.
    pub(crate) room: Option<usize>,
    /// Names cannot be compared.
    pub(crate) is_blind: bool,
}

impl Shelf {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self { clock, state: Mutex::default() })
    }

    /// Everything that was recorded, oldest first.
    pub(crate) fn recorded(&self) -> Vec<Recorded> {
        self.lock().log.iter().map(|(recorded, _)| recorded.clone()).collect()
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    fn views(&self) -> BTreeMap<PluginId, PluginView> {
        folding::plugins(&self.recorded())
    }

    fn known<E: std::error::Error>(&self, once: &Once) -> Result<Option<Value>, CommandError<E>> {
        match self.lock().once.get(&(once.scope.clone(), once.key.clone())) {
            Some((hash, answer)) if *hash == once.request_hash => Ok(Some(answer.clone())),
            Some(_) => Err(CommandError::KeyReused),
            None => Ok(None),
        }
    }

    fn seeing(&self) -> Result<(), Error> {
        if self.lock().is_blind { Err(Error::unavailable()) } else { Ok(()) }
    }
}

impl State {
    fn load<A: Aggregate>(&self, id: &str) -> A {
        let mut aggregate = A::default();
        for (recorded, payload) in &self.log {
            if recorded.stream.aggregate_type == A::TYPE && recorded.stream.aggregate_id == id {
                aggregate.apply(serde_json::from_value(payload.clone()).unwrap());
            }
        }
        aggregate
    }

    fn record<A: Aggregate>(
        &mut self,
        id: &str,
        event: &A::Event,
        by: &Metadata,
        clock: &dyn Clock,
    ) -> Cursor {
        let stream = Stream { aggregate_type: A::TYPE.to_owned(), aggregate_id: id.to_owned() };
        let payload = serde_json::to_value(event).unwrap();
        let position = i64::try_from(self.log.len()).unwrap() + 1;
        let cursor = Cursor { epoch: 1, transaction: 1, position };
        let before = self.log.iter().filter(|(recorded, _)| recorded.stream == stream).count();
        let recorded = Recorded {
            cursor,
            event_id: Uuid::new_v4(),
            event: Event::read(&stream, &event.event_type(), payload.clone()).unwrap(),
            stream,
            sequence: i64::try_from(before).unwrap() + 1,
            metadata: by.clone(),
            recorded_at: clock.now(),
        };
        self.log.push((recorded, payload));
        cursor
    }
}

/// Decides without waiting: nothing in a decision does.
fn decided<A: Aggregate<Services = ()>>(
    mut aggregate: A,
    command: A::Command,
) -> Result<Vec<A::Event>, A::Error> {
    let sink = EventSink::default();
    aggregate.handle(command, &(), &sink).now_or_never().unwrap()?;
    Ok(sink.collect().now_or_never().unwrap())
}

#[async_trait]
impl<A: Aggregate<Services = (), Command: Send + 'static>> Commands<A> for Shelf {
    async fn execute(
        &self,
        id: &str,
        command: A::Command,
        by: Metadata,
    ) -> Result<Option<Cursor>, CommandError<A::Error>> {
        let mut state = self.lock();
        let events = decided(state.load::<A>(id), command).map_err(CommandError::Refused)?;
        if !events.is_empty() {
            match &mut state.room {
                Some(0) => return Err(CommandError::Unavailable),
                Some(room) => *room -= 1,
                None => {}
            }
        }
        let mut newest = None;
        for event in &events {
            newest = Some(state.record::<A>(id, event, &by, &*self.clock));
        }
        Ok(newest)
    }

    async fn execute_once(
        &self,
        id: &str,
        command: A::Command,
        by: Metadata,
        once: Once,
    ) -> Result<Outcome, CommandError<A::Error>> {
        if let Some(answer) = self.known(&once)? {
            return Ok(Outcome::Repeated(answer));
        }
        let written = Commands::<A>::execute(self, id, command, by).await?;
        self.lock().once.insert((once.scope, once.key), (once.request_hash, once.response));
        Ok(Outcome::Written(written))
    }

    async fn answered(&self, once: &Once) -> Result<Option<Value>, CommandError<A::Error>> {
        self.known(once)
    }
}
