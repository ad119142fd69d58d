//! One question over HTTP: the headers its edge wants, caps, a few tries, the envelope, and the breaker.

use std::{sync::Arc, time::Duration};

use application::failure::{Failure, Reason};
use bytes::Bytes;
use reqwest::{
    Response,
    header::{ACCEPT, HeaderMap, HeaderValue, RETRY_AFTER, USER_AGENT},
};
use serde_json::Value;
use tokio::time::{Instant, sleep, timeout_at};
use url::Url;

use super::breaker::Breaker;
use crate::{
    fetch::{
        ClientError, GuardedClient, OperatorClient,
        clients::{Get as _, NoAnswer},
        transfer::backoff,
    },
    wheels::sources::IndexPolicy,
};

const LARGEST_ANSWER: usize = 2 * 1024 * 1024;
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// The edge refuses what does not look like a browser.
const BROWSER: &str =
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0 Safari/537.36";

/// How long to wait for what.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// For one answer, all tries together.
    pub call: Duration,
    pub tries: u32,
    /// Before the second try; doubled each time, with jitter.
    pub backoff: Duration,
    /// How long an answer is not asked for again.
    pub fresh: Duration,
    /// How long nobody asks after too many failures.
    pub open: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            call: Duration::from_secs(15),
            tries: 3,
            backoff: Duration::from_millis(300),
            fresh: Duration::from_mins(10),
            open: Duration::from_secs(30),
        }
    }
}

#[derive(Debug)]
pub(super) struct Asking {
    pub(super) client: OperatorClient,
    pub(super) breaker: Breaker,
    base: Url,
    patience: Patience,
}

/// What the envelope held, and how large the answer was.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Said {
    Data(Value, usize),
    /// There is no such thing.
    Unknown,
}

enum Trouble {
    /// Asking again can help.
    Momentary(String, Option<Duration>),
    Down(String),
    /// It lives, but not for this question: that says nothing about others.
    Odd(String),
}

pub(super) fn unavailable() -> Failure {
    Failure::transient(Reason::MarketplaceUnavailable, "The marketplace does not answer; try again later")
}

impl Asking {
    /// User info of `base` goes to its origin alone.
    pub(super) fn new(
        mut base: Url,
        guarded: GuardedClient,
        patience: Patience,
    ) -> Result<Self, ClientError> {
        let policy = IndexPolicy::new(Some(base.clone()), Vec::new(), false);
        // Fails only for URLs that cannot have user info.
        let _ = base.set_username("");
        let _ = base.set_password(None);
        let mut headers = HeaderMap::new();
        headers.insert(USER_AGENT, HeaderValue::from_static(BROWSER));
        headers.insert("x-dify-version", HeaderValue::from_static("1.x"));
        headers.insert(ACCEPT, HeaderValue::from_static("application/json, */*"));
        let client = OperatorClient::with_headers(policy, guarded, headers)?;
        Ok(Self { client, breaker: Breaker::new(patience.open), base, patience })
    }

    pub(super) fn base(&self) -> &Url {
        &self.base
    }

    /// Of plain words only.
    pub(super) fn url(&self, path: &str) -> Url {
        let mut url = self.base.clone();
        url.set_path(&format!("{}/{path}", self.base.path().trim_end_matches('/')));
        url
    }

    /// # Errors
    /// `MarketplaceUnavailable`.
    pub(super) async fn ask(self: Arc<Self>, url: Url, body: Option<Value>) -> Result<Said, Failure> {
        let Some(pass) = self.breaker.enter() else { return Err(unavailable()) };
        let deadline = Instant::now() + self.patience.call;
        let mut tried = 0;
        let why = loop {
            tried += 1;
            let (why, after) = match timeout_at(deadline, self.once(&url, body.as_ref())).await {
                Ok(Ok(said)) => {
                    pass.answered();
                    return Ok(said);
                }
                Ok(Err(Trouble::Odd(why))) => {
                    tracing::warn!(path = url.path(), %why, "the marketplace does not answer a question");
                    return Err(unavailable());
                }
                Ok(Err(Trouble::Down(why))) => break why,
                Ok(Err(Trouble::Momentary(why, after))) => (why, after),
                Err(_elapsed) => break "No answer in time".to_owned(),
            };
            let pause = after.unwrap_or_else(|| backoff(self.patience.backoff, tried));
            if tried >= self.patience.tries || Instant::now() + pause >= deadline {
                break why;
            }
            sleep(pause).await;
        };
        tracing::warn!(path = url.path(), %why, "the marketplace does not answer");
        pass.failed(why);
        Err(unavailable())
    }

