//! What happened to a review. Variants and fields are only ever added.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::values::{AccountId, PluginId, ReviewId, Sealed};

/// One to five stars.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct Rating(u8);

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a rating is a whole number from 1 to 5")]
pub struct InvalidRating;

impl Rating {
    pub fn new(stars: u64) -> Result<Self, InvalidRating> {
        u8::try_from(stars).ok().filter(|stars| (1..=5).contains(stars)).map(Self).ok_or(InvalidRating)
    }

    pub fn stars(self) -> u8 {
        self.0
    }
}

impl TryFrom<u8> for Rating {
    type Error = InvalidRating;

    fn try_from(stars: u8) -> Result<Self, Self::Error> {
        Self::new(stars.into())
    }
}

impl From<Rating> for u8 {
    fn from(rating: Rating) -> Self {
        rating.0
    }
}

/// What its author wrote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Written {
    pub rating: Rating,
    pub title: String,
    pub text: String,
    /// Of the plugin, as far as its author says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReviewSubmitted {
    pub review_uid: ReviewId,
    /// Where ids are numbers: `review_789`.
    pub number: u64,
    pub plugin_uid: PluginId,
    pub account_uid: AccountId,
    /// Where ids are numbers: `user_101`; the same in all reviews of the account.
    pub user_number: u64,
    /// As it is shown; sealed under the account, so that it goes with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_name: Option<Sealed>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub avatar: Option<Sealed>,
    pub written: Written,
    /// Votes that came with an imported review.
    #[serde(default)]
    pub helpful: u64,
    /// Its rating is counted elsewhere already: it came with imported totals.
    #[serde(default)]
    pub is_counted: bool,
    pub at: DateTime<Utc>,
}

/// Stored as one flat object with the member `type`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub enum ReviewEvent {
    ReviewSubmitted(ReviewSubmitted),
    ReviewEdited {
        plugin_uid: PluginId,
        was: Rating,
        is_hidden: bool,
        written: Written,
        at: DateTime<Utc>,
    },
    ReviewWithdrawn {
        plugin_uid: PluginId,
        was: Rating,
        is_hidden: bool,
    },
    ReviewModerated {
        plugin_uid: PluginId,
        rating: Rating,
        is_hidden: bool,
        reason: String,
    },
    ReviewVoted {
        plugin_uid: PluginId,
        by: AccountId,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        was: Option<bool>,
        helpful: bool,
    },
    /// Said of the plugin itself, whether or not there is a review.
    PluginLiked {
        plugin_uid: PluginId,
        by: AccountId,
        /// False: not any more.
        liked: bool,
    },
}

impl ReviewEvent {
    /// Every type of this stream that the product knows.
    pub const TYPES: &'static [&'static str] = &[
        "ReviewSubmitted",
        "ReviewEdited",
        "ReviewWithdrawn",
        "ReviewModerated",
        "ReviewVoted",
        Self::LIKED,
    ];
    pub const LIKED: &'static str = "PluginLiked";

    pub fn name(&self) -> &'static str {
        match self {
            Self::ReviewSubmitted(_) => "ReviewSubmitted",
            Self::ReviewEdited { .. } => "ReviewEdited",
            Self::ReviewWithdrawn { .. } => "ReviewWithdrawn",
            Self::ReviewModerated { .. } => "ReviewModerated",
            Self::ReviewVoted { .. } => "ReviewVoted",
            Self::PluginLiked { .. } => Self::LIKED,
        }
    }

    pub fn plugin(&self) -> PluginId {
        match self {
            Self::ReviewSubmitted(submitted) => submitted.plugin_uid,
            Self::ReviewEdited { plugin_uid, .. }
            | Self::ReviewWithdrawn { plugin_uid, .. }
            | Self::ReviewModerated { plugin_uid, .. }
            | Self::ReviewVoted { plugin_uid, .. }
            | Self::PluginLiked { plugin_uid, .. } => *plugin_uid,
        }
    }

    /// How the sum of stars and the number of ratings of the plugin change: stars taken away, stars added. An imported
    /// review counts in neither.
    pub fn ratings(&self) -> (Option<Rating>, Option<Rating>) {
        match self {
            Self::ReviewSubmitted(submitted) if submitted.is_counted => (None, None),
            Self::ReviewSubmitted(submitted) => (None, Some(submitted.written.rating)),
            Self::ReviewEdited { is_hidden: true, .. } | Self::ReviewWithdrawn { is_hidden: true, .. } => {
                (None, None)
            }
            Self::ReviewEdited { was, written, .. } => (Some(*was), Some(written.rating)),
            Self::ReviewWithdrawn { was, .. } => (Some(*was), None),
            Self::ReviewModerated { rating, is_hidden: true, .. } => (Some(*rating), None),
            Self::ReviewModerated { rating, .. } => (None, Some(*rating)),
            Self::ReviewVoted { .. } | Self::PluginLiked { .. } => (None, None),
        }
    }
}

domain_event!(ReviewEvent);
