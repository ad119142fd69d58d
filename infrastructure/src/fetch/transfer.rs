//! One body into one file: counted, hashed while it streams, resumed where a connection was cut, and given up
//! when it stalls. Decides nothing about which URL may be asked; that is the client's part.

use std::{
    hash::{BuildHasher, RandomState},
    io::SeekFrom,
    path::Path,
    time::Duration,
};

use application::{
    failure::{Failure, Reason},
    ports::packaging::{OnBytes, Received},
};
use domain::values::Digest;
use reqwest::{
    Response,
    header::{CONTENT_RANGE, ETAG, HeaderMap, HeaderName, LAST_MODIFIED, RETRY_AFTER},
};
use sha2::{Digest as _, Sha256};
use tokio::{
    fs::File,
    io::{AsyncSeekExt, AsyncWriteExt},
    time::{Instant, sleep, sleep_until, timeout},
};
use url::Url;

use super::clients::{Get, NoAnswer, Resume};
use crate::archive::check::looks_like_html;
use crate::disk;

mod pace;

use pace::Pace;
pub use pace::Patience;

/// Why a transfer ended without the whole body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    Refused(Failure),
    Unresolved,
    Unreachable,
    Status {
        status: u16,
        html: bool,
        host: String,
        after: Option<Duration>,
    },
    /// The body begins like something else.
    WrongHead {
        status: u16,
        html: bool,
        host: String,
    },
    TooLarge,
    Stalled,
    Cut,
    Disk(Failure),
}

impl Fault {
    /// Whether asking again can help.
    pub fn is_momentary(&self) -> bool {
        match self {
            Self::Unreachable | Self::Cut | Self::Status { status: 408 | 429 | 500..=599, .. } => true,
            Self::Refused(_)
            | Self::Unresolved
            | Self::Status { .. }
            | Self::WrongHead { .. }
            | Self::TooLarge
            | Self::Stalled
            | Self::Disk(_) => false,
        }
    }

    /// How long the server wants to be left alone.
    fn after(&self) -> Option<Duration> {
        if let Self::Status { after, .. } = self { *after } else { None }
    }
}

/// What to fetch, and what it must begin with.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    pub url: &'a Url,
    pub into: &'a Path,
    pub limit: u64,
    pub magic: &'a [u8],
}

/// Streams the body into a new file. The file is not removed on failure.
///
/// # Errors
/// [`Fault`], after the tries that could have helped.
pub async fn transfer(
    client: &dyn Get,
    wanted: Wanted<'_>,
    patience: Patience,
    on_bytes: OnBytes<'_>,
) -> Result<Received, Fault> {
    let file = File::create(wanted.into).await.map_err(disk)?;
    let start = Instant::now();
    let mut state = Transfer {
        file,
        hash: Sha256::new(),
        done: 0,
        head: Vec::new(),
        validator: None,
        pace: None,
        wanted,
        patience,
    };
    let mut failures = 0;
    loop {
        let before = state.done;
        let deadline = start + patience.unreachable;
        let attempt = state.attempt(client, deadline, on_bytes);
        let fault = match attempt.await {
            Ok(()) => break,
            Err(fault) => fault,
        };
        if !fault.is_momentary() {
            return Err(fault);
        }
        failures = if state.done > before { 1 } else { failures + 1 };
        let pause = fault.after().unwrap_or_else(|| backoff(patience.backoff, failures));
        if let Some(pace) = &mut state.pace {
            if failures >= patience.tries {
                return Err(fault);
            }
            if !pace.resumes(state.done) || pace.left(wanted.limit).is_zero() {
                return Err(Fault::Stalled);
            }
            pace.paused(pause);
        } else if Instant::now() + pause >= deadline {
            // Until the deadline, whatever the reason, so that nobody learns it from the clock.
            sleep_until(deadline).await;
            return Err(fault);
        }
        sleep(pause).await;
    }
    state.file.sync_all().await.map_err(disk)?;
    Ok(Received { sha256: Digest::of_bytes(state.hash.finalize().into()), size: state.done })
}

fn disk(error: std::io::Error) -> Fault {
    Fault::Disk(disk::failure(error))
}

pub(crate) fn backoff(first: Duration, failures: u32) -> Duration {
    let whole = first.saturating_mul(1 << failures.saturating_sub(1).min(5));
    let jitter = u32::try_from(RandomState::new().hash_one(failures) % 512).unwrap_or(0);
    whole / 2 + whole / 1024 * jitter
}

struct Transfer<'a> {
    file: File,
    hash: Sha256,
    done: u64,
    /// The first bytes of the body.
    head: Vec<u8>,
    validator: Option<String>,
    /// From the first answer on.
    pace: Option<Pace>,
    wanted: Wanted<'a>,
    patience: Patience,
}

