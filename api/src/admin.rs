//! What the operator may see and do, with the bootstrap credential. Without that setting there is nothing here.

use std::sync::Arc;

use application::Error;
use async_trait::async_trait;
use axum::{
    Json,
    extract::{FromRef, FromRequestParts, Path, State, rejection::PathRejection},
    http::{
        HeaderMap, StatusCode,
        header::{AUTHORIZATION, WWW_AUTHENTICATE},
        request::Parts,
    },
};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::{dify::DifyError, settings::Secret, work::Work};

/// The readers of the log.
#[async_trait]
pub(crate) trait Projections: Send + Sync {
    /// `{"projections": [{"name", "cursor", "lag", ...}], ...}`.
    async fn list(&self) -> Result<Value, Error>;

    /// Starts a build beside the one that serves; `NotFound` for an unknown name.
    async fn rebuild(&self, name: &str) -> Result<Value, Error>;

    /// Lets parked events through again.
    async fn retry(&self, name: &str) -> Result<Value, Error>;
}

/// Only the hash of the token is kept.
#[derive(Clone)]
pub(crate) struct AdminToken(Option<[u8; 32]>);

impl AdminToken {
    pub(crate) fn new(token: Option<&Secret>) -> Self {
        Self(token.map(|token| Sha256::digest(token.reveal()).into()))
    }

    /// In constant time; equal lengths come from the hash.
    fn admits(&self, headers: &HeaderMap) -> Option<bool> {
        let expected = self.0?;
        let given = headers.get(AUTHORIZATION).map_or(&[][..], |value| value.as_bytes());
        let token = match given.split_at_checked(7) {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case(b"bearer ") => token,
            Some(_) | None => return Some(false),
        };
        let given: [u8; 32] = Sha256::digest(token).into();
        Some(given.ct_eq(&expected).into())
    }
}

/// Proof that the request carries the bootstrap credential.
pub(crate) struct Admin;

impl<S: Sync> FromRequestParts<S> for Admin
where
    AdminToken: FromRef<S>,
{
    type Rejection = DifyError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        match AdminToken::from_ref(state).admits(&parts.headers) {
            Some(true) => Ok(Self),
            Some(false) => Err(DifyError::text(StatusCode::UNAUTHORIZED, "Not authenticated")
                .with_header(WWW_AUTHENTICATE, "Bearer")),
            None => Err(DifyError::unknown_path()),
        }
    }
}

/// No read model has a name that is not text.
type Name = Result<Path<String>, PathRejection>;

impl From<PathRejection> for DifyError {
    fn from(_not_utf8: PathRejection) -> Self {
        Self::unknown_path()
    }
}

pub(crate) async fn list(
    _: Admin,
    State(projections): State<Arc<dyn Projections>>,
) -> Result<Json<Value>, DifyError> {
    Ok(Json(projections.list().await?))
}

pub(crate) async fn rebuild(
    _: Admin,
    State(projections): State<Arc<dyn Projections>>,
    State(work): State<Work>,
    name: Name,
) -> Result<Json<Value>, DifyError> {
    let Path(name) = name?;
    Ok(Json(work.finish(async move { projections.rebuild(&name).await }).await?))
}

pub(crate) async fn retry(
    _: Admin,
    State(projections): State<Arc<dyn Projections>>,
    State(work): State<Work>,
    name: Name,
) -> Result<Json<Value>, DifyError> {
    let Path(name) = name?;
    Ok(Json(work.finish(async move { projections.retry(&name).await }).await?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admits(token: Option<&str>, header: Option<&str>) -> Option<bool> {
        let mut headers = HeaderMap::new();
        if let Some(header) = header {
            headers.insert(AUTHORIZATION, header.parse().unwrap());
        }
        AdminToken::new(token.map(|token| Secret::from(token.to_owned())).as_ref()).admits(&headers)
    }

    #[test]
    fn only_the_exact_token_admits() {
        assert_eq!(admits(Some("t0ken"), Some("Bearer t0ken")), Some(true));
        assert_eq!(admits(Some("t0ken"), Some("bearer t0ken")), Some(true));
        for header in [None, Some("Bearer t0keN"), Some("Bearer "), Some("Basic t0ken"), Some("t0ken")] {
            assert_eq!(admits(Some("t0ken"), header), Some(false), "{header:?}");
        }
        assert_eq!(admits(None, Some("Bearer ")), None);
    }
}
