//! Identity over REST: who asks, keys, tickets, accounts, and the policy that judges them all. The same handlers answer
//! below the mount of every dialect, in its envelope, and at the root as our own paths. They decide nothing.

mod accounts;
mod body;
mod keys;
mod wish;

use std::sync::Arc;

use application::{identity::Identity, policy::Action};
use axum::{
    Extension,
    extract::State,
    http::header::{CACHE_CONTROL, HeaderName},
};

use crate::{
    asker::Asker,
    credential::Asking,
    fields::Fields,
    limits::Charge,
    operations::{Operation, delete, get, post, put},
    refusal::Refusal,
    voice::Said,
    work::Work,
};

const SHOWN: u32 = 50;
const MOST_SHOWN: u32 = 200;
/// Of whatever holds a secret.
const NO_STORE: [(HeaderName, &str); 1] = [(CACHE_CONTROL, "no-store")];

pub(crate) fn operations() -> Vec<Operation> {
    vec![
        get("/identity", Action::ReadIdentity, who),
        get("/identity/keys", Action::ReadKeys, keys::list),
        post("/identity/keys", Action::IssueKey, keys::issue).charged_too(Charge::Identity),
        get("/identity/keys/{id}", Action::ReadKeys, keys::show),
        delete("/identity/keys/{id}", Action::RevokeKey, keys::revoke).charged_too(Charge::Identity),
        post("/identity/tickets", Action::OpenSocket, ticket).charged_too(Charge::Identity),
        get("/identity/accounts", Action::ManageAccounts, accounts::list),
        // By name to make or change it, by id to erase it. The name of an erased account stays taken.
        put("/identity/accounts/{account}", Action::ManageAccounts, accounts::set)
            .charged_too(Charge::Identity),
        delete("/identity/accounts/{account}", Action::EraseAccount, accounts::erase)
            .charged_too(Charge::Identity),
    ]
}

/// What the policy says, to whom it applies.
pub(crate) async fn policy() -> Said {
    Said::ok(body::policy())
}

async fn who(
    State(identity): State<Identity>,
    Extension(Asking(principal)): Extension<Asking>,
) -> Result<Said, Refusal> {
    let name = identity.name_of(principal.account).await?;
    let key = match principal.key {
        Some(id) => identity.keys.by_id(id).await?,
        None => None,
    };
    Ok(Said::ok(body::who(&principal, name.as_deref(), key.as_ref())))
}

async fn ticket(
    State(identity): State<Identity>,
    State(work): State<Work>,
    asker: Asker,
) -> Result<([(HeaderName, &'static str); 1], Said), Refusal> {
    let principal: Arc<_> = asker.principal;
    let ticket = work.finish(async move { identity.ticket(&principal).await }).await?;
    Ok((NO_STORE, Said::ok(body::ticket(&ticket))))
}

/// `limit` and `offset` of a list.
fn page(uri: &axum::http::Uri) -> Result<(u32, u32), Refusal> {
    let mut fields = Fields::of_query(uri);
    let limit = fields.count("limit", MOST_SHOWN).unwrap_or(SHOWN);
    let offset = fields.number("offset", 0, u32::MAX).unwrap_or(0);
    fields.well_formed()?;
    Ok((limit, offset))
}

#[cfg(test)]
mod tests;
