//! Alive, and ready.

use std::sync::Arc;

use async_trait::async_trait;
use axum::{
    Json,
    extract::State,
    http::{StatusCode, header::RETRY_AFTER},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use crate::shutdown::Shutdown;

/// Whether this node can do its work.
#[async_trait]
pub(crate) trait Health: Send + Sync {
    /// The error is a stable word: `DATABASE`, `LOG_MOVED`, `PROJECTIONS` ...
    async fn ready(&self) -> Result<(), &'static str>;

    /// Whether packages without a usable lock can be served. A node without that is ready all the same.
    fn fallback(&self) -> Fallback;
}

/// The tools that choose versions, by their versions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Fallback {
    pub(crate) uv: Option<String>,
    /// Not here yet.
    pub(crate) uv_is_fetched_on_need: bool,
    pub(crate) python: Option<String>,
}

impl Fallback {
    fn body(&self) -> Value {
        let is_there = self.uv.is_some() && self.python.is_some();
        json!({
            "status": "ready",
            "fallback": if is_there { "available" } else { "unavailable" },
            "uv": self.uv,
            "uv_is_fetched_on_need": self.uv_is_fetched_on_need,
            "python": self.python,
        })
    }
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
        Ok(()) => Json(health.fallback().body()).into_response(),
        Err(reason) => {
            let body = Json(json!({"status": "not ready", "reason": reason}));
            (StatusCode::SERVICE_UNAVAILABLE, [(RETRY_AFTER, "2")], body).into_response()
        }
    }
}
