//! Old events in new shapes: one chain on the read path, for aggregates, subscriptions and exports alike.
//!
//! A stored event never changes. A step takes one version of one type to the next, and may split an event or drop
//! it. Steps are total: what they do not expect they leave as it is, for the reader to refuse.

use serde_json::Value;

/// What the log holds of an event, as far as its meaning goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    pub event_type: String,
    pub event_version: String,
    pub payload: Value,
}

type Step = fn(Stored) -> Vec<Stored>;

/// (type, version it takes) -> what makes the next version of it. Every historical version has a golden file
/// beside the tests.
const STEPS: [(&str, &str, Step); 0] = [];

/// Whether there is nothing to be done about an event.
pub(crate) fn is_newest(event_type: &str, event_version: &str) -> bool {
    !STEPS.iter().any(|(steps, version, _)| *steps == event_type && *version == event_version)
}

/// Brings an event to the newest version of its type.
pub fn upcast(stored: Stored) -> Vec<Stored> {
    upcast_by(&STEPS, stored)
}

fn upcast_by(steps: &[(&str, &str, Step)], stored: Stored) -> Vec<Stored> {
    let mut done = Vec::with_capacity(1);
    let mut left = vec![stored];
    while let Some(stored) = left.pop() {
        let step = steps.iter().find(|(event_type, version, _)| {
            *event_type == stored.event_type && *version == stored.event_version
        });
        match step {
            Some((_, _, step)) => left.extend(step(stored).into_iter().rev()),
            None => done.push(stored),
        }
    }
    done
}

#[cfg(test)]
mod tests;
