//! News of the catalogue as a projection: what happened becomes a row of the outbox, so that each piece of news is there
//! exactly once. What happened before there was an outbox, or more than a day ago, is history: neither a first start
//! over an old log nor a rebuild tells it again.

use async_trait::async_trait;
use domain::{
    plugin::PluginEvent,
    recorded::{Event, Recorded},
};
use infrastructure::subscription::{ApplyError, Projection};
use sqlx::PgConnection;
use uuid::Uuid;

pub(crate) struct Notices;

#[async_trait]
impl Projection for Notices {
    fn name(&self) -> &'static str {
        "notices"
    }

    fn takes(&self) -> &'static [&'static str] {
        &[
            "PluginRegistered",
            "ReleasePublished",
            "MilestoneReached",
            "PluginListed",
            "PluginCleared",
            "ReleaseCleared",
        ]
    }

    /// What was posted cannot be taken back.
    fn can_be_rebuilt(&self) -> bool {
        false
    }

    async fn fingerprint(
        &self,
        connection: &mut PgConnection,
        _generation: i32,
    ) -> Result<String, sqlx::Error> {
        sqlx::query_scalar(
            "select coalesce(md5(string_agg(notice || state, ',' order by notice)), '') from es.notices",
        )
        .fetch_one(connection)
        .await
    }

    async fn apply(
        &self,
        transaction: &mut PgConnection,
        _generation: i32,
        events: &[Recorded],
    ) -> Result<(), ApplyError> {
        for recorded in events {
            let Event::Plugin(plugin, event) = &recorded.event else { continue };
            if let PluginEvent::PluginRegistered(_) = event {
                let news = News {
                    id: format!("package:{plugin}:{}", recorded.sequence),
                    kind: "package",
                    ..News::default()
                };
                news.note(transaction, recorded, plugin.0).await?;
            } else if let PluginEvent::ReleasePublished(release) = event {
                let version = release.version.to_string();
                let id = format!("release:{plugin}:{version}:{}", recorded.sequence);
                let news = News { id, kind: "release", version: Some(version), ..News::default() };
                news.note(transaction, recorded, plugin.0).await?;
            } else if let PluginEvent::MilestoneReached { threshold, .. } = event {
                let id = format!("milestone:{plugin}:{threshold}");
                let threshold = i64::try_from(*threshold).ok();
                let news = News { id, kind: "milestone", threshold, ..News::default() };
                news.note(transaction, recorded, plugin.0).await?;
            } else {
                reconsider(transaction, plugin.0).await?;
            }
        }
        Ok(())
    }
}

#[derive(Default)]
struct News {
    id: String,
    kind: &'static str,
    version: Option<String>,
    threshold: Option<i64>,
}

impl News {
    /// The first release of a package comes with it, and is no news of its own.
    async fn note(
        self,
        transaction: &mut PgConnection,
        recorded: &Recorded,
        plugin: Uuid,
    ) -> Result<(), sqlx::Error> {
        sqlx::query(
            "insert into es.notices (notice, kind, plugin_id, version, threshold, log_transaction, happened_at)
             select $1, $2, $3, $4, $5, $6::text::xid8, $7
              where $7 > greatest(clock_timestamp() - interval '1 day', (select since from es.notices_since))
                and not ($2 = 'release' and exists (
                      select 1 from es.notices n where n.plugin_id = $3 and n.kind = 'package'
                         and n.log_transaction = $6::text::xid8))
             on conflict (notice) do nothing",
        )
        .bind(self.id)
        .bind(self.kind)
        .bind(plugin)
        .bind(self.version)
        .bind(self.threshold)
        .bind(recorded.cursor.transaction.to_string())
        .bind(recorded.recorded_at)
        .execute(transaction)
        .await
        .map(drop)
    }
}

/// What was not to be told may be now; whoever is judging it just now, does so again when the claim ends.
async fn reconsider(transaction: &mut PgConnection, plugin: Uuid) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update es.notices set state = 'waiting', ended_at = null,
                due_at = case state when 'withheld' then clock_timestamp()
                                    else due_at + interval '1 microsecond' end
          where plugin_id = $1 and state in ('withheld', 'waiting')
            and happened_at > clock_timestamp() - interval '1 day'",
    )
    .bind(plugin)
    .execute(transaction)
    .await
    .map(drop)
}