impl Transfer<'_> {
    async fn attempt(
        &mut self,
        client: &dyn Get,
        deadline: Instant,
        on_bytes: OnBytes<'_>,
    ) -> Result<(), Fault> {
        let resume = self
            .validator
            .clone()
            .filter(|_| self.done > 0)
            .map(|validator| Resume { from: self.done, validator });
        let by = self.pace.as_ref().map_or(deadline, |pace| Instant::now() + pace.left(self.wanted.limit));
        let asked = tokio::time::timeout_at(by, client.get(self.wanted.url, resume.as_ref())).await;
        let response = match asked {
            Ok(Ok(response)) => response,
            Ok(Err(NoAnswer::Refused(failure))) => return Err(Fault::Refused(failure)),
            Ok(Err(NoAnswer::Unresolved)) => return Err(Fault::Unresolved),
            Ok(Err(NoAnswer::Unreachable)) | Err(_) => return Err(Fault::Unreachable),
        };
        self.pace.get_or_insert_with(|| Pace::new(self.patience));
        let status = response.status().as_u16();
        match status {
            206 if resume.is_some() && starts_at(response.headers(), self.done) => {}
            200 => self.restart().await?,
            206 | 416 => {
                self.restart().await?;
                self.validator = None;
                return Err(Fault::Cut);
            }
            _ => return Err(self.status_fault(response).await),
        }
        self.validator = validator(response.headers());
        self.stream(response, on_bytes).await
    }

    async fn restart(&mut self) -> Result<(), Fault> {
        self.file.set_len(0).await.map_err(disk)?;
        self.file.seek(SeekFrom::Start(0)).await.map_err(disk)?;
        self.hash = Sha256::new();
        self.head.clear();
        self.done = 0;
        Ok(())
    }

    async fn stream(&mut self, mut response: Response, on_bytes: OnBytes<'_>) -> Result<(), Fault> {
        let status = response.status().as_u16();
        let host = host_of(response.url());
        let total = response.content_length().and_then(|left| left.checked_add(self.done));
        if total.is_some_and(|total| total > self.wanted.limit) {
            return Err(Fault::TooLarge);
        }
        let pace = self.pace.get_or_insert_with(|| Pace::new(self.patience));
        loop {
            let left = pace.left(total.unwrap_or(self.wanted.limit));
            let chunk = match timeout(left, response.chunk()).await {
                Ok(Ok(Some(chunk))) => chunk,
                Ok(Ok(None)) => break,
                Ok(Err(_)) => return Err(Fault::Cut),
                Err(_) => return Err(Fault::Stalled),
            };
            let size = chunk.len() as u64;
            if left.is_zero() || !pace.heard(size) {
                return Err(Fault::Stalled);
            }
            if self.done + size > self.wanted.limit {
                return Err(Fault::TooLarge);
            }
            if let Some(html) = begins_otherwise(&mut self.head, &chunk, self.wanted.magic) {
                return Err(Fault::WrongHead { status, html, host });
            }
            self.file.write_all(&chunk).await.map_err(disk)?;
            self.hash.update(&chunk);
            self.done += size;
            on_bytes(self.done, total);
        }
        if self.done < self.wanted.magic.len() as u64 {
            return Err(Fault::WrongHead { status, html: false, host });
        }
        self.file.flush().await.map_err(disk)
    }

    async fn status_fault(&self, mut response: Response) -> Fault {
        let status = response.status().as_u16();
        let after = response
            .headers()
            .get(RETRY_AFTER)
            .and_then(|value| value.to_str().ok()?.parse().ok())
            .map(|seconds: u64| Duration::from_secs(seconds.min(30)));
        let host = host_of(response.url());
        let body = timeout(Duration::from_secs(5), response.chunk()).await;
        let html = matches!(body, Ok(Ok(Some(chunk))) if looks_like_html(&chunk[..chunk.len().min(512)]));
        Fault::Status { status, html, host, after }
    }
}

/// Whether the body begins like something else, and if so, whether like a web page.
fn begins_otherwise(head: &mut Vec<u8>, chunk: &[u8], magic: &[u8]) -> Option<bool> {
    let missing = 512_usize.saturating_sub(head.len());
    head.extend_from_slice(&chunk[..chunk.len().min(missing)]);
    let begins = head.len().min(magic.len());
    (head[..begins] != magic[..begins]).then(|| looks_like_html(head))
}

fn host_of(url: &Url) -> String {
    url.host_str().unwrap_or_default().to_owned()
}

fn starts_at(headers: &HeaderMap, from: u64) -> bool {
    text(headers, &CONTENT_RANGE)
        .and_then(|range| range.strip_prefix("bytes ")?.split_once('-')?.0.parse::<u64>().ok())
        .is_some_and(|start| start == from)
}

fn validator(headers: &HeaderMap) -> Option<String> {
    let strong = text(headers, &ETAG).filter(|tag| !tag.starts_with("W/"));
    strong.or_else(|| text(headers, &LAST_MODIFIED)).map(str::to_owned)
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// The failure of a disk, an address or a server, where it is the same for whatever was fetched.
pub(crate) fn disk_failure(failure: &Failure) -> Failure {
    if failure.reason == Reason::DiskFull { failure.clone() } else { Failure::internal() }
}
