//! The client of the upstream marketplace. Its host is the operator's word; everything it answers is a stranger's.
//!
//! Answers are kept for a while, and beyond that for the time when it is down. It is never told of an installation.

mod asking;
mod breaker;
mod leafing;
mod memory;
mod page;
mod reading;
mod upstreams;

use std::{collections::BTreeSet, path::Path, sync::Arc, time::Duration};

use application::{
    catalogue::{no_version, no_versions},
    failure::{Failure, Reason},
    ports::{
        marketplace::{
            Answer, CATEGORIES, Category, Changes, Circuit, FromMarketplace, ListedVersion, Listing,
            Marketplace, Page, Search, Shown, Status, Upstream,
        },
        packaging::OnBytes,
    },
};
use async_trait::async_trait;
use bytes::Bytes;
use domain::values::PluginIdentity;
use futures::future::try_join_all;
use tokio_util::sync::CancellationToken;
use url::Url;

pub use asking::Patience;
pub use upstreams::HttpUpstreams;

use self::{
    asking::{Asking, Said, unavailable},
    leafing::{Part, Raw, Wanted},
    memory::{Memory, Weighed},
};
use crate::fetch::{
    ClientError, GuardedClient,
    download::{self, MAGIC},
    transfer::{self, Fault, transfer},
};

/// The documented one. Its pages are known wherever the answers come from: a mirror has none of its own.
pub const DOCUMENTED: &str = "https://marketplace.dify.ai/api/v1";

const LARGEST_ICON: usize = 1024 * 1024;
/// For a question that takes many answers.
const LONGEST_QUESTION: Duration = Duration::from_secs(25);
const MEBIBYTE: usize = 1024 * 1024;

/// Speaks the API of the documented marketplace, at any base.
pub struct HttpMarketplace {
    asking: Arc<Asking>,
    documented: Option<Url>,
    pages: Memory<Raw>,
    plugins: Memory<Option<Listing>>,
    details: Memory<Vec<Listing>>,
    versions: Memory<Vec<ListedVersion>>,
    icons: Memory<Option<(String, Bytes)>>,
    binding: bool,
    transfers: transfer::Patience,
}

impl HttpMarketplace {
    /// Redirects lead to the host of `base`, or through `guarded`. `binding`: a package with another content than the
    /// promised one is refused.
    ///
    /// # Errors
    /// [`ClientError`] without any CA certificate.
    pub fn new(
        base: Url,
        guarded: GuardedClient,
        binding: bool,
        patience: Patience,
        transfers: transfer::Patience,
    ) -> Result<Self, ClientError> {
        let fresh = patience.fresh;
        Ok(Self {
            asking: Arc::new(Asking::new(base, guarded, patience)?),
            documented: Url::parse(DOCUMENTED).ok(),
            pages: Memory::new(fresh, 8 * MEBIBYTE),
            plugins: Memory::new(fresh, 4 * MEBIBYTE),
            details: Memory::new(fresh, 4 * MEBIBYTE),
            versions: Memory::new(fresh, 4 * MEBIBYTE),
            icons: Memory::new(fresh, 8 * MEBIBYTE),
            binding,
            transfers,
        })
    }

    async fn found(&self, search: &Search) -> Result<Answer<Part>, Failure> {
        let wanted = Wanted {
            query: search.query.as_deref(),
            category: search.category,
            tags: &search.tags,
            order: search.order,
        };
        let (page, size) = (search.page.max(1), search.per_page.max(1));
        let Some(author) = &search.author else { return self.ours(wanted, page, size).await };
        if !reading::is_plugin(author, "any") {
            return Ok(Answer { value: Part::default(), stale: false });
        }
        // They cannot search by author.
        let Answer { value: mut plugins, stale } = self.all(wanted).await?;
        plugins.retain(|listing| listing.author == *author);
        let total = plugins.len() as u64;
        let begin = (page as usize - 1).saturating_mul(size as usize);
        let plugins = plugins.into_iter().skip(begin).take(size as usize).collect();
        Ok(Answer { value: Part { plugins, total }, stale })
    }

