//! A server of one handler, which answers every request with the same JSON: what an answer costs at least.

use axum::{Json, Router};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub(super) struct Bare {
    address: String,
    stop: CancellationToken,
}

impl Bare {
    pub(super) async fn start(body: Value) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address").to_string();
        let stop = CancellationToken::new();
        let stopped = stop.clone().cancelled_owned();
        let handler = move || {
            let body = body.clone();
            async move { Json(body) }
        };
        let served = axum::serve(listener, Router::new().fallback(handler)).with_graceful_shutdown(stopped);
        TaskTracker::new().spawn(async move { served.await.expect("the bare server ends well") });
        Self { address, stop }
    }

    pub(super) fn address(&self) -> String {
        self.address.clone()
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}
