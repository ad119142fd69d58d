//! A credential: issued once, good for some dialects, a role and scopes, until it expires or is revoked.
//!
//! Guards: an id is issued once; only a session is refreshed, and not after it was revoked; a revoked key stays
//! revoked. The secret itself is never here, only its SHA-256.

mod command;
mod error;
mod event;

pub use command::ApiKeyCommand;
pub use error::ApiKeyError;
pub use event::{ApiKeyEvent, ApiKeyIssued, KeyKind};

use cqrs_es::{Aggregate, event_sink::EventSink};
use serde::{Deserialize, Serialize};

/// The state that decisions need; views are elsewhere.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ApiKey {
    #[default]
    Absent,
    Live(KeyKind),
    Revoked,
}

impl ApiKey {
    /// The rules, one line per command.
    pub fn decide(self, command: ApiKeyCommand) -> Result<Vec<ApiKeyEvent>, ApiKeyError> {
        match command {
            ApiKeyCommand::Issue(issued) => self.issue(issued),
            ApiKeyCommand::Refresh { secret_sha256, expires_at } => {
                self.must_be_a_live_session()?;
                Ok(vec![ApiKeyEvent::ApiKeyRefreshed { secret_sha256, expires_at }])
            }
            ApiKeyCommand::Revoke { by, reason } => self.revoke(by, reason),
        }
    }

    fn issue(self, issued: ApiKeyIssued) -> Result<Vec<ApiKeyEvent>, ApiKeyError> {
        if self != Self::Absent {
            return Err(ApiKeyError::AlreadyIssued);
        }
        if issued.dialects.is_empty() {
            return Err(ApiKeyError::NoDialect);
        }
        if !issued.scopes.is_subset(&issued.role.scopes()) || issued.scopes.is_empty() {
            return Err(ApiKeyError::ScopeBeyondRole);
        }
        Ok(vec![ApiKeyEvent::ApiKeyIssued(issued)])
    }

    /// Twice is the same as once.
    fn revoke(self, by: String, reason: String) -> Result<Vec<ApiKeyEvent>, ApiKeyError> {
        match self {
            Self::Absent => Err(ApiKeyError::Unknown),
            Self::Live(_) => Ok(vec![ApiKeyEvent::ApiKeyRevoked { by, reason }]),
            Self::Revoked => Ok(Vec::new()),
        }
    }

    fn must_be_a_live_session(self) -> Result<(), ApiKeyError> {
        match self {
            Self::Live(KeyKind::Session) => Ok(()),
            Self::Live(KeyKind::Token) => Err(ApiKeyError::NotASession),
            Self::Revoked => Err(ApiKeyError::Revoked),
            Self::Absent => Err(ApiKeyError::Unknown),
        }
    }
}

impl Aggregate for ApiKey {
    const TYPE: &'static str = "api_key";
    type Command = ApiKeyCommand;
    type Event = ApiKeyEvent;
    type Error = ApiKeyError;
    type Services = ();

    async fn handle(
        &mut self,
        command: Self::Command,
        (): &Self::Services,
        sink: &EventSink<Self>,
    ) -> Result<(), Self::Error> {
        for event in self.decide(command)? {
            sink.write(event, self).await;
        }
        Ok(())
    }

    fn apply(&mut self, event: Self::Event) {
        match event {
            ApiKeyEvent::ApiKeyIssued(issued) => *self = Self::Live(issued.kind),
            ApiKeyEvent::ApiKeyRefreshed { .. } => {}
            ApiKeyEvent::ApiKeyRevoked { .. } => *self = Self::Revoked,
        }
    }
}

#[cfg(test)]
mod tests;
