//! Changes of packages and reviews: the last word of the path says which.

use std::sync::Arc;

use application::{
    identity::{Identity, NO_ACCOUNT},
    publishing::{Asker as By, Change, Publishing, personal_publisher},
    queries::reviews::{ReviewQueries, WhichReview},
    reviewing::{NO_REVIEW, Reviewing},
};
use axum::{
    body::Body,
    extract::{RawPathParams, State},
    http::Uri,
};
use domain::values::{AccountId, PublisherName, ReleaseVersion};
use serde_json::json;

use super::{Named, Place};
use crate::{
    asker::Asker, consistency::LogPosition, fields::Fields, refusal::Refusal, voice::Said, work::Work,
};

const REMOVED: &str = "removed by request";

pub(super) async fn make(
    State(publishing): State<Publishing>,
    State(identity): State<Identity>,
    State(work): State<Work>,
    asker: Asker,
    Named(id): Named,
    uri: Uri,
    request: Body,
) -> Result<(LogPosition, Said), Refusal> {
    let verb = uri.path().rsplit('/').next().unwrap_or_default();
    let change = match verb {
        "undeprecate" => Change::Undeprecate,
        "feature" => Change::Feature,
        "unfeature" => Change::Unfeature,
        _ => read(verb, Fields::of_json(request).await?)?,
    };
    if let Change::Transfer { to_owner, .. } = &change {
        must_be_live(&identity, *to_owner).await?;
    }
    let canonical = json!({"id": id, "change": format!("{change:?}")});
    let (principal, caller) = (asker.principal.clone(), asker.caller("/packages/change", &canonical));
    let changing = async move { publishing.change(id, change, By { principal: &principal, caller }).await };
    Ok((LogPosition(work.finish(changing).await?), Said::nothing()))
}

/// Nothing is given to whom nobody knows.
pub(super) async fn must_be_live(identity: &Identity, account: AccountId) -> Result<(), Refusal> {
    let account = identity.accounts.account(account).await?;
    let live = account.is_some_and(|account| account.erased_at.is_none());
    live.then_some(()).ok_or_else(|| Refusal::not_found(NO_ACCOUNT))
}

fn read(word: &str, mut fields: Fields) -> Result<Change, Refusal> {
    let asked = match word {
        "transfer" => Asked::Transfer(fields.parsed("owner"), fields.parsed("publisher")),
        "verify" => Asked::Verify(fields.needed_text("method"), fields.needed_text("evidence")),
        "clear" => Asked::Clear(fields.parsed("version"), fields.needed_text("evidence")),
        "unyank" => Asked::Unyank(fields.parsed("version")),
        "yank" => Asked::Yank(fields.parsed("version"), fields.needed_text("reason")),
        "unlist" => Asked::Unlist(fields.parsed("dialect"), fields.needed_text("reason")),
        "deprecate" => Asked::Deprecate(fields.needed_text("reason"), fields.text("replacement")),
        "unverify" => Asked::Unverify(fields.needed_text("reason")),
        "quarantine" => Asked::Quarantine(fields.parsed("version"), fields.needed_text("reason")),
        _ => return Err(Refusal::unknown_path()),
    };
    fields.nothing_else()?;
    asked.change()
}

/// As it was read, whether or not it is all there.
enum Asked {
    Yank(Option<ReleaseVersion>, String),
    Unyank(Option<ReleaseVersion>),
    Unlist(Option<Place>, String),
    Deprecate(String, Option<String>),
    Transfer(Option<AccountId>, Option<PublisherName>),
    Verify(String, String),
    Unverify(String),
    Quarantine(Option<ReleaseVersion>, String),
    Clear(Option<ReleaseVersion>, String),
}

impl Asked {
    fn change(self) -> Result<Change, Refusal> {
        Ok(match self {
            Self::Yank(version, reason) => Change::Yank { version: needed("version", version)?, reason },
            Self::Unyank(version) => Change::Unyank { version: needed("version", version)? },
            Self::Unlist(place, reason) => {
                let Place(dialect) = needed("dialect", place)?;
                Change::Unlist { dialect, reason }
            }
            Self::Deprecate(reason, replacement) => Change::Deprecate { reason, replacement },
            Self::Transfer(owner, publisher) => {
                let to_owner = needed("owner", owner)?;
                let to_publisher = match publisher {
                    Some(publisher) => publisher,
                    None => personal_publisher(Some(to_owner))?,
                };
                Change::Transfer { to_owner, to_publisher }
            }
            Self::Verify(method, evidence) => Change::Verify { method, evidence },
            Self::Unverify(reason) => Change::Unverify { reason },
            Self::Quarantine(version, reason) => Change::Quarantine { version, reason },
            Self::Clear(version, evidence) => Change::Clear { version, evidence },
        })
    }
}

pub(super) fn needed<T>(member: &str, value: Option<T>) -> Result<T, Refusal> {
    value.ok_or_else(|| Refusal::malformed(vec![crate::refusal::Issue::missing(&["body", member])]))
}

/// A version, or all of it.
pub(super) async fn remove(
    State(publishing): State<Publishing>,
    State(work): State<Work>,
    asker: Asker,
    Named(id): Named,
    path: RawPathParams,
) -> Result<(LogPosition, Said), Refusal> {
    let reason = REMOVED.to_owned();
    let change = match path.iter().find(|(name, _)| *name == "version") {
        None => Change::Remove { reason },
        Some((_, version)) => {
            let version =
                version.parse().map_err(|_no_version| Refusal::not_found("There is no such version"))?;
            Change::RemoveRelease { version, reason }
        }
    };
    let canonical = json!({"id": id, "change": format!("{change:?}")});
    let (principal, caller) = (asker.principal.clone(), asker.caller("/packages/remove", &canonical));
    let removing = async move { publishing.change(id, change, By { principal: &principal, caller }).await };
    Ok((LogPosition(work.finish(removing).await?), Said::nothing()))
}

pub(super) async fn moderate(
    State(reviewing): State<Reviewing>,
    State(reviews): State<Arc<dyn ReviewQueries>>,
    State(work): State<Work>,
    asker: Asker,
    path: RawPathParams,
    request: Body,
) -> Result<(LogPosition, Said), Refusal> {
    let number = path.iter().next().and_then(|(_, number)| number.parse().ok());
    let number: u64 = number.ok_or_else(|| Refusal::not_found(NO_REVIEW))?;
    let mut fields = Fields::of_json(request).await?;
    let (is_hidden, reason) = (fields.flag("hidden"), fields.needed_text("reason"));
    fields.nothing_else()?;
    let is_hidden = needed("hidden", is_hidden)?;
    let found = reviews.review(WhichReview::Number(number)).await?;
    let review = found.ok_or_else(|| Refusal::not_found(NO_REVIEW))?.id;
    let canonical = json!({"review": review, "hidden": is_hidden, "reason": reason});
    let (principal, caller) = (asker.principal.clone(), asker.caller("/reviews/moderate", &canonical));
    let moderating = async move {
        reviewing.moderate(review, is_hidden, reason, By { principal: &principal, caller }).await
    };
    Ok((LogPosition(work.finish(moderating).await?), Said::nothing()))
}
