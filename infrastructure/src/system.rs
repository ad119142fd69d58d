//! The real clock, real randomness.

use application::{
    error::Error,
    ports::{
        credentials::Randomness,
        system::{Clock, Ids},
    },
};
use chrono::{DateTime, Utc};
use uuid::Uuid;

#[derive(Debug, Clone, Copy, Default)]
pub struct System;

impl Clock for System {
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    fn now(&self) -> DateTime<Utc> {
        Utc::now()
    }
}

impl Ids for System {
    fn secret(&self) -> Uuid {
        Uuid::new_v4()
    }
}

impl Randomness for System {
    fn bytes(&self) -> Result<[u8; 32], Error> {
        Ok(random()?)
    }
}

/// The operating system refused; nothing that should be secret can be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the system gives no random numbers")]
pub struct NoRandomness;

impl From<NoRandomness> for Error {
    fn from(error: NoRandomness) -> Self {
        tracing::error!(%error, "no secret can be made");
        Self::unavailable()
    }
}

/// From the operating system.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], NoRandomness> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|_no_entropy| NoRandomness)?;
    Ok(bytes)
}

/// An id that sorts by its time, for events.
#[expect(clippy::disallowed_methods, reason = "this is the source of event ids")]
pub(crate) fn event_id() -> Uuid {
    Uuid::now_v7()
}
