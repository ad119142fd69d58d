//! The log as readers see it: every event the product knows, with its place in the feed.

use std::{fmt, str::FromStr};

use chrono::{DateTime, Utc};
use cqrs_es::Aggregate as _;
use serde::de::DeserializeOwned;
use serde_json::Value;
use uuid::Uuid;

use crate::{
    account::{Account, AccountEvent},
    api_key::{ApiKey, ApiKeyEvent},
    device_login::{DeviceLogin, DeviceLoginEvent},
    download_log::{DownloadLog, DownloadLogEvent, DownloadStream},
    installation::{Installation, InstallationEvent},
    name_claim::{NameClaim, NameClaimEvent},
    operation::{Operation, OperationEvent},
    plugin::{Plugin, PluginEvent},
    publisher::{Publisher, PublisherEvent},
    repository::{Repository, RepositoryEvent},
    review::{Review, ReviewEvent},
    task::{Task, TaskEvent},
    values::{
        AccountId, ClaimKey, DeviceLoginId, InstallationId, KeyId, Metadata, OperationId, PluginId,
        PublisherName, ReviewId, TaskId,
    },
};

/// All events the log may hold.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    Task(TaskId, TaskEvent),
    Account(AccountId, AccountEvent),
    ApiKey(KeyId, ApiKeyEvent),
    DeviceLogin(DeviceLoginId, DeviceLoginEvent),
    Plugin(PluginId, PluginEvent),
    NameClaim(ClaimKey, NameClaimEvent),
    Publisher(PublisherName, PublisherEvent),
    Review(ReviewId, ReviewEvent),
    /// By its name.
    Repository(String, RepositoryEvent),
    Download(DownloadStream, DownloadLogEvent),
    Installation(InstallationId, InstallationEvent),
    Operation(OperationId, OperationEvent),
}

/// A stored event cannot be read by this build.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// Written by a newer build, or not by this product.
    #[error("event type {0} is unknown to this build")]
    UnknownType(String),
    #[error("event of type {0} does not have the shape of its type: {1}")]
    Malformed(String, String),
}

impl Event {
    /// Every event type the product knows.
    pub fn known_types() -> impl Iterator<Item = &'static str> {
        let all: [&[&str]; 12] = [
            &TaskEvent::TYPES,
            &AccountEvent::TYPES,
            &ApiKeyEvent::TYPES,
            DeviceLoginEvent::TYPES,
            PluginEvent::TYPES,
            NameClaimEvent::TYPES,
            PublisherEvent::TYPES,
            ReviewEvent::TYPES,
            RepositoryEvent::TYPES,
            DownloadLogEvent::TYPES,
            InstallationEvent::TYPES,
            OperationEvent::TYPES,
        ];
        all.into_iter().flatten().copied()
    }

    /// Reads a payload that the upcasters have brought to its newest version.
    pub fn read<'a>(
        stream: &'a Stream,
        event_type: &'a str,
        payload: impl Into<Payload<'a>>,
    ) -> Result<Self, Unreadable> {
        let of = |types: &[&str]| types.contains(&event_type);
        let stored = Stored { stream, event_type, payload: payload.into() };
        match stream.aggregate_type.as_str() {
            Task::TYPE if of(&TaskEvent::TYPES) => stored.read(TaskEvent::name, Self::Task),
            Account::TYPE if of(&AccountEvent::TYPES) => stored.read(AccountEvent::name, Self::Account),
            ApiKey::TYPE if of(&ApiKeyEvent::TYPES) => stored.read(ApiKeyEvent::name, Self::ApiKey),
            DeviceLogin::TYPE if of(DeviceLoginEvent::TYPES) => {
                stored.read(DeviceLoginEvent::name, Self::DeviceLogin)
            }
            Plugin::TYPE if of(PluginEvent::TYPES) => stored.read(PluginEvent::name, Self::Plugin),
            NameClaim::TYPE if of(NameClaimEvent::TYPES) => {
                stored.read(NameClaimEvent::name, Self::NameClaim)
            }
            Publisher::TYPE if of(PublisherEvent::TYPES) => {
                stored.read(PublisherEvent::name, Self::Publisher)
            }
            Review::TYPE if of(ReviewEvent::TYPES) => stored.read(ReviewEvent::name, Self::Review),
            Repository::TYPE if of(RepositoryEvent::TYPES) => {
                stored.read(RepositoryEvent::name, Self::Repository)
            }
            DownloadLog::TYPE if of(DownloadLogEvent::TYPES) => {
                stored.read(DownloadLogEvent::name, Self::Download)
            }
            Installation::TYPE if of(InstallationEvent::TYPES) => {
                stored.read(InstallationEvent::name, Self::Installation)
            }
            Operation::TYPE if of(OperationEvent::TYPES) => {
                stored.read(OperationEvent::name, Self::Operation)
            }
            _ => Err(Unreadable::UnknownType(event_type.to_owned())),
        }
    }
}

