//! Publishing a package, and everything its owner or an operator does with it afterwards.
//!
//! Guards: of many who want a name one gets it; a release is shown whole or not at all, whenever the service dies; what
//! could not be checked is held back. Names belong to claims, decisions are made on streams, lists may lag.

mod assets;
mod changing;
pub(crate) mod checking;
mod claiming;
mod naming;
mod publication;
mod publishers;

use std::{path::Path, sync::Arc};

use domain::{
    name_claim::NameClaim,
    plugin::{PackageFormat, Plugin},
    publisher::{Publisher, PublisherProfile},
    recorded::Cursor,
    values::{AccountId, Dialect, PluginId, PublisherName, ReleaseVersion},
};

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use assets::LARGEST_ASSET;
pub use naming::personal_publisher;
pub use publishers::NO_PUBLISHER;

use crate::{
    caller::Caller,
    commands::Commands,
    error::Error,
    policy::{Action, Owner},
    ports::{
        blobs::Blobs,
        freshness::Freshness,
        packages::{Numbers, PackageReader, Scanner},
        system::{Clock, Ids},
    },
    principal::Principal,
    queries::catalogue::{self, CatalogueQueries},
    texts,
};

pub const NO_PLUGIN: &str = "No such plugin";
/// What the log remembers under the idempotency key of a publication.
const PUBLISHES: &str = "publish";

#[derive(Clone)]
pub struct Publishing {
    pub plugins: Arc<dyn Commands<Plugin>>,
    pub publishers: Arc<dyn Commands<Publisher>>,
    pub claims: Arc<dyn Commands<NameClaim>>,
    pub catalogue: Arc<dyn CatalogueQueries>,
    pub reader: Arc<dyn PackageReader>,
    pub scanner: Arc<dyn Scanner>,
    pub numbers: Arc<dyn Numbers>,
    pub blobs: Arc<dyn Blobs>,
    pub freshness: Arc<dyn Freshness>,
    pub clock: Arc<dyn Clock>,
    pub ids: Arc<dyn Ids>,
}

/// What is to be published, and what the caller says of it: a package that says otherwise is refused.
#[derive(Debug, Clone, PartialEq)]
pub struct Order {
    pub formats: Vec<PackageFormat>,
    /// Where it will be shown; the first one names it.
    pub dialects: Vec<Dialect>,
    /// Of the path; none where the package alone says so.
    pub name: Option<String>,
    pub version: Option<String>,
    /// None: the package's author, or where the format has none, a name made from the account.
    pub publisher: Option<String>,
    /// `owner/name`.
    pub repository: Option<String>,
    pub changelog: Option<String>,
    pub expects: Expects,
    /// Checks everything and stores nothing.
    pub dry_run: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expects {
    /// A plugin that is there already is a conflict.
    NewPlugin,
    /// A plugin that is not there is not found.
    NewVersion,
    /// Either.
    Any,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Published {
    pub plugin: PluginId,
    pub publisher: String,
    pub name: String,
    pub version: ReleaseVersion,
    pub outcome: PublishOutcome,
    /// Why it is held back, if it is.
    pub quarantine: Option<String>,
    #[serde(skip)]
    pub position: Option<Cursor>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PublishOutcome {
    NewPlugin,
    NewVersion,
    /// The same bytes were there already.
    Unchanged,
    /// A dry run found nothing wrong.
    WouldPublish,
}

/// Who asks.
#[derive(Debug, Clone)]
pub struct Asker<'a> {
    pub principal: &'a Principal,
    pub caller: Caller,
}

/// What an owner or an operator may do with a plugin. Owners: all but the last six.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    Yank {
        version: ReleaseVersion,
        reason: String,
    },
    Unyank {
        version: ReleaseVersion,
    },
    RemoveRelease {
        version: ReleaseVersion,
        reason: String,
    },
    Remove {
        reason: String,
    },
    Deprecate {
        reason: String,
        replacement: Option<String>,
    },
    Undeprecate,
    Unlist {
        dialect: Dialect,
        reason: String,
    },
    /// To another account, and so to another publisher; both names of it change.
    Transfer {
        to_owner: AccountId,
        to_publisher: PublisherName,
    },
    Verify {
        method: String,
        evidence: String,
    },
    Unverify {
        reason: String,
    },
    Feature,
    Unfeature,
    Quarantine {
        version: Option<ReleaseVersion>,
        reason: String,
    },
    Clear {
        version: Option<ReleaseVersion>,
        evidence: String,
    },
}

impl Publishing {
    /// The whole release, or nothing: its file is stored first, and one append shows it. The file is the service's own
    /// copy, which nobody else writes to.
    pub async fn publish(&self, file: &Path, order: Order, by: Asker<'_>) -> Result<Published, Error> {
        by.principal.must(Action::PublishPackage, Owner::Own, NO_PLUGIN)?;
        if let Some(once) = by.caller.once(PUBLISHES, Value::Null).filter(|_| !order.dry_run)
            && let Some(answer) = self.plugins.answered(&once).await?
        {
            return publication::answered(answer);
        }
        order.changelog.as_deref().map_or(Ok(()), texts::changelog)?;
        order.repository.as_deref().map_or(Ok(()), texts::repository)?;
        let mut plan = Box::pin(self.plan(file, &order, by.principal)).await?;
        if plan.is_done() {
            return Ok(plan.published(plan.outcome));
        }
        plan.held = self.check(file, &plan.named, plan.is_new(), by.principal).await?;
        if order.dry_run {
            return Ok(plan.published(PublishOutcome::WouldPublish));
        }
        Box::pin(self.carry_out(file, plan, &order, &by)).await
    }

    /// Shown by the next read. None: it was so already.
    pub async fn change(
        &self,
        plugin: PluginId,
        change: Change,
        by: Asker<'_>,
    ) -> Result<Option<Cursor>, Error> {
        Box::pin(self.make(plugin, change, &by)).await
    }

    /// A publisher is verified together with everything it has, and will have, published.
    pub async fn verify_publisher(
        &self,
        name: &PublisherName,
        method: String,
        evidence: String,
        by: Asker<'_>,
    ) -> Result<Option<Cursor>, Error> {
        self.verify_all(name, method, evidence, &by).await
    }

    /// Neither it is any more, nor what was verified with it.
    pub async fn unverify_publisher(
        &self,
        name: &PublisherName,
        reason: String,
        by: Asker<'_>,
    ) -> Result<Option<Cursor>, Error> {
        self.unverify_all(name, reason, &by).await
    }

    /// To another account, with everything under its name. An operator's, because nobody gets a name that he did not
    /// choose.
    pub async fn transfer_publisher(
        &self,
        name: &PublisherName,
        to_owner: AccountId,
        by: Asker<'_>,
    ) -> Result<Option<Cursor>, Error> {
        self.hand_publisher_over(name, to_owner, &by).await
    }

    pub async fn describe_publisher(
        &self,
        name: &PublisherName,
        profile: PublisherProfile,
        by: Asker<'_>,
    ) -> Result<Option<Cursor>, Error> {
        self.describe(name, profile, &by).await
    }

    async fn show(&self, position: Option<Cursor>) {
        if let Some(position) = position {
            self.freshness.reached(catalogue::READ_MODEL, position).await;
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
