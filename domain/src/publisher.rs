//! A publisher: the first of the two words that name a plugin, and whoever has it. The name is its stream, so that the
//! first append wins.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::values::{AccountId, PublisherName};

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Publisher {
    registered: bool,
    owner: Option<AccountId>,
    is_verified: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PublisherCommand {
    /// By its first publication. Whoever has it already may say so again.
    Register(PublisherRegistered),
    Describe(PublisherProfile),
    Verify {
        method: String,
        evidence: String,
    },
    Unverify {
        reason: String,
    },
    Transfer {
        to_owner: AccountId,
    },
}

/// Stored as one flat object with the member `type`. Variants and fields are only ever added.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub enum PublisherEvent {
    PublisherRegistered(PublisherRegistered),
    PublisherDescribed(PublisherProfile),
    PublisherVerified { method: String, evidence: String },
    PublisherVerificationRevoked { reason: String },
    PublisherTransferred { to_owner: AccountId },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublisherRegistered {
    /// As it was written first.
    pub name: PublisherName,
    /// Where ids are numbers: `author_456`.
    pub number: u64,
    /// None: the operator's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<AccountId>,
    pub at: DateTime<Utc>,
}

/// Public, and nobody has proved it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PublisherProfile {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PublisherError {
    #[error("No such publisher")]
    Unknown,
    #[error("this publisher's name belongs to somebody else")]
    Taken,
}

impl Publisher {
    pub fn decide(&self, command: PublisherCommand) -> Result<Vec<PublisherEvent>, PublisherError> {
        use PublisherEvent as E;
        let unless = |already: bool, event: E| {
            if !self.registered {
                return Err(PublisherError::Unknown);
            }
            Ok(if already { Vec::new() } else { vec![event] })
        };
        match command {
            PublisherCommand::Register(registered) if !self.registered => {
                Ok(vec![E::PublisherRegistered(registered)])
            }
            PublisherCommand::Register(registered) if registered.owner == self.owner => Ok(Vec::new()),
            PublisherCommand::Register(_) => Err(PublisherError::Taken),
            PublisherCommand::Describe(profile) => unless(false, E::PublisherDescribed(profile)),
            PublisherCommand::Verify { method, evidence } => {
                unless(self.is_verified, E::PublisherVerified { method, evidence })
            }
            PublisherCommand::Unverify { reason } => {
                unless(!self.is_verified, E::PublisherVerificationRevoked { reason })
            }
            PublisherCommand::Transfer { to_owner } => {
                let mut events = unless(self.owner == Some(to_owner), E::PublisherTransferred { to_owner })?;
                // What was proved of one owner says nothing of another.
                if !events.is_empty() && self.is_verified {
                    let reason = "it was transferred".to_owned();
                    events.push(E::PublisherVerificationRevoked { reason });
                }
                Ok(events)
            }
        }
    }
}

aggregate!(Publisher, "publisher", PublisherCommand, PublisherEvent, PublisherError);

impl Publisher {
    fn evolve(&mut self, event: PublisherEvent) {
        match event {
            PublisherEvent::PublisherRegistered(registered) => {
                *self = Self { registered: true, owner: registered.owner, is_verified: false };
            }
            PublisherEvent::PublisherDescribed(_) => {}
            PublisherEvent::PublisherVerified { .. } => self.is_verified = true,
            PublisherEvent::PublisherVerificationRevoked { .. } => self.is_verified = false,
            PublisherEvent::PublisherTransferred { to_owner } => self.owner = Some(to_owner),
        }
    }
}

impl PublisherEvent {
    /// Every type of this stream that the product knows.
    pub const TYPES: &'static [&'static str] = &[
        "PublisherRegistered",
        "PublisherDescribed",
        "PublisherVerified",
        "PublisherVerificationRevoked",
        "PublisherTransferred",
    ];

    pub fn name(&self) -> &'static str {
        match self {
            Self::PublisherRegistered(_) => "PublisherRegistered",
            Self::PublisherDescribed(_) => "PublisherDescribed",
            Self::PublisherVerified { .. } => "PublisherVerified",
            Self::PublisherVerificationRevoked { .. } => "PublisherVerificationRevoked",
            Self::PublisherTransferred { .. } => "PublisherTransferred",
        }
    }
}

domain_event!(PublisherEvent);

#[cfg(test)]
mod tests;
