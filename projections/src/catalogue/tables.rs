//! The tables of the model: what lists filter and sort by, in small rows that counters may rewrite; the documents and
//! what is searched, which they must not touch; and the counts.

use sqlx::PgConnection;

use super::{hiding, totals};
use crate::generation::{Generation, execute};

#[derive(Debug, Clone, Copy)]
pub(super) struct Tables {
    /// A row a plugin: what it is filtered and sorted by.
    rows: Generation,
    /// Beside it: what is shown, and what is searched.
    documents: Generation,
    /// What was counted: in a plugin's row as soon as it has one.
    counts: Generation,
    /// The same for each version.
    versions: Generation,
    /// Catalogues elsewhere, and whether their plugins are shown.
    sources: Generation,
    /// How many are shown: in all, of each category, tag, publisher and tier of downloads.
    totals: Generation,
}

const ROWS_COMMENT: &str = "Written by the projection catalogue, read by every list of plugins: what they are filtered and sorted by";
const DOCUMENTS_COMMENT: &str = "Written by the projection catalogue, read by every look at plugins: their documents, and what is searched";
const ROWS: &str = "plugin_id, number, publisher, publisher_key, name, name_key, skeleton, owner, origin, visible, hidden,
    removed, held, dialects, category, category_key, tags, theme, verified, featured, price, engines, spans, latest_version,
    created_at, updated_at, downloads, rating, ratings, tier";
const DOCUMENTS: &str = "plugin_id, head, fuzzy, digests, versions, card, view, tier, search";
const COUNTS: &str =
    "plugin_id, counted, imported, imported_average, imported_ratings, one, two, three, four, five";

/// Of a document: the kinds of components, as an index has them.
pub(super) const COMPONENTS: &str = "(view -> 'description' -> 'components')";

impl Tables {
    pub(super) fn of(number: i32) -> Self {
        let generation = |model| Generation { model, number };
        Self {
            rows: generation("catalogue"),
            documents: generation("catalogue_documents"),
            counts: generation("catalogue_counts"),
            versions: generation("catalogue_versions"),
            sources: generation("catalogue_sources"),
            totals: generation("catalogue_totals"),
        }
    }

    pub(super) fn rows(self) -> String {
        self.rows.table()
    }

    pub(super) fn documents(self) -> String {
        self.documents.table()
    }

    pub(super) fn counts(self) -> String {
        self.counts.table()
    }

    pub(super) fn versions(self) -> String {
        self.versions.table()
    }

    pub(super) fn sources(self) -> String {
        self.sources.table()
    }

    fn all(self) -> [Generation; 6] {
        [self.rows, self.documents, self.counts, self.versions, self.sources, self.totals]
    }

    /// What a load does without.
    pub(super) async fn index(self, owner: &mut PgConnection) -> Result<(), sqlx::Error> {
        let (rows, documents) = (self.rows(), self.documents());
        execute(&mut *owner, indexes_of_names(&rows)).await?;
        hiding::hide_all(&mut *owner, self).await?;
        execute(&mut *owner, totals::kept(&rows, &self.totals.table())).await?;
        execute(&mut *owner, indexes_of_rows(&rows)).await?;
        execute(&mut *owner, indexes_of_documents(&documents)).await?;
        // Plans are made by what is known of the tables, and nobody has looked at them yet.
        for table in [self.rows(), self.documents(), self.counts()] {
            sqlx::query(&format!("analyze {table}")).execute(&mut *owner).await?;
        }
        Ok(())
    }

    pub(super) async fn create(self, owner: &mut PgConnection) -> Result<(), sqlx::Error> {
        self.rows.create(&mut *owner, rows(&self.rows()), ROWS_COMMENT).await?;
        self.documents.create(&mut *owner, documents(&self.documents()), DOCUMENTS_COMMENT).await?;
        let made = counters(self);
        for (generation, (statement, comment)) in
            [self.counts, self.versions, self.sources].into_iter().zip(made)
        {
            generation.create(&mut *owner, vec![statement], comment).await?;
        }
        self.totals.create(owner, totals::statements(&self.totals.table()), totals::COMMENT).await
    }

    pub(super) async fn show(self, owner: &mut PgConnection) -> Result<(), sqlx::Error> {
        for generation in self.all() {
            generation.show(&mut *owner).await?;
        }
        Ok(())
    }

    pub(super) async fn remove(self, owner: &mut PgConnection) -> Result<(), sqlx::Error> {
        for generation in self.all() {
            generation.remove(&mut *owner).await?;
        }
        sqlx::query(&totals::removal(&self.totals.table())).execute(owner).await.map(drop)
    }

    pub(super) async fn fingerprint(self, connection: &mut PgConnection) -> Result<String, sqlx::Error> {
        let mut texts = Vec::new();
        for (generation, key, columns) in self.compared() {
            texts.push(generation.fingerprint(&mut *connection, key, columns).await?);
        }
        Ok(texts.join(" "))
    }

