//! Finding by text. All matches are ranked, or of very many those most downloaded and those whose name is meant; the rest
//! follow by downloads. Where there are hardly any, names that differ by a slip of the pen are matches too.

use std::cmp::Ordering;

use application::queries::catalogue::{Find, Found, Rank, Sort};
use chrono::{DateTime, Utc};
use sqlx::{PgConnection, QueryBuilder, Row, postgres::PgRow};
use uuid::Uuid;

use super::{
    find::{Page, facets, filters, fitting, plain, shown, sorted, there, total},
    rank::Wanted,
    search::Head,
};
use crate::reading::{bounded, count};

/// So many are ranked.
const RANKED: u64 = 500;
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

const COLUMNS: &str = "c.downloads, c.publisher_key, c.name_key, c.created_at, c.updated_at, c.rating";

/// What is ranked, and how many matches there are in all.
#[derive(Default)]
struct Candidates {
    most_downloaded: Vec<Match>,
    /// Others.
    named: Vec<Match>,
    total: u64,
}

pub(super) async fn matching(
    connection: &mut PgConnection,
    find: &Find,
    wanted: &Wanted,
) -> Result<Page, sqlx::Error> {
    if find.order.by != Sort::Relevance {
        let matching = total(&mut *connection, find, Some(wanted)).await?;
        if matching > RANKED {
            return sorted(connection, find, Some(wanted), matching).await;
        }
    }
    let Candidates { most_downloaded: mut matches, named, total } =
        candidates(&mut *connection, find, wanted).await?;
    let mut found = Found { total, ..Found::default() };
    if matches.len() < FEW {
        let slips = slips(&mut *connection, find, wanted).await?;
        let new = |slip: &Match| matches.iter().all(|there| there.plugin != slip.plugin);
        let slips: Vec<Match> = slips.into_iter().filter(new).collect();
        matches.extend(slips);
        found.total = matches.len() as u64;
    }
    let beyond: Vec<Uuid> = named.iter().map(|one| one.plugin).collect();
    matches.extend(named);
    matches.sort_by(|one, other| order(find, one, other));
    facets(&mut *connection, find, Some(wanted), &mut found).await?;
    let ranked = matches.len() as u64;
    let page = matches.into_iter().skip(usize::try_from(find.offset).unwrap_or(usize::MAX));
    let (mut plugins, ranks): (Vec<Uuid>, Vec<Rank>) =
        page.take(find.limit as usize).map(|one| (one.plugin, one.rank)).unzip();
    found.ranks = ranks;
    let missing = i64::from(find.limit) - bounded(plugins.len() as u64);
    if found.total > ranked && missing > 0 {
        let offset = find.offset.saturating_sub(ranked);
        for one in rest(connection, find, wanted, &beyond, offset, missing).await? {
            plugins.push(one.plugin);
            found.ranks.push(one.rank);
        }
    }
    Ok(Page { plugins, found })
}

