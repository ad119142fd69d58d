//! Which pages of other origins may ask, and read the answers. None, unless the operator names them; the dialects of
//! `LangBot` are open to any page, because their clients run in one. Never with credentials of the browser.

use std::{fmt, str::FromStr, sync::Arc, time::Duration};

use axum::http::{
    HeaderName, HeaderValue, Method,
    header::{
        AUTHORIZATION, CONTENT_DISPOSITION, CONTENT_TYPE, ETAG, IF_NONE_MATCH, LOCATION, RANGE, RETRY_AFTER,
    },
};
use domain::values::Dialect;
use tower_http::cors::{AllowOrigin, Any, CorsLayer};
use url::Url;

const REMEMBERED: Duration = Duration::from_mins(10);

/// `https://app.example.org`, `http://localhost:3000`: scheme, host and port, as browsers write it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Origin(String);

/// What the operator has named.
#[derive(Debug, Clone)]
pub(crate) struct CrossOrigin(Arc<[Origin]>);

impl CrossOrigin {
    pub(crate) fn new(allowed: &[Origin]) -> Self {
        Self(allowed.into())
    }

    pub(crate) fn allows(&self, origin: &Origin) -> bool {
        self.0.contains(origin)
    }

    /// Whether pages of other origins may show what this dialect serves.
    pub(crate) fn is_open(&self, dialect: Dialect) -> bool {
        is_for_any_page(dialect) || !self.0.is_empty()
    }

    /// None: pages of other origins get no answer.
    pub(crate) fn layer(&self, dialect: Dialect) -> Option<CorsLayer> {
        let origins = if is_for_any_page(dialect) {
            AllowOrigin::from(Any)
        } else if self.0.is_empty() {
            return None;
        } else {
            AllowOrigin::list(self.0.iter().filter_map(|Origin(text)| HeaderValue::from_str(text).ok()))
        };
        Some(
            CorsLayer::new()
                .allow_origin(origins)
                .allow_methods([Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::DELETE])
                .allow_headers(asked_with())
                .expose_headers(answered_with())
                .max_age(REMEMBERED),
        )
    }
}

fn is_for_any_page(dialect: Dialect) -> bool {
    match dialect {
        Dialect::Langbot | Dialect::Space => true,
        Dialect::Dify
        | Dialect::Inkdrop
        | Dialect::Backstage
        | Dialect::Nexus
        | Dialect::Yard
        | Dialect::Cli
        | Dialect::System => false,
    }
}

fn asked_with() -> [HeaderName; 10] {
    let ours = ["x-api-key", "x-workspace-id", "x-langbot-language", "idempotency-key", "x-request-id"];
    let [key, workspace, language, once, id] = ours.map(HeaderName::from_static);
    let after = HeaderName::from_static("x-read-after");
    [AUTHORIZATION, CONTENT_TYPE, IF_NONE_MATCH, RANGE, key, workspace, language, once, id, after]
}

fn answered_with() -> [HeaderName; 11] {
    let ours = [
        "x-request-id",
        "x-ratelimit-limit",
        "x-ratelimit-remaining",
        "x-ratelimit-reset",
        "x-ratelimit-window",
        "x-log-position",
        "x-log-lag",
    ];
    let [id, limit, remaining, reset, window, position, lag] = ours.map(HeaderName::from_static);
    let known = [RETRY_AFTER, LOCATION, CONTENT_DISPOSITION, ETAG];
    let [retry, location, disposition, etag] = known;
    [id, limit, remaining, reset, window, position, lag, retry, location, disposition, etag]
}

impl FromStr for Origin {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "*" {
            return Err("* would let every page ask in the name of its visitors: name the origins".to_owned());
        }
        let refused = || format!("{text} is not an origin: write https://HOST or http://HOST:PORT");
        let url = Url::parse(text).map_err(|_no_url| refused())?;
        let origin = url.origin();
        // Whatever stands beside scheme, host and port would be ignored.
        let nothing_else = url.as_str().trim_end_matches('/') == origin.ascii_serialization();
        let fits = matches!(url.scheme(), "http" | "https") && origin.is_tuple() && nothing_else;
        fits.then(|| Self(origin.ascii_serialization())).ok_or_else(refused)
    }
}

impl Origin {
    /// Whether a page of this origin was served by `host`, which is written as in the header of that name.
    pub(crate) fn is_of(&self, host: &str) -> bool {
        let (scheme, _) = self.0.split_once("://").unwrap_or_default();
        format!("{scheme}://{host}").parse() == Ok(self.clone())
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests;