    async fn promised(&self, plugin: &PluginIdentity) -> Result<ListedVersion, Failure> {
        let (author, name, version) = (plugin.author(), plugin.name(), plugin.version());
        let find =
            |versions: Vec<ListedVersion>| versions.into_iter().find(|listed| listed.version == version);
        let first = self.versions(author, name).await?;
        if let Some(listed) = find(first.value) {
            return Ok(listed);
        }
        // It may have been published since.
        self.versions.doubt(&key(author, name));
        let Answer { value, stale } = self.versions(author, name).await?;
        let unknown =
            if value.is_empty() { no_versions(author, name) } else { no_version(author, name, version) };
        find(value).ok_or(if stale { unavailable() } else { unknown })
    }

    fn failure(fault: Fault, plugin: &PluginIdentity, url: &Url, limit: u64) -> Failure {
        if let Fault::Status { status: 404, .. } = fault {
            return no_version(plugin.author(), plugin.name(), plugin.version());
        }
        let failure = download::failure(fault, url, limit);
        if failure.transient && failure.reason == Reason::FetchFailed { unavailable() } else { failure }
    }
}

fn key(author: &str, name: &str) -> String {
    format!("{author}/{name}")
}

/// Their pages may be smaller than asked for, or all of them the same.
async fn all_versions(asking: Arc<Asking>, path: String) -> Result<Weighed<Vec<ListedVersion>>, Failure> {
    const MOST_PAGES: u32 = 10;
    let (mut all, mut weight) = (Vec::new(), 1);
    for page in 1..=MOST_PAGES {
        let mut url = asking.url(&path);
        url.set_query(Some(&format!("page={page}&page_size=100")));
        let Said::Data(data, size) = asking.clone().ask(url, None).await? else { break };
        let (versions, total) = reading::versions(&data);
        weight += size;
        let before = all.len();
        for version in versions {
            if !all.iter().any(|known: &ListedVersion| known.version == version.version) {
                all.push(version);
            }
        }
        if all.len() == before || all.len() >= total {
            break;
        }
    }
    reading::newest_first(&mut all);
    Ok((all, weight))
}

async fn in_time<T>(question: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    tokio::time::timeout(LONGEST_QUESTION, question).await.unwrap_or_else(|_elapsed| Err(unavailable()))
}

#[async_trait]
impl Marketplace for HttpMarketplace {
    async fn search(&self, search: &Search) -> Result<Answer<Page>, Failure> {
        let asked = async { Ok(self.detailed(self.found(search).await?).await) };
        let Answer { value, stale } = in_time(asked).await?;
        let plugins = value.plugins.into_iter().map(Shown::from).collect();
        Ok(Answer { value: Page { plugins, total: value.total }, stale })
    }

    async fn authors(&self) -> Result<Answer<Vec<String>>, Failure> {
        let Answer { value, stale } = in_time(self.all(Wanted::default())).await?;
        let authors: BTreeSet<String> = value.into_iter().map(|listing| listing.author).collect();
        Ok(Answer { value: authors.into_iter().collect(), stale })
    }

    async fn plugin(&self, author: &str, name: &str) -> Result<Answer<Option<Shown>>, Failure> {
        if !reading::is_plugin(author, name) {
            return Ok(Answer { value: None, stale: false });
        }
        let (asking, key) = (Arc::clone(&self.asking), key(author, name));
        let path = format!("plugins/{key}");
        let asked = (author.to_owned(), name.to_owned());
        let question = || async move {
            match asking.clone().ask(asking.url(&path), None).await? {
                Said::Data(data, size) => {
                    let listing = reading::listing(&data["plugin"]);
                    let listing =
                        listing.filter(|found| (&found.author, &found.name) == (&asked.0, &asked.1));
                    listing.map(|listing| (Some(listing), size)).ok_or_else(unavailable)
                }
                Said::Unknown => Ok((None, 1)),
            }
        };
        let Answer { value, stale } = self.plugins.ask(&key, question).await?;
        Ok(Answer { value: (*value).clone().map(Shown::from), stale })
    }

    async fn batch(&self, plugins: &[(String, String)]) -> Result<Answer<Vec<Shown>>, Failure> {
        let usable = plugins.iter().filter(|(author, name)| reading::is_plugin(author, name));
        let ids: Vec<String> = usable.map(|(author, name)| key(author, name)).collect();
        if ids.is_empty() {
            return Ok(Answer { value: Vec::new(), stale: false });
        }
        let Answer { value, stale } = in_time(self.told_of(&ids)).await?;
        let wanted = |listing: &&Listing| ids.contains(&key(&listing.author, &listing.name));
        Ok(Answer { value: value.iter().filter(wanted).cloned().map(Shown::from).collect(), stale })
    }

