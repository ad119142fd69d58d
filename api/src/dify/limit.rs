//! Ten creations a minute and address, whatever path they take; every answer says where the client stands.

use std::{
    sync::Arc,
    time::{Instant, SystemTime},
};

use axum::{
    Extension,
    extract::{Request, State},
    middleware::Next,
    response::Response,
};
use domain::values::Dialect;

use super::{DifyError, guard::read_on};
use crate::{address::Client, limits::Limit, settings::Rate};

/// None: no limit.
#[derive(Clone)]
pub(crate) struct DifyLimit(Option<Arc<Limit>>);

impl DifyLimit {
    pub(crate) fn new(rate: Option<Rate>) -> Self {
        Self(rate.map(|rate| Arc::new(Limit::new(rate))))
    }
}

/// Around creations: counts one, or refuses.
pub(super) async fn charge(
    State(DifyLimit(limit)): State<DifyLimit>,
    Extension(client): Extension<Client>,
    request: Request,
    next: Next,
) -> Result<Response, DifyError> {
    if let Some(limit) = limit
        && let Err(standing) = limit.take(client, Instant::now())
    {
        read_on(request).await;
        return Err(DifyError::limited(&standing));
    }
    Ok(next.run(request).await)
}

/// Around everything: marks the answer as one of this dialect.
pub(super) async fn announce(
    State(DifyLimit(limit)): State<DifyLimit>,
    Extension(client): Extension<Client>,
    request: Request,
    next: Next,
) -> Response {
    let mut response = next.run(request).await;
    response.extensions_mut().insert(Dialect::Dify);
    if let Some(limit) = limit {
        limit.look(client, Instant::now()).announce(response.headers_mut(), SystemTime::now());
    }
    response
}
