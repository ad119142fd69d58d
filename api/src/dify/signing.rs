//! The public half of the key that signs results, for whoever installs them.

use std::sync::Arc;

use axum::{
    extract::State,
    http::{StatusCode, header::CONTENT_TYPE},
    response::IntoResponse,
};

use super::DifyError;

/// As PEM; none where results are not signed.
#[derive(Debug, Clone)]
pub(crate) struct SigningPublicKey(Option<Arc<str>>);

impl SigningPublicKey {
    pub(crate) fn new(pem: Option<String>) -> Self {
        Self(pem.map(Into::into))
    }
}

pub(super) async fn public_key(
    State(SigningPublicKey(key)): State<SigningPublicKey>,
) -> Result<impl IntoResponse, DifyError> {
    let key = key.ok_or_else(|| {
        DifyError::text(
            StatusCode::NOT_FOUND,
            "This service does not sign packages: PLUGYARD_SIGNING_KEY is not set",
        )
    })?;
    Ok(([(CONTENT_TYPE, "application/x-pem-file")], key.to_string()))
}
