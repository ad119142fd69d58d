//! Publishers: what their owners say of them, and what operators do with them.

use application::{
    identity::Identity,
    publishing::{Asker as By, NO_PUBLISHER, Publishing},
};
use axum::{
    Extension,
    body::Body,
    extract::{FromRequestParts, State},
    http::request::Parts,
};
use domain::{
    publisher::PublisherProfile,
    values::{AccountId, PublisherName},
};
use serde_json::json;

use super::{
    body,
    changes::{must_be_live, needed},
    parameter,
};
use crate::{
    asker::Asker, consistency::LogPosition, credential::Asking, fields::Fields, refusal::Refusal,
    voice::Said, work::Work,
};

type Done = (LogPosition, Said);

/// The name in the path; whatever is no name is a publisher that does not exist.
pub(super) struct Named(PublisherName);

impl<S: Sync> FromRequestParts<S> for Named {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let name = parameter(parts, "name").await.and_then(|name| name.parse().ok());
        name.map(Self).ok_or_else(|| Refusal::not_found(NO_PUBLISHER))
    }
}

pub(super) async fn show(
    State(publishing): State<Publishing>,
    Extension(Asking(principal)): Extension<Asking>,
    Named(name): Named,
) -> Result<Said, Refusal> {
    Ok(Said::ok(body::publisher(&publishing.own_publisher(&name, &principal).await?)))
}

/// All of it is replaced: what is left out is not said any more.
pub(super) async fn describe(
    State(publishing): State<Publishing>,
    State(work): State<Work>,
    asker: Asker,
    Named(name): Named,
    request: Body,
) -> Result<Done, Refusal> {
    let mut fields = Fields::of_json(request).await?;
    let [display_name, email, url] = ["display_name", "email", "url"].map(|member| fields.text(member));
    fields.nothing_else()?;
    let profile = PublisherProfile { display_name, email, url };
    let canonical = json!({"name": name, "profile": profile});
    let (principal, caller) = (asker.principal.clone(), asker.caller("/publishers", &canonical));
    let describing = async move {
        let by = By { principal: &principal, caller };
        publishing.describe_publisher(&name, profile, by).await
    };
    Ok((LogPosition(work.finish(describing).await?), Said::nothing()))
}

pub(super) async fn verify(
    State(publishing): State<Publishing>,
    State(work): State<Work>,
    asker: Asker,
    Named(name): Named,
    request: Body,
) -> Result<Done, Refusal> {
    let mut fields = Fields::of_json(request).await?;
    let (method, evidence) = (fields.needed_text("method"), fields.needed_text("evidence"));
    fields.nothing_else()?;
    let canonical = json!({"name": name, "method": method, "evidence": evidence});
    let (principal, caller) = (asker.principal.clone(), asker.caller("/publishers/verify", &canonical));
    let verifying = async move {
        let by = By { principal: &principal, caller };
        publishing.verify_publisher(&name, method, evidence, by).await
    };
    Ok((LogPosition(work.finish(verifying).await?), Said::nothing()))
}

pub(super) async fn unverify(
    State(publishing): State<Publishing>,
    State(work): State<Work>,
    asker: Asker,
    Named(name): Named,
    request: Body,
) -> Result<Done, Refusal> {
    let mut fields = Fields::of_json(request).await?;
    let reason = fields.needed_text("reason");
    fields.nothing_else()?;
    let canonical = json!({"name": name, "reason": reason});
    let (principal, caller) = (asker.principal.clone(), asker.caller("/publishers/unverify", &canonical));
    let revoking = async move {
        let by = By { principal: &principal, caller };
        publishing.unverify_publisher(&name, reason, by).await
    };
    Ok((LogPosition(work.finish(revoking).await?), Said::nothing()))
}

pub(super) async fn transfer(
    State(publishing): State<Publishing>,
    State(identity): State<Identity>,
    State(work): State<Work>,
    asker: Asker,
    Named(name): Named,
    request: Body,
) -> Result<Done, Refusal> {
    let mut fields = Fields::of_json(request).await?;
    let owner: Option<AccountId> = fields.parsed("owner");
    fields.nothing_else()?;
    let owner = needed("owner", owner)?;
    must_be_live(&identity, owner).await?;
    let canonical = json!({"name": name, "owner": owner});
    let (principal, caller) = (asker.principal.clone(), asker.caller("/publishers/transfer", &canonical));
    let transferring = async move {
        let by = By { principal: &principal, caller };
        publishing.transfer_publisher(&name, owner, by).await
    };
    Ok((LogPosition(work.finish(transferring).await?), Said::nothing()))
}
