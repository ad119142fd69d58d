//! Accounts: made, given a role and a password, listed, erased.

use application::{
    identity::{AccountName, Identity, NO_ACCOUNT},
    ports::vault::Secret,
};
use axum::{
    Extension,
    body::Body,
    extract::{Path, State, rejection::PathRejection},
    http::Uri,
};
use domain::values::{AccountId, Role};
use serde_json::{Value, json};

use super::{body, page};
use crate::{
    asker::Asker,
    consistency::LogPosition,
    credential::Asking,
    fields::Fields,
    refusal::{Issue, Refusal},
    voice::Said,
    work::Work,
};

const ERASED: &str = "erased by request";

/// No account is named by what is not text.
type Named = Result<Path<String>, PathRejection>;

pub(super) async fn list(
    State(identity): State<Identity>,
    Extension(Asking(principal)): Extension<Asking>,
    uri: Uri,
) -> Result<Said, Refusal> {
    let (limit, offset) = page(&uri)?;
    let (found, total) = identity.accounts(&principal, limit, offset).await?;
    let accounts: Vec<Value> = found.iter().map(body::account).collect();
    Ok(Said::ok(json!({"accounts": accounts, "total": total, "limit": limit, "offset": offset})))
}

pub(super) async fn set(
    State(identity): State<Identity>,
    State(work): State<Work>,
    asker: Asker,
    name: Named,
    request: Body,
) -> Result<Said, Refusal> {
    let Path(name) = name.map_err(|_not_utf8| Refusal::not_found(NO_ACCOUNT))?;
    let mut fields = Fields::of_json(request).await?;
    let role: Option<Role> = fields.parsed("role");
    let password = fields.text("password").map(Secret::from);
    fields.nothing_else()?;
    let name: AccountName = name.parse()?;
    let role = role.ok_or_else(|| Refusal::malformed(vec![Issue::missing(&["body", "role"])]))?;
    let sent = password.as_ref().map(Secret::reveal);
    let canonical = json!({"name": name.as_str(), "role": role, "password": sent}).to_string();
    let canonical = json!(identity.blinded(&canonical.into()).await?);
    let principal = asker.principal.clone();
    let caller = asker.caller("/identity/accounts", &canonical);
    let shown = name.as_str().to_owned();
    let setting = async move { identity.set_account(&principal, &name, Some(role), password, &caller).await };
    let id = work.finish(setting).await?;
    Ok(Said::ok(json!({"id": id, "name": shown, "role": role})))
}

pub(super) async fn erase(
    State(identity): State<Identity>,
    State(work): State<Work>,
    asker: Asker,
    id: Named,
) -> Result<(LogPosition, Said), Refusal> {
    let id = id.ok().and_then(|Path(id)| id.parse().ok());
    let id: AccountId = id.ok_or_else(|| Refusal::not_found(NO_ACCOUNT))?;
    let principal = asker.principal.clone();
    let caller = asker.caller("/identity/accounts/erase", &json!(id));
    let erasing = async move { identity.erase(&principal, id, ERASED, &caller).await };
    Ok((LogPosition(work.finish(erasing).await?), Said::nothing()))
}
