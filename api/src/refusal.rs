//! A refusal before a dialect has put it into words. Layers and shared handlers answer with one, and the dialect's own
//! `error.rs` renders it on the way out ([`crate::voice`]), so that nobody ever sees the framework's plain text.

use application::{Error, Kind, failure::Reason};
use axum::{
    body::Body,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header::RETRY_AFTER},
    response::{IntoResponse, Response},
};
use serde_json::{Map, Value};

use crate::limits::Standing;

mod hosted;

/// How long a fault of the moment is worth waiting for, in seconds.
const PAUSE: HeaderValue = HeaderValue::from_static("2");

/// What is wrong. Every dialect has a status and a code for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Fault {
    /// Broken syntax, a wrong type, a value out of range.
    Malformed,
    /// Well-formed, and makes no sense.
    Meaningless,
    NoCredential,
    BadCredential,
    Forbidden,
    NotFound,
    UnknownPath,
    WrongMethod,
    /// The client took too long.
    Late,
    Conflict,
    Gone,
    TooLarge,
    UrlTooLong,
    /// A content type or encoding that is not taken.
    MediaType,
    /// The idempotency key was used for another request.
    KeyReused,
    UpgradeRequired,
    Limited,
    HeadersTooLarge,
    /// Documented, and not served by this version.
    NotBuilt,
    Unavailable,
    /// A plugin could not be installed or started: its fault, and told.
    Plugin,
    Internal,
}

/// One thing that is wrong with a malformed request.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Issue {
    /// Of the error type, in the words of the dialect that lists issues.
    pub(crate) kind: &'static str,
    pub(crate) loc: Vec<Value>,
    pub(crate) msg: String,
    pub(crate) input: Value,
}

#[derive(Debug, Clone)]
pub(crate) struct Refusal {
    pub(crate) fault: Fault,
    pub(crate) message: String,
    /// The dialect's own word, where the handler knows a better one than the fault gives.
    pub(crate) code: Option<&'static str>,
    pub(crate) reason: Option<Reason>,
    /// What else is told, where the dialect has a place for it.
    pub(crate) details: Map<String, Value>,
    /// Of a malformed request, where somebody has listed them.
    pub(crate) issues: Vec<Issue>,
    /// Of a limit that was reached.
    pub(crate) standing: Option<Standing>,
    pub(crate) headers: HeaderMap,
}

impl Issue {
    pub(crate) fn new(kind: &'static str, loc: &[&str], msg: impl Into<String>, input: Value) -> Self {
        let loc = loc.iter().map(|&part| part.into()).collect();
        Self { kind, loc, msg: msg.into(), input: shortened(input) }
    }

    /// Of the member with this number in a list.
    pub(crate) fn at(mut self, number: usize) -> Self {
        self.loc.push(number.into());
        self
    }

    /// Of the member that is meant; empty for the whole.
    pub(crate) fn place(&self) -> String {
        let parts = self.loc.iter().skip(1);
        let parts: Vec<String> =
            parts.map(|part| part.as_str().map_or_else(|| part.to_string(), str::to_owned)).collect();
        parts.join(".")
    }

    /// For a dialect without lists: where and what.
    fn told(&self) -> String {
        let place = self.place();
        if place.is_empty() { self.msg.clone() } else { format!("{place}: {}", self.msg) }
    }

    pub(crate) fn missing(loc: &[&str]) -> Self {
        Self::new("missing", loc, "Field required", Value::Null)
    }
}

/// Nobody needs a megabyte read back to him.
fn shortened(input: Value) -> Value {
    const LONGEST: usize = 200;
    match input {
        Value::String(text) if text.chars().count() > LONGEST => {
            Value::String(text.chars().take(LONGEST).collect())
        }
        Value::Array(_) | Value::Object(_) if input.to_string().len() > LONGEST => Value::Null,
        Value::Null
        | Value::Bool(_)
        | Value::Number(_)
        | Value::String(_)
        | Value::Array(_)
        | Value::Object(_) => input,
    }
}

