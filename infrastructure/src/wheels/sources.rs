//! Where a locked wheel may be fetched from: the operator's file base, the lock's own URL, and the same path on
//! the other file hosts that the lock names. The sha256 of the lock decides, wherever the bytes come from.

use std::{borrow::Cow, collections::BTreeSet};

use serde::{Deserialize, Serialize};
use url::Url;

use super::{lock::Lock, percent};

/// What the operator configured about package indexes. Its hosts are trusted: they may be internal.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct IndexPolicy {
    index: Option<Url>,
    files: Vec<Url>,
    files_only: bool,
    #[serde(skip)]
    credentials: Vec<Credential>,
}

type Origin = (String, String, u16);

/// User and password for one origin; never shown, never handed to a child process.
#[derive(Clone)]
pub struct Credential {
    origin: Origin,
    pub user: String,
    pub password: Option<String>,
}

impl std::fmt::Debug for Credential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (scheme, host, port) = &self.origin;
        write!(f, "Credential({scheme}://{host}:{port}, ***)")
    }
}

impl IndexPolicy {
    /// `files`: file bases of the operator, the first of which receives mapped lock paths; `files_only`: no other
    /// host is asked for a wheel. User info is taken out of the URLs and used for their origin alone.
    pub fn new(index: Option<Url>, files: Vec<Url>, files_only: bool) -> Self {
        let mut credentials = Vec::new();
        let mut without_user_info = |mut url: Url| {
            if let (Some(origin), false) = (origin(&url), url.username().is_empty()) {
                let (user, password) = (decoded(url.username()), url.password().map(decoded));
                credentials.push(Credential { origin, user, password });
            }
            // Fails only for URLs that cannot have user info.
            let _ = url.set_username("");
            let _ = url.set_password(None);
            url
        };
        let index = index.map(&mut without_user_info);
        let files = files.into_iter().map(without_user_info).collect();
        Self { index, files, files_only, credentials }
    }

    /// Whether the URL is on a host (and port and scheme) that the operator named.
    pub fn is_operators(&self, url: &Url) -> bool {
        origin(url).is_some_and(|wanted| {
            self.index.iter().chain(&self.files).any(|own| origin(own).as_ref() == Some(&wanted))
        })
    }

    /// The simple index, without user info.
    pub fn index(&self) -> Option<&Url> {
        self.index.as_ref()
    }

    pub fn credential(&self, url: &Url) -> Option<&Credential> {
        let wanted = origin(url)?;
        self.credentials.iter().find(|credential| credential.origin == wanted)
    }
}

/// With the scheme: what is sent over https never goes over http.
fn origin(url: &Url) -> Option<Origin> {
    Some((url.scheme().to_owned(), url.host_str()?.to_owned(), url.port_or_known_default()?))
}

/// The other hosts of a lock come from its text as well.
fn is_web(url: &Url) -> bool {
    matches!(url.scheme(), "https" | "http")
}

/// What is not percent-encoded is meant as it stands.
fn decoded(text: &str) -> String {
    percent::decoded(text).unwrap_or(Cow::Borrowed(text)).into_owned()
}

/// Maps the URLs of one lock.
#[derive(Debug)]
pub struct Sources<'a> {
    policy: &'a IndexPolicy,
    origins: BTreeSet<String>,
}

/// Why no URL is left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoSource {
    NotAUrl,
    /// Only the operator's own hosts are asked, and none of them has it.
    HostNotAllowed(String),
}

const SHARED: &str = "/packages/";
/// A lock that names more file hosts than this is not helped by trying them all.
const MOST_ORIGINS: usize = 4;

impl<'a> Sources<'a> {
    pub fn of(lock: &Lock<'_>, policy: &'a IndexPolicy) -> Self {
        let mut origins = BTreeSet::new();
        for package in &lock.packages {
            let first = package.wheels.first().and_then(|wheel| wheel.url.as_deref());
            if let Some((base, _)) = first.and_then(|url| url.split_once(SHARED))
                && !origins.contains(base)
            {
                origins.insert(base.to_owned());
            }
        }
        Self { policy, origins }
    }

    /// How many file hosts the lock names.
    pub fn origins(&self) -> usize {
        self.origins.len()
    }

    /// Whether wheels of this lock are looked for on the operator's file base first.
    pub fn is_mapped(&self) -> bool {
        !self.policy.files.is_empty() && !self.origins.is_empty()
    }

