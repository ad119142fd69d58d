//! Likes: one an account and plugin. Clients send a fingerprint of their browser too; it is nobody's proof, so that
//! whoever has no account likes nothing.

use std::{collections::BTreeMap, sync::Arc};

use application::{
    publishing,
    queries::{
        catalogue::{CatalogueQueries, PluginView},
        reviews::ReviewQueries,
    },
    reviewing::Reviewing,
};
use axum::{Extension, body::Body, extract::State};
use domain::values::{Dialect, PluginId};
use serde_json::{Value, json};

use super::plugins::{Pair, shown};
use crate::{
    asker::Asker, consistency::LogPosition, credential::Asking, fields::Fields, refusal::Refusal,
    voice::Said, work::Work,
};

const PLUGIN: &str = "plugin";
const LONGEST_FINGERPRINT: usize = 256;
/// Of what an account likes.
const MOST_TOLD: u32 = 1_000;

pub(super) type Likes = BTreeMap<PluginId, u64>;

/// How many like each of these.
pub(super) async fn of(
    reviews: &dyn ReviewQueries,
    plugins: impl IntoIterator<Item = &PluginView>,
) -> Result<Likes, Refusal> {
    let ids: Vec<PluginId> = plugins.into_iter().map(|plugin| plugin.id).collect();
    if ids.is_empty() {
        return Ok(Likes::new());
    }
    Ok(reviews.likes(&ids).await?)
}

/// What whoever asks likes.
pub(super) async fn status(
    State(reviews): State<Arc<dyn ReviewQueries>>,
    Extension(Asking(principal)): Extension<Asking>,
    body: Body,
) -> Result<Said, Refusal> {
    let mut fields = Fields::of_json(body).await?;
    fields.short_text("fingerprint", LONGEST_FINGERPRINT);
    fields.well_formed()?;
    let liked = match principal.account {
        Some(account) => reviews.liked_by(account, Dialect::Space, MOST_TOLD).await?,
        None => Vec::new(),
    };
    let named = |(author, name): (String, String)| json!({"type": PLUGIN, "extension_id": format!("{author}/{name}")});
    Ok(Said::ok(json!({"extensions": liked.into_iter().map(named).collect::<Vec<Value>>()})))
}

pub(super) async fn set(
    State(catalogue): State<Arc<dyn CatalogueQueries>>,
    State(reviewing): State<Reviewing>,
    State(work): State<Work>,
    asker: Asker,
    pair: Pair,
    body: Body,
) -> Result<(LogPosition, Said), Refusal> {
    let mut fields = Fields::of_json(body).await?;
    fields.short_text("fingerprint", LONGEST_FINGERPRINT);
    let liked = fields.needed("liked", Fields::exact_flag);
    let liked = fields.checked(liked)?;
    if pair.kind != PLUGIN {
        return Err(Refusal::not_found("There are no extensions but plugins"));
    }
    let view = shown(&*catalogue, &pair).await?;
    let principal = asker.principal.clone();
    let caller =
        asker.caller("/api/v1/marketplace/extensions/like", &json!({"plugin": view.id, "liked": liked}));
    let plugin = view.id;
    let liking = async move {
        let by = publishing::Asker { principal: &principal, caller };
        reviewing.like(plugin, Dialect::Space, liked, by).await
    };
    let (count, position) = work.finish(liking).await?;
    let told = json!({
        "type": PLUGIN,
        "extension_id": format!("{}/{}", view.publisher, view.name),
        "liked": liked,
        "like_count": count,
    });
    Ok((LogPosition(position), Said::ok(told)))
}
