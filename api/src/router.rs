//! What answers where: a table of contents.

use axum::{Router, middleware, routing::get};

use crate::{
    dify, health,
    mount::Mount,
    operations::{nowhere, open, router as speaking},
    services::Services,
    settings::Role,
    telemetry, yard,
};

pub(crate) fn router(services: Services, role: Role) -> Router {
    let dialects = match role {
        Role::Api | Role::All => Router::new()
            .nest("/dify", mounted(&services))
            .merge(speaking(&services, &dify::VOICE, Mount::ROOT, dify::operations()))
            .merge(speaking(&services, &yard::VOICE, Mount::ROOT, yard::operations()))
            .fallback_service(nowhere(&services, &dify::VOICE, Mount::ROOT).with_state(services.clone())),
        Role::Worker => speaking(&services, &yard::VOICE, Mount::ROOT, yard::operations())
            .fallback_service(nowhere(&services, &yard::VOICE, Mount::ROOT).with_state(services.clone())),
    };
    Router::new()
        .merge(open(probes(), &services, &yard::VOICE))
        .merge(dialects)
        .layer(middleware::from_fn_with_state(services.clone(), telemetry::observe))
        .with_state(services)
}

fn mounted(services: &Services) -> Router<Services> {
    let mount = Mount("/dify");
    speaking(services, &dify::VOICE, mount, dify::operations())
        .fallback_service(nowhere(services, &dify::VOICE, mount).with_state(services.clone()))
}

/// What machines look at.
fn probes() -> Router<Services> {
    Router::new()
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .route("/metrics", get(telemetry::metrics))
}
