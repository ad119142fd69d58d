//! The client of the upstream marketplace.

use std::path::Path;

use application::{
    failure::{Failure, Reason},
    ports::{
        marketplace::{
            Answer, Category, Circuit, FromMarketplace, ListedVersion, Listing, Marketplace, Page, Search,
            Status,
        },
        packaging::OnBytes,
    },
};
use async_trait::async_trait;
use bytes::Bytes;
use domain::values::PluginIdentity;
use tokio_util::sync::CancellationToken;

/// There is none.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoMarketplace;

fn unavailable() -> Failure {
    Failure::transient(Reason::MarketplaceUnavailable, "The marketplace does not answer; try again later")
}

#[async_trait]
impl Marketplace for NoMarketplace {
    async fn search(&self, _: &Search) -> Result<Answer<Page>, Failure> {
        Err(unavailable())
    }

    async fn authors(&self) -> Result<Answer<Vec<String>>, Failure> {
        Err(unavailable())
    }

    async fn plugin(&self, _: &str, _: &str) -> Result<Answer<Option<Listing>>, Failure> {
        Err(unavailable())
    }

    async fn versions(&self, _: &str, _: &str) -> Result<Answer<Vec<ListedVersion>>, Failure> {
        Err(unavailable())
    }

    async fn categories(&self) -> Result<Answer<Vec<Category>>, Failure> {
        Err(unavailable())
    }

    async fn icon(&self, _: &str, _: &str) -> Result<Option<(String, Bytes)>, Failure> {
        Err(unavailable())
    }

    fn download_url(&self, _: &PluginIdentity) -> String {
        String::new()
    }

    async fn download(
        &self,
        _: &PluginIdentity,
        _: &Path,
        _: u64,
        _: OnBytes<'_>,
        _: &CancellationToken,
    ) -> Result<FromMarketplace, Failure> {
        Err(unavailable())
    }

    fn status(&self) -> Status {
        Status { circuit: Circuit::Open, failures: 0, last_error: None }
    }

    fn page(&self, _: &str) -> Option<(String, String)> {
        None
    }
}
