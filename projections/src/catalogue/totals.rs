//! How many plugins are shown, kept up with every change of the rows: counting them anew for each list would take longer
//! than reading it. By dialect; in all, of each category, tag and publisher, and of each tier of downloads.

use application::queries::catalogue::{Facet, Find, Found};
use domain::values::Dialect;
use sqlx::{PgConnection, PgPool};

use super::{
    find::{MOST_FACETS, facet, plain},
    store::key,
};
use crate::reading::count;

pub(super) const COMMENT: &str =
    "Written by triggers on the rows of the catalogue, read by every list: how many plugins are shown";

/// As somebody wrote it.
const NAMED: &str = "case $2 when 'category' then (select c.category from read.catalogue c
                                                   where c.shown and c.category_key = n.name
                                                   order by c.downloads desc limit 1)
                             when 'publisher' then (select c.publisher from read.catalogue c
                                                    where c.shown and c.publisher_key = n.name
                                                    order by c.name_key limit 1)
                             else n.name end as name";

/// Makes the table.
pub(super) fn statements(totals: &str) -> Vec<String> {
    vec![
        format!(
            "create table if not exists {totals} (
               dialect text not null,
               kind text not null check (kind in ('all', 'tier', 'category', 'publisher', 'tag')),
               name text not null,
               own bigint not null,
               others bigint not null,
               primary key (dialect, kind, name)
             ) with (fillfactor = 70)"
        ),
        format!("create index on {totals} (dialect) where own = 0 and others = 0"),
    ]
}

/// Counts what is there, and makes what keeps the totals from then on: a statement that changes rows changes them by the
/// difference.
pub(super) fn kept(rows: &str, totals: &str) -> Vec<String> {
    let (new, old) = (shown("new_rows", 1), shown("old_rows", -1));
    let trigger = |event: &str, tables: &str| {
        format!(
            "create or replace trigger totals_{event} after {event} on {rows} referencing {tables}
             for each statement execute function {totals}_change()"
        )
    };
    vec![
        format!("insert into {totals} {}", counted(&shown(rows, 1))),
        format!(
            "create or replace function {totals}_change() returns trigger language plpgsql as $change$
             begin
               if tg_op = 'INSERT' then {}
               elsif tg_op = 'DELETE' then {}
               else {} end if;
               return null;
             end $change$",
            added(totals, &new),
            added(totals, &old),
            added(totals, &format!("{new} union all {old}"))
        ),
        trigger("insert", "new table as new_rows"),
        trigger("update", "old table as old_rows new table as new_rows"),
        trigger("delete", "old table as old_rows"),
    ]
}

/// What each shown row counts for.
fn shown(rows: &str, by: i32) -> String {
    format!(
        "select {by} as n, r.origin is null as own, dialect, f.kind, f.name
           from {rows} r cross join unnest(r.dialects) dialect
          cross join lateral (
            select 'all' as kind, '' as name
            union all select 'tier', r.tier::text
            union all select 'category', r.category_key where r.category_key is not null
            union all select 'publisher', r.publisher_key
            union all select 'tag', tag from unnest(r.tags) tag
          ) f
          where r.shown"
    )
}

fn added(totals: &str, changes: &str) -> String {
    format!(
        "insert into {totals} as t (dialect, kind, name, own, others)
         {}
         on conflict (dialect, kind, name) do update
           set own = t.own + excluded.own, others = t.others + excluded.others;
         delete from {totals} where own = 0 and others = 0;",
        counted(changes)
    )
}

fn counted(changes: &str) -> String {
    format!(
        "select dialect, kind, name, coalesce(sum(n) filter (where own), 0), coalesce(sum(n) filter (where not own), 0)
           from ({changes}) c group by dialect, kind, name
         having coalesce(sum(n) filter (where own), 0) <> 0 or coalesce(sum(n) filter (where not own), 0) <> 0"
    )
}

pub(super) fn removal(totals: &str) -> String {
    format!("drop function if exists {totals}_change()")
}

/// What is known of a list with no filter but its dialect and perhaps a category; none where it must be counted.
pub(super) async fn of(connection: &mut PgConnection, find: &Find) -> Result<Option<u64>, sqlx::Error> {
    let known = Find { categories: find.categories.clone(), text: None, ..plain(find) };
    if known != (Find { text: None, ..find.clone() }) || find.categories.len() > 1 {
        return Ok(None);
    }
    let category = find.categories.first().map(|category| key(category));
    let total: Option<i64> = sqlx::query_scalar(
        "select own + case when $4 then others else 0 end from read.catalogue_totals
          where dialect = $1 and kind = $2 and name = $3",
    )
    .bind(find.dialect.as_str())
    .bind(if category.is_some() { "category" } else { "all" })
    .bind(category.unwrap_or_default())
    .bind(find.upstream)
    .fetch_optional(connection)
    .await?;
    Ok(Some(total.map_or(0, count)))
}

/// Of a list with no filter but its dialect.
pub(super) async fn facets(
    connection: &mut PgConnection,
    find: &Find,
    found: &mut Found,
) -> Result<(), sqlx::Error> {
    for (kind, facets) in
        [("category", &mut found.categories), ("tag", &mut found.tags), ("publisher", &mut found.publishers)]
    {
        *facets = most(&mut *connection, find, kind).await?;
    }
    Ok(())
}

async fn most(connection: &mut PgConnection, find: &Find, kind: &str) -> Result<Vec<Facet>, sqlx::Error> {
    let query = format!(
        "select {NAMED}, n.plugins from (
           select name, own + case when $3 then others else 0 end as plugins
             from read.catalogue_totals where dialect = $1 and kind = $2) n
          where n.plugins > 0 order by n.plugins desc, n.name limit $4"
    );
    let query =
        sqlx::query(&query).bind(find.dialect.as_str()).bind(kind).bind(find.upstream).bind(MOST_FACETS);
    query.fetch_all(connection).await?.iter().map(facet).collect()
}

/// All of a kind, sorted.
pub(super) async fn all(pool: &PgPool, dialect: Dialect, kind: &str) -> Result<Vec<Facet>, sqlx::Error> {
    let query = format!(
        "select {NAMED}, n.own + n.others as plugins from read.catalogue_totals n
          where n.dialect = $1 and n.kind = $2 order by n.name"
    );
    let rows = sqlx::query(&query).bind(dialect.as_str()).bind(kind).fetch_all(pool).await?;
    rows.iter().map(facet).collect()
}
