//! Which listings of other catalogues are hidden: those of a disabled repository, and those whose pair of names a plugin
//! of our own has that is shown where they would be, or one of an enabled repository whose name comes first.

use std::collections::{BTreeMap, BTreeSet};

use application::queries::catalogue::PluginView;
use sqlx::PgConnection;

use super::{
    store::{key, pair},
    tables::Tables,
};

/// What a page of events may have changed about it.
#[derive(Debug, Default)]
pub(super) struct Hiding {
    pairs: BTreeSet<(String, String)>,
    enabled: BTreeMap<String, bool>,
}

impl Hiding {
    pub(super) fn touch(&mut self, view: &PluginView) {
        self.pairs.insert(pair(view));
    }

    /// A listing is gone, by its `author/name`: it hides nothing any more.
    pub(super) fn forget(&mut self, listing: &str) {
        if let Some((author, name)) = listing.split_once('/') {
            self.pairs.insert((key(author), key(name)));
        }
    }

    pub(super) fn enable(&mut self, repository: &str, enabled: bool) {
        self.enabled.insert(repository.to_owned(), enabled);
    }

    pub(super) async fn store_sources(
        &self,
        transaction: &mut PgConnection,
        tables: Tables,
    ) -> Result<(), sqlx::Error> {
        if self.enabled.is_empty() {
            return Ok(());
        }
        let (repositories, enabled): (Vec<&str>, Vec<bool>) =
            self.enabled.iter().map(|(repository, enabled)| (repository.as_str(), enabled)).unzip();
        let query = format!(
            "insert into {} (repository, enabled) select * from unnest($1::text[], $2::boolean[])
             on conflict (repository) do update set enabled = excluded.enabled",
            tables.sources()
        );
        sqlx::query(&query).bind(repositories).bind(enabled).execute(transaction).await.map(drop)
    }

    pub(super) async fn hide(
        self,
        transaction: &mut PgConnection,
        tables: Tables,
    ) -> Result<(), sqlx::Error> {
        let repositories: Vec<String> = self.enabled.into_keys().collect();
        let (publishers, names): (Vec<String>, Vec<String>) = self.pairs.into_iter().unzip();
        if publishers.is_empty() && repositories.is_empty() {
            return Ok(());
        }
        hide(transaction, tables, repositories, publishers, names).await
    }
}

/// Of all listings there are.
pub(super) async fn hide_all(connection: &mut PgConnection, tables: Tables) -> Result<(), sqlx::Error> {
    let query = format!("select distinct origin from {} where origin is not null", tables.rows());
    let origins: Vec<String> = sqlx::query_scalar(&query).fetch_all(&mut *connection).await?;
    hide(connection, tables, origins, Vec::new(), Vec::new()).await
}

/// Of the listings of these repositories, and of those of these pairs of names.
async fn hide(
    transaction: &mut PgConnection,
    tables: Tables,
    repositories: Vec<String>,
    publishers: Vec<String>,
    names: Vec<String>,
) -> Result<(), sqlx::Error> {
    let (rows, sources) = (tables.rows(), tables.sources());
    let query = format!(
            "with named as (
               select publisher_key, name_key from {rows} where origin = any($1)
               union
               select * from unnest($2::text[], $3::text[])
             ), touched as (
               select r.plugin_id, r.publisher_key, r.name_key, r.origin, r.dialects
                 from named join {rows} r using (publisher_key, name_key)
                where r.origin is not null
             ), decided as (
               select t.plugin_id,
                      exists (select 1 from {sources} s where s.repository = t.origin and not s.enabled)
                      or exists (select 1 from {rows} o
                                  where o.publisher_key = t.publisher_key and o.name_key = t.name_key and not o.removed
                                    and (o.origin is null and o.visible and o.dialects && t.dialects
                                         or o.origin < t.origin)
                                    and not exists (select 1 from {sources} s
                                                     where s.repository = o.origin and not s.enabled)) as hidden
                 from touched t
             ), searched as (
               update {documents} t
                  set search = case when d.hidden then t.search || array_to_tsvector(array['~hidden'])
                                    else ts_delete(t.search, '~hidden') end
                 from decided d
                where t.plugin_id = d.plugin_id and (t.search @@ quote_literal('~hidden')::tsquery) <> d.hidden
             )
             update {rows} r set hidden = d.hidden from decided d where r.plugin_id = d.plugin_id and r.hidden <> d.hidden",
            documents = tables.documents()
        );
    sqlx::query(&query).bind(repositories).bind(publishers).bind(names).execute(transaction).await.map(drop)
}
