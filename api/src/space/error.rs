//! The one shape of a refusal in this dialect: `{"code", "msg"}`, without `data`.

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::{
    langbot::written_code,
    refusal::{Fault, Refusal},
    voice::Heard,
};

pub(super) fn refuse(refusal: &Refusal, heard: &Heard) -> (StatusCode, Value) {
    let code = refusal.code.map_or_else(|| code(refusal.fault), written_code);
    let mut body = json!({"code": code, "msg": refusal.told()});
    if refusal.fault == Fault::Internal {
        body["request_id"] = (*heard.request_id).into();
    }
    (refusal.fault.status(), body)
}

/// A word where clients know one, else a number.
fn code(fault: Fault) -> Value {
    match fault {
        Fault::BadCredential => "invalid_authentication".into(),
        Fault::Forbidden => "permission_denied".into(),
        Fault::Limited => "task_capacity_exceeded".into(),
        Fault::Internal => "internal_error".into(),
        Fault::UnknownPath | Fault::WrongMethod => fault.status().as_u16().into(),
        Fault::Malformed
        | Fault::Meaningless
        | Fault::NoCredential
        | Fault::NotFound
        | Fault::Late
        | Fault::Conflict
        | Fault::Gone
        | Fault::TooLarge
        | Fault::UrlTooLong
        | Fault::MediaType
        | Fault::KeyReused
        | Fault::UpgradeRequired
        | Fault::HeadersTooLarge
        | Fault::NotBuilt
        | Fault::Plugin
        | Fault::Unavailable => (-1).into(),
    }
}
