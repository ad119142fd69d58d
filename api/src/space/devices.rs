//! `lbp login` on a machine without a browser: it shows a code, somebody approves the code with a credential of his own,
//! and it asks every few seconds whether that has happened. What it gets publishes in the name of whoever approved, and
//! nothing beyond.

use application::{
    identity::{ACCESS_LASTS, CODES_LAST, DeviceCodes, Identity},
    ports::vault::Secret,
};
use axum::{
    Json,
    body::Body,
    extract::State,
    response::{IntoResponse as _, Response},
};
use domain::values::Dialect;
use serde_json::{Value, json};

use crate::{
    asker::Asker, consistency::LogPosition, fields::Fields, refusal::Refusal, voice::Said, work::Work,
};

/// Below the mount that the device asks at: `lbp` puts its own base before it.
pub(super) const PAGE: &str = "/device";
/// What clients know as: not yet.
const WAITING: u16 = 425;
/// Seconds between two questions.
const INTERVAL: u32 = 3;
const LONGEST_CODE: usize = 256;

pub(super) async fn begin(
    State(identity): State<Identity>,
    State(work): State<Work>,
    asker: Asker,
) -> Result<Said, Refusal> {
    let caller = asker.caller("/api/v1/accounts/token/generate", &Value::Null);
    let beginning = async move { identity.begin_device_login(Dialect::Space, caller).await };
    let DeviceCodes { device, user } = work.finish(beginning).await?;
    Ok(Said::ok(json!({
        "device_code": device.reveal(),
        "user_code": user,
        "verification_uri": PAGE,
        "expires_in": CODES_LAST.as_secs(),
        "interval": INTERVAL,
    })))
}

/// Not yet is an answer, not a refusal: clients read its `code`, and end at any other status.
pub(super) async fn collect(
    State(identity): State<Identity>,
    State(work): State<Work>,
    asker: Asker,
    request: Body,
) -> Result<Response, Refusal> {
    let mut fields = Fields::of_json(request).await?;
    let device = fields.needed_text("device_code");
    let user = fields.needed_text("user_code");
    fields.well_formed()?;
    let caller = asker.caller("/api/v1/accounts/token/get", &Value::Null);
    let device = Secret::from(device);
    let collecting =
        async move { identity.collect_device_login(&device, &user, Dialect::Space, caller).await };
    let Some(session) = work.finish(collecting).await? else {
        let msg = "Nobody has approved the code yet";
        return Ok(Json(json!({"code": WAITING, "msg": msg})).into_response());
    };
    let body = json!({
        "access_token": session.access.reveal(),
        "refresh_token": session.refresh.reveal(),
        "token_type": "Bearer",
        "expires_in": ACCESS_LASTS.as_secs(),
    });
    Ok((LogPosition(session.position), Said::ok(body)).into_response())
}

pub(super) async fn renew(State(identity): State<Identity>, request: Body) -> Result<Said, Refusal> {
    let mut fields = Fields::of_json(request).await?;
    let secret = Secret::from(fields.needed_text("refresh_token"));
    fields.well_formed()?;
    let access = identity.renew_device(&secret, Dialect::Space).await?;
    Ok(Said::ok(json!({
        "access_token": access.reveal(),
        "token_type": "Bearer",
        "expires_in": ACCESS_LASTS.as_secs(),
    })))
}

pub(super) async fn approve(
    State(identity): State<Identity>,
    State(work): State<Work>,
    asker: Asker,
    request: Body,
) -> Result<Said, Refusal> {
    let mut fields = Fields::of_json(request).await?;
    let code = fields.needed("user_code", |fields, name| fields.short_text(name, LONGEST_CODE));
    let code = fields.checked(code)?;
    let principal = asker.principal.clone();
    let caller = asker.caller("/api/v1/accounts/token/approve", &Value::Null);
    work.finish(async move { identity.approve_device(&principal, &code, caller).await }).await?;
    Ok(Said::nothing())
}
