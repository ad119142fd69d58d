//! What each dialect says when it refuses: the shapes of the reference pages, checked to the member.

use serde_json::{Map, Value};

use crate::Answer;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dialect {
    Dify,
    Inkdrop,
    Backstage,
    Langbot,
    Space,
    Nexus,
    /// The paths that are our own.
    Yard,
}

/// A refusal, whatever the envelope.
#[derive(Debug, Clone, PartialEq)]
pub struct Refused {
    pub status: u16,
    /// The word or number of the dialect, as text; empty where it has none.
    pub code: String,
    pub message: String,
    /// The answer without what differs from request to request.
    pub timeless: Value,
}

impl Dialect {
    pub const ALL: [Self; 7] =
        [Self::Dify, Self::Inkdrop, Self::Backstage, Self::Langbot, Self::Space, Self::Nexus, Self::Yard];
    /// Those that take credentials of their own.
    pub const WITH_CREDENTIALS: [Self; 5] =
        [Self::Inkdrop, Self::Backstage, Self::Langbot, Self::Space, Self::Nexus];

    pub fn name(self) -> &'static str {
        match self {
            Self::Dify => "dify",
            Self::Inkdrop => "inkdrop",
            Self::Backstage => "backstage",
            Self::Langbot => "langbot",
            Self::Space => "space",
            Self::Nexus => "nexus",
            Self::Yard => "yard",
        }
    }

    /// What stands before its paths.
    pub fn mount(self) -> &'static str {
        match self {
            Self::Dify => "/dify",
            Self::Inkdrop => "/inkdrop",
            Self::Backstage => "/backstage",
            Self::Langbot => "/langbot",
            Self::Space => "/space",
            Self::Nexus => "/nexus",
            Self::Yard => "",
        }
    }

    /// The refusal in this answer. Panics when it is not in the dialect's exact form, or when the request's name in
    /// the body is not that of the header.
    pub fn refusal(self, answer: &Answer) -> Refused {
        self.read(answer).unwrap_or_else(|| {
            panic!(
                "not in the form of {}: {} {:?} {}",
                self.name(),
                answer.status,
                answer.headers,
                answer.text()
            )
        })
    }

    /// The same; None when it is in another form.
    pub fn read(self, answer: &Answer) -> Option<Refused> {
        let kind = if self == Self::Yard { "application/problem+json" } else { "application/json" };
        let id = answer.header("x-request-id");
        if answer.header("content-type") != kind || answer.status < 400 || id.is_empty() {
            return None;
        }
        let Value::Object(body) = serde_json::from_slice(&answer.body).ok()? else { return None };
        let (code, message) = match self {
            Self::Dify => dify(&body),
            Self::Inkdrop => inkdrop(&body, answer.status),
            Self::Backstage => backstage(&body, id).filter(|_| answer.header("x-api-version") == "v1"),
            Self::Langbot | Self::Space => langbot(&body, id),
            Self::Nexus => nexus(&body, id),
            Self::Yard => problem(&body, answer.status, id),
        }?;
        let mut timeless = body;
        for member in ["timestamp", "requestId", "request_id"] {
            timeless.remove(member);
        }
        Some(Refused { status: answer.status, code, message, timeless: timeless.into() })
    }

    /// What a shared operation answered, out of the dialect's envelope.
    pub fn data(self, answer: &Answer) -> Value {
        let mut body = answer.json();
        let enveloped = match self {
            Self::Dify | Self::Inkdrop | Self::Yard => return body,
            Self::Backstage => body.as_object().is_some_and(|body| body.len() == 1),
            Self::Langbot | Self::Space => body["code"] == 0 && body["msg"] == "ok",
            Self::Nexus => body["success"] == true && body["request_id"] == answer.header("x-request-id"),
        };
        assert!(enveloped, "not in the envelope of {}: {} {body}", self.name(), answer.status);
        body["data"].take()
    }

    /// The code of wire.md for a missing credential, a bad one, too few rights, and a path that is not there.
    pub fn codes(self) -> [&'static str; 4] {
        match self {
            Self::Dify | Self::Yard => [""; 4],
            Self::Inkdrop => ["401", "401", "403", "404"],
            Self::Backstage => ["UNAUTHORIZED", "UNAUTHORIZED", "FORBIDDEN", "NOT_FOUND"],
            Self::Langbot | Self::Space => ["-1", "invalid_authentication", "permission_denied", "404"],
            Self::Nexus => [
                "AUTHENTICATION_FAILED",
                "AUTHENTICATION_FAILED",
                "PLUGIN_PERMISSION_DENIED",
                "RESOURCE_NOT_FOUND",
            ],
        }
    }
}

fn has_exactly(body: &Map<String, Value>, members: &[&str]) -> bool {
    body.len() == members.len() && members.iter().all(|member| body.contains_key(*member))
}

fn text(value: &Value) -> Option<String> {
    value.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}

/// `detail` is a text, or a list of what is wrong with a malformed request.
fn dify(body: &Map<String, Value>) -> Option<(String, String)> {
    let detail = body.get("detail")?;
    let known = body.keys().all(|member| ["detail", "error", "reason"].contains(&member.as_str()));
    let listed = || {
        let issues = detail.as_array()?;
        let fine = issues
            .iter()
            .all(|issue| issue["type"].is_string() && issue["loc"].is_array() && issue["msg"].is_string());
        (fine && !issues.is_empty()).then(|| detail.to_string())
    };
    known.then(|| text(detail).or_else(listed)).flatten().map(|message| (String::new(), message))
}

fn inkdrop(body: &Map<String, Value>, status: u16) -> Option<(String, String)> {
    let fine = has_exactly(body, &["status", "message"]) && body["status"] == status;
    fine.then(|| text(&body["message"])).flatten().map(|message| (status.to_string(), message))
}

fn backstage(body: &Map<String, Value>, id: &str) -> Option<(String, String)> {
    let fine = has_exactly(body, &["error", "timestamp", "requestId"]) && body["requestId"] == id;
    fine.then(|| coded(&body["error"], &body["timestamp"])).flatten()
}

fn nexus(body: &Map<String, Value>, id: &str) -> Option<(String, String)> {
    let fine = has_exactly(body, &["success", "error", "timestamp", "request_id"])
        && body["success"] == false
        && body["request_id"] == id;
    fine.then(|| coded(&body["error"], &body["timestamp"])).flatten()
}

fn coded(error: &Value, timestamp: &Value) -> Option<(String, String)> {
    let fine = error["details"].is_object() && timestamp.as_str()?.ends_with('Z');
    fine.then(|| Some((text(&error["code"])?, text(&error["message"])?))).flatten()
}

/// Only what went wrong inside names its request.
fn langbot(body: &Map<String, Value>, id: &str) -> Option<(String, String)> {
    let plain = has_exactly(body, &["code", "msg"]);
    let internal = has_exactly(body, &["code", "msg", "request_id"]) && body["request_id"] == id;
    let code = body.get("code").filter(|code| code.is_string() || code.is_i64())?;
    let code = code.as_str().map_or_else(|| code.to_string(), str::to_owned);
    (plain || internal).then(|| text(&body["msg"])).flatten().map(|message| (code, message))
}

/// RFC 9457.
fn problem(body: &Map<String, Value>, status: u16, id: &str) -> Option<(String, String)> {
    let fine =
        body.get("status")? == status && body.get("request_id")? == id && body.get("title")?.is_string();
    fine.then(|| text(body.get("detail")?)).flatten().map(|message| (String::new(), message))
}
