//! Finding by text. All matches are ranked, or of very many those most downloaded and those whose name is meant; the rest
//! follow by downloads. Where there are hardly any, names that differ by a slip of the pen are matches too.

use std::cmp::Ordering;

use application::queries::catalogue::{Find, Found, Rank, Sort};
use chrono::{DateTime, Utc};
use sqlx::{PgPool, QueryBuilder, Row, postgres::PgRow};
use uuid::Uuid;

use super::{
    find::{Page, facets, filters, fitting, sorted, total},
    rank::Wanted,
    search::Head,
    totals,
};
use crate::reading::bounded;

/// So many are ranked.
const RANKED: u64 = 1_000;
/// And so many whose name begins with the text, however rarely they were downloaded.
const NAMED: i64 = 200;
/// With fewer matches than this, slips of the pen are allowed for.
const FEW: usize = 5;
const MOST_LIKE: i64 = 50;

/// A match, and what it can be sorted by.
struct Match {
    plugin: Uuid,
    downloads: i64,
    publisher: String,
    name: String,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    rating: f64,
    rank: Rank,
}

const COLUMNS: &str = "select c.plugin_id, d.head, c.downloads, c.publisher_key, c.name_key, c.created_at, c.updated_at, \
                       c.rating";

pub(super) async fn matching(pool: &PgPool, find: &Find, wanted: &Wanted) -> Result<Page, sqlx::Error> {
    let matching = total(pool, find, Some(wanted)).await?;
    let all = matching <= RANKED;
    if !all && find.order.by != Sort::Relevance {
        return sorted(pool, find, Some(wanted)).await;
    }
    let mut matches = most_downloaded(pool, find, wanted, matching).await?;
    if all && matches.len() < FEW {
        let slips = slips(pool, find, wanted).await?;
        let new = |slip: &Match| matches.iter().all(|there| there.plugin != slip.plugin);
        let slips: Vec<Match> = slips.into_iter().filter(new).collect();
        matches.extend(slips);
    }
    let mut named = Vec::new();
    let mut found = Found { total: matches.len() as u64, ..Found::default() };
    if !all {
        let ranked: std::collections::HashSet<Uuid> = matches.iter().map(|one| one.plugin).collect();
        named = by_name(pool, find, wanted).await?;
        named.retain(|one| !ranked.contains(&one.plugin));
        found.total = matching;
    }
    let beyond: Vec<Uuid> = named.iter().map(|one| one.plugin).collect();
    matches.extend(named);
    matches.sort_by(|one, other| order(find, one, other));
    facets(pool, find, Some(wanted), &mut found).await?;
    let ranked = matches.len() as u64;
    let page = matches.into_iter().skip(usize::try_from(find.offset).unwrap_or(usize::MAX));
    let (mut plugins, ranks): (Vec<Uuid>, Vec<Rank>) =
        page.take(find.limit as usize).map(|one| (one.plugin, one.rank)).unzip();
    found.ranks = ranks;
    let missing = i64::from(find.limit) - bounded(plugins.len() as u64);
    if !all && missing > 0 {
        let offset = find.offset.saturating_sub(ranked);
        for one in rest(pool, find, wanted, &beyond, offset, missing).await? {
            plugins.push(one.plugin);
            found.ranks.push(one.rank);
        }
    }
    Ok(Page { plugins, found })
}

/// Of very many, only the tiers of downloads that should hold enough are looked through, and more of them if they do not.
async fn most_downloaded(
    pool: &PgPool,
    find: &Find,
    wanted: &Wanted,
    matching: u64,
) -> Result<Vec<Match>, sqlx::Error> {
    if matching > RANKED {
        let tiers = totals::tiers(pool, find.dialect).await?;
        let plugins: u64 = tiers.iter().map(|(_, plugins)| plugins).sum();
        let mut enough = plugins.saturating_mul(RANKED + RANKED / 2) / matching;
        while enough < plugins {
            let found = in_tiers(pool, find, &wanted.in_tiers(highest(&tiers, enough))).await?;
            if found.len() as u64 >= RANKED {
                return Ok(found);
            }
            enough = enough.saturating_mul(4).max(1);
        }
    }
    in_tiers(pool, find, wanted).await
}

/// The highest tiers that have so many plugins.
fn highest(tiers: &[(u8, u64)], enough: u64) -> Vec<u8> {
    let mut so_far = 0;
    let taken = tiers.iter().take_while(|(_, plugins)| {
        let is_needed = so_far < enough;
        so_far += plugins;
        is_needed
    });
    taken.map(|(tier, _)| *tier).collect()
}

