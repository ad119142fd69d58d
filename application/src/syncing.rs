//! Repositories: catalogues elsewhere that ours shows too. They are added, enabled and disabled by whoever operates the
//! service, and read in passes: what changed since the last one, and once a day everything, which also finds what is
//! gone. A pass writes only what differs. An upstream that is slow, broken or gone changes nothing of what is known.

mod checking;
mod naming;
mod pass;

use std::sync::Arc;

use domain::{
    recorded::Cursor,
    repository::{Repository, RepositoryAdded, RepositoryCommand, RepositoryError},
    values::Metadata,
};
use url::Url;

use self::{
    checking::{checked, plain, without_credentials},
    pass::{Pass, Place},
};
use crate::{
    commands::{CommandError, Commands},
    error::{Error, Kind},
    failure::Failure,
    policy::{Action, Owner},
    ports::{
        freshness::Freshness,
        marketplace::{Upstream, Upstreams},
        system::Clock,
        turns::Turns,
    },
    principal::Principal,
    queries::{
        catalogue, listings,
        listings::ListingQueries,
        repositories,
        repositories::{RepositoryQueries, RepositoryView},
    },
};

/// The one that the settings name; it is there from the first start on.
pub const CONFIGURED: &str = "marketplace";
/// The kind whose catalogue is read by this service.
pub const MARKETPLACE: &str = "dify";

#[derive(Clone)]
pub struct Syncing {
    pub commands: Arc<dyn Commands<Repository>>,
    pub repositories: Arc<dyn RepositoryQueries>,
    pub listings: Arc<dyn ListingQueries>,
    pub upstreams: Arc<dyn Upstreams>,
    pub turns: Arc<dyn Turns>,
    pub freshness: Arc<dyn Freshness>,
    pub clock: Arc<dyn Clock>,
}

/// How much of a repository is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// What is newer than the last time; everything, if that was not read for a day.
    AsDue,
    Everything,
}

/// What a pass did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Synced {
    pub whole: bool,
    pub pages: u32,
    pub added: u64,
    pub updated: u64,
    pub removed: u64,
}

/// Hears how many listings of how many have been read.
pub type OnListings<'a> = &'a (dyn Fn(u64, u64) + Send + Sync);

impl Syncing {
    /// Every repository, enabled or not.
    pub async fn all(&self) -> Result<Vec<RepositoryView>, Error> {
        self.repositories.all().await
    }

    pub async fn add(
        &self,
        repository: RepositoryAdded,
        by: &Principal,
        metadata: Metadata,
    ) -> Result<Option<Cursor>, Error> {
        by.verdict(Action::Operate, Owner::Own).enforced("")?;
        let repository = checked(repository)?;
        let name = repository.name.clone();
        self.give(&name, RepositoryCommand::Add(repository), metadata).await
    }

    pub async fn enable(
        &self,
        name: &str,
        by: &Principal,
        metadata: Metadata,
    ) -> Result<Option<Cursor>, Error> {
        by.verdict(Action::Operate, Owner::Own).enforced("")?;
        self.give(name, RepositoryCommand::Enable, metadata).await
    }

    /// What it lists is hidden, and nothing is asked of it, until it is enabled again.
    pub async fn disable(
        &self,
        name: &str,
        reason: String,
        by: &Principal,
        metadata: Metadata,
    ) -> Result<Option<Cursor>, Error> {
        by.verdict(Action::Operate, Owner::Own).enforced("")?;
        let reason = plain(&reason, 500);
        self.give(name, RepositoryCommand::Disable { reason }, metadata).await
    }

    /// The repository of the settings, unless it is there already.
    pub async fn add_configured(&self, url: &Url, metadata: Metadata) -> Result<(), Error> {
        let added = RepositoryAdded {
            name: CONFIGURED.to_owned(),
            url: without_credentials(url),
            description: "The marketplace of the settings".to_owned(),
            kind: MARKETPLACE.to_owned(),
        };
        match self.commands.execute(CONFIGURED, RepositoryCommand::Add(added), metadata).await {
            Ok(_) | Err(CommandError::Refused(RepositoryError::AlreadyAdded)) => Ok(()),
            Err(error) => Err(told(error)),
        }
    }

