//! Finding plugins: what fits, in which order, how many, and what they have in common.

use application::queries::catalogue::{Facet, Find, Found, Order, Sort};
use sqlx::{PgConnection, Postgres, QueryBuilder, Row, postgres::PgRow};
use uuid::Uuid;

use super::{engines, rank::Wanted, store::key, totals};
use crate::reading::{bounded, count};

/// Of categories, tags and publishers each.
pub(super) const MOST_FACETS: i64 = 50;

/// A page, without the plugins themselves.
#[derive(Debug, Default)]
pub(super) struct Page {
    pub(super) plugins: Vec<Uuid>,
    /// Everything but the cards.
    pub(super) found: Found,
}

/// What fits, in the order of a column.
pub(super) async fn sorted(
    connection: &mut PgConnection,
    find: &Find,
    wanted: Option<&Wanted>,
    total: u64,
) -> Result<Page, sqlx::Error> {
    let mut query = QueryBuilder::new("select c.plugin_id");
    fitting(&mut query, find, wanted);
    query.push(format!(" order by {}", columns(find.order)));
    query.push(" offset ").push_bind(bounded(find.offset)).push(" limit ").push_bind(i64::from(find.limit));
    let plugins = query.build_query_scalar().fetch_all(&mut *connection).await?;
    let mut found = Found { total, ..Found::default() };
    facets(connection, find, wanted, &mut found).await?;
    Ok(Page { plugins, found })
}

pub(super) async fn total(
    connection: &mut PgConnection,
    find: &Find,
    wanted: Option<&Wanted>,
) -> Result<u64, sqlx::Error> {
    if wanted.is_none()
        && let Some(total) = totals::of(&mut *connection, find).await?
    {
        return Ok(total);
    }
    if let Some(wanted) = wanted
        && *find == plain(find)
    {
        // The index alone knows.
        return sqlx::query_scalar(
            "select count(*) from read.catalogue_documents where search @@ $1::tsquery",
        )
        .bind(shown(find, wanted))
        .fetch_one(connection)
        .await
        .map(count);
    }
    let mut query = QueryBuilder::new("select count(*)");
    fitting(&mut query, find, wanted);
    query.build_query_scalar().fetch_one(connection).await.map(count)
}

/// The same without filters.
pub(super) fn plain(find: &Find) -> Find {
    Find {
        text: find.text.clone(),
        order: find.order,
        offset: find.offset,
        limit: find.limit,
        whole: find.whole,
        facets: find.facets,
        upstream: find.upstream,
        ..Find::in_dialect(find.dialect)
    }
}

/// What matches, among what is shown.
pub(super) fn shown(find: &Find, wanted: &Wanted) -> String {
    format!("({}) & {}", wanted.query(), there(find))
}

/// Whatever is shown there, as a part of a `tsquery`.
pub(super) fn there(find: &Find) -> String {
    let own = if find.upstream { "" } else { " & '~own'" };
    format!("'~in {}' & !'~hidden'{own}", find.dialect.as_str())
}

/// From where, and which.
pub(super) fn fitting(query: &mut QueryBuilder<'_, Postgres>, find: &Find, wanted: Option<&Wanted>) {
    query.push(" from read.catalogue c");
    if let Some(wanted) = wanted {
        query.push(" join read.catalogue_documents d on d.plugin_id = c.plugin_id");
        query.push(" where d.search @@ ").push_bind(shown(find, wanted)).push("::tsquery and");
    } else {
        query.push(" where");
    }
    filters(query, find);
}

