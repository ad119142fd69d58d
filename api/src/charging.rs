//! The layer that counts requests against the limits.

use std::time::Instant;

use axum::{
    Extension,
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse as _, Response},
};

use crate::{
    address::Client,
    credential::Asking,
    guard,
    limits::{Charge, SharedLimits},
    refusal::Refusal,
    voice::Voice,
};

/// What the layer around one operation needs.
#[derive(Clone)]
pub(crate) struct Charging {
    pub(crate) limits: SharedLimits,
    pub(crate) charge: Charge,
}

/// Around one operation: counts one request, or refuses.
pub(crate) async fn charge(
    State(Charging { limits, charge }): State<Charging>,
    Extension(client): Extension<Client>,
    Extension(Asking(principal)): Extension<Asking>,
    Extension(voice): Extension<&'static Voice>,
    request: Request,
    next: Next,
) -> Response {
    match limits.take(voice.dialect, charge, &principal, client, Instant::now()) {
        None => next.run(request).await,
        Some(Ok(standing)) => {
            let mut response = next.run(request).await;
            response.extensions_mut().insert(standing);
            response
        }
        Some(Err(standing)) => {
            guard::read_on(request.into_body()).await;
            Refusal::limited(standing).into_response()
        }
    }
}
