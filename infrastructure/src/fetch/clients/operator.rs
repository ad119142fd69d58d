//! The client for what the operator configured: any address, the operator's proxy and credentials.

use std::sync::Arc;

use async_trait::async_trait;
use reqwest::{
    Client, Response,
    header::{CONTENT_TYPE, HeaderMap},
};
use url::Url;

use super::{
    ClientError, Get, GuardedClient, MOST_REDIRECTS, NoAnswer, Resume, builder, finished, next_hop, send,
};
use crate::{fetch::guard::forbidden_redirect, wheels::sources::IndexPolicy};

/// The way out for what the operator configured, and from there on for what it links to.
#[derive(Debug, Clone)]
pub struct OperatorClient {
    client: Client,
    index: Arc<IndexPolicy>,
    guarded: GuardedClient,
}

impl OperatorClient {
    /// Uses the proxies of the environment for the hosts of `index`; every other host goes through `guarded`.
    ///
    /// # Errors
    /// [`ClientError`] without any CA certificate.
    pub fn new(index: IndexPolicy, guarded: GuardedClient) -> Result<Self, ClientError> {
        Self::with_headers(index, guarded, HeaderMap::new())
    }

    /// The same; the hosts of `index` get these headers with every request, and nobody else does.
    ///
    /// # Errors
    /// [`ClientError`] without any CA certificate.
    pub fn with_headers(
        index: IndexPolicy,
        guarded: GuardedClient,
        headers: HeaderMap,
    ) -> Result<Self, ClientError> {
        let client = builder()?.default_headers(headers).build()?;
        Ok(Self { client, index: Arc::new(index), guarded })
    }

    /// Sends JSON to a host of the operator. The body goes to no other host, whatever a redirect says.
    ///
    /// # Errors
    /// [`NoAnswer`].
    pub async fn post(&self, url: &Url, json: &str) -> Result<Response, NoAnswer> {
        let mut url = url.clone();
        for _hop in 0..=MOST_REDIRECTS {
            if !self.index.is_operators(&url) {
                break;
            }
            let request = self.client.post(url.clone()).header(CONTENT_TYPE, "application/json");
            let response = finished(request.body(json.to_owned()), &url, Some(&self.index)).await?;
            match next_hop(&url, &response) {
                Some(next) if matches!(response.status().as_u16(), 307 | 308) => url = next,
                Some(_) | None => return Ok(response),
            }
        }
        Err(NoAnswer::Refused(forbidden_redirect()))
    }
}

#[async_trait]
impl Get for OperatorClient {
    async fn get(&self, url: &Url, resume: Option<&Resume>) -> Result<Response, NoAnswer> {
        let mut url = url.clone();
        for hop in 0..=MOST_REDIRECTS {
            if !self.index.is_operators(&url) {
                // The list of hosts is about packages; wheels are bound by their sha256.
                return self.guarded.follow(&url, resume, hop, false).await;
            }
            let response = send(&self.client, &url, resume, Some(&self.index)).await?;
            match next_hop(&url, &response) {
                Some(next) => url = next,
                None => return Ok(response),
            }
        }
        Err(NoAnswer::Refused(forbidden_redirect()))
    }
}
