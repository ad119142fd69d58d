//! Alive, and ready.

use std::sync::Arc;

use async_trait::async_trait;
use axum::{
    Json,
    extract::State,
    http::{StatusCode, header::RETRY_AFTER},
    response::{IntoResponse, Response},
};
use serde_json::json;

use crate::shutdown::Shutdown;

/// Whether this node can do its work.
#[async_trait]
pub(crate) trait Health: Send + Sync {
    /// The error is a stable word: `DATABASE`, `LOG_MOVED`, `PROJECTIONS` ...
    async fn ready(&self) -> Result<(), &'static str>;
}

pub(crate) async fn healthz() -> Json<serde_json::Value> {
    Json(json!({"status": "ok"}))
}

pub(crate) async fn readyz(
    State(health): State<Arc<dyn Health>>,
    State(shutdown): State<Shutdown>,
) -> Response {
    let ready = if shutdown.is_draining() { Err("DRAINING") } else { health.ready().await };
    match ready {
        Ok(()) => Json(json!({"status": "ready"})).into_response(),
        Err(reason) => {
            let body = Json(json!({"status": "not ready", "reason": reason}));
            (StatusCode::SERVICE_UNAVAILABLE, [(RETRY_AFTER, "2")], body).into_response()
        }
    }
}
