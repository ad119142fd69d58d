//! Writing, voting for and moderating reviews. Names are sealed under their accounts: whoever is erased is erased here,
//! too.

use std::sync::Arc;

use domain::{
    recorded::Cursor,
    review::{Review, ReviewCommand, ReviewError, ReviewSubmitted, Written},
    values::{AccountId, Dialect, PluginId, ReviewId, Sealed},
};
use futures::future::try_join_all;
use serde_json::json;

use crate::{
    commands::{CommandError, Commands, Outcome},
    error::{Error, Kind},
    policy::{Action, Owner},
    ports::{
        freshness::Freshness,
        packages::{Numbered, Numbers},
        system::Clock,
        vault::Vault,
    },
    publishing::{Asker, NO_PLUGIN},
    queries::{
        catalogue::{self, CatalogueQueries},
        reviews::{LIKES, READ_MODEL, ReviewQueries, ReviewSort, ReviewView, WhichReview},
    },
    texts::{one_line, prose},
};

pub const NO_REVIEW: &str = "No such review";
/// What is sealed of whoever writes.
pub const NAME: &str = "review-name";
pub const AVATAR: &str = "review-avatar";
const LONGEST_TEXT: usize = 10_000;
const LONGEST_VERSION: usize = 64;

#[derive(Clone)]
pub struct Reviewing {
    pub reviews: Arc<dyn Commands<Review>>,
    pub queries: Arc<dyn ReviewQueries>,
    pub catalogue: Arc<dyn CatalogueQueries>,
    pub numbers: Arc<dyn Numbers>,
    pub vault: Arc<dyn Vault>,
    pub freshness: Arc<dyn Freshness>,
    pub clock: Arc<dyn Clock>,
}

/// A review as it is shown: names opened, `[erased]` where the account was erased.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    pub review: ReviewView,
    pub user_name: String,
    pub avatar: Option<String>,
}

impl Reviewing {
    /// Of a plugin that this dialect shows; 1 to 200 characters of title, at most 10,000 of text.
    pub async fn submit(
        &self,
        plugin: PluginId,
        dialect: Dialect,
        written: Written,
        user_name: Option<String>,
        by: Asker<'_>,
    ) -> Result<(Shown, Option<Cursor>), Error> {
        let account = writer(&by)?;
        bounded(&written)?;
        let view = self.catalogue.current(plugin).await?.filter(|view| view.is_visible(dialect));
        view.ok_or_else(|| Error::not_found(NO_PLUGIN))?;
        let submitted = ReviewSubmitted {
            review_uid: ReviewId::of(plugin, account),
            number: self.numbers.next(Numbered::Review).await?,
            plugin_uid: plugin,
            account_uid: account,
            user_number: match self.queries.user_number(account).await? {
                Some(number) => number,
                None => self.numbers.of_reviewer(account).await?,
            },
            user_name: match user_name {
                Some(name) => Some(self.sealed(account, name).await?),
                None => None,
            },
            avatar: None,
            written,
            helpful: 0,
            is_counted: false,
            at: self.clock.now(),
        };
        let (id, fresh) = (submitted.review_uid, view_of(&submitted));
        let position = self.command(id, ReviewCommand::Submit(Box::new(submitted)), "review", &by).await?;
        let shown = self.queries.review(WhichReview::Id(id)).await?.filter(|view| !view.is_withdrawn);
        Ok((self.opened(shown.unwrap_or(fresh)).await?, position))
    }

    pub async fn edit(&self, review: ReviewId, written: Written, by: Asker<'_>) -> Result<Shown, Error> {
        bounded(&written)?;
        self.own(review, &by).await?;
        let command = ReviewCommand::Edit { written, at: self.clock.now() };
        self.command(review, command, "edit_review", &by).await?;
        self.opened(self.there(review).await?).await
    }

    pub async fn withdraw(&self, review: ReviewId, by: Asker<'_>) -> Result<Option<Cursor>, Error> {
        self.own(review, &by).await?;
        self.command(review, ReviewCommand::Withdraw, "withdraw_review", &by).await
    }

    pub async fn vote(&self, review: ReviewId, helpful: bool, by: Asker<'_>) -> Result<Shown, Error> {
        let account = writer(&by)?;
        if self.there(review).await?.is_hidden {
            return Err(Error::not_found(NO_REVIEW));
        }
        self.command(review, ReviewCommand::Vote { by: account, helpful }, "vote", &by).await?;
        self.opened(self.there(review).await?).await
    }

    /// Once an account, of a plugin that this dialect shows; answers how many like it now.
    pub async fn like(
        &self,
        plugin: PluginId,
        dialect: Dialect,
        liked: bool,
        by: Asker<'_>,
    ) -> Result<(u64, Option<Cursor>), Error> {
        let account = writer(&by)?;
        let view = self.catalogue.current(plugin).await?.filter(|view| view.is_visible(dialect));
        view.ok_or_else(|| Error::not_found(NO_PLUGIN))?;
        let id = ReviewId::of(plugin, account).to_string();
        let command = ReviewCommand::Like { plugin, by: account, liked };
        let position = self.reviews.execute(&id, command, by.caller.metadata.clone()).await?;
        if let Some(position) = position {
            self.freshness.reached(LIKES, position).await;
        }
        let counts = self.queries.likes(&[plugin]).await?;
        Ok((counts.get(&plugin).copied().unwrap_or(0), position))
    }