async fn in_tiers(pool: &PgPool, find: &Find, wanted: &Wanted) -> Result<Vec<Match>, sqlx::Error> {
    let mut query = QueryBuilder::new(COLUMNS);
    fitting(&mut query, find, Some(wanted));
    query.push(" order by c.downloads desc, c.publisher_key, c.name_key, c.plugin_id limit ");
    query.push_bind(bounded(RANKED));
    read(query.build().fetch_all(pool).await?, wanted, false)
}

async fn by_name(pool: &PgPool, find: &Find, wanted: &Wanted) -> Result<Vec<Match>, sqlx::Error> {
    let mut query = QueryBuilder::new(COLUMNS);
    fitting(&mut query, find, Some(wanted));
    query.push(" and c.name_key like ").push_bind(format!("{}%", like(wanted.first())));
    query
        .push(" order by c.downloads desc, c.publisher_key, c.name_key, c.plugin_id limit ")
        .push_bind(NAMED);
    read(query.build().fetch_all(pool).await?, wanted, false)
}

/// What is neither among the most downloaded nor named so, from a place in their order on.
async fn rest(
    pool: &PgPool,
    find: &Find,
    wanted: &Wanted,
    beyond: &[Uuid],
    offset: u64,
    limit: i64,
) -> Result<Vec<Match>, sqlx::Error> {
    let mut query = QueryBuilder::new(COLUMNS);
    fitting(&mut query, find, Some(wanted));
    query.push(" and c.plugin_id <> all(").push_bind(beyond).push(")");
    query.push(" order by c.downloads desc, c.publisher_key, c.name_key, c.plugin_id offset ");
    query.push_bind(bounded(RANKED.saturating_add(offset))).push(" limit ").push_bind(limit);
    read(query.build().fetch_all(pool).await?, wanted, false)
}

async fn slips(pool: &PgPool, find: &Find, wanted: &Wanted) -> Result<Vec<Match>, sqlx::Error> {
    let mut query = QueryBuilder::new(COLUMNS);
    query.push(", word_similarity(").push_bind(wanted.spaced()).push(", d.fuzzy)::float8 as likeness");
    query.push(" from read.catalogue c join read.catalogue_documents d on d.plugin_id = c.plugin_id where ");
    query.push_bind(wanted.spaced()).push(" <% d.fuzzy and");
    filters(&mut query, find);
    query.push(" order by likeness desc, c.downloads desc, c.publisher_key, c.name_key, c.plugin_id limit ");
    read(query.push_bind(MOST_LIKE).build().fetch_all(pool).await?, wanted, true)
}

fn read(rows: Vec<PgRow>, wanted: &Wanted, slips: bool) -> Result<Vec<Match>, sqlx::Error> {
    let read = |row: PgRow| {
        let head = Head::read(row.try_get("head")?);
        if slips && !wanted.may_mean(&head) {
            return Ok(None);
        }
        let (downloads, likeness) =
            (row.try_get("downloads")?, if slips { Some(row.try_get("likeness")?) } else { None });
        Ok(Some(Match {
            plugin: row.try_get("plugin_id")?,
            downloads,
            publisher: row.try_get("publisher_key")?,
            name: row.try_get("name_key")?,
            created_at: row.try_get("created_at")?,
            updated_at: row.try_get("updated_at")?,
            rating: row.try_get("rating")?,
            rank: wanted.rank(&head, downloads, likeness),
        }))
    };
    rows.into_iter().filter_map(|row| read(row).transpose()).collect()
}

/// Ties go by publisher and name, whichever way is asked for.
fn order(find: &Find, one: &Match, other: &Match) -> Ordering {
    let by = match find.order.by {
        Sort::Relevance => one.rank.score.total_cmp(&other.rank.score),
        Sort::Name => one.name.cmp(&other.name),
        Sort::Downloads => one.downloads.cmp(&other.downloads),
        Sort::Updated => one.updated_at.cmp(&other.updated_at),
        Sort::Created => one.created_at.cmp(&other.created_at),
        Sort::Rating => one.rating.total_cmp(&other.rating),
    };
    let by = if find.order.descending { by.reverse() } else { by };
    let ties = |one: &Match| (one.publisher.clone(), one.name.clone(), one.plugin);
    by.then_with(|| ties(one).cmp(&ties(other)))
}

/// As the beginning of a pattern.
fn like(text: &str) -> String {
    text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_")
}
