//! Repositories: catalogues elsewhere that ours shows too. They are added, enabled and disabled by whoever operates the
//! service, and read in passes: what changed since the last one, and once a day everything, which also finds what is
//! gone. A pass writes only what differs. An upstream that is slow, broken or gone changes nothing of what is known.

mod pass;

use std::sync::Arc;

use domain::{
    recorded::Cursor,
    repository::{Repository, RepositoryAdded, RepositoryCommand, RepositoryError},
    values::Metadata,
};
use url::Url;

use self::pass::{Pass, Place};
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
            let mut changed = pass.take(changes)?;
            on_listings(pass.read(), pass.total());
            detail(upstream, &mut changed).await?;
            for listings in pass::events(changed) {
                self.observe(&view.name, listings, Vec::new(), metadata).await?;
            }
        }
        for missing in pass.missing().chunks(pass::AT_ONCE) {
            let gone = really_gone(upstream, missing).await?;
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

/// What lists leave out.
async fn detail(upstream: &dyn Upstream, changed: &mut [domain::repository::Listing]) -> Result<(), Failure> {
    for page in changed.chunks_mut(pass::AT_ONCE) {
        let names: Vec<_> = page.iter().map(|card| (card.author.clone(), card.name.clone())).collect();
        let details = upstream.batch(&names).await?.value;
        for card in page {
            let is_card = |listing: &domain::repository::Listing| {
                (&listing.author, &listing.name) == (&card.author, &card.name)
            };
            if let Some(found) = details.iter().find(|shown| is_card(&shown.listing)) {
                pass::complete(card, &found.listing);
            }
        }
    }
    Ok(())
}

/// A page that moved while it was read may have hidden one: those that are asked for by name decide.
async fn really_gone(upstream: &dyn Upstream, missing: &[String]) -> Result<Vec<String>, Failure> {
    let pair = |id: &String| id.split_once('/').map(|(author, name)| (author.to_owned(), name.to_owned()));
    let names: Vec<_> = missing.iter().filter_map(pair).collect();
    let still = upstream.batch(&names).await?;
    if still.stale {
        return Ok(Vec::new());
    }
    let is_there = |id: &&String| still.value.iter().any(|shown| pass::id(&shown.listing) == **id);
    Ok(missing.iter().filter(|id| !is_there(id)).cloned().collect())
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

/// A name is a word of a path, and an address one that can be asked.
fn checked(mut repository: RepositoryAdded) -> Result<RepositoryAdded, Error> {
    let is_word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_');
    let name = &repository.name;
    if !(1..=64).contains(&name.len()) || !name.chars().all(is_word) {
        return Err(Error::invalid("A repository's name is 1 to 64 of a-z, 0-9, - and _"));
    }
    if !matches!(repository.kind.as_str(), MARKETPLACE | "nexus") {
        return Err(Error::invalid("The kind of a repository is dify or nexus"));
    }
    let url = Url::parse(&repository.url).ok();
    let url = url.filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    let url = url.filter(|url| url.as_str().len() <= 2_048);
    let url = url.ok_or_else(|| Error::invalid("The address of a repository is an http or https URL"))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Error::invalid(
            "The address of a repository holds no credential: PLUGYARD_MARKETPLACE_URL may, others are read without",
        ));
    }
    repository.url = url.into();
    repository.description = plain(&repository.description, 500);
    Ok(repository)
}

fn without_credentials(url: &Url) -> String {
    let mut url = url.clone();
    // Fails only for URLs that cannot have user info.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.into()
}

fn plain(text: &str, longest: usize) -> String {
    text.chars().filter(|c| !c.is_control()).take(longest).collect()
}

#[cfg(test)]
mod tests;
