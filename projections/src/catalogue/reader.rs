//! Reading the catalogue.

use std::collections::BTreeMap;

use application::{
    error::Error,
    queries::catalogue::{
        Card, CatalogueQueries, Counted, Facet, Find, Found, LookAlike, PluginView, PublisherView,
        RatingView, State, Which,
    },
};
use async_trait::async_trait;
use cqrs_es::Aggregate as _;
use domain::{
    plugin::Plugin,
    values::{AccountId, Dialect, Digest, PluginId},
};
use sqlx::{PgConnection, PgPool, Row, postgres::PgRow, types::Json};
use uuid::Uuid;

use super::{find, fold::fold, look_alikes, matches, rank::Wanted, related, store::key, totals};
use crate::{
    per_stream::stream,
    reading::{bounded, count, unavailable},
};

const LONGEST_TEXT: usize = 256;
/// What was counted of a plugin, beside its document.
const COUNTED: &str = "coalesce(n.counted, 0) as counted, coalesce(n.downloads, c.downloads) as downloads,
    n.rating as average, coalesce(n.ratings, 0) as ratings,
    coalesce(array[n.one, n.two, n.three, n.four, n.five], '{0,0,0,0,0}') as votes";
const FROM: &str = "from read.catalogue c
    join read.catalogue_documents d on d.plugin_id = c.plugin_id
    left join read.catalogue_counts n on n.plugin_id = c.plugin_id";

#[derive(Debug, Clone)]
pub struct PgCatalogue {
    pool: PgPool,
}

impl PgCatalogue {
    pub fn new(pool: PgPool) -> Self {
        Self { pool }
    }

    async fn page(&self, find: &Find) -> Result<Found, sqlx::Error> {
        let text = find.text.as_deref().map(str::trim).filter(|text| !text.is_empty());
        let wanted = text.map(Wanted::of);
        let mut connection = self.pool.acquire().await?;
        let page = match &wanted {
            // Signs alone: there is no word that anything could match.
            Some(wanted) if wanted.is_empty() => return Ok(Found::default()),
            Some(wanted) => matches::matching(&mut connection, find, wanted).await?,
            None => {
                let total = find::total(&mut connection, find, None).await?;
                find::sorted(&mut connection, find, None, total).await?
            }
        };
        let mut found = page.found;
        if find.whole {
            found.plugins = views(&mut connection, &page.plugins).await?;
        } else {
            found.cards = cards(&mut connection, &page.plugins).await?;
        }
        Ok(found)
    }

    async fn one(&self, which: &Which) -> Result<Option<PluginView>, sqlx::Error> {
        let mut connection = self.pool.acquire().await?;
        let Some(id) = id(&mut connection, which).await? else { return Ok(None) };
        Ok(views(&mut connection, &[id]).await?.pop())
    }

    async fn waiting(&self) -> Result<Vec<(PluginId, Option<String>, String)>, sqlx::Error> {
        let views: Vec<Json<PluginView>> = sqlx::query_scalar(
            "select d.view from read.catalogue c join read.catalogue_documents d on d.plugin_id = c.plugin_id
              where c.held and not c.removed",
        )
        .fetch_all(&self.pool)
        .await?;
        let mut waiting = Vec::new();
        for Json(view) in views {
            let releases = view.releases.iter().filter_map(|release| {
                let reason = release.quarantine.clone()?;
                Some((release.published_at, view.id, Some(release.version.to_string()), reason))
            });
            waiting.extend(releases);
            waiting.extend(view.quarantine.map(|reason| (view.updated_at, view.id, None, reason)));
        }
        waiting.sort();
        Ok(waiting.into_iter().map(|(_, plugin, version, reason)| (plugin, version, reason)).collect())
    }
}

