//! Writing the rows and documents of plugins.

use application::queries::catalogue::{Origin, PluginView};
use domain::{
    plugin::{Icon, PluginKind},
    values::{Dialect, skeleton},
};
use serde_json::{Map, Value};
use sqlx::{PgConnection, types::Json};
use uuid::Uuid;

use super::{
    card::{card, latest_version},
    engines, search,
    tables::Tables,
};
use crate::reading::bounded;

/// Parts lists in a text: no word holds it.
const APART: &str = "\u{1f}";
/// More of them in one statement would be values of megabytes, which take longer to hold than to write.
const DOCUMENTS_AT_ONCE: usize = 128;

pub(super) fn is_visible(view: &PluginView) -> bool {
    let offered = view.offered().next().is_some() || matches!(view.origin, Origin::Upstream(_));
    view.removed.is_none() && view.quarantine.is_none() && offered
}

/// What filters look for, whatever its case.
pub(super) fn key(text: &str) -> String {
    text.trim().replace(char::is_control, " ").to_lowercase()
}

pub(super) async fn store(
    transaction: &mut PgConnection,
    tables: Tables,
    views: &[PluginView],
) -> Result<(), sqlx::Error> {
    if views.is_empty() {
        return Ok(());
    }
    store_rows(&mut *transaction, tables, views).await?;
    for views in views.chunks(DOCUMENTS_AT_ONCE) {
        store_documents(&mut *transaction, tables, views).await?;
    }
    Ok(())
}

async fn store_rows(
    transaction: &mut PgConnection,
    tables: Tables,
    views: &[PluginView],
) -> Result<(), sqlx::Error> {
    let query = format!(
        "insert into {rows} as c (plugin_id, number, publisher, publisher_key, name, name_key, skeleton, owner, origin,
           visible, hidden, removed, held, dialects, category, category_key, tags, theme, verified, featured, price,
           engines, spans, latest_version, created_at, updated_at, downloads, rating, ratings)
         select u.plugin_id, u.number, u.publisher, u.publisher_key, u.name, u.name_key, u.skeleton, u.owner,
                u.origin, u.visible, false, u.removed, u.held, string_to_array(u.dialects, '{APART}'), u.category,
                u.category_key, string_to_array(u.tags, '{APART}'), u.theme, u.verified, u.featured, u.price, u.engines,
                u.spans, u.latest_version, u.created_at, u.updated_at,
                coalesce(n.downloads, 0), coalesce(n.rating, 0), coalesce(n.ratings, 0)
           from unnest($1::uuid[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::uuid[], $7::text[],
                       $8::boolean[], $9::boolean[], $10::boolean[], $11::text[], $12::text[], $13::text[], $14::text[],
                       $15::boolean[], $16::boolean[], $17::boolean[], $18::float8[], $19::jsonb[], $20::jsonb[],
                       $21::text[], $22::timestamptz[], $23::timestamptz[], $24::text[], $25::text[])
             as u (plugin_id, number, publisher, name, skeleton, owner, origin, visible, removed, held, dialects, category,
                   category_key, tags, theme, verified, featured, price, engines, spans, latest_version, created_at,
                   updated_at, publisher_key, name_key)
           left join {counts} n on n.plugin_id = u.plugin_id
         on conflict (plugin_id) do update
           set number = excluded.number, publisher = excluded.publisher, publisher_key = excluded.publisher_key,
               name = excluded.name, name_key = excluded.name_key, skeleton = excluded.skeleton, owner = excluded.owner,
               visible = excluded.visible, removed = excluded.removed, held = excluded.held,
               dialects = excluded.dialects, category = excluded.category, category_key = excluded.category_key,
               tags = excluded.tags, theme = excluded.theme, verified = excluded.verified,
               featured = excluded.featured, price = excluded.price, engines = excluded.engines,
               spans = excluded.spans, latest_version = excluded.latest_version, created_at = excluded.created_at,
               updated_at = excluded.updated_at, downloads = excluded.downloads, rating = excluded.rating,
               ratings = excluded.ratings",
        rows = tables.rows(),
        counts = tables.counts()
    );
    let categories =
        of(views, |view| view.description.category.as_deref().map(str::trim).filter(|c| !c.is_empty()));
    sqlx::query(&query)
        .bind(of(views, |view| view.id.0))
        .bind(of(views, |view| (view.origin == Origin::Own).then(|| bounded(view.number))))
        .bind(of(views, |view| view.publisher.as_str()))
        .bind(of(views, |view| view.name.as_str()))
        .bind(of(views, |view| skeleton(&view.name)))
        .bind(of(views, |view| view.owner.map(|owner| owner.0)))
        .bind(of(views, |view| origin(view)))
        .bind(of(views, is_visible))
        .bind(of(views, |view| view.removed.is_some()))
        .bind(of(views, is_held))
        .bind(of(views, |view| {
            view.listed.iter().copied().map(Dialect::as_str).collect::<Vec<_>>().join(APART)
        }))
        .bind(&categories)
        .bind(categories.iter().map(|category| category.map(key)).collect::<Vec<_>>())
        .bind(of(views, tags))
        .bind(of(views, |view| view.kind == PluginKind::Theme))
        .bind(of(views, |view| view.verified.is_some()))
        .bind(of(views, |view| view.featured))
        .bind(of(views, |view| {
            view.description.pricing.as_ref().and_then(|pricing| pricing.price).unwrap_or(0.0)
        }))
        .bind(of(views, |view| Json(ranges(view))))
        .bind(of(views, |view| Json(spans(view))))
        .bind(of(views, latest_version))
        .bind(of(views, |view| view.created_at))
        .bind(of(views, |view| view.updated_at))
        .bind(of(views, |view| key(&view.publisher)))
        .bind(of(views, |view| key(&view.name)))
        .execute(transaction)
        .await
        .map(drop)
}