/// In one statement, which looks at each match once. Tiers of downloads stand beside the words, so that only of what is
/// ranked more than that is read.
async fn candidates(
    connection: &mut PgConnection,
    find: &Find,
    wanted: &Wanted,
) -> Result<Candidates, sqlx::Error> {
    let mut query = QueryBuilder::new("with matching as materialized (select d.plugin_id, d.tier, d.head");
    if *find == plain(find) {
        query.push(" from read.catalogue_documents d where d.search @@ ");
        query.push_bind(shown(find, wanted)).push("::tsquery");
    } else {
        fitting(&mut query, find, Some(wanted));
    }
    query.push("), least as materialized (select min(tier) as tier from (select tier from matching order by tier desc limit ");
    query.push_bind(bounded(RANKED));
    query.push(") t), most as materialized (select m.plugin_id, m.head, ").push(COLUMNS);
    query.push(
        " from matching m join read.catalogue c using (plugin_id) where m.tier >= (select tier from least)
          order by c.downloads desc, c.publisher_key, c.name_key, c.plugin_id limit ",
    );
    query.push_bind(bounded(RANKED));
    query.push(
        "), named as (select m.plugin_id, m.head from matching m
           where m.tier <= (select tier from least) and starts_with(m.head, ",
    );
    query.push_bind(wanted.first().to_owned());
    query.push(
        ") and m.plugin_id not in (select plugin_id from most) order by m.tier desc, m.plugin_id limit ",
    );
    query.push_bind(NAMED);
    query.push(") select *, true as most_downloaded, (select count(*) from matching) as total from most");
    query.push(" union all select n.plugin_id, n.head, ").push(COLUMNS);
    query.push(", false, 0 from named n join read.catalogue c using (plugin_id)");
    let rows = query.build().fetch_all(connection).await?;
    let mut found = Candidates::default();
    for row in &rows {
        let one = read(row, wanted, &Head::read(row.try_get("head")?), None)?;
        if row.try_get("most_downloaded")? {
            found.total = count(row.try_get("total")?);
            found.most_downloaded.push(one);
        } else {
            found.named.push(one);
        }
    }
    Ok(found)
}

/// What is neither among the most downloaded nor named so, from a place in their order on.
async fn rest(
    connection: &mut PgConnection,
    find: &Find,
    wanted: &Wanted,
    beyond: &[Uuid],
    offset: u64,
    limit: i64,
) -> Result<Vec<Match>, sqlx::Error> {
    let mut query = QueryBuilder::new("select c.plugin_id, d.head, ");
    query.push(COLUMNS);
    fitting(&mut query, find, Some(wanted));
    query.push(" and c.plugin_id <> all(").push_bind(beyond).push(")");
    query.push(" order by c.downloads desc, c.publisher_key, c.name_key, c.plugin_id offset ");
    query.push_bind(bounded(RANKED.saturating_add(offset))).push(" limit ").push_bind(limit);
    let rows = query.build().fetch_all(connection).await?;
    rows.iter().map(|row| read(row, wanted, &Head::read(row.try_get("head")?), None)).collect()
}

/// The likest, and among those equally like the most downloaded.
async fn slips(
    connection: &mut PgConnection,
    find: &Find,
    wanted: &Wanted,
) -> Result<Vec<Match>, sqlx::Error> {
    let mut query =
        QueryBuilder::new("with alike as materialized (select d.plugin_id, d.head, word_similarity(");
    query.push_bind(wanted.spaced()).push(", d.fuzzy)::float8 as likeness");
    let is_plain = *find == plain(find);
    if is_plain {
        query.push(" from read.catalogue_documents d where ");
    } else {
        query.push(
            " from read.catalogue c join read.catalogue_documents d on d.plugin_id = c.plugin_id where ",
        );
        filters(&mut query, find);
        query.push(" and ");
    }
    query.push_bind(wanted.spaced()).push(" <% d.fuzzy and d.search @@ ").push_bind(there(find));
    query.push("::tsquery order by likeness desc, d.tier desc, d.plugin_id limit ").push_bind(MOST_LIKE);
    query.push(") select a.plugin_id, a.head, a.likeness, ").push(COLUMNS);
    query.push(" from alike a join read.catalogue c using (plugin_id)");
    let mut found = Vec::new();
    for row in query.build().fetch_all(connection).await? {
        let head = Head::read(row.try_get("head")?);
        if wanted.may_mean(&head) {
            found.push(read(&row, wanted, &head, Some(row.try_get("likeness")?))?);
        }
    }
    Ok(found)
}

fn read(row: &PgRow, wanted: &Wanted, head: &Head, likeness: Option<f64>) -> Result<Match, sqlx::Error> {
    let downloads = row.try_get("downloads")?;
    Ok(Match {
        plugin: row.try_get("plugin_id")?,
        downloads,
        publisher: row.try_get("publisher_key")?,
        name: row.try_get("name_key")?,
        created_at: row.try_get("created_at")?,
        updated_at: row.try_get("updated_at")?,
        rating: row.try_get("rating")?,
        rank: wanted.rank(head, downloads, likeness),
    })
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
