//! Finds what rights and triggers could not stop: a changed event, a hole, an event without its chain.

use std::fmt;

use futures::TryStreamExt;
use serde_json::Value;
use sqlx::{PgConnection, Row, postgres::PgRow};
use uuid::Uuid;

use super::chain::{self, Link};

/// One thing that is wrong with one stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// The event, or one before it, is not what was stored.
    Changed { stream: String, sequence: i64 },
    /// An event of the stream is missing.
    Hole { stream: String, sequence: i64 },
    /// The event did not come through this product's append.
    Unchained { stream: String, sequence: i64 },
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Changed { stream, sequence } => write!(f, "{stream} event {sequence}: changed"),
            Self::Hole { stream, sequence } => write!(f, "{stream} event {sequence}: missing"),
            Self::Unchained { stream, sequence } => write!(f, "{stream} event {sequence}: without a chain"),
        }
    }
}

/// Walks every stream; returns how many events were read and what was found.
pub async fn verify(connection: &mut PgConnection) -> Result<(u64, Vec<Finding>), sqlx::Error> {
    let mut rows = sqlx::query(
        "select event_id, aggregate_type, aggregate_id, sequence, event_type, event_version, payload, metadata, chain
           from es.events order by aggregate_type, aggregate_id, sequence",
    )
    .fetch(connection);
    let mut walk = Walk::default();
    let mut events = 0;
    while let Some(row) = rows.try_next().await? {
        walk.step(&row)?;
        events += 1;
    }
    Ok((events, walk.findings))
}

#[derive(Default)]
struct Walk {
    stream: String,
    sequence: i64,
    chain: Vec<u8>,
    findings: Vec<Finding>,
}

impl Walk {
    fn step(&mut self, row: &PgRow) -> Result<(), sqlx::Error> {
        let aggregate_type: String = row.try_get("aggregate_type")?;
        let aggregate_id: String = row.try_get("aggregate_id")?;
        let sequence: i64 = row.try_get("sequence")?;
        let stored: Vec<u8> = row.try_get("chain")?;
        let stream = format!("{aggregate_type}/{aggregate_id}");
        if stream != self.stream {
            self.stream.clone_from(&stream);
            self.sequence = 0;
            self.chain = chain::BEGINNING.to_vec();
        }
        if sequence != self.sequence + 1 {
            self.findings.push(Finding::Hole { stream: stream.clone(), sequence: self.sequence + 1 });
        }
        let event_id: Uuid = row.try_get("event_id")?;
        let (event_type, event_version): (String, String) =
            (row.try_get("event_type")?, row.try_get("event_version")?);
        let (payload, metadata): (Value, Value) = (row.try_get("payload")?, row.try_get("metadata")?);
        let link = Link {
            event_id,
            aggregate_type: &aggregate_type,
            aggregate_id: &aggregate_id,
            sequence,
            event_type: &event_type,
            event_version: &event_version,
            payload: &payload,
            metadata: &metadata,
        };
        if stored.is_empty() {
            self.findings.push(Finding::Unchained { stream, sequence });
        } else if sequence == self.sequence + 1 && chain::next(&self.chain, &link)[..] != stored[..] {
            self.findings.push(Finding::Changed { stream, sequence });
        }
        self.sequence = sequence;
        // Goes on from what is stored, so that one change is found once.
        self.chain = if stored.is_empty() { chain::BEGINNING.to_vec() } else { stored };
        Ok(())
    }
}
