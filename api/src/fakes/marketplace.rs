//! A marketplace with one plugin that has two versions.

use std::{path::Path, sync::Arc};

use application::{
    Error,
    failure::{Failure, Reason},
    ports::{
        marketplace::{
            Answer, CATEGORIES, Category, Changes, Circuit, FromMarketplace, ListedVersion, Listing,
            Marketplace, Page, Search, Shown, Status, Upstream, Upstreams,
        },
        packaging::OnBytes,
        turns::{Turn, Turns},
    },
    queries::repositories::RepositoryView,
};
use async_trait::async_trait;
use bytes::Bytes;
use domain::values::PluginIdentity;
use tokio_util::sync::CancellationToken;

use super::{Fakes, at};

fn agent() -> Listing {
    Listing {
        author: "langgenius".to_owned(),
        name: "agent".to_owned(),
        display_name: "Agent".to_owned(),
        description: "Does things".to_owned(),
        category: "agent-strategy".to_owned(),
        tags: vec!["llm".to_owned()],
        latest_version: "0.0.9".to_owned(),
        created_at: None,
        updated_at: Some(at(0)),
        download_count: 1234,
        verified: true,
        readme: Some("# Agent".to_owned()),
        repository: None,
        ..Listing::default()
    }
}

fn is_agent(author: &str, name: &str) -> bool {
    (author, name) == ("langgenius", "agent")
}

impl Fakes {
    fn said<T>(&self, value: T) -> Result<Answer<T>, Failure> {
        match self.up() {
            Ok(_) => Ok(Answer { value, stale: false }),
            Err(_) => {
                Err(Failure::transient(Reason::MarketplaceUnavailable, "The marketplace does not answer"))
            }
        }
    }
}

#[async_trait]
impl Marketplace for Fakes {
    async fn search(&self, search: &Search) -> Result<Answer<Page>, Failure> {
        let fits = search.category.is_none_or(|id| id == "agent-strategy") && search.page == 1;
        self.said(Page { plugins: if fits { vec![agent().into()] } else { Vec::new() }, total: 21 })
    }

    async fn authors(&self) -> Result<Answer<Vec<String>>, Failure> {
        self.said(vec!["langgenius".to_owned()])
    }

    async fn plugin(&self, author: &str, name: &str) -> Result<Answer<Option<Shown>>, Failure> {
        self.said(is_agent(author, name).then(|| agent().into()))
    }

    async fn batch(&self, plugins: &[(String, String)]) -> Result<Answer<Vec<Shown>>, Failure> {
        let known = plugins.iter().filter(|(author, name)| is_agent(author, name));
        self.said(known.map(|_| agent().into()).collect())
    }

    async fn versions(&self, author: &str, name: &str) -> Result<Answer<Vec<ListedVersion>>, Failure> {
        let version = |version: &str| ListedVersion {
            version: version.to_owned(),
            created_at: Some(at(0)),
            ..ListedVersion::default()
        };
        self.said(if is_agent(author, name) { vec![version("0.0.9"), version("0.0.8")] } else { Vec::new() })
    }

    async fn categories(&self) -> Result<Answer<Vec<Category>>, Failure> {
        let category =
            |(id, name, description, icon)| Category { id, name, description, icon, plugin_count: 1 };
        self.said(CATEGORIES.map(category).to_vec())
    }

    async fn icon(&self, author: &str, name: &str) -> Result<Option<(String, Bytes)>, Failure> {
        let image = ("image/svg+xml".to_owned(), Bytes::from_static(b"<svg/>"));
        Ok(is_agent(author, name).then_some(image))
    }

    async fn download_url(&self, plugin: &PluginIdentity) -> Result<String, Failure> {
        Ok(format!("https://market.example/{plugin}"))
    }

    async fn download(
        &self,
        _: &PluginIdentity,
        _: &Path,
        _: u64,
        _: OnBytes<'_>,
        _: Option<&str>,
        _: &CancellationToken,
    ) -> Result<FromMarketplace, Failure> {
        Err(Failure::internal())
    }

    fn status(&self) -> Status {
        Status { circuit: Circuit::Closed, failures: 0, last_error: None }
    }

    fn page(&self, url: &str) -> Option<(String, String)> {
        let (author, name) = url.strip_prefix("https://market.example/plugins/")?.split_once('/')?;
        Some((author.to_owned(), name.to_owned()))
    }

    fn page_form(&self) -> String {
        "https://market.example/plugins/{author}/{name}".to_owned()
    }
}

#[async_trait]
impl Upstream for Fakes {
    async fn newest(&self, page: u32) -> Result<Changes, Failure> {
        let listings = if page == 1 { vec![agent()] } else { Vec::new() };
        Ok(self.said(Changes { listings, unreadable: 0, total: 1 })?.value)
    }
}

/// Every repository is this one.
pub(crate) struct Everywhere(pub(crate) Arc<Fakes>);

impl Upstreams for Everywhere {
    fn configured(&self) -> Arc<dyn Upstream> {
        self.0.clone()
    }

    fn of(&self, _: &RepositoryView) -> Result<Arc<dyn Upstream>, Failure> {
        Ok(self.0.clone())
    }
}

#[async_trait]
impl Turns for Fakes {
    async fn take(&self, _: &str) -> Result<Option<Turn>, Error> {
        Ok(Some(Turn::new(())))
    }
}
