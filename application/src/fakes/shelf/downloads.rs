//! Downloads on the shelf.

use application::{
    Error,
    queries::downloads::{DayView, DownloadQueries, DownloadsView},
};
use async_trait::async_trait;
use chrono::NaiveDate;
use domain::{download_log::DownloadLogEvent, recorded::Event, values::PluginId};

use super::Shelf;

#[async_trait]
impl DownloadQueries for Shelf {
    async fn of_plugin(
        &self,
        plugin: PluginId,
        first: NaiveDate,
        last: NaiveDate,
    ) -> Result<DownloadsView, Error> {
        let mut view = DownloadsView::default();
        for recorded in self.recorded() {
            let Event::Download(_, DownloadLogEvent::DownloadRecorded(fetched)) = recorded.event else {
                continue;
            };
            let day = fetched.at.date_naive();
            if fetched.plugin_uid != plugin || !(first..=last).contains(&day) {
                continue;
            }
            view.total += 1;
            *view.versions.entry(fetched.version).or_default() += 1;
            match view.days.iter_mut().find(|there| there.day == day) {
                Some(there) => there.downloads += 1,
                None => view.days.push(DayView { day, downloads: 1, downloaders: 1 }),
            }
        }
        Ok(view)
    }
}
