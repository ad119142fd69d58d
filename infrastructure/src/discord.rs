//! The operator's hook, in the form that Discord takes. Its address is a secret and is written nowhere; it is trusted,
//! so it is not guarded.

use std::time::Duration;

use application::ports::notices::{Hook, Posted};
use async_trait::async_trait;
use reqwest::header::RETRY_AFTER;
use serde_json::{Value, json};
use tokio::time::timeout;
use url::Url;

use crate::{
    fetch::{ClientError, GuardedClient, OperatorClient},
    wheels::sources::IndexPolicy,
};

const PATIENCE: Duration = Duration::from_secs(15);
const LARGEST_ANSWER: usize = 64 * 1024;
/// What the other side takes.
const LONGEST: usize = 2000;

pub struct DiscordHook {
    client: OperatorClient,
    url: Url,
}

impl DiscordHook {
    /// # Errors
    /// [`ClientError`] without any CA certificate.
    pub fn new(url: Url, guarded: GuardedClient) -> Result<Self, ClientError> {
        let operators = IndexPolicy::new(Some(url.clone()), Vec::new(), false);
        Ok(Self { client: OperatorClient::new(operators, guarded)?, url })
    }

    async fn send(&self, text: &str) -> Posted {
        let content: String = text.chars().take(LONGEST).collect();
        let body = json!({"content": content, "allowed_mentions": {"parse": []}});
        let Ok(mut response) = self.client.post(&self.url, &body.to_string()).await else {
            return Posted::Later(None);
        };
        let status = response.status();
        if status.is_success() {
            return Posted::Done;
        }
        tracing::warn!(%status, "the hook did not take the news");
        if status.as_u16() == 429 {
            let header = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
            let header = header.and_then(|text| text.trim().parse().ok());
            return Posted::Later(told(&mut response).await.or(header).and_then(seconds));
        }
        if status.is_server_error() || status.as_u16() == 408 { Posted::Later(None) } else { Posted::Refused }
    }
}

#[async_trait]
impl Hook for DiscordHook {
    async fn post(&self, text: &str) -> Posted {
        timeout(PATIENCE, self.send(text)).await.unwrap_or(Posted::Later(None))
    }
}

/// `retry_after`, in seconds and their parts.
async fn told(response: &mut reqwest::Response) -> Option<f64> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.ok()? {
        body.extend_from_slice(&chunk);
        if body.len() > LARGEST_ANSWER {
            return None;
        }
    }
    serde_json::from_slice::<Value>(&body).ok()?.get("retry_after")?.as_f64()
}

fn seconds(number: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(number).ok()
}

#[cfg(test)]
mod tests;
