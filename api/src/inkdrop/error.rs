//! The one shape of a refusal in this dialect: `{"status": n, "message": ..}`. It has no place for a code, so that the
//! better word of a handler ([`Refusal::code`]) is not said.

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::{
    refusal::{Fault, Refusal},
    voice::Heard,
};

pub(super) fn refuse(refusal: &Refusal, heard: &Heard) -> (StatusCode, Value) {
    let status = if refusal.fault == Fault::WrongMethod {
        // The document knows no other answer to a method that is not there.
        StatusCode::NOT_IMPLEMENTED
    } else {
        refusal.fault.status()
    };
    let message = if refusal.fault == Fault::Internal {
        // There is no other place for the request.
        format!("{} (request {})", refusal.message, heard.request_id)
    } else {
        refusal.told()
    };
    (status, json!({"status": status.as_u16(), "message": message}))
}