async fn store_documents(
    transaction: &mut PgConnection,
    tables: Tables,
    views: &[PluginView],
) -> Result<(), sqlx::Error> {
    let query = format!(
        "insert into {documents} (plugin_id, head, fuzzy, digests, versions, card, view, tier, search)
         select plugin_id, u.head, u.fuzzy, string_to_array(u.digests, ' '), string_to_array(u.versions, ' '), u.card,
                u.view, r.tier, u.search::tsvector || array_to_tsvector(array['~tier ' || r.tier])
           from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::jsonb[], $7::jsonb[], $8::text[])
             as u (plugin_id, head, fuzzy, digests, versions, card, view, search)
           join {rows} r using (plugin_id)
         on conflict (plugin_id) do update
           set head = excluded.head, fuzzy = excluded.fuzzy, digests = excluded.digests, versions = excluded.versions,
               card = excluded.card, view = excluded.view, tier = excluded.tier, search = excluded.search",
        documents = tables.documents(),
        rows = tables.rows()
    );
    let heads: Vec<search::Head> = of(views, search::Head::of);
    sqlx::query(&query)
        .bind(of(views, |view| view.id.0))
        .bind(heads.iter().map(search::Head::to_text).collect::<Vec<_>>())
        .bind(heads.iter().map(search::Head::fuzzy).collect::<Vec<_>>())
        .bind(of(views, digests))
        .bind(of(views, versions))
        .bind(of(views, |view| Json(card(view))))
        .bind(views.iter().map(Json).collect::<Vec<_>>())
        .bind(views.iter().zip(&heads).map(|(view, head)| search::vector(view, head)).collect::<Vec<_>>())
        .execute(transaction)
        .await
        .map(drop)
}

fn of<'a, T>(views: &'a [PluginView], column: impl Fn(&'a PluginView) -> T) -> Vec<T> {
    views.iter().map(column).collect()
}

fn origin(view: &PluginView) -> Option<&str> {
    match &view.origin {
        Origin::Own => None,
        Origin::Upstream(repository) => Some(repository),
    }
}

/// Whether a check has to pass before all of it is shown.
fn is_held(view: &PluginView) -> bool {
    view.quarantine.is_some() || view.releases.iter().any(|release| release.quarantine.is_some())
}

fn tags(view: &PluginView) -> String {
    let mut tags: Vec<String> = view.description.tags.iter().map(|tag| key(tag)).collect();
    tags.retain(|tag| !tag.is_empty());
    tags.sort_unstable();
    tags.dedup();
    tags.join(APART)
}

fn digests(view: &PluginView) -> String {
    let mut digests: Vec<&str> =
        view.releases.iter().map(|release| release.artifact.sha256.as_str()).collect();
    if let Some(Icon::Blob { sha256, .. }) = &view.description.icon {
        digests.push(sha256.as_str());
    }
    digests.join(" ")
}

/// What can be had by its number.
fn versions(view: &PluginView) -> String {
    let had = view.releases.iter().filter(|release| release.quarantine.is_none());
    had.map(|release| release.version.to_string()).collect::<Vec<_>>().join(" ")
}

fn ranges(view: &PluginView) -> Map<String, Value> {
    let engines = view.latest().map(|release| release.engines.iter());
    engines.into_iter().flatten().map(|(name, range)| (name.clone(), key(range).into())).collect()
}

fn spans(view: &PluginView) -> Map<String, Value> {
    let engines = view.latest().map(|release| release.engines.iter());
    let spans =
        engines.into_iter().flatten().filter_map(|(name, range)| Some((name, engines::spans(range)?)));
    spans.map(|(name, spans)| (name.clone(), spans.into())).collect()
}

/// The pair that names it where two words do.
pub(super) fn pair(view: &PluginView) -> (String, String) {
    (key(&view.publisher), key(&view.name))
}

/// Removes listings that are there no more.
pub(super) async fn remove(
    transaction: &mut PgConnection,
    tables: Tables,
    plugins: Vec<Uuid>,
) -> Result<(), sqlx::Error> {
    for table in [tables.rows(), tables.documents(), tables.counts()] {
        let query = format!("delete from {table} where plugin_id = any($1)");
        sqlx::query(&query).bind(&plugins).execute(&mut *transaction).await?;
    }
    Ok(())
}
