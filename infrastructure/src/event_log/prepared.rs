//! The events of one decided command: numbered, chained and serialised, but not yet stored.

use application::commands::Once;
use cqrs_es::{Aggregate, DomainEvent};
use domain::{recorded::Stream, values::Metadata};
use serde_json::Value;
use uuid::Uuid;

use super::{
    cache::Folded,
    chain::{self, Link},
};
use crate::system;

/// The events of one command, ready to be stored.
#[derive(Debug, Clone)]
pub(super) struct Append {
    pub(super) stream: Stream,
    /// The version the command was decided on.
    pub(super) expected: i64,
    pub(super) events: Vec<NewEvent>,
    pub(super) metadata: Value,
    pub(super) once: Option<Once>,
    /// Of the last event.
    chain: [u8; 32],
}

#[derive(Debug, Clone)]
pub(super) struct NewEvent {
    pub(super) id: Uuid,
    pub(super) event_type: String,
    pub(super) event_version: String,
    pub(super) payload: Value,
    pub(super) chain: [u8; 32],
}

impl Append {
    /// `None` if the events cannot be serialised.
    pub(super) fn new<A: Aggregate>(
        id: &str,
        folded: &Folded<A>,
        events: &[A::Event],
        by: &Metadata,
        once: Option<Once>,
    ) -> Option<Self> {
        let metadata = serde_json::to_value(by).ok()?;
        let stream = Stream { aggregate_type: A::TYPE.to_owned(), aggregate_id: id.to_owned() };
        let mut chain = folded.chain;
        let mut prepared = Vec::with_capacity(events.len());
        for (sequence, event) in (folded.version + 1..).zip(events) {
            let payload = serde_json::to_value(event).ok()?;
            let (event_type, event_version) = (event.event_type(), event.event_version());
            let event_id = system::event_id();
            chain = chain::next(
                &chain,
                &Link {
                    event_id,
                    aggregate_type: A::TYPE,
                    aggregate_id: id,
                    sequence,
                    event_type: &event_type,
                    event_version: &event_version,
                    payload: &payload,
                    metadata: &metadata,
                },
            );
            prepared.push(NewEvent { id: event_id, event_type, event_version, payload, chain });
        }
        Some(Self { stream, expected: folded.version, events: prepared, metadata, once, chain })
    }

    /// Version and chain of the stream once this is stored.
    pub(super) fn outcome(&self) -> (i64, [u8; 32]) {
        (self.expected + i64::try_from(self.events.len()).unwrap_or(i64::MAX), self.chain)
    }
}
