//! One marketplace of everything: what is published here, what repositories list, and, for details and bytes of the
//! latter, the marketplaces they come from.
//!
//! What is published here hides a plugin of the same name elsewhere. As long as no repository was read, others are asked
//! as questions come; once one was, searching asks nobody. What a marketplace does not say now is answered from what was
//! taken in, and marked. Whatever is removed or in quarantine is not there.

mod elsewhere;
mod merging;
mod own;

use std::{collections::BTreeSet, path::Path, sync::Arc};

use async_trait::async_trait;
use bytes::Bytes;
use domain::{
    download_log::Channel,
    plugin::Icon,
    values::{Dialect, Metadata, PluginIdentity},
};
use futures::TryStreamExt as _;
use tokio_util::sync::CancellationToken;

use self::elsewhere::Elsewhere;
use crate::{
    caller::Caller,
    catalogue::no_version,
    counting::{Counting, Fetched},
    error::Error,
    failure::{Failure, Reason},
    ports::{
        blobs::Blobs,
        marketplace::{
            Answer, Category, FromMarketplace, ListedVersion, Marketplace, Page, Search, Shown, Status,
            Upstreams,
        },
        packaging::{OnBytes, Received},
    },
    queries::{
        catalogue::{CatalogueQueries, PluginView, Which},
        listings::ListingQueries,
        repositories::RepositoryQueries,
    },
};

const LARGEST_ICON: u64 = 1024 * 1024;

#[derive(Clone)]
pub struct OneMarketplace {
    pub catalogue: Arc<dyn CatalogueQueries>,
    pub listings: Arc<dyn ListingQueries>,
    pub repositories: Arc<dyn RepositoryQueries>,
    pub blobs: Arc<dyn Blobs>,
    pub counting: Counting,
    /// That of the settings.
    pub upstream: Arc<dyn Marketplace>,
    pub upstreams: Arc<dyn Upstreams>,
}

fn failed(error: Error) -> Failure {
    Failure::transient(error.reason.unwrap_or(Reason::Internal), error.message)
}

impl OneMarketplace {
    /// Published here and shown.
    async fn own(&self, author: &str, name: &str) -> Result<Option<PluginView>, Failure> {
        let which = Which::Pair { publisher: author.to_owned(), name: name.to_owned() };
        let view = self.catalogue.plugin(&which).await.map_err(failed)?;
        Ok(view.filter(own::is_shown).filter(|view| view.publisher == author && view.name == name))
    }

    async fn copied(
        &self,
        view: &PluginView,
        plugin: &PluginIdentity,
        into: &Path,
        limit: u64,
        on_bytes: OnBytes<'_>,
    ) -> Result<FromMarketplace, Failure> {
        let (author, name, version) = (plugin.author(), plugin.name(), plugin.version());
        let release = view.release(version).ok_or_else(|| no_version(author, name, version))?;
        let artifact = &release.artifact;
        if artifact.size > limit {
            return Err(Failure::permanent(
                Reason::PackageTooLarge,
                format!("The package is larger than {limit} bytes"),
            ));
        }
        if !self.blobs.copy(&artifact.sha256, into).await? {
            tracing::error!(%plugin, sha256 = %artifact.sha256, "the bytes of a release are not there");
            return Err(Failure::internal());
        }
        on_bytes(artifact.size, Some(artifact.size));
        Ok(FromMarketplace {
            received: Received { sha256: artifact.sha256.clone(), size: artifact.size },
            checksum: artifact.content_checksum.clone(),
            binding: true,
        })
    }

    async fn count(&self, work: &str, view: &PluginView, plugin: &PluginIdentity) {
        let fetched = Fetched {
            plugin: view.id,
            version: plugin.version().to_owned(),
            dialect: Dialect::Dify,
            channel: Channel::Repackage,
            client: None,
        };
        let metadata = Metadata::of_process("repackaging", plugin.to_string(), plugin.to_string());
        let caller = Caller { dialect: Dialect::Dify, metadata, once: None };
        self.counting.count_for(work, fetched, &caller).await;
    }

    async fn own_icon(&self, view: &PluginView) -> Result<Option<(String, Bytes)>, Failure> {
        let Some(Icon::Blob { sha256, size, media_type }) = &view.description.icon else { return Ok(None) };
        if *size > LARGEST_ICON {
            return Ok(None);
        }
        let Some(body) = self.blobs.open(sha256, *size, None).await? else { return Ok(None) };
        let parts: Vec<Bytes> = body.try_collect().await?;
        Ok(Some((media_type.clone(), parts.concat().into())))
    }
}

#[async_trait]
impl Marketplace for OneMarketplace {
    async fn search(&self, search: &Search) -> Result<Answer<Page>, Failure> {
        let repositories = self.repositories().await?;
        if repositories.is_any_read() {
            let value = self.found(search, true).await?;
            return Ok(Answer { value, stale: repositories.is_stale() });
        }
        let upstream = repositories.is_configured_enabled().then_some(&*self.upstream);
        merging::beside(self.found(search, false).await?, search, upstream).await
    }

    async fn authors(&self) -> Result<Answer<Vec<String>>, Failure> {
        let repositories = self.repositories().await?;
        let own = self.catalogue.publishers(Dialect::Dify).await.map_err(failed)?;
        let mut all: BTreeSet<String> = own.into_iter().collect();
        let mut stale = repositories.is_stale();
        if repositories.is_any_read() {
            all.extend(self.listings.authors(&repositories.names()).await.map_err(failed)?);
        } else if repositories.is_configured_enabled() {
            match self.upstream.authors().await {
                Ok(theirs) => {
                    stale = theirs.stale;
                    all.extend(theirs.value);
                }
                Err(failure) if all.is_empty() => return Err(failure),
                Err(_unavailable) => stale = true,
            }
        }
        Ok(Answer { value: all.into_iter().collect(), stale })
    }