    /// An operator's.
    pub async fn moderate(
        &self,
        review: ReviewId,
        is_hidden: bool,
        reason: String,
        by: Asker<'_>,
    ) -> Result<Option<Cursor>, Error> {
        by.principal.must(Action::Operate, Owner::Foreign, NO_REVIEW)?;
        one_line("reason", &reason)?;
        self.command(review, ReviewCommand::Moderate { is_hidden, reason }, "moderate", &by).await
    }

    pub async fn of_plugin(
        &self,
        plugin: PluginId,
        sort: ReviewSort,
        offset: u64,
        limit: u32,
    ) -> Result<(Vec<Shown>, u64), Error> {
        let (views, total) = self.queries.of_plugin(plugin, sort, offset, limit).await?;
        let shown = try_join_all(views.into_iter().map(|view| self.opened(view))).await?;
        Ok((shown, total))
    }

    async fn own(&self, review: ReviewId, by: &Asker<'_>) -> Result<(), Error> {
        by.principal.must(Action::Review, Owner::Own, NO_REVIEW)?;
        let view = self.there(review).await?;
        by.principal.must(Action::Review, by.principal.owner_of(Some(view.account)), NO_REVIEW)
    }

    async fn there(&self, review: ReviewId) -> Result<ReviewView, Error> {
        let view = self.queries.review(WhichReview::Id(review)).await?;
        view.filter(|view| !view.is_withdrawn).ok_or_else(|| Error::not_found(NO_REVIEW))
    }

    async fn sealed(&self, account: AccountId, name: String) -> Result<Sealed, Error> {
        one_line("name", &name)?;
        self.vault.seal(&format!("account/{account}"), NAME, &name.into()).await
    }

    /// With the names that are sealed in it.
    pub async fn opened(&self, review: ReviewView) -> Result<Shown, Error> {
        let user_name = match &review.user_name {
            Some(sealed) => self.vault.open(sealed, NAME).await?.shown(),
            None => format!("user_{}", review.user_number),
        };
        let avatar = match &review.avatar {
            Some(sealed) => Some(self.vault.open(sealed, AVATAR).await?.shown()),
            None => None,
        };
        Ok(Shown { review, user_name, avatar })
    }

    /// Under the caller's key, if there is one; shown by the next read, and counted there.
    async fn command(
        &self,
        review: ReviewId,
        command: ReviewCommand,
        operation: &str,
        by: &Asker<'_>,
    ) -> Result<Option<Cursor>, Error> {
        let (stream, metadata) = (review.to_string(), by.caller.metadata.clone());
        let outcome = match by.caller.once(operation, json!({"review": review})) {
            None => Outcome::Written(self.reviews.execute(&stream, command, metadata).await?),
            Some(once) => self.reviews.execute_once(&stream, command, metadata, once).await?,
        };
        let Outcome::Written(Some(position)) = outcome else { return Ok(None) };
        self.freshness.reached(READ_MODEL, position).await;
        self.freshness.reached(catalogue::READ_MODEL, position).await;
        Ok(Some(position))
    }
}

fn writer(by: &Asker<'_>) -> Result<AccountId, Error> {
    by.principal.must(Action::Review, Owner::Own, NO_REVIEW)?;
    by.principal
        .account
        .ok_or_else(|| Error::invalid("Send the credential of an account: reviews have authors"))
}

fn bounded(written: &Written) -> Result<(), Error> {
    one_line("title", &written.title)?;
    prose("review", &written.text, LONGEST_TEXT)?;
    written.version.as_deref().map_or(Ok(()), |version| prose("version", version, LONGEST_VERSION))
}

fn view_of(submitted: &ReviewSubmitted) -> ReviewView {
    let submitted = submitted.clone();
    ReviewView {
        id: submitted.review_uid,
        number: submitted.number,
        plugin: submitted.plugin_uid,
        account: submitted.account_uid,
        user_number: submitted.user_number,
        user_name: submitted.user_name,
        avatar: submitted.avatar,
        written: submitted.written,
        helpful: submitted.helpful,
        unhelpful: 0,
        is_hidden: false,
        is_withdrawn: false,
        created_at: submitted.at,
        edited_at: None,
    }
}

impl From<CommandError<ReviewError>> for Error {
    fn from(error: CommandError<ReviewError>) -> Self {
        error.told("review", |refusal| match refusal {
            ReviewError::Unknown => Self::not_found(refusal.to_string()),
            ReviewError::AlreadySubmitted | ReviewError::OwnReview => {
                Self::new(Kind::Conflict, refusal.to_string())
            }
        })
    }
}

#[cfg(test)]
mod tests;
