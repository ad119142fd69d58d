//! Plugins like another one.

use application::queries::catalogue::PluginView;
use domain::values::Dialect;
use sqlx::PgPool;
use uuid::Uuid;

use super::store::key;

/// So many of the most downloaded are looked at.
const LOOKED_AT: i64 = 500;

/// By category and common tags, then by downloads.
pub(super) async fn related(
    pool: &PgPool,
    plugin: &PluginView,
    dialect: Dialect,
    most: u32,
) -> Result<Vec<Uuid>, sqlx::Error> {
    let category = plugin.description.category.as_deref().map(key);
    let tags: Vec<String> = plugin.description.tags.iter().map(|tag| key(tag)).collect();
    sqlx::query_scalar(
        "with near as (
           (select plugin_id from read.catalogue
             where shown and category_key = $1 and dialects @> array[$3] order by downloads desc limit $5)
           union
           (select plugin_id from read.catalogue
             where shown and tags && $2 and dialects @> array[$3] order by downloads desc limit $5)
         )
         select c.plugin_id from near join read.catalogue c using (plugin_id)
          where c.plugin_id <> $4
          order by coalesce((c.category_key = $1)::int, 0) * 2
                   + cardinality(array(select unnest(c.tags) intersect select unnest($2::text[]))) desc,
                   c.downloads desc, c.publisher_key, c.name_key, c.plugin_id
          limit $6",
    )
    .bind(category)
    .bind(tags)
    .bind(dialect.as_str())
    .bind(plugin.id.0)
    .bind(LOOKED_AT)
    .bind(i64::from(most))
    .fetch_all(pool)
    .await
}