    /// One pass over one repository. A conflict, if a pass is on its way on whatever node.
    pub async fn sync(
        &self,
        name: &str,
        depth: Depth,
        metadata: &Metadata,
        on_listings: OnListings<'_>,
    ) -> Result<Synced, Error> {
        let Some(_turn) = self.turns.take(&format!("sync {name}")).await? else {
            return Err(Error::new(
                Kind::Conflict,
                "This repository is being synchronised; wait for its end",
            ));
        };
        let view = self.view(name).await?;
        if !view.enabled {
            return Err(told(CommandError::Refused(RepositoryError::Disabled)));
        }
        let upstream = self.upstreams.of(&view)?;
        match self.pass(&view, &*upstream, depth, metadata, on_listings).await {
            Ok(synced) => Ok(synced),
            Err(Trouble::Upstream(failure)) => {
                self.note_failure(&view, &failure, metadata).await?;
                Err(failure.into())
            }
            Err(Trouble::Own(error)) => Err(error),
        }
    }

    async fn view(&self, name: &str) -> Result<RepositoryView, Error> {
        let all = self.repositories.all().await?;
        all.into_iter().find(|view| view.name == name).ok_or_else(|| unknown(name))
    }

    async fn pass(
        &self,
        view: &RepositoryView,
        upstream: &dyn Upstream,
        depth: Depth,
        metadata: &Metadata,
        on_listings: OnListings<'_>,
    ) -> Result<Synced, Trouble> {
        let place = view.cursor.as_deref().and_then(Place::read);
        let known = self.listings.of(&view.name).await?;
        let mut pass = Pass::new(known, place, depth, self.clock.now());
        while let Some(page) = pass.next_page() {
            let changes = upstream.newest(page).await?;
            let mut news = pass.take(changes)?;
            on_listings(pass.read(), pass.total());
            naming::detail(upstream, &mut news).await?;
            for listings in pass::events(news) {
                self.observe(&view.name, listings, Vec::new(), metadata).await?;
            }
        }
        for missing in pass.missing().chunks(pass::AT_ONCE) {
            let gone = naming::really_gone(upstream, missing).await?;
            pass.gone(&gone);
            self.observe(&view.name, Vec::new(), gone, metadata).await?;
        }
        let synced = pass.outcome();
        let Synced { added, updated, removed, .. } = synced;
        let done = RepositoryCommand::Sync { cursor: pass.place().to_string(), added, updated, removed };
        self.give(&view.name, done, metadata.clone()).await?;
        Ok(synced)
    }

    async fn observe(
        &self,
        name: &str,
        listings: Vec<domain::repository::Listing>,
        gone: Vec<String>,
        metadata: &Metadata,
    ) -> Result<(), Error> {
        if listings.is_empty() && gone.is_empty() {
            return Ok(());
        }
        let command = RepositoryCommand::Observe { listings, gone };
        self.commands.execute(name, command, metadata.clone()).await.map_err(told).map(drop)
    }

    /// A fault that goes on is told once an hour.
    async fn note_failure(
        &self,
        view: &RepositoryView,
        failure: &Failure,
        metadata: &Metadata,
    ) -> Result<(), Error> {
        let is_new = view.last_error.as_deref() != Some(&*failure.message) || !view.is_failing();
        let hour_ago = self.clock.now() - chrono::Duration::hours(1);
        if is_new || view.failed_at.is_none_or(|at| at < hour_ago) {
            let command = RepositoryCommand::FailSync { error: failure.message.clone() };
            self.give(&view.name, command, metadata.clone()).await?;
        }
        Ok(())
    }

    async fn give(
        &self,
        name: &str,
        command: RepositoryCommand,
        metadata: Metadata,
    ) -> Result<Option<Cursor>, Error> {
        let written = self.commands.execute(name, command, metadata).await.map_err(told)?;
        if let Some(cursor) = written {
            for model in [repositories::READ_MODEL, listings::READ_MODEL, catalogue::READ_MODEL] {
                self.freshness.reached(model, cursor).await;
            }
        }
        Ok(written)
    }
}

enum Trouble {
    Upstream(Failure),
    Own(Error),
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        Self::Upstream(failure)
    }
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self::Own(error)
    }
}

fn told(error: CommandError<RepositoryError>) -> Error {
    error.told("repository", |refusal| {
        let kind = match refusal {
            RepositoryError::Unknown => Kind::NotFound,
            RepositoryError::AlreadyAdded | RepositoryError::Disabled => Kind::Conflict,
            RepositoryError::TooMany => Kind::Invalid,
        };
        Error::new(kind, refusal.to_string())
    })
}

fn unknown(name: &str) -> Error {
    Error::not_found(format!("No repository {}", plain(name, 64)))
}

#[cfg(test)]
mod tests;