    async fn once(&self, url: &Url, body: Option<&Value>) -> Result<Said, Trouble> {
        let answer = match body {
            None => self.client.get(url, None).await,
            Some(body) => self.client.post(url, &body.to_string()).await,
        };
        let response = answer.map_err(|no_answer| match no_answer {
            NoAnswer::Refused(failure) => Trouble::Down(failure.message),
            NoAnswer::Unresolved => Trouble::Momentary("Its name was not found".to_owned(), None),
            NoAnswer::Unreachable => Trouble::Momentary("It could not be reached".to_owned(), None),
        })?;
        let status = response.status().as_u16();
        let trouble = format!("HTTP {status}");
        match status {
            200..=299 | 404 => {}
            408 | 429 | 500..=599 => return Err(Trouble::Momentary(trouble, retry_after(&response))),
            401 | 403 => return Err(Trouble::Down(trouble)),
            _ => return Err(Trouble::Odd(trouble)),
        }
        let bytes = whole(response, LARGEST_ANSWER).await.map_err(|cut| match cut {
            Cut::TooLarge => Trouble::Odd("An answer larger than 2 MiB".to_owned()),
            Cut::Short => Trouble::Momentary("The answer was cut".to_owned(), None),
        })?;
        opened(status, &bytes)
    }

    /// The bytes behind a link, at most `limit`; `None` when there are none. Counts for the breaker neither way: they
    /// may come from elsewhere.
    pub(super) async fn fetch(self: Arc<Self>, url: Url, limit: usize) -> Result<Option<Bytes>, Failure> {
        let fetched = async {
            match self.client.get(&url, None).await {
                Ok(response) => match response.status().as_u16() {
                    200 => match whole(response, limit).await {
                        Ok(bytes) => Ok(Some(bytes)),
                        Err(Cut::TooLarge) => Ok(None),
                        Err(Cut::Short) => Err(unavailable()),
                    },
                    401 | 403 | 408 | 429 | 500..=599 => Err(unavailable()),
                    _ => Ok(None),
                },
                Err(NoAnswer::Refused(_)) => Ok(None),
                Err(NoAnswer::Unresolved | NoAnswer::Unreachable) => Err(unavailable()),
            }
        };
        tokio::time::timeout(self.patience.call, fetched).await.unwrap_or_else(|_elapsed| Err(unavailable()))
    }
}

fn opened(status: u16, bytes: &[u8]) -> Result<Said, Trouble> {
    let not_json = || {
        if status == 404 {
            Trouble::Odd("HTTP 404".to_owned())
        } else {
            Trouble::Down(NOT_AN_ANSWER.to_owned())
        }
    };
    let Ok(Value::Object(mut envelope)) = serde_json::from_slice(bytes) else { return Err(not_json()) };
    match envelope.get("code").and_then(Value::as_i64) {
        Some(0) if status == 404 => Ok(Said::Unknown),
        Some(0) => Ok(Said::Data(envelope.remove("data").unwrap_or_default(), bytes.len())),
        Some(-1) => Ok(Said::Unknown),
        Some(_) if status == 404 => Ok(Said::Unknown),
        Some(code) => Err(Trouble::Odd(format!("Code {code}"))),
        None => Err(not_json()),
    }
}

const NOT_AN_ANSWER: &str = "Its answer is not one of a marketplace";

enum Cut {
    TooLarge,
    Short,
}

async fn whole(mut response: Response, limit: usize) -> Result<Bytes, Cut> {
    let mut bytes = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if bytes.len() + chunk.len() <= limit => bytes.extend_from_slice(&chunk),
            Ok(Some(_)) => return Err(Cut::TooLarge),
            Ok(None) => return Ok(bytes.into()),
            Err(_) => return Err(Cut::Short),
        }
    }
}

fn retry_after(response: &Response) -> Option<Duration> {
    let seconds = response.headers().get(RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds).min(LONGEST_PAUSE))
}
