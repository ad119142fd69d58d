//! What somebody says of a plugin: one review and one like an account and plugin, each without the other.
//!
//! Guards: one at a time; one to five stars; nobody votes for his own, and everybody once; who likes it likes it once. Events say what a rating was
//! before, so that averages can be counted from them alone.

mod event;

pub use event::{Rating, ReviewEvent, ReviewSubmitted, Written};

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::values::{AccountId, PluginId};

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Review {
    /// None: never submitted, or withdrawn.
    live: Option<Live>,
    votes: BTreeMap<AccountId, bool>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    liked: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Live {
    plugin: PluginId,
    account: AccountId,
    rating: Rating,
    is_hidden: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub enum ReviewCommand {
    Submit(Box<ReviewSubmitted>),
    Edit {
        written: Written,
        at: DateTime<Utc>,
    },
    Withdraw,
    /// Hidden, or shown again.
    Moderate {
        is_hidden: bool,
        reason: String,
    },
    Vote {
        by: AccountId,
        helpful: bool,
    },
    Like {
        plugin: PluginId,
        by: AccountId,
        liked: bool,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReviewError {
    #[error("No such review")]
    Unknown,
    #[error("You have reviewed this plugin already; edit or withdraw that review")]
    AlreadySubmitted,
    #[error("Nobody votes for a review of his own")]
    OwnReview,
}

impl Review {
    pub fn decide(&self, command: ReviewCommand) -> Result<Vec<ReviewEvent>, ReviewError> {
        match command {
            ReviewCommand::Submit(_) if self.live.is_some() => Err(ReviewError::AlreadySubmitted),
            ReviewCommand::Submit(submitted) => Ok(vec![ReviewEvent::ReviewSubmitted(*submitted)]),
            ReviewCommand::Edit { written, at } => {
                let Live { plugin, rating, is_hidden, .. } = self.live()?.clone();
                let (plugin_uid, was) = (plugin, rating);
                Ok(vec![ReviewEvent::ReviewEdited { plugin_uid, was, is_hidden, written, at }])
            }
            ReviewCommand::Withdraw => {
                let Live { plugin, rating, is_hidden, .. } = self.live()?.clone();
                Ok(vec![ReviewEvent::ReviewWithdrawn { plugin_uid: plugin, was: rating, is_hidden }])
            }
            ReviewCommand::Moderate { is_hidden, reason } => {
                let live = self.live()?;
                if live.is_hidden == is_hidden {
                    return Ok(Vec::new());
                }
                let (plugin_uid, rating) = (live.plugin, live.rating);
                Ok(vec![ReviewEvent::ReviewModerated { plugin_uid, rating, is_hidden, reason }])
            }
            ReviewCommand::Vote { by, helpful } => self.vote(by, helpful),
            ReviewCommand::Like { liked, .. } if liked == self.liked => Ok(Vec::new()),
            ReviewCommand::Like { plugin, by, liked } => {
                Ok(vec![ReviewEvent::PluginLiked { plugin_uid: plugin, by, liked }])
            }
        }
    }

    fn vote(&self, by: AccountId, helpful: bool) -> Result<Vec<ReviewEvent>, ReviewError> {
        let live = self.live()?;
        if live.account == by {
            return Err(ReviewError::OwnReview);
        }
        let was = self.votes.get(&by).copied();
        if was == Some(helpful) {
            return Ok(Vec::new());
        }
        Ok(vec![ReviewEvent::ReviewVoted { plugin_uid: live.plugin, by, was, helpful }])
    }

    fn live(&self) -> Result<&Live, ReviewError> {
        self.live.as_ref().ok_or(ReviewError::Unknown)
    }
}

aggregate!(Review, "review", ReviewCommand, ReviewEvent, ReviewError);

impl Review {
    fn evolve(&mut self, event: ReviewEvent) {
        match event {
            ReviewEvent::ReviewSubmitted(submitted) => {
                self.votes.clear();
                self.live = Some(Live {
                    plugin: submitted.plugin_uid,
                    account: submitted.account_uid,
                    rating: submitted.written.rating,
                    is_hidden: false,
                });
            }
            ReviewEvent::ReviewEdited { written, .. } => {
                if let Some(live) = &mut self.live {
                    live.rating = written.rating;
                }
            }
            ReviewEvent::ReviewWithdrawn { .. } => self.live = None,
            ReviewEvent::ReviewModerated { is_hidden, .. } => {
                if let Some(live) = &mut self.live {
                    live.is_hidden = is_hidden;
                }
            }
            ReviewEvent::ReviewVoted { by, helpful, .. } => drop(self.votes.insert(by, helpful)),
            ReviewEvent::PluginLiked { liked, .. } => self.liked = liked,
        }
    }
}

#[cfg(test)]
mod tests;