    async fn plugin(&self, author: &str, name: &str) -> Result<Answer<Option<Shown>>, Failure> {
        if let Some(view) = self.own(author, name).await? {
            return Ok(Answer { value: Some(own::shown(&view)), stale: false });
        }
        let Elsewhere { live, taken } = self.elsewhere(author, name).await?;
        let Some(live) = live else {
            let value = taken.map(|taken| taken.listing.into());
            return Ok(Answer { value, stale: false });
        };
        match (live.plugin(author, name).await, taken) {
            (Ok(answer), _) => Ok(answer),
            (Err(_unavailable), Some(taken)) => Ok(Answer { value: Some(taken.listing.into()), stale: true }),
            (Err(failure), None) => Err(failure),
        }
    }

    async fn batch(&self, plugins: &[(String, String)]) -> Result<Answer<Vec<Shown>>, Failure> {
        let (mut known, mut others) = (Vec::new(), Vec::new());
        for (author, name) in plugins {
            match self.own(author, name).await? {
                Some(view) => known.push(own::shown(&view)),
                None => others.push((author.clone(), name.clone())),
            }
        }
        let repositories = self.repositories().await?;
        if others.is_empty() {
            return Ok(Answer { value: known, stale: false });
        }
        if repositories.is_any_read() {
            let taken = self.taken(&repositories, &others).await?;
            known.extend(taken.into_iter().map(|taken| Shown::from(taken.listing)));
            return Ok(Answer { value: known, stale: repositories.is_stale() });
        }
        if !repositories.is_configured_enabled() {
            return Ok(Answer { value: known, stale: false });
        }
        match self.upstream.batch(&others).await {
            Ok(answer) => {
                known.extend(answer.value);
                Ok(Answer { value: known, stale: answer.stale })
            }
            Err(failure) if known.is_empty() => Err(failure),
            Err(_unavailable) => Ok(Answer { value: known, stale: true }),
        }
    }

    async fn versions(&self, author: &str, name: &str) -> Result<Answer<Vec<ListedVersion>>, Failure> {
        if let Some(view) = self.own(author, name).await? {
            return Ok(Answer { value: own::versions(&view), stale: false });
        }
        let Elsewhere { live, taken } = self.elsewhere(author, name).await?;
        let newest = taken.map(|taken| merging::newest_of(&taken.listing));
        let Some(live) = live else {
            return Ok(Answer { value: newest.into_iter().collect(), stale: true });
        };
        match (live.versions(author, name).await, newest) {
            (Ok(answer), _) => Ok(answer),
            (Err(_unavailable), Some(newest)) => Ok(Answer { value: vec![newest], stale: true }),
            (Err(failure), None) => Err(failure),
        }
    }

    async fn categories(&self) -> Result<Answer<Vec<Category>>, Failure> {
        let repositories = self.repositories().await?;
        let is_read = repositories.is_any_read();
        let mut counted = self.counted(is_read).await?;
        if is_read || !repositories.is_configured_enabled() {
            return Ok(Answer { value: counted, stale: repositories.is_stale() });
        }
        match self.upstream.categories().await {
            Ok(theirs) => {
                merging::add_up(&mut counted, &theirs.value);
                Ok(Answer { value: counted, stale: theirs.stale })
            }
            Err(failure) if counted.iter().all(|category| category.plugin_count == 0) => Err(failure),
            Err(_unavailable) => Ok(Answer { value: counted, stale: true }),
        }
    }

    async fn icon(&self, author: &str, name: &str) -> Result<Option<(String, Bytes)>, Failure> {
        if let Some(view) = self.own(author, name).await? {
            return self.own_icon(&view).await;
        }
        match self.elsewhere(author, name).await?.live {
            Some(live) => live.icon(author, name).await,
            None => Ok(None),
        }
    }

    async fn download_url(&self, plugin: &PluginIdentity) -> Result<String, Failure> {
        let live = self.elsewhere(plugin.author(), plugin.name()).await?.live;
        live.unwrap_or_else(|| self.upstream.clone()).download_url(plugin).await
    }

    async fn download(
        &self,
        plugin: &PluginIdentity,
        into: &Path,
        limit: u64,
        on_bytes: OnBytes<'_>,
        wanted_for: Option<&str>,
        cancel: &CancellationToken,
    ) -> Result<FromMarketplace, Failure> {
        let (author, name) = (plugin.author(), plugin.name());
        if let Some(view) = self.own(author, name).await? {
            let copied = self.copied(&view, plugin, into, limit, on_bytes).await?;
            if let Some(work) = wanted_for {
                self.count(work, &view, plugin).await;
            }
            return Ok(copied);
        }
        match self.elsewhere(author, name).await?.live {
            Some(live) => live.download(plugin, into, limit, on_bytes, wanted_for, cancel).await,
            None => Err(no_version(author, name, plugin.version())),
        }
    }

    fn status(&self) -> Status {
        self.upstream.status()
    }

    async fn look(&self) -> Result<Answer<()>, Failure> {
        self.upstream.look().await
    }

    fn page(&self, url: &str) -> Option<(String, String)> {
        self.upstream.page(url)
    }

    fn page_form(&self) -> String {
        self.upstream.page_form()
    }
}

#[cfg(test)]
mod tests;
