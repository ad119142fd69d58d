//! The Dify repackaging API, at its own mount and at the documented paths. Knows its wire forms and nothing else.

mod arrival;
mod asker;
mod batch;
mod body;
mod download;
mod error;
mod fields;
mod files;
mod guard;
mod limit;
mod marketplace;
mod order;
mod pace;
mod signing;
mod socket;
mod sockets;
mod tasks;
mod upload;

use axum::{
    Extension, Router,
    extract::DefaultBodyLimit,
    middleware,
    routing::{delete, get, post},
};
use tower_http::catch_panic::CatchPanicLayer;

pub(crate) use error::{DifyError, panicked};
pub(crate) use limit::DifyLimit;
pub(crate) use signing::SigningPublicKey;
pub(crate) use sockets::Sockets;

use crate::{consistency::read_after, services::Services};

/// Where a request came in; links in its answer lead back the same way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mount {
    Root,
    Dify,
}

impl Mount {
    fn prefix(self) -> &'static str {
        match self {
            Self::Root => "",
            Self::Dify => "/dify",
        }
    }
}

pub(crate) fn router(services: &Services, mount: Mount) -> Router<Services> {
    let charged = middleware::from_fn_with_state(services.clone(), limit::charge);
    let patient = Router::new()
        .route(
            "/api/v1/tasks/upload",
            // Its own caps are part by part.
            post(upload::create).layer(DefaultBodyLimit::disable()).layer(charged.clone()),
        )
        .route("/api/v1/tasks/{id}/download", get(download::download))
        .route("/api/v1/files/{id}/download", get(files::download))
        .route("/ws/tasks/{id}", get(socket::open));
    let swift = Router::new()
        .route("/api/v1/tasks", get(tasks::recent).merge(post(tasks::create).layer(charged.clone())))
        .route("/api/v1/tasks/batch", post(batch::create).layer(charged.clone()))
        .route("/api/v1/tasks/batch/{id}", get(batch::show))
        .route("/api/v1/tasks/marketplace", post(marketplace::task::create).layer(charged))
        .route("/api/v1/tasks/completed", get(tasks::completed))
        .route("/api/v1/tasks/{id}", get(tasks::show))
        .route("/api/v1/tasks/{id}/report", get(tasks::report))
        .route("/api/v1/tasks/{id}/cancel", post(tasks::cancel))
        .route("/api/v1/signing/public-key", get(signing::public_key))
        .route("/api/v1/files", get(files::list))
        .route("/api/v1/files/stats/storage", get(files::storage))
        .route("/api/v1/files/cleanup", delete(files::clean_up))
        .route("/api/v1/files/{id}", get(files::show).delete(files::remove))
        .merge(catalogue())
        .route_layer(middleware::from_fn(guard::in_time));
    patient
        .merge(swift)
        .fallback(unknown_path)
        .method_not_allowed_fallback(wrong_method)
        .layer(middleware::from_fn_with_state(services.clone(), read_after))
        .layer(middleware::from_fn(guard::measure))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(middleware::from_fn_with_state(services.clone(), limit::announce))
        .layer(Extension(mount))
}

fn catalogue() -> Router<Services> {
    let plugin = "/api/v1/marketplace/plugins/{author}/{name}";
    Router::new()
        .route("/api/v1/marketplace/plugins", get(marketplace::search))
        .route("/api/v1/marketplace/plugins/featured", get(marketplace::featured))
        .route("/api/v1/marketplace/authors", get(marketplace::authors))
        .route("/api/v1/marketplace/categories", get(marketplace::categories))
        .route("/api/v1/marketplace/status", get(marketplace::status))
        .route("/api/v1/marketplace/parse-url", post(marketplace::parse_url))
        .route(plugin, get(marketplace::details))
        .route(&format!("{plugin}/versions"), get(marketplace::versions))
        .route(&format!("{plugin}/icon"), get(marketplace::icon))
        .route(&format!("{plugin}/{{version}}/download-url"), post(marketplace::download_url))
}

pub(crate) async fn unknown_path() -> DifyError {
    DifyError::unknown_path()
}

pub(crate) async fn wrong_method() -> DifyError {
    DifyError::text(axum::http::StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed")
}

#[cfg(test)]
mod tests;
