//! Absolute addresses in answers: below the configured public URL, else below the scheme and host that the request
//! named; behind the mount that it came through.

use std::sync::Arc;

use axum::{
    Extension, RequestPartsExt as _,
    extract::{FromRef, FromRequestParts},
    http::{HeaderMap, header::HOST, request::Parts, uri::Authority},
};
use url::Url;

use crate::{mount::Mount, refusal::Refusal};

/// Where people reach this service, if the operator says so; without a slash at its end.
#[derive(Debug, Clone, Default)]
pub(crate) struct PublicUrl(Option<Arc<str>>);

impl PublicUrl {
    pub(crate) fn new(url: Option<&Url>) -> Self {
        Self(url.map(|url| url.as_str().trim_end_matches('/').into()))
    }
}

/// What stands before the paths of links.
#[derive(Debug, Clone)]
pub(crate) struct Links {
    base: String,
    mount: Mount,
}

impl Links {
    #[cfg(test)]
    pub(crate) fn to(base: &str, mount: Mount) -> Self {
        Self { base: base.to_owned(), mount }
    }

    /// Below the mount of the request: `path` is the dialect's own.
    pub(crate) fn mounted(&self, path: &str) -> String {
        format!("{}{}{path}", self.base, self.mount.prefix())
    }

    /// Of a path that is the same wherever the request came in.
    pub(crate) fn root(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }
}

impl<S: Sync> FromRequestParts<S> for Links
where
    PublicUrl: FromRef<S>,
{
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let mount = parts.extract::<Extension<Mount>>().await.map_or(Mount::ROOT, |Extension(mount)| mount);
        let base = match PublicUrl::from_ref(state).0 {
            Some(url) => url.to_string(),
            None => named(&parts.headers).ok_or_else(|| {
                Refusal::meaningless("The Host header names no host that links could lead to")
            })?,
        };
        Ok(Self { base, mount })
    }
}

/// A caller may name any host: it gets its own name back, in its own answer alone.
fn named(headers: &HeaderMap) -> Option<String> {
    let host: Authority = headers.get(HOST)?.to_str().ok()?.parse().ok()?;
    let plain = !host.as_str().contains('@');
    plain.then(|| format!("http://{host}"))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn links_lead_to_the_host_that_was_asked_and_to_nothing_else() {
        let host =
            |text: &'static str| named(&HeaderMap::from_iter([(HOST, HeaderValue::from_static(text))]));
        assert_eq!(host("example.org:8000"), Some("http://example.org:8000".to_owned()));
        assert_eq!(host("[::1]:8000"), Some("http://[::1]:8000".to_owned()));
        for text in ["", "a b", "user@example.org", "example.org/path", "\"><script>"] {
            assert_eq!(host(text), None, "{text}");
        }
    }

    #[test]
    fn the_public_url_needs_no_slash() {
        let url = PublicUrl::new(Some(&Url::parse("https://plugins.example.org/yard/").unwrap()));
        assert_eq!(url.0.as_deref(), Some("https://plugins.example.org/yard"));
    }
}
