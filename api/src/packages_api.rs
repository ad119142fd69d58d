//! Packages over REST, beside what single dialects document: published, changed and looked at whole by those they belong
//! to, and by operators. The handlers decide nothing.

pub(crate) mod body;
mod changes;
mod publishers;
mod publishing;

use std::sync::Arc;

use application::{
    policy::Action::{Operate, PublishPackage, RemovePackage},
    publishing::NO_PLUGIN,
    queries::catalogue::CatalogueQueries,
};
use axum::{
    Extension, RequestPartsExt as _,
    extract::{FromRequestParts, RawPathParams, State},
    http::request::Parts,
};
use domain::values::PluginId;
use serde_json::{Value, json};

use crate::{
    credential::Asking,
    operations::{Operation, delete, get, post, put},
    refusal::Refusal,
    voice::Said,
};

pub(crate) use publishing::{Place, formats};

pub(crate) fn operations() -> Vec<Operation> {
    let by_owners = ["yank", "unyank", "deprecate", "undeprecate", "transfer", "unlist"];
    let by_operators = ["verify", "unverify", "feature", "unfeature", "quarantine", "clear"];
    let change = |action| move |word: &str| post(format!("/packages/{{id}}/{word}"), action, changes::make);
    let mut operations = vec![
        post("/packages", PublishPackage, publishing::publish).patient(),
        get("/packages/quarantined", Operate, quarantined),
        get("/packages/{id}", PublishPackage, show),
        delete("/packages/{id}", RemovePackage, changes::remove),
        delete("/packages/{id}/versions/{version}", RemovePackage, changes::remove),
        get("/publishers/{name}", PublishPackage, publishers::show),
        put("/publishers/{name}", PublishPackage, publishers::describe),
        post("/publishers/{name}/verify", Operate, publishers::verify),
        post("/publishers/{name}/unverify", Operate, publishers::unverify),
        post("/publishers/{name}/transfer", Operate, publishers::transfer),
        post("/reviews/{number}/moderate", Operate, changes::moderate),
    ];
    operations.extend(by_owners.into_iter().map(change(PublishPackage)));
    operations.extend(by_operators.into_iter().map(change(Operate)));
    operations
}

/// The id in the path; whatever is no id is a plugin that does not exist.
struct Named(PluginId);

impl<S: Sync> FromRequestParts<S> for Named {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let id = parameter(parts, "id").await.and_then(|id| id.parse().ok());
        id.map(Self).ok_or_else(|| Refusal::not_found(NO_PLUGIN))
    }
}

/// None: not there, or no text.
async fn parameter(parts: &mut Parts, wanted: &str) -> Option<String> {
    let path = parts.extract::<RawPathParams>().await.ok()?;
    path.iter().find(|(name, _)| *name == wanted).map(|(_, value)| value.to_owned())
}

/// All of it, also what nobody else sees.
async fn show(
    State(catalogue): State<Arc<dyn CatalogueQueries>>,
    Extension(Asking(principal)): Extension<Asking>,
    Named(id): Named,
) -> Result<Said, Refusal> {
    let view = catalogue.current(id).await?.ok_or_else(|| Refusal::not_found(NO_PLUGIN))?;
    principal.must(PublishPackage, principal.owner_of(view.owner), NO_PLUGIN)?;
    Ok(Said::ok(body::package(&view)))
}

async fn quarantined(State(catalogue): State<Arc<dyn CatalogueQueries>>) -> Result<Said, Refusal> {
    let held = catalogue.quarantined().await?;
    let held: Vec<Value> = held
        .into_iter()
        .map(|(id, version, reason)| json!({"id": id, "version": version, "reason": reason}))
        .collect();
    Ok(Said::ok(json!({"quarantined": held})))
}

#[cfg(test)]
mod tests;