/// What was stored of an event: as it came from the database, or as something has changed it since.
#[derive(Debug)]
pub enum Payload<'a> {
    Text(&'a str),
    Value(Value),
}

impl<'a> From<&'a str> for Payload<'a> {
    fn from(json: &'a str) -> Self {
        Self::Text(json)
    }
}

impl From<Value> for Payload<'_> {
    fn from(json: Value) -> Self {
        Self::Value(json)
    }
}

impl Payload<'_> {
    fn read<E: DeserializeOwned>(self) -> Result<E, serde_json::Error> {
        match self {
            Self::Text(json) => serde_json::from_str(json),
            Self::Value(json) => serde_json::from_value(json),
        }
    }
}

/// One stored event of a type that is known.
struct Stored<'a> {
    stream: &'a Stream,
    event_type: &'a str,
    payload: Payload<'a>,
}

impl Stored<'_> {
    /// The id of the stream and the event, which must be of the type it is stored under.
    fn read<Id, E>(
        self,
        name: fn(&E) -> &'static str,
        event_of: fn(Id, E) -> Event,
    ) -> Result<Event, Unreadable>
    where
        Id: FromStr<Err: fmt::Display>,
        E: DeserializeOwned,
    {
        let malformed = |why: String| Unreadable::Malformed(self.event_type.to_owned(), why);
        let id = self.stream.aggregate_id.parse().map_err(|error: Id::Err| malformed(error.to_string()))?;
        let event: E = self.payload.read().map_err(|error| malformed(error.to_string()))?;
        if name(&event) != self.event_type {
            return Err(malformed(format!("the payload is a {}", name(&event))));
        }
        Ok(event_of(id, event))
    }
}

/// The events of one aggregate.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Stream {
    pub aggregate_type: String,
    pub aggregate_id: String,
}

/// An event with everything the log knows of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Recorded {
    pub cursor: Cursor,
    pub event_id: Uuid,
    pub stream: Stream,
    pub sequence: i64,
    pub event: Event,
    pub metadata: Metadata,
    pub recorded_at: DateTime<Utc>,
}

/// A place in the feed; opaque outside the log. Ordered as the feed is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cursor {
    pub epoch: i32,
    pub transaction: u64,
    pub position: i64,
}

/// The text is no cursor this service has given out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("malformed cursor")]
pub struct InvalidCursor;

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}-{}", self.epoch, self.transaction, self.position)
    }
}

impl FromStr for Cursor {
    type Err = InvalidCursor;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.split('-');
        let mut next = || parts.next().filter(|part| part.bytes().all(|b| b.is_ascii_digit()));
        let (epoch, transaction, position) = (next(), next(), next());
        let read = || {
            Some(Self {
                epoch: epoch?.parse().ok()?,
                transaction: transaction?.parse().ok()?,
                position: position?.parse().ok()?,
            })
        };
        read().filter(|_| parts.next().is_none()).ok_or(InvalidCursor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_cursor_survives_its_text(epoch in 0..i32::MAX, transaction in any::<u64>(), position in 0..i64::MAX) {
            let cursor = Cursor { epoch, transaction, position };
            prop_assert_eq!(cursor.to_string().parse(), Ok(cursor));
        }

        #[test]
        fn no_text_makes_the_cursor_panic(text in ".{0,40}") {
            let _ = text.parse::<Cursor>();
        }

        #[test]
        fn epoch_then_transaction_then_position_order_the_feed(a in any::<(u8, u8, u8)>(), b in any::<(u8, u8, u8)>()) {
            let cursor = |(e, t, p): (u8, u8, u8)| {
                Cursor { epoch: e.into(), transaction: t.into(), position: p.into() }
            };
            prop_assert_eq!(cursor(a).cmp(&cursor(b)), a.cmp(&b));
        }
    }

    #[test]
    fn an_unknown_type_is_told_from_a_malformed_event() {
        let stream = Stream {
            aggregate_type: "task".to_owned(),
            aggregate_id: "123e4567-e89b-42d3-a456-426614174000".to_owned(),
        };
        let unknown = Event::read(&stream, "TaskTeleported", Value::Null);
        assert_eq!(unknown, Err(Unreadable::UnknownType("TaskTeleported".to_owned())));
        let malformed = Event::read(&stream, "TaskStarted", serde_json::json!({"type": "TaskStarted"}));
        assert!(matches!(malformed, Err(Unreadable::Malformed(..))), "{malformed:?}");
        let other = serde_json::json!({"type": "TaskCancelled", "by": "x"});
        assert!(matches!(Event::read(&stream, "TaskStarted", other), Err(Unreadable::Malformed(..))));
    }
}
