//! What answers where: a table of contents.

use axum::{
    Router, middleware,
    routing::{get, post},
};
use tower_http::catch_panic::CatchPanicLayer;

use crate::{
    admin,
    dify::{self, Mount},
    health,
    services::Services,
    settings::Role,
    telemetry,
};

pub(crate) fn router(services: Services, role: Role) -> Router {
    let dialects = match role {
        Role::Api | Role::All => Router::new()
            .nest("/dify", dify::router(&services, Mount::Dify))
            .merge(dify::router(&services, Mount::Root)),
        Role::Worker => Router::new().fallback(dify::unknown_path),
    };
    Router::new()
        .merge(operations())
        .merge(dialects)
        .layer(middleware::from_fn_with_state(services.clone(), telemetry::observe))
        .with_state(services)
}

fn operations() -> Router<Services> {
    Router::new()
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .route("/metrics", get(telemetry::metrics))
        .route("/admin/projections", get(admin::list))
        .route("/admin/projections/{name}/rebuild", post(admin::rebuild))
        .route("/admin/projections/{name}/retry", post(admin::retry))
        .method_not_allowed_fallback(dify::wrong_method)
        .layer(CatchPanicLayer::custom(dify::panicked))
}