async fn id(connection: &mut PgConnection, which: &Which) -> Result<Option<Uuid>, sqlx::Error> {
    // What is there stands before what was removed, and ours before what others list.
    const BEST: &str = "order by removed, origin is not null, shown desc, created_at desc, plugin_id limit 1";
    let found = match which {
        Which::Id(id) => return Ok(Some(id.0)),
        Which::Number(number) => {
            let query = format!("select plugin_id from read.catalogue where number = $1 {BEST}");
            sqlx::query_scalar(&query).bind(bounded(*number)).fetch_optional(connection).await?
        }
        Which::Pair { publisher, name } => {
            let query = format!(
                "select plugin_id from read.catalogue where publisher_key = $1 and name_key = $2 {BEST}"
            );
            let query = sqlx::query_scalar(&query).bind(key(publisher)).bind(key(name));
            query.fetch_optional(connection).await?
        }
        Which::Word { dialect, name } => {
            let query = format!(
                "select plugin_id from read.catalogue
                  where name_key = $1 and dialects @> array[$2] and origin is null {BEST}"
            );
            let query = sqlx::query_scalar(&query).bind(key(name)).bind(dialect.as_str());
            query.fetch_optional(connection).await?
        }
    };
    Ok(found)
}

/// In the order of the ids.
async fn cards(connection: &mut PgConnection, ids: &[Uuid]) -> Result<Vec<Card>, sqlx::Error> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let query = format!("select c.plugin_id, d.card, {COUNTED} {FROM} where c.plugin_id = any($1)");
    let rows = sqlx::query(&query).bind(ids).fetch_all(connection).await?;
    in_order(ids, rows.iter().map(card))
}

async fn views(connection: &mut PgConnection, ids: &[Uuid]) -> Result<Vec<PluginView>, sqlx::Error> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let query = format!(
        "select c.plugin_id, d.view, {COUNTED},
                (select coalesce(jsonb_object_agg(v.version, v.downloads), '{{}}')
                   from read.catalogue_versions v where v.plugin_id = c.plugin_id) as by_version
         {FROM} where c.plugin_id = any($1)"
    );
    let rows = sqlx::query(&query).bind(ids).fetch_all(connection).await?;
    in_order(ids, rows.iter().map(view))
}

fn in_order<T>(
    ids: &[Uuid],
    rows: impl Iterator<Item = Result<(Uuid, T), sqlx::Error>>,
) -> Result<Vec<T>, sqlx::Error> {
    let mut rows: BTreeMap<Uuid, T> = rows.collect::<Result<_, _>>()?;
    Ok(ids.iter().filter_map(|id| rows.remove(id)).collect())
}

fn card(row: &PgRow) -> Result<(Uuid, Card), sqlx::Error> {
    let mut card = row.try_get::<Json<Card>, _>("card")?.0;
    card.downloads = count(row.try_get("downloads")?);
    card.rating = rating(row)?;
    Ok((row.try_get("plugin_id")?, card))
}

/// With the counters, imported ones included.
fn view(row: &PgRow) -> Result<(Uuid, PluginView), sqlx::Error> {
    let mut view = row.try_get::<Json<PluginView>, _>("view")?.0;
    let mut downloads_by_version = row.try_get::<Json<BTreeMap<String, u64>>, _>("by_version")?.0;
    let imported = view.imported.clone().unwrap_or_default();
    for (version, downloads) in imported.downloads_by_version {
        *downloads_by_version.entry(version).or_default() += downloads;
    }
    let mut rating = rating(row)?;
    for (votes, imported) in rating.distribution.iter_mut().zip(imported.rating_distribution) {
        *votes += imported;
    }
    view.counted = Counted { downloads: count(row.try_get("downloads")?), downloads_by_version, rating };
    Ok((row.try_get("plugin_id")?, view))
}

fn rating(row: &PgRow) -> Result<RatingView, sqlx::Error> {
    let votes: Vec<i64> = row.try_get("votes")?;
    let mut distribution = [0; 5];
    for (place, votes) in distribution.iter_mut().zip(votes) {
        *place = count(votes);
    }
    Ok(RatingView { average: row.try_get("average")?, count: count(row.try_get("ratings")?), distribution })
}

