//! Sessions as this dialect's clients begin, renew and end them.

use application::{
    Error, Kind,
    identity::{ACCESS_LASTS, Identity, OpenedSession},
    ports::vault::Secret,
};
use axum::{
    body::Body,
    extract::State,
    http::header::{CACHE_CONTROL, HeaderName},
};
use domain::values::{Dialect, Role};
use serde_json::{Value, json};

use crate::{
    asker::Asker,
    consistency::LogPosition,
    fields::Fields,
    refusal::{Fault, Refusal},
    voice::Said,
    work::Work,
};

type Opened = ([(HeaderName, &'static str); 1], LogPosition, Said);

pub(super) async fn login(
    State(identity): State<Identity>,
    State(work): State<Work>,
    asker: Asker,
    request: Body,
) -> Result<Opened, Refusal> {
    let mut fields = Fields::of_json(request).await?;
    let name = fields.needed_text("username");
    let password = Secret::from(fields.needed_text("password"));
    fields.well_formed()?;
    let caller = asker.caller("/api/v1/auth/login", &Value::Null);
    let service = identity.clone();
    let opening = async move { service.log_in(&name, password, Dialect::Nexus, caller).await };
    opened(&identity, work.finish(opening).await.map_err(wrong)?).await
}

pub(super) async fn refresh(
    State(identity): State<Identity>,
    State(work): State<Work>,
    asker: Asker,
    request: Body,
) -> Result<Opened, Refusal> {
    let mut fields = Fields::of_json(request).await?;
    let secret = Secret::from(fields.needed_text("refresh_token"));
    fields.well_formed()?;
    let caller = asker.caller("/api/v1/auth/refresh", &Value::Null);
    let service = identity.clone();
    let renewing = async move { service.refresh(&secret, Dialect::Nexus, caller).await };
    opened(&identity, work.finish(renewing).await?).await
}

pub(super) async fn log_out(
    State(identity): State<Identity>,
    State(work): State<Work>,
    asker: Asker,
) -> Result<(LogPosition, Said), Refusal> {
    let principal = asker.principal.clone();
    let key = principal.key;
    let caller = asker.caller("/api/v1/auth/logout", &json!(key));
    let ending = async move { identity.log_out(&principal, caller).await };
    let position = work.finish(ending).await?;
    Ok((LogPosition(position), Said::nothing()))
}

fn wrong(error: Error) -> Refusal {
    match error.kind {
        Kind::Unauthenticated => {
            Refusal::new(Fault::BadCredential, error.message).coded("INVALID_CREDENTIALS")
        }
        Kind::NotFound
        | Kind::Invalid
        | Kind::Conflict
        | Kind::Forbidden
        | Kind::Limited
        | Kind::Unavailable => error.into(),
    }
}

async fn opened(identity: &Identity, session: OpenedSession) -> Result<Opened, Refusal> {
    let name = identity.name_of(Some(session.account)).await?;
    let body = json!({
        "tokens": {
            "access_token": session.access.reveal(),
            "refresh_token": session.refresh.reveal(),
            "token_type": "Bearer",
            "expires_in": ACCESS_LASTS.as_secs(),
        },
        "user": {
            "id": session.account,
            "username": name,
            "role": session.role,
            "permissions": permissions(session.role),
        },
    });
    Ok(([(CACHE_CONTROL, "no-store")], LogPosition(session.position), Said::ok(body)))
}

/// In the words of the document.
fn permissions(role: Role) -> &'static [&'static str] {
    match role {
        Role::User | Role::Publisher => &["read:plugins"],
        Role::Admin => &["read:plugins", "write:plugins", "admin:system"],
    }
}
