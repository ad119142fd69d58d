//! The page on which somebody approves a device's login. Its form brings its own proof, so that no other page can use
//! what a browser keeps; it has no scripts, and shows nothing that was sent to it.

use std::sync::Arc;

use application::{
    Error, Kind,
    authenticating::{Authenticating, Credential},
    identity::Identity,
    ports::vault::Secret,
};
use axum::{
    body::Body,
    extract::State,
    http::{
        StatusCode,
        header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE},
    },
    response::{IntoResponse as _, Response},
};
use domain::values::Dialect;
use serde_json::Value;

use crate::{arrival::whole, asker::Asker, fields::Fields, refusal::Refusal, work::Work};

const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'";
const ASKED: &str = "Type the code that your terminal shows. Approve no code but one that you have asked for \
                     yourself: whoever has it publishes in your name for thirty days.";
const APPROVED: &str = "Approved. You can go back to your terminal and close this page.";
const FORM: &str = "<form method=\"post\">\
    <p><label>Code<br><input name=\"user_code\" autocomplete=\"off\" maxlength=\"16\" required></label></p>\
    <fieldset><legend>Who you are</legend>\
    <p><label>User name<br><input name=\"user\" autocomplete=\"username\" maxlength=\"64\"></label></p>\
    <p><label>Password<br>\
    <input name=\"password\" type=\"password\" autocomplete=\"current-password\" maxlength=\"1024\"></label></p>\
    <p><label>or an API key of this marketplace<br>\
    <input name=\"key\" type=\"password\" autocomplete=\"off\" maxlength=\"4096\"></label></p></fieldset>\
    <p><button>Approve</button></p></form>";

pub(super) async fn show() -> Response {
    page(StatusCode::OK, ASKED, FORM)
}

pub(super) async fn approve(
    State(identity): State<Identity>,
    State(authenticating): State<Arc<Authenticating>>,
    State(work): State<Work>,
    asker: Asker,
    request: Body,
) -> Result<Response, Refusal> {
    let bytes = whole(request).await?;
    let pairs = url::form_urlencoded::parse(&bytes);
    let mut fields =
        Fields::of_form(pairs.map(|(name, value)| (name.into_owned(), value.into_owned())).collect());
    let [code, user, password, key] =
        ["user_code", "user", "password", "key"].map(|name| fields.text(name).unwrap_or_default());
    fields.well_formed()?;
    let caller = asker.caller("/device", &Value::Null);
    let approving = async move {
        if key.is_empty() {
            return identity.approve_device_with_password(&user, password.into(), &code, caller).await;
        }
        let key = Credential::Token(Secret::from(key));
        let principal = authenticating.authenticate(&key, Dialect::Space).await?;
        identity.approve_device(&principal, &code, caller).await
    };
    match work.finish(approving).await {
        Ok(()) => Ok(page(StatusCode::OK, APPROVED, "")),
        Err(error) => refused(error),
    }
}

/// What can be mended is told above the form.
fn refused(error: Error) -> Result<Response, Refusal> {
    let status = match error.kind {
        Kind::NotFound | Kind::Invalid => StatusCode::BAD_REQUEST,
        Kind::Conflict => StatusCode::CONFLICT,
        Kind::Forbidden => StatusCode::FORBIDDEN,
        Kind::Unauthenticated => StatusCode::UNAUTHORIZED,
        Kind::Limited | Kind::Unavailable => return Err(error.into()),
    };
    Ok(page(status, &error.message, FORM))
}

/// `told` is a sentence of ours.
fn page(status: StatusCode, told: &str, form: &str) -> Response {
    let text = format!(
        "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>Approve a login</title>\
         <meta name=\"viewport\" content=\"width=device-width\">\
         <style>body{{font:1rem/1.5 sans-serif;max-width:32rem;margin:2rem auto;padding:0 1rem}}\
         input{{font:inherit;width:100%;box-sizing:border-box}}</style></head><body>\
         <h1>Approve a login</h1><p role=\"status\">{told}</p>{form}</body></html>"
    );
    let headers = [(CONTENT_TYPE, "text/html; charset=utf-8"), (CONTENT_SECURITY_POLICY, POLICY)];
    (status, headers, text).into_response()
}
