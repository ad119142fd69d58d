//! A simple index, usually the operator's: JSON (PEP 691) where it speaks it, else HTML (PEP 503). Its pages are read with a
//! cap and believed in nothing but names, links and marks.

use std::{path::Path, time::Duration};

use application::{failure::Failure, ports::packaging::Received};
use domain::values::Digest;
use http::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderValue};
use url::Url;

use crate::{
    fetch::{
        ClientError, GuardedClient, OperatorClient,
        clients::{Get, NoAnswer},
        transfer::{Fault, Patience, Wanted, transfer},
    },
    wheels::{percent, sources::IndexPolicy},
};

mod html;
mod json;

/// JSON rather than HTML.
const KINDS: &str = "application/vnd.pypi.simple.v1+json, text/html;q=0.1, */*;q=0.01";

/// The page of a project with thousands of releases has a few MiB.
const LARGEST_PAGE: usize = 32 * 1024 * 1024;
/// The largest projects have some ten thousand.
const MOST_FILES: usize = 100_000;
const PAGE_TIME: Duration = Duration::from_secs(30);

/// One file of a project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexFile {
    pub file_name: String,
    /// Without fragment and user info.
    pub url: Url,
    pub sha256: Option<Digest>,
    pub size: Option<u64>,
    pub requires_python: Option<String>,
    pub yanked: bool,
}

/// There is no page, and nobody knows whether there is such a project.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the package index did not answer")]
pub struct NoPage;

/// See the module.
#[derive(Debug, Clone)]
pub struct SimpleIndex {
    url: Url,
    client: OperatorClient,
}

impl SimpleIndex {
    /// `None` when the operator named no index.
    ///
    /// # Errors
    /// [`ClientError`] without any CA certificate.
    pub fn of(policy: &IndexPolicy, guarded: GuardedClient) -> Result<Option<Self>, ClientError> {
        policy.index().map(|url| Self::at(url.clone(), policy.clone(), guarded)).transpose()
    }

    /// One that the operator did not name.
    ///
    /// # Errors
    /// As [`Self::of`].
    pub(super) fn of_nobody(url: Url, guarded: GuardedClient) -> Result<Self, ClientError> {
        Self::at(url, IndexPolicy::default(), guarded)
    }

    fn at(mut url: Url, policy: IndexPolicy, guarded: GuardedClient) -> Result<Self, ClientError> {
        if !url.path().ends_with('/') {
            url.set_path(&format!("{}/", url.path()));
        }
        let accept = HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static(KINDS))]);
        let client = OperatorClient::with_headers(policy, guarded, accept)?;
        Ok(Self { url, client })
    }

    /// The files of a project by its normalised name; `None` when the index does not know it.
    ///
    /// # Errors
    /// [`NoPage`], after a second try.
    pub async fn project(&self, name: &str) -> Result<Option<Vec<IndexFile>>, NoPage> {
        let url = self.url.join(&format!("{name}/")).map_err(|_no_such_name| NoPage)?;
        for _ in 0..2 {
            let page = tokio::time::timeout(PAGE_TIME, self.page(&url)).await;
            if let Ok(Ok(page)) = page {
                return Ok(page);
            }
        }
        tracing::warn!(host = url.host_str(), "the package index does not give a page");
        Err(NoPage)
    }

    async fn page(&self, url: &Url) -> Result<Option<Vec<IndexFile>>, NoPage> {
        let mut response = self.client.get(url, None).await.map_err(|_no_answer: NoAnswer| NoPage)?;
        match response.status().as_u16() {
            200 => {}
            404 | 410 => return Ok(None),
            _ => return Err(NoPage),
        }
        let is_json = response
            .headers()
            .get(CONTENT_TYPE)
            .and_then(|kind| kind.to_str().ok())
            .is_some_and(|kind| kind.contains("json"));
        let base = response.url().clone();
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|_cut| NoPage)? {
            if bytes.len() + chunk.len() > LARGEST_PAGE {
                return Err(NoPage);
            }
            bytes.extend_from_slice(&chunk);
        }
        // Reading a large one takes a while, and nothing else shall wait for it.
        let files = tokio::task::spawn_blocking(move || {
            if is_json {
                json::files(&bytes, &base)
            } else {
                html::files(&String::from_utf8_lossy(&bytes), &base)
            }
        });
        files.await.ok().flatten().map(Some).ok_or(NoPage)
    }

    /// # Errors
    /// [`Fault`], as for every transfer.
    pub async fn download(&self, url: &Url, into: &Path, limit: u64) -> Result<Received, Fault> {
        let wanted = Wanted { url, into, limit, magic: b"PK" };
        transfer(&self.client, wanted, Patience::default(), &|_, _| {}).await
    }
}

/// What a link leads to: only to the web, and to a file with a plain name.
fn linked(base: &Url, link: &str) -> Option<(String, Url)> {
    let mut url = base.join(link).ok().filter(|url| matches!(url.scheme(), "http" | "https"))?;
    url.set_fragment(None);
    // Fails only for URLs that cannot have user info.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    let name = percent::decoded(url.path().rsplit('/').next()?)?.into_owned();
    let is_plain = !name.is_empty()
        && name.len() <= 255
        && name.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'/' | b'\\'));
    is_plain.then_some((name, url))
}

/// For callers that cannot go on without an answer.
impl From<NoPage> for Failure {
    fn from(NoPage: NoPage) -> Self {
        super::not_reachable()
    }
}