#[async_trait]
impl CatalogueQueries for PgCatalogue {
    async fn find(&self, find: &Find) -> Result<Found, Error> {
        if find.text.as_ref().is_some_and(|text| text.chars().count() > LONGEST_TEXT) {
            return Err(Error::invalid(format!("a search text has at most {LONGEST_TEXT} characters")));
        }
        self.page(find).await.map_err(unavailable)
    }

    async fn plugin(&self, which: &Which) -> Result<Option<PluginView>, Error> {
        self.one(which).await.map_err(unavailable)
    }

    async fn current(&self, plugin: PluginId) -> Result<Option<PluginView>, Error> {
        let folded = stream(&self.pool, Plugin::TYPE, plugin, fold).await.map_err(unavailable)?;
        if !folded.is_whole {
            tracing::error!(%plugin, "a stream holds what this build cannot read");
            return Err(Error::unavailable());
        }
        Ok(folded.view)
    }

    async fn look_alikes(&self, name: &str, own: Option<AccountId>) -> Result<Vec<LookAlike>, Error> {
        look_alikes::look_alikes(&self.pool, name, own).await.map_err(unavailable)
    }

    async fn categories(&self, dialect: Dialect) -> Result<Vec<Facet>, Error> {
        totals::all(&self.pool, dialect, "category").await.map_err(unavailable)
    }

    async fn publishers(&self, dialect: Dialect) -> Result<Vec<String>, Error> {
        let all = totals::all(&self.pool, dialect, "publisher").await.map_err(unavailable)?;
        Ok(all.into_iter().map(|publisher| publisher.name).collect())
    }

    async fn publisher(&self, name: &str) -> Result<Option<PublisherView>, Error> {
        crate::publishers::publisher(&self.pool, name).await.map_err(unavailable)
    }

    async fn upstream_author(&self, name: &str) -> Result<Option<String>, Error> {
        sqlx::query_scalar(
            "select origin from read.catalogue where publisher_key = $1 and origin is not null and not removed
              order by origin limit 1",
        )
        .bind(key(name))
        .fetch_optional(&self.pool)
        .await
        .map_err(unavailable)
    }

    async fn of_publisher(&self, name: &str) -> Result<Vec<PluginId>, Error> {
        let ids: Vec<Uuid> = sqlx::query_scalar(
            "select plugin_id from read.catalogue where publisher_key = $1 and origin is null
              order by name_key, plugin_id",
        )
        .bind(key(name))
        .fetch_all(&self.pool)
        .await
        .map_err(unavailable)?;
        Ok(ids.into_iter().map(PluginId).collect())
    }

    async fn related(&self, plugin: &PluginView, dialect: Dialect, most: u32) -> Result<Vec<Card>, Error> {
        let ids = related::related(&self.pool, plugin, dialect, most).await.map_err(unavailable)?;
        let mut connection = self.pool.acquire().await.map_err(unavailable)?;
        cards(&mut connection, &ids).await.map_err(unavailable)
    }

    async fn uses(&self, sha256: &Digest) -> Result<bool, Error> {
        sqlx::query_scalar(
            "select exists (select 1 from read.catalogue_documents where digests @> array[$1])",
        )
        .bind(sha256.as_str())
        .fetch_one(&self.pool)
        .await
        .map_err(unavailable)
    }

    async fn holding(&self, sha256: &Digest) -> Result<Vec<PluginView>, Error> {
        let ids: Vec<Uuid> = sqlx::query_scalar(
            "select plugin_id from read.catalogue_documents where digests @> array[$1] order by plugin_id",
        )
        .bind(sha256.as_str())
        .fetch_all(&self.pool)
        .await
        .map_err(unavailable)?;
        let mut connection = self.pool.acquire().await.map_err(unavailable)?;
        views(&mut connection, &ids).await.map_err(unavailable)
    }

    async fn quarantined(&self) -> Result<Vec<(PluginId, Option<String>, String)>, Error> {
        self.waiting().await.map_err(unavailable)
    }

    async fn state(&self) -> Result<State, Error> {
        crate::state::of_catalogue(&self.pool).await
    }
}
