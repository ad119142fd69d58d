//! The one shape of a refusal in this dialect: `{"code", "msg"}`, where the code is a number or a word.

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::{
    refusal::{Fault, Refusal},
    voice::Heard,
};

pub(super) fn refuse(refusal: &Refusal, heard: &Heard) -> (StatusCode, Value) {
    let status = refusal.fault.status();
    let code = refusal.code.map_or_else(|| code(refusal.fault, status), written_code);
    let mut body = json!({"code": code, "msg": refusal.told()});
    if refusal.fault == Fault::Internal {
        body["request_id"] = (*heard.request_id).into();
    }
    (status, body)
}

fn code(fault: Fault, status: StatusCode) -> Value {
    match fault {
        Fault::Malformed | Fault::Meaningless | Fault::NoCredential | Fault::NotFound => (-1).into(),
        Fault::BadCredential => "invalid_authentication".into(),
        Fault::Forbidden => "permission_denied".into(),
        Fault::Limited => "task_capacity_exceeded".into(),
        Fault::Internal => "internal_error".into(),
        Fault::UnknownPath
        | Fault::WrongMethod
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
        | Fault::Unavailable => status.as_u16().into(),
    }
}

/// A number is one on the wire.
pub(crate) fn written_code(code: &'static str) -> Value {
    code.parse::<i64>().map_or_else(|_word| code.into(), Value::from)
}
