//! The one shape of a refusal in this dialect: `{"success": false, "error": {code, message, details}, ..}`.

use axum::http::{StatusCode, header::RETRY_AFTER};
use serde_json::{Map, Value, json};

use super::moment;
use crate::{
    refusal::{Fault, Refusal},
    voice::Heard,
};

pub(crate) fn refuse(refusal: &Refusal, heard: &Heard) -> (StatusCode, Value) {
    let mut error = json!({
        "code": refusal.code.unwrap_or(code(refusal.fault)),
        "message": refusal.message,
        "details": details(refusal),
    });
    let retry_after = refusal.headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
    if let Some(seconds) = retry_after {
        let seconds: u64 = seconds;
        error["retry_after"] = seconds.into();
    }
    let body = json!({
        "success": false,
        "error": error,
        "timestamp": moment(heard.at),
        "request_id": &*heard.request_id,
    });
    (refusal.fault.status(), body)
}

fn details(refusal: &Refusal) -> Map<String, Value> {
    let mut details = refusal.details.clone();
    if let Some(reason) = refusal.told_reason() {
        details.insert("reason".to_owned(), reason.as_str().into());
    }
    if !refusal.issues.is_empty() {
        let issues = refusal.issues.iter();
        let issues = issues.map(|issue| json!({"field": issue.place(), "message": issue.msg}));
        details.insert("issues".to_owned(), issues.collect());
    }
    details
}

pub(super) fn code(fault: Fault) -> &'static str {
    match fault {
        Fault::Malformed | Fault::Meaningless => "VALIDATION_ERROR",
        Fault::NoCredential | Fault::BadCredential => "AUTHENTICATION_FAILED",
        Fault::Forbidden => "PLUGIN_PERMISSION_DENIED",
        Fault::NotFound | Fault::UnknownPath => "RESOURCE_NOT_FOUND",
        Fault::WrongMethod => "METHOD_NOT_ALLOWED",
        Fault::Late => "REQUEST_TIMEOUT",
        Fault::Conflict => "RESOURCE_CONFLICT",
        Fault::Gone => "RESOURCE_GONE",
        Fault::TooLarge => "PAYLOAD_TOO_LARGE",
        Fault::UrlTooLong => "URI_TOO_LONG",
        Fault::MediaType => "UNSUPPORTED_MEDIA_TYPE",
        Fault::KeyReused => "IDEMPOTENCY_KEY_REUSED",
        Fault::UpgradeRequired => "UPGRADE_REQUIRED",
        Fault::Limited => "RATE_LIMIT_EXCEEDED",
        Fault::HeadersTooLarge => "REQUEST_HEADERS_TOO_LARGE",
        Fault::NotBuilt => "NOT_IMPLEMENTED",
        Fault::Unavailable => "SERVICE_UNAVAILABLE",
        Fault::Plugin => "PLUGIN_INSTALLATION_FAILED",
        Fault::Internal => "INTERNAL_ERROR",
    }
}
