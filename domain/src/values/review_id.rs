//! The id of a review: made from its plugin and its author, so that there is one of each.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{AccountId, PluginId};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ReviewId(pub Uuid);

impl ReviewId {
    /// The one review that this account can write of this plugin.
    pub fn of(plugin: PluginId, account: AccountId) -> Self {
        Self(Uuid::new_v5(&plugin.0, account.0.as_bytes()))
    }
}

/// The text is not a hyphenated UUID.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a review id is a UUID")]
pub struct InvalidReviewId;

impl FromStr for ReviewId {
    type Err = InvalidReviewId;

    /// Only the hyphenated form: one thing has one spelling.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match Uuid::parse_str(text) {
            Ok(id) if text.len() == 36 => Ok(Self(id)),
            Ok(_) | Err(_) => Err(InvalidReviewId),
        }
    }
}

impl fmt::Display for ReviewId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