    /// # Errors
    /// [`NoSource`] when nothing may be tried.
    pub fn urls(&self, locked: &str) -> Result<Vec<String>, NoSource> {
        let mut own = Url::parse(locked).map_err(|_not_a_url| NoSource::NotAUrl)?;
        let host = own.host_str().ok_or(NoSource::NotAUrl)?.to_owned();
        if !is_web(&own) {
            return Err(NoSource::NotAUrl);
        }
        own.set_fragment(None);
        let mut urls = Vec::new();
        let shared = locked.split_once(SHARED).map(|(_, tail)| tail);
        if let (Some(base), Some(tail)) = (self.policy.files.first(), shared) {
            let base = base.as_str().trim_end_matches('/');
            let base = base.strip_suffix("/packages").unwrap_or(base);
            urls.extend(Url::parse(&format!("{base}{SHARED}{tail}")).ok());
        }
        urls.push(own);
        for origin in self.origins.iter().take(MOST_ORIGINS) {
            urls.extend(shared.and_then(|tail| Url::parse(&format!("{origin}{SHARED}{tail}")).ok()));
        }
        let mut seen = BTreeSet::new();
        urls.retain(|url| {
            is_web(url)
                && (!self.policy.files_only || self.policy.is_operators(url))
                && seen.insert(url.to_string())
        });
        if urls.is_empty() {
            return Err(NoSource::HostNotAllowed(host));
        }
        Ok(urls.into_iter().map(String::from).collect())
    }

    /// Whether the operator named this URL's host.
    pub fn is_operators(&self, url: &str) -> bool {
        Url::parse(url).is_ok_and(|url| self.policy.is_operators(&url))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCK: &str = "version = 1\n\
        [[package]]\nname = \"a\"\nsource = { registry = \"x\" }\n\
        wheels = [{ url = \"https://files.example/packages/a/a-1-py3-none-any.whl\" }]\n\
        [[package]]\nname = \"b\"\nsource = { registry = \"y\" }\n\
        wheels = [{ url = \"https://mirror.example/simple/packages/b/b-1-py3-none-any.whl\" }]\n";

    fn policy(files: &[&str], only: bool) -> IndexPolicy {
        IndexPolicy::new(None, files.iter().map(|url| url.parse().unwrap()).collect(), only)
    }

    fn urls(policy: &IndexPolicy, url: &str) -> Result<Vec<String>, NoSource> {
        let lock = Lock::read(LOCK).unwrap();
        Sources::of(&lock, policy).urls(url)
    }

    #[test]
    fn without_settings_the_locks_own_url_comes_first_then_its_other_hosts() {
        assert_eq!(
            urls(&policy(&[], false), "https://mirror.example/simple/packages/b/b.whl").unwrap(),
            ["https://mirror.example/simple/packages/b/b.whl", "https://files.example/packages/b/b.whl",]
        );
    }

    #[test]
    fn the_first_file_base_of_the_operator_comes_before_everything() {
        for base in ["http://10.0.0.5:8080/root/", "http://10.0.0.5:8080/root/packages"] {
            let found = urls(&policy(&[base], false), "https://files.example/packages/a/a.whl").unwrap();
            assert_eq!(found[0], "http://10.0.0.5:8080/root/packages/a/a.whl");
            assert_eq!(found.len(), 3);
        }
    }

    #[test]
    fn with_files_only_no_other_host_is_left() {
        let only = policy(&["https://own.example/"], true);
        let url = "https://files.example/packages/a/a.whl";
        assert_eq!(urls(&only, url).unwrap(), ["https://own.example/packages/a/a.whl"]);
        assert_eq!(
            urls(&only, "https://elsewhere.example/a.whl"),
            Err(NoSource::HostNotAllowed("elsewhere.example".to_owned()))
        );
    }

    #[test]
    fn other_schemes_are_no_source() {
        for url in ["file:///etc/passwd", "ftp://files.example/packages/a", "a.whl", "data:,x"] {
            assert_eq!(urls(&policy(&[], false), url), Err(NoSource::NotAUrl), "{url}");
        }
    }

    #[test]
    fn another_host_of_the_lock_is_asked_over_the_web_or_not_at_all() {
        let lock = LOCK.replace("https://mirror.example/simple", "file:///srv");
        let (lock, policy) = (Lock::read(&lock).unwrap(), policy(&[], false));
        let found = Sources::of(&lock, &policy).urls("https://files.example/packages/a/a.whl").unwrap();
        assert_eq!(found, ["https://files.example/packages/a/a.whl"]);
    }

    #[test]
    fn credentials_leave_the_url_and_serve_their_origin_only() {
        let policy = policy(&["https://me:s%40c+&d@own.example/x"], false);
        let found = urls(&policy, "https://files.example/packages/a/a.whl").unwrap();
        assert_eq!(found[0], "https://own.example/x/packages/a/a.whl");
        let credential = policy.credential(&found[0].parse().unwrap()).unwrap();
        assert_eq!((credential.user.as_str(), credential.password.as_deref()), ("me", Some("s@c+&d")));
        assert!(policy.credential(&"https://own.example:444/".parse().unwrap()).is_none());
        for other in ["http://own.example/", "http://own.example:443/"] {
            let other = other.parse().unwrap();
            assert!(policy.credential(&other).is_none() && !policy.is_operators(&other), "{other}");
        }
        assert!(!format!("{policy:?}").contains("s@c"));
        assert!(!serde_json::to_string(&policy).unwrap().contains("s%40c"));
    }
}
