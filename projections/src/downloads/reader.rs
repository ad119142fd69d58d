//! Reading the counters.

use application::{
    error::Error,
    queries::downloads::{DayView, DownloadQueries, DownloadsView},
};
use async_trait::async_trait;
use chrono::NaiveDate;
use domain::values::PluginId;
use sqlx::PgPool;
use uuid::Uuid;

/// All in one statement, so that it is of one moment.
const FIGURES: &str = "with counted as (
       select * from read.downloads where plugin_id = $1 and day between $2 and $3)
     select 'day', day::text, sum(downloads)::bigint from counted group by day
     union all
     select 'downloaders', day::text, count(*) from read.downloaders
      where plugin_id = $1 and day between $2 and $3 group by day
     union all
     select 'version', version, sum(downloads)::bigint from counted group by version
     union all
     select 'dialect', dialect, sum(downloads)::bigint from counted group by dialect
     union all
     select 'channel', channel, sum(downloads)::bigint from counted group by channel
     order by 1, 2";

#[derive(Debug, Clone)]
pub struct PgDownloads {
    pool: PgPool,
}

impl PgDownloads {
    pub fn new(pool: PgPool) -> Self {
        Self { pool }
    }

    async fn due(&self, most: u32) -> Result<Vec<(Uuid, i64)>, sqlx::Error> {
        sqlx::query_as("select plugin_id, due from read.download_totals where due is not null limit $1")
            .bind(i64::from(most))
            .fetch_all(&self.pool)
            .await
    }

    async fn figures(
        &self,
        plugin: PluginId,
        first: NaiveDate,
        last: NaiveDate,
    ) -> Result<Vec<(String, String, i64)>, sqlx::Error> {
        sqlx::query_as(FIGURES).bind(plugin.0).bind(first).bind(last).fetch_all(&self.pool).await
    }
}

#[async_trait]
impl DownloadQueries for PgDownloads {
    async fn of_plugin(
        &self,
        plugin: PluginId,
        first: NaiveDate,
        last: NaiveDate,
    ) -> Result<DownloadsView, Error> {
        self.figures(plugin, first, last).await.map(view).map_err(unavailable)
    }

    async fn milestones_due(&self, most: u32) -> Result<Vec<(PluginId, u64)>, Error> {
        let due = self.due(most).await.map_err(unavailable)?;
        Ok(due.into_iter().map(|(plugin, due)| (PluginId(plugin), due.unsigned_abs())).collect())
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the signature that map_err takes")]
fn unavailable(error: sqlx::Error) -> Error {
    tracing::debug!(%error, "downloads cannot be read");
    Error::unavailable()
}

/// Days come before their downloaders: the statement sorts by kind.
fn view(figures: Vec<(String, String, i64)>) -> DownloadsView {
    let mut view = DownloadsView::default();
    for (kind, name, number) in figures {
        let number = u64::try_from(number).unwrap_or(0);
        match kind.as_str() {
            "day" => {
                let Ok(day) = name.parse() else { continue };
                view.total += number;
                view.days.push(DayView { day, downloads: number, downloaders: 0 });
            }
            "downloaders" => {
                let place = name.parse().map(|day| view.days.binary_search_by_key(&day, |day| day.day));
                let day = place.ok().and_then(Result::ok).and_then(|place| view.days.get_mut(place));
                day.into_iter().for_each(|day| day.downloaders = number);
            }
            "version" => drop(view.versions.insert(name, number)),
            "dialect" => drop(view.dialects.insert(name, number)),
            _ => drop(view.channels.insert(name, number)),
        }
    }
    view
}