/// What the query asks for beside the text.
pub(super) fn filters(query: &mut QueryBuilder<'_, Postgres>, find: &Find) {
    query.push(" c.shown and c.dialects @> array[").push_bind(find.dialect.as_str()).push("]");
    if !find.upstream {
        query.push(" and c.origin is null");
    }
    if let Some(publisher) = &find.publisher {
        query.push(" and c.publisher_key = ").push_bind(key(publisher));
    }
    if !find.categories.is_empty() {
        query.push(" and c.category_key = any(").push_bind(keys(&find.categories)).push(")");
    }
    if !find.tags.is_empty() {
        query.push(" and c.tags && ").push_bind(keys(&find.tags));
    }
    if !find.components.is_empty() {
        let components: Vec<String> =
            find.components.iter().map(|component| component.replace(char::is_control, " ")).collect();
        query.push(" and c.plugin_id in (select plugin_id from read.catalogue_documents where ");
        query.push(super::tables::COMPONENTS).push(" ?| ").push_bind(components).push(")");
    }
    if find.themes_only {
        query.push(" and c.theme");
    }
    if let Some(verified) = find.verified {
        query.push(" and c.verified = ").push_bind(verified);
    }
    if let Some(featured) = find.featured {
        query.push(" and c.featured = ").push_bind(featured);
    }
    if let Some(rating) = find.min_rating {
        query.push(" and c.rating >= ").push_bind(rating);
    }
    if let Some(price) = find.max_price {
        query.push(" and c.price <= ").push_bind(price);
    }
    for engine in &find.engines {
        let (name, range) = (engine.name.replace(char::is_control, " "), key(&engine.range));
        query.push(" and case when c.spans ? ").push_bind(name.clone());
        query.push(" and ").push_bind(engines::spans(&range)).push("::text is not null");
        query.push(" then (c.spans ->> ").push_bind(name.clone()).push(")::int8multirange && ");
        query.push_bind(engines::spans(&range)).push("::int8multirange");
        query
            .push(" else position(")
            .push_bind(range.clone())
            .push(" in c.engines ->> ")
            .push_bind(name.clone());
        query.push(") > 0 or position(c.engines ->> ").push_bind(name).push(" in ").push_bind(range);
        query.push(") > 0 end");
    }
}

fn keys(texts: &[String]) -> Vec<String> {
    texts.iter().map(|text| key(text)).collect()
}

fn columns(order: Order) -> String {
    let way = if order.descending { "desc" } else { "asc" };
    let ties = "c.publisher_key, c.name_key, c.plugin_id";
    match order.by {
        Sort::Name => format!("c.name_key {way}, {ties}"),
        Sort::Relevance | Sort::Downloads => format!("c.downloads {way}, {ties}"),
        Sort::Updated => format!("c.updated_at {way}, {ties}"),
        Sort::Created => format!("c.created_at {way}, {ties}"),
        Sort::Rating => format!("c.rating {way}, {ties}"),
    }
}

/// Of everything that fits, whatever the page.
pub(super) async fn facets(
    connection: &mut PgConnection,
    find: &Find,
    wanted: Option<&Wanted>,
    found: &mut Found,
) -> Result<(), sqlx::Error> {
    if !find.facets {
        return Ok(());
    }
    if wanted.is_none() && *find == plain(find) {
        return totals::facets(connection, find, found).await;
    }
    let mut query = QueryBuilder::new("with fitting as materialized (select c.category, c.tags, c.publisher");
    fitting(&mut query, find, wanted);
    query.push(
        ") select * from (select 'category' as kind, category as name, count(*) as plugins from fitting
                           where category is not null group by category order by plugins desc, name limit ",
    );
    query.push_bind(MOST_FACETS);
    query.push(
        ") c union all select * from (select 'tag', tag, count(*) from fitting cross join unnest(tags) tag
                                       group by tag order by 3 desc, 2 limit ",
    );
    query.push_bind(MOST_FACETS);
    query.push(
        ") t union all select * from (select 'publisher', publisher, count(*) from fitting
                                       group by publisher order by 3 desc, 2 limit ",
    );
    query.push_bind(MOST_FACETS).push(") p");
    for row in query.build().fetch_all(connection).await? {
        let facet = facet(&row)?;
        match row.try_get("kind")? {
            "category" => found.categories.push(facet),
            "tag" => found.tags.push(facet),
            _ => found.publishers.push(facet),
        }
    }
    Ok(())
}

pub(super) fn facet(row: &PgRow) -> Result<Facet, sqlx::Error> {
    Ok(Facet { name: row.try_get("name")?, count: count(row.try_get("plugins")?) })
}
