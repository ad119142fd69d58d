//! Installed plugins: there are none.

use axum::extract::Request;
use serde_json::json;

use crate::{guard, refusal::Refusal, voice::Said};

pub(super) async fn list() -> Said {
    Said::ok(json!({"plugins": []}))
}

/// Whatever the path names.
pub(super) async fn none_there(request: Request) -> Refusal {
    guard::read_on(request.into_body()).await;
    Refusal::not_found("plugin not found")
}