    async fn versions(&self, author: &str, name: &str) -> Result<Answer<Vec<ListedVersion>>, Failure> {
        if !reading::is_plugin(author, name) {
            return Ok(Answer { value: Vec::new(), stale: false });
        }
        let (asking, key) = (Arc::clone(&self.asking), key(author, name));
        let question = || all_versions(asking, format!("plugins/{key}/versions"));
        let Answer { value, stale } = self.versions.ask(&key, question).await?;
        Ok(Answer { value: (*value).clone(), stale })
    }

    async fn categories(&self) -> Result<Answer<Vec<Category>>, Failure> {
        let totals =
            CATEGORIES.map(|(id, ..)| self.theirs(Wanted { category: Some(id), ..Wanted::default() }, 1, 1));
        let totals = in_time(try_join_all(totals)).await?;
        let stale = totals.iter().any(|answer| answer.stale);
        let counted = CATEGORIES.into_iter().zip(totals).map(|((id, name, description, icon), answer)| {
            Category { id, name, description, icon, plugin_count: answer.value.1 }
        });
        Ok(Answer { value: counted.collect(), stale })
    }

    async fn icon(&self, author: &str, name: &str) -> Result<Option<(String, Bytes)>, Failure> {
        if !reading::is_plugin(author, name) {
            return Ok(None);
        }
        let (asking, key) = (Arc::clone(&self.asking), key(author, name));
        let path = format!("plugins/{key}/icon");
        let question = || async move {
            if asking.breaker.status().circuit == Circuit::Open {
                return Err(unavailable());
            }
            let url = asking.url(&path);
            let bytes = asking.fetch(url, LARGEST_ICON).await?;
            let size = bytes.as_ref().map_or(1, Bytes::len);
            let image = bytes.and_then(|bytes| Some((reading::image_type(&bytes)?.to_owned(), bytes)));
            Ok((image, size))
        };
        Ok((*self.icons.ask(&key, question).await?.value).clone())
    }

    async fn download_url(&self, plugin: &PluginIdentity) -> Result<String, Failure> {
        let (author, name, version) = (plugin.author(), plugin.name(), plugin.version());
        Ok(self.asking.url(&format!("plugins/{author}/{name}/{version}/download")).into())
    }

    async fn download(
        &self,
        plugin: &PluginIdentity,
        into: &Path,
        limit: u64,
        on_bytes: OnBytes<'_>,
        _: Option<&str>,
        cancel: &CancellationToken,
    ) -> Result<FromMarketplace, Failure> {
        let (author, name, version) = (plugin.author(), plugin.name(), plugin.version());
        let url = self.asking.url(&format!("plugins/{author}/{name}/{version}/download"));
        let wanted = transfer::Wanted { url: &url, into, limit, magic: MAGIC };
        let coming = async {
            let listed = self.promised(plugin).await?;
            let received = transfer(&self.asking.client, wanted, self.transfers, on_bytes).await;
            let received = received.map_err(|fault| Self::failure(fault, plugin, &url, limit))?;
            Ok(FromMarketplace { received, checksum: listed.checksum, binding: self.binding })
        };
        let outcome = tokio::select! {
            biased;
            () = cancel.cancelled() => Err(Failure::cancelled()),
            outcome = coming => outcome,
        };
        if outcome.is_err() {
            // It may not have been created yet.
            let _ = tokio::fs::remove_file(into).await;
        }
        outcome
    }

    fn status(&self) -> Status {
        self.asking.breaker.status()
    }

    fn page(&self, url: &str) -> Option<(String, String)> {
        let own = std::iter::once(self.asking.base()).chain(&self.documented).collect::<Vec<_>>();
        page::read(url, &own)
    }

    fn page_form(&self) -> String {
        format!("{}/plugins/{{author}}/{{name}}", self.asking.base().origin().ascii_serialization())
    }
}

#[async_trait]
impl Upstream for HttpMarketplace {
    async fn newest(&self, page: u32) -> Result<Changes, Failure> {
        in_time(self.changes(page)).await
    }
}

#[cfg(test)]
mod tests;
