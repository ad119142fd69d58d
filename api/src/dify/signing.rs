//! The public half of the key that signs results, for whoever installs them.

use axum::{
    extract::State,
    http::{StatusCode, header::CONTENT_TYPE},
    response::IntoResponse,
};

use super::DifyError;
use crate::services::SigningPublicKey;

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
