//! The one shape of a refusal in this dialect: `{"error": {code, message, details}, "timestamp", "requestId"}`.

use application::failure::Reason;
use axum::http::StatusCode;
use chrono::SecondsFormat;
use serde_json::{Value, json};

use crate::{
    refusal::{Fault, Refusal},
    voice::Heard,
};

pub(super) fn refuse(refusal: &Refusal, heard: &Heard) -> (StatusCode, Value) {
    let body = json!({
        "error": {"code": refusal.code.unwrap_or_else(|| code(refusal)), "message": refusal.message, "details": details(refusal)},
        "timestamp": heard.at.to_rfc3339_opts(SecondsFormat::Secs, true),
        "requestId": &*heard.request_id,
    });
    (refusal.fault.status(), body)
}

fn code(refusal: &Refusal) -> &'static str {
    match refusal.fault {
        Fault::Malformed | Fault::Meaningless => "VALIDATION_ERROR",
        Fault::NoCredential | Fault::BadCredential => "UNAUTHORIZED",
        Fault::Forbidden => "FORBIDDEN",
        Fault::NotFound if refusal.reason == Some(Reason::PluginUnknown) => "PLUGIN_NOT_FOUND",
        Fault::NotFound | Fault::UnknownPath => "NOT_FOUND",
        Fault::WrongMethod => "METHOD_NOT_ALLOWED",
        Fault::Late => "REQUEST_TIMEOUT",
        Fault::Conflict => "CONFLICT",
        Fault::Gone => "GONE",
        Fault::TooLarge => "PAYLOAD_TOO_LARGE",
        Fault::UrlTooLong => "URI_TOO_LONG",
        Fault::MediaType => "UNSUPPORTED_MEDIA_TYPE",
        Fault::KeyReused => "IDEMPOTENCY_KEY_REUSED",
        Fault::UpgradeRequired => "UPGRADE_REQUIRED",
        Fault::Limited => "RATE_LIMITED",
        Fault::HeadersTooLarge => "HEADERS_TOO_LARGE",
        Fault::NotBuilt => "NOT_IMPLEMENTED",
        Fault::Unavailable => "SERVICE_UNAVAILABLE",
        Fault::Plugin => "INSTALLATION_FAILED",
        Fault::Internal => "INTERNAL_ERROR",
    }
}

/// Always an object.
fn details(refusal: &Refusal) -> Value {
    let mut details = refusal.details.clone();
    if let Some(reason) = refusal.told_reason() {
        details.insert("reason".to_owned(), reason.as_str().into());
    }
    if !refusal.issues.is_empty() {
        let issues = refusal
            .issues
            .iter()
            .map(|issue| json!({"field": issue.place(), "at": issue.loc, "message": issue.msg}));
        details.insert("issues".to_owned(), issues.collect());
    }
    details.into()
}
