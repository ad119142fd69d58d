//! The one shape of a refusal in this dialect: `{"status": n, "message": ..}`.

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::{
    refusal::{Fault, Refusal},
    voice::Heard,
};

pub(super) fn refuse(refusal: &Refusal, heard: &Heard) -> (StatusCode, Value) {
    let status = match refusal.fault {
        // The document knows no other answer to a method that is not there.
        Fault::WrongMethod => StatusCode::NOT_IMPLEMENTED,
        fault => fault.status(),
    };
    let message = match refusal.fault {
        // There is no other place for the request.
        Fault::Internal => format!("{} (request {})", refusal.message, heard.request_id),
        _ => refusal.told(),
    };
    (status, json!({"status": status.as_u16(), "message": message}))
}
