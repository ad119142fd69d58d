//! Names that another one could be taken for.

use application::queries::catalogue::LookAlike;
use domain::values::{AccountId, PluginId, skeleton};
use sqlx::{PgPool, Row};

use super::{edits::edits, store::key};

/// As many as anybody reads.
const MOST: usize = 10;
/// What is downloaded as often is worth imitating.
const MUCH_USED: i64 = 1_000;
/// So short a name is one edit away from too many.
const SHORTEST: usize = 4;

/// One edit leaves the first or the second half of a name as it was, so an index finds all that can be meant. A name of
/// another catalogue is no look-alike of itself: publishing what is listed there is what a mirror does.
pub(super) async fn look_alikes(
    pool: &PgPool,
    name: &str,
    own: Option<AccountId>,
) -> Result<Vec<LookAlike>, sqlx::Error> {
    let folded = key(name);
    let skeleton = skeleton(&folded);
    let half: String = folded.chars().take(folded.chars().count() / 2).collect();
    let rest: String = folded.chars().skip(half.chars().count() + 1).collect();
    let rows = sqlx::query(
        "select c.plugin_id, c.publisher, c.name, c.name_key, c.skeleton = $1 as alike
           from read.catalogue c
          where not c.removed and (c.owner is distinct from $2 or $2 is null)
            and not (c.origin is not null and c.name_key = $3)
            and (c.skeleton = $1
                 or (c.verified or c.downloads >= $4)
                    and (starts_with(c.name_key, $5) or right(c.name_key, char_length($6)) = $6)
                    and char_length(c.name_key) between char_length($3) - 1 and char_length($3) + 1)
          order by alike desc, c.verified desc, c.downloads desc, c.publisher_key, c.plugin_id",
    )
    .bind(&skeleton)
    .bind(own.map(|own| own.0))
    .bind(&folded)
    .bind(MUCH_USED)
    .bind(half)
    .bind(rest)
    .fetch_all(pool)
    .await?;
    let mut found = Vec::new();
    for row in rows {
        let (alike, there): (bool, String) = (row.try_get("alike")?, row.try_get("name_key")?);
        if alike || folded.chars().count() >= SHORTEST && edits(&folded, &there) == 1 {
            found.push(LookAlike {
                plugin: PluginId(row.try_get("plugin_id")?),
                publisher: row.try_get("publisher")?,
                name: row.try_get("name")?,
            });
        }
        if found.len() == MOST {
            break;
        }
    }
    Ok(found)
}