impl Fault {
    /// Where the dialect says nothing else.
    pub(crate) fn status(self) -> StatusCode {
        match self {
            Self::Malformed | Self::Meaningless => StatusCode::BAD_REQUEST,
            Self::NoCredential | Self::BadCredential => StatusCode::UNAUTHORIZED,
            Self::Forbidden => StatusCode::FORBIDDEN,
            Self::NotFound | Self::UnknownPath => StatusCode::NOT_FOUND,
            Self::WrongMethod => StatusCode::METHOD_NOT_ALLOWED,
            Self::Late => StatusCode::REQUEST_TIMEOUT,
            Self::Conflict => StatusCode::CONFLICT,
            Self::Gone => StatusCode::GONE,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UrlTooLong => StatusCode::URI_TOO_LONG,
            Self::MediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::KeyReused => StatusCode::UNPROCESSABLE_ENTITY,
            Self::UpgradeRequired => StatusCode::UPGRADE_REQUIRED,
            Self::Limited => StatusCode::TOO_MANY_REQUESTS,
            Self::HeadersTooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::NotBuilt => StatusCode::NOT_IMPLEMENTED,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::Plugin | Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// Of a plain answer of the framework.
    fn of(status: StatusCode) -> Self {
        match status.as_u16() {
            401 => Self::NoCredential,
            403 => Self::Forbidden,
            404 => Self::UnknownPath,
            405 => Self::WrongMethod,
            408 => Self::Late,
            409 => Self::Conflict,
            410 => Self::Gone,
            413 => Self::TooLarge,
            414 => Self::UrlTooLong,
            415 => Self::MediaType,
            426 => Self::UpgradeRequired,
            429 => Self::Limited,
            431 => Self::HeadersTooLarge,
            501 => Self::NotBuilt,
            503 => Self::Unavailable,
            400..=499 => Self::Malformed,
            _ => Self::Internal,
        }
    }
}

impl Refusal {
    pub(crate) fn new(fault: Fault, message: impl Into<String>) -> Self {
        let mut refusal = Self {
            fault,
            message: message.into(),
            code: None,
            reason: None,
            details: Map::new(),
            issues: Vec::new(),
            standing: None,
            headers: HeaderMap::new(),
        };
        if fault == Fault::Unavailable {
            refusal.headers.insert(RETRY_AFTER, PAUSE);
        }
        refusal
    }

    pub(crate) fn meaningless(message: impl Into<String>) -> Self {
        Self::new(Fault::Meaningless, message)
    }

    pub(crate) fn malformed(issues: Vec<Issue>) -> Self {
        let told: Vec<String> = issues.iter().map(Issue::told).collect();
        Self { issues, ..Self::new(Fault::Malformed, told.join("; ")) }
    }

    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::new(Fault::NotFound, message)
    }

    pub(crate) fn unknown_path() -> Self {
        Self::new(Fault::UnknownPath, "Not Found")
    }

    pub(crate) fn wrong_method() -> Self {
        Self::new(Fault::WrongMethod, "Method Not Allowed")
    }

    pub(crate) fn internal() -> Self {
        Self::new(Fault::Internal, "Internal server error")
    }

    pub(crate) fn not_built() -> Self {
        Self::new(Fault::NotBuilt, "This operation is documented, but this version does not serve it")
    }

    pub(crate) fn limited(standing: Standing) -> Self {
        let mut refusal = Self::new(Fault::Limited, "Rate limit exceeded. Please try again later.");
        refusal.headers.insert(RETRY_AFTER, HeaderValue::from(standing.retry_after()));
        refusal.standing = Some(standing);
        refusal
    }

    pub(crate) fn coded(self, code: &'static str) -> Self {
        Self { code: Some(code), ..self }
    }

    pub(crate) fn with_header(mut self, name: HeaderName, value: &'static str) -> Self {
        self.headers.append(name, HeaderValue::from_static(value));
        self
    }

    /// What says more than the message: a fault of ours is nobody's business.
    pub(crate) fn told_reason(&self) -> Option<Reason> {
        self.reason.filter(|reason| *reason != Reason::Internal)
    }

    /// For a dialect that has no other place for the reason.
    pub(crate) fn told(&self) -> String {
        match self.told_reason() {
            None => self.message.clone(),
            Some(reason) => format!("{} ({reason})", self.message),
        }
    }

    /// What a response that no handler of ours has made says.
    pub(crate) fn of_framework(status: StatusCode) -> Self {
        let usual = [Self::unknown_path(), Self::wrong_method(), Self::internal()];
        let fault = Fault::of(status);
        let known = usual.into_iter().find(|refusal| refusal.fault == fault);
        known.unwrap_or_else(|| Self::new(fault, status.canonical_reason().unwrap_or("Bad Request")))
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        let fault = match (error.kind, error.reason) {
            (_, Some(Reason::IdempotencyKeyReused)) => Fault::KeyReused,
            (Kind::NotFound, _) => Fault::NotFound,
            (Kind::Invalid, _) => Fault::Meaningless,
            (Kind::Conflict, _) => Fault::Conflict,
            (Kind::Forbidden, _) => Fault::Forbidden,
            (Kind::Unauthenticated, _) => Fault::NoCredential,
            (Kind::Limited, _) => Fault::Limited,
            (Kind::Unavailable, _) => Fault::Unavailable,
        };
        let mut refusal = Self { reason: error.reason, ..Self::new(fault, error.message) };
        if fault == Fault::Limited {
            refusal.headers.insert(RETRY_AFTER, PAUSE);
        }
        refusal
    }
}

impl IntoResponse for Refusal {
    /// Without words yet.
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = self.fault.status();
        response.extensions_mut().insert(self);
        response
    }
}

#[cfg(test)]
mod tests;