    pub(super) async fn is_same(
        self,
        other: Self,
        connection: &mut PgConnection,
    ) -> Result<bool, sqlx::Error> {
        for ((generation, key, columns), (other, ..)) in self.compared().into_iter().zip(other.compared()) {
            if !generation.is_same(other, &mut *connection, key, columns).await? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Its tables, their keys, and what two generations must have alike.
    fn compared(self) -> [(Generation, &'static str, &'static str); 6] {
        [
            (self.rows, "plugin_id", ROWS),
            (self.documents, "plugin_id", DOCUMENTS),
            (self.counts, "plugin_id", COUNTS),
            (self.versions, "plugin_id, version", "plugin_id, version, downloads"),
            (self.sources, "repository", "repository, enabled"),
            (self.totals, "dialect, kind, name", "dialect, kind, name, own, others"),
        ]
    }
}

fn rows(table: &str) -> Vec<String> {
    vec![
        format!(
            "create table if not exists {table} (
               plugin_id uuid primary key,
               number bigint,
               publisher text not null,
               publisher_key text not null,
               name text not null,
               name_key text not null,
               skeleton text not null,
               owner uuid,
               origin text,
               visible boolean not null,
               hidden boolean not null,
               shown boolean generated always as (visible and not hidden) stored,
               removed boolean not null,
               held boolean not null,
               dialects text[] not null,
               category text,
               category_key text,
               tags text[] not null,
               theme boolean not null,
               verified boolean not null,
               featured boolean not null,
               price float8 not null,
               engines jsonb not null,
               spans jsonb not null,
               latest_version text not null,
               created_at timestamptz not null,
               updated_at timestamptz not null,
               downloads bigint not null,
               rating float8 not null,
               ratings bigint not null,
               tier smallint generated always as (floor(ln((1 + downloads)::float8) / ln(2::float8))::smallint) stored
             ) with (fillfactor = 85)"
        ),
    ]
}

/// By these, listings and plugins of our own are told apart while they are written.
fn indexes_of_names(table: &str) -> Vec<String> {
    vec![
        format!("create index on {table} (publisher_key, name_key)"),
        format!("create index on {table} (origin) where origin is not null"),
    ]
}

fn indexes_of_rows(table: &str) -> Vec<String> {
    let index = |what: &str| format!("create index on {table} {what}");
    vec![
        index("(downloads desc, publisher_key, name_key, plugin_id) where shown"),
        index("(updated_at desc, publisher_key, name_key, plugin_id) where shown"),
        index("(created_at desc, publisher_key, name_key, plugin_id) where shown"),
        index("(rating desc, publisher_key, name_key, plugin_id) where shown"),
        index("(name_key, publisher_key, plugin_id) where shown"),
        index("(name_key text_pattern_ops)"),
        index("(skeleton)"),
        index("(number)"),
        index("(category_key, downloads desc) where shown"),
        index("using gin (tags) with (fastupdate = off) where shown"),
        index("(plugin_id) where held"),
    ]
}

fn documents(table: &str) -> Vec<String> {
    vec![
        format!(
            "create table if not exists {table} (
               plugin_id uuid primary key,
               head text not null,
               fuzzy text not null,
               digests text[] not null,
               versions text[] not null,
               card jsonb not null,
               view jsonb not null,
               tier smallint not null,
               search tsvector not null
             )"
        ),
        // Several times as fast as the other one, which is what a PostgreSQL has that was built without it.
        format!(
            "do $$ begin
               alter table {table} alter column card set compression lz4, alter column view set compression lz4;
             exception when feature_not_supported then null;
             end $$"
        ),
    ]
}

fn indexes_of_documents(table: &str) -> Vec<String> {
    let index = |what: &str| format!("create index on {table} {what}");
    vec![
        // Readers would have to look through what is pending.
        index("using gin (search) with (fastupdate = off)"),
        index("using gin (fuzzy gin_trgm_ops) with (fastupdate = off)"),
        index("using gin (digests) with (fastupdate = off)"),
        index(&format!("using gin (({COMPONENTS})) with (fastupdate = off)")),
    ]
}

fn counters(tables: Tables) -> [(String, &'static str); 3] {
    let (counts, versions, sources) = (tables.counts(), tables.versions(), tables.sources());
    [
        (
            format!(
                "create table if not exists {counts} (
                   plugin_id uuid primary key,
                   counted bigint not null,
                   imported bigint not null,
                   imported_average float8,
                   imported_ratings bigint not null,
                   one bigint not null,
                   two bigint not null,
                   three bigint not null,
                   four bigint not null,
                   five bigint not null,
                   downloads bigint generated always as (counted + imported) stored,
                   ratings bigint generated always as (imported_ratings + one + two + three + four + five) stored,
                   rating float8 generated always as (
                     (coalesce(imported_average, 0) * imported_ratings + one + 2 * two + 3 * three + 4 * four + 5 * five)
                     / nullif(imported_ratings + one + two + three + four + five, 0)) stored
                 ) with (fillfactor = 70)"
            ),
            "Written by the projection catalogue, read with a plugin: downloads and ratings, imported ones beside them",
        ),
        (
            format!(
                "create table if not exists {versions} (
                   plugin_id uuid not null,
                   version text not null,
                   downloads bigint not null,
                   primary key (plugin_id, version)
                 ) with (fillfactor = 70)"
            ),
            "Written by the projection catalogue, read with a plugin: counted downloads of its versions",
        ),
        (
            format!(
                "create table if not exists {sources} (
                   repository text primary key,
                   enabled boolean not null
                 )"
            ),
            "Written and read by the projection catalogue: whether what a repository lists is shown",
        ),
    ]
}
