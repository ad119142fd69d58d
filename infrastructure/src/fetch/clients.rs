//! The two ways out. [`GuardedClient`] resolves a name itself, refuses it if any address is forbidden, connects to
//! nothing but those addresses, looks at the peer again, follows at most five redirects, each judged anew, and
//! uses no proxy. [`OperatorClient`] goes where the operator said, through the operator's proxy.

use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex, Once, OnceLock, PoisonError},
    time::{Duration, Instant},
};

use application::failure::Failure;
use async_trait::async_trait;
use reqwest::{
    Client, ClientBuilder, RequestBuilder, Response,
    dns::{Addrs, Name, Resolve, Resolving},
    header::{ACCEPT_ENCODING, HeaderValue, IF_RANGE, LOCATION, RANGE},
    redirect::Policy,
};
use rustls::ClientConfig;
use rustls_platform_verifier::BuilderVerifierExt as _;
use tokio::sync::Mutex as AsyncMutex;
use url::{Host, Url};

mod operator;

pub use operator::OperatorClient;

use super::guard::{FetchPolicy, forbidden, forbidden_redirect};
use crate::wheels::sources::IndexPolicy;

const CONNECT_TIME: Duration = Duration::from_secs(10);
const MOST_REDIRECTS: usize = 5;

/// A client could not be built: usually there are no CA certificates on this machine.
#[derive(Debug, thiserror::Error)]
#[error("no HTTP client: {0}; is there a CA bundle (SSL_CERT_FILE)?")]
pub enum ClientError {
    Client(#[from] reqwest::Error),
    Tls(#[from] rustls::Error),
}

/// Where an interrupted transfer goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resume {
    pub from: u64,
    /// The strong tag or the date that the first part came with.
    pub validator: String,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoAnswer {
    Refused(Failure),
    /// The name does not exist, as far as anyone here knows.
    Unresolved,
    /// Closed, filtered, silent, or not speaking TLS: which of them is nobody's business.
    Unreachable,
}

/// Sends one GET, following redirects by the client's rules.
#[async_trait]
pub trait Get: Send + Sync {
    /// The head of the answer, whatever its status; the body is streamed by the caller.
    async fn get(&self, url: &Url, resume: Option<&Resume>) -> Result<Response, NoAnswer>;
}

/// Reading all CA certificates is the longest part of a start: done once for all clients.
fn tls() -> Result<ClientConfig, ClientError> {
    static TLS: OnceLock<ClientConfig> = OnceLock::new();
    if let Some(tls) = TLS.get() {
        return Ok(tls.clone());
    }
    let mut tls = ClientConfig::builder().with_platform_verifier()?.with_no_client_auth();
    tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TLS.get_or_init(|| tls).clone())
}

fn builder() -> Result<ClientBuilder, ClientError> {
    static PROVIDER: Once = Once::new();
    PROVIDER.call_once(|| {
        // Somebody else in this process may have installed one, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
    let builder = Client::builder()
        .tls_backend_preconfigured(tls()?)
        .redirect(Policy::none())
        .connect_timeout(CONNECT_TIME)
        .referer(false)
        .pool_max_idle_per_host(16)
        .user_agent(concat!("plugyard/", env!("CARGO_PKG_VERSION")));
    Ok(builder)
}

async fn send(
    client: &Client,
    url: &Url,
    resume: Option<&Resume>,
    index: Option<&IndexPolicy>,
) -> Result<Response, NoAnswer> {
    let mut request = client.get(url.clone());
    if let Some(Resume { from, validator }) = resume {
        request = request.header(RANGE, format!("bytes={from}-")).header(IF_RANGE, validator);
    }
    finished(request, url, index).await
}

async fn finished(
    request: RequestBuilder,
    url: &Url,
    index: Option<&IndexPolicy>,
) -> Result<Response, NoAnswer> {
    let mut request = request.header(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    if let Some(credential) = index.and_then(|index| index.credential(url)) {
        request = request.basic_auth(&credential.user, credential.password.as_ref());
    }
    request.send().await.map_err(|error| {
        tracing::debug!(error = %error.without_url(), host = url.host_str(), "no answer");
        NoAnswer::Unreachable
    })
}

/// Where a redirect leads; `None` when the answer is none, or leads nowhere.
fn next_hop(url: &Url, response: &Response) -> Option<Url> {
    if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    let location = response.headers().get(LOCATION)?.to_str().ok()?;
    let mut next = url.join(location).ok()?;
    next.set_fragment(None);
    Some(next)
}

/// Whether a redirect would leave an encrypted connection for another one.
fn is_downgrade(from: &Url, to: &Url) -> bool {
    from.scheme() == "https" && to.scheme() != "https"
}

/// The way out for URLs that callers and packages give.
#[derive(Debug, Clone)]
pub struct GuardedClient {
    client: Client,
    policy: Arc<FetchPolicy>,
    resolver: Arc<Resolver>,
}

impl GuardedClient {
    /// # Errors
    /// [`ClientError`] without any CA certificate.
    pub fn new(policy: FetchPolicy) -> Result<Self, ClientError> {
        let policy = Arc::new(policy);
        let resolver = Arc::new(Resolver { policy: Arc::clone(&policy), known: Mutex::default() });
        let client = builder()?.no_proxy().dns_resolver(Arc::clone(&resolver)).build()?;
        Ok(Self { client, policy, resolver })
    }

    pub fn policy(&self) -> &FetchPolicy {
        &self.policy
    }

    async fn follow(
        &self,
        first: &Url,
        resume: Option<&Resume>,
        hops: usize,
        listed: bool,
    ) -> Result<Response, NoAnswer> {
        let mut url = first.clone();
        for hop in hops..=MOST_REDIRECTS {
            self.check(&url, listed).await.map_err(|no_answer| match no_answer {
                NoAnswer::Refused(_) if hop > 0 => NoAnswer::Refused(forbidden_redirect()),
                NoAnswer::Refused(_) | NoAnswer::Unresolved | NoAnswer::Unreachable => no_answer,
            })?;
            let response = send(&self.client, &url, resume, None).await?;
            let port = url.port_or_known_default().unwrap_or_default();
            if !response.remote_addr().is_some_and(|peer| self.policy.admits(&url, peer.ip(), port)) {
                return Err(NoAnswer::Refused(forbidden(&url)));
            }
            let Some(next) = next_hop(&url, &response) else { return Ok(response) };
            if is_downgrade(&url, &next) {
                break;
            }
            url = next;
        }
        Err(NoAnswer::Refused(forbidden_redirect()))
    }

    /// Judges the URL and every address of its host; after that the client connects to these addresses only.
    async fn check(&self, url: &Url, listed: bool) -> Result<(), NoAnswer> {
        self.policy.judge(url).map_err(NoAnswer::Refused)?;
        if listed && !self.policy.lists(url) {
            return Err(NoAnswer::Refused(forbidden(url)));
        }
        let (Some(Host::Domain(name)), Some(port)) = (url.host(), url.port_or_known_default()) else {
            return Ok(());
        };
        let addresses = self.resolver.addresses(name).await.ok_or(NoAnswer::Unresolved)?;
        if !addresses.iter().all(|&address| self.policy.admits(url, address, port)) {
            return Err(NoAnswer::Refused(forbidden(url)));
        }
        Ok(())
    }
}

#[async_trait]
impl Get for GuardedClient {
    /// Only hosts that packages may come from.
    async fn get(&self, url: &Url, resume: Option<&Resume>) -> Result<Response, NoAnswer> {
        self.follow(url, resume, 0, true).await
    }
}

/// Looks a name up once for many requests, and gives the HTTP client those same addresses: what was judged is
/// what is connected to.
#[derive(Debug)]
struct Resolver {
    policy: Arc<FetchPolicy>,
    known: Mutex<HashMap<String, Arc<AsyncMutex<Option<Found>>>>>,
}

#[derive(Debug)]
struct Found {
    at: Instant,
    addresses: Vec<IpAddr>,
}

impl Resolver {
    fn of(&self, name: &str) -> Arc<AsyncMutex<Option<Found>>> {
        const MOST: usize = 4096;
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST {
            known.clear();
        }
        Arc::clone(known.entry(name.to_owned()).or_default())
    }

    /// `None` when the name does not exist.
    async fn addresses(&self, name: &str) -> Option<Vec<IpAddr>> {
        const FRESH: Duration = Duration::from_secs(10);
        let entry = self.of(name);
        let mut known = entry.lock().await;
        if let Some(found) = known.as_ref().filter(|found| found.at.elapsed() < FRESH) {
            return Some(found.addresses.clone());
        }
        *known = None;
        let found =
            tokio::time::timeout(CONNECT_TIME, tokio::net::lookup_host((name, 0))).await.ok()?.ok()?;
        let addresses: Vec<IpAddr> = found.map(|address| address.ip()).collect();
        if addresses.is_empty() {
            return None;
        }
        *known = Some(Found { at: Instant::now(), addresses: addresses.clone() });
        Some(addresses)
    }
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let (entry, policy) = (self.of(name.as_str()), Arc::clone(&self.policy));
        Box::pin(async move {
            let known = entry.lock().await;
            let addresses = known.as_ref().map(|found| found.addresses.clone()).unwrap_or_default();
            if addresses.is_empty() || !addresses.iter().all(|&address| policy.may_connect(address)) {
                return Err("the addresses of this name were not judged".into());
            }
            let addresses: Addrs = Box::new(addresses.into_iter().map(|address| SocketAddr::new(address, 0)));
            Ok(addresses)
        })
    }
}

#[cfg(test)]
mod tests;
