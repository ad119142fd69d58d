//! Sessions as the web front end begins and keeps them. It knows no renewal but asking whether its token is still good.

use application::{Kind, identity::Identity, ports::vault::Secret, principal::Proof};
use axum::{
    Extension, Json,
    body::Body,
    extract::State,
    http::header::{CACHE_CONTROL, HeaderName},
    response::{IntoResponse as _, Response},
};
use domain::values::Dialect;
use serde_json::{Value, json};

use crate::{
    asker::Asker,
    consistency::LogPosition,
    credential::Asking,
    fields::Fields,
    refusal::{Fault, Refusal},
    voice::Said,
    work::Work,
};

const NO_STORE: [(HeaderName, &str); 1] = [(CACHE_CONTROL, "no-store")];

/// A wrong password is an answer, not a refusal: the front end shows its `msg`.
pub(super) async fn begin(
    State(identity): State<Identity>,
    State(work): State<Work>,
    asker: Asker,
    request: Body,
) -> Result<Response, Refusal> {
    let mut fields = Fields::of_json(request).await?;
    let name = fields.needed_text("user");
    let password = Secret::from(fields.needed_text("password"));
    fields.well_formed()?;
    let caller = asker.caller("/api/v1/user/auth", &Value::Null);
    let opening = async move { identity.log_in(&name, password, Dialect::Langbot, caller).await };
    match work.finish(opening).await {
        Ok(session) => {
            let body = json!({"token": session.access.reveal()});
            Ok((NO_STORE, LogPosition(session.position), Said::ok(body)).into_response())
        }
        Err(error) if error.kind == Kind::Unauthenticated => {
            Ok(Json(json!({"code": 1, "msg": error.message})).into_response())
        }
        Err(error) => Err(error.into()),
    }
}

/// With a token for the next hour, until the session ends.
pub(super) async fn check(
    State(identity): State<Identity>,
    Extension(Asking(principal)): Extension<Asking>,
) -> Result<([(HeaderName, &'static str); 1], Said), Refusal> {
    if principal.proof != Proof::Session {
        return Err(Refusal::new(Fault::BadCredential, "This takes the token of a session"));
    }
    let token = identity.renewed(&principal, Dialect::Langbot).await?;
    Ok((NO_STORE, Said::ok(json!({"token": token.reveal()}))))
}
