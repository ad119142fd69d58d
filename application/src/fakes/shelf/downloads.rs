//! Downloads on the shelf.

use std::collections::BTreeMap;

use application::{
    Error,
    queries::downloads::{DayView, DownloadQueries, DownloadsView, MILESTONES},
};
use async_trait::async_trait;
use chrono::NaiveDate;
use domain::{download_log::DownloadLogEvent, plugin::PluginEvent, recorded::Event, values::PluginId};

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

    async fn milestones_due(&self, most: u32) -> Result<Vec<(PluginId, u64)>, Error> {
        let mut totals = BTreeMap::<PluginId, (u64, u64, Vec<u64>)>::new();
        for recorded in self.recorded() {
            match recorded.event {
                Event::Download(_, DownloadLogEvent::DownloadRecorded(one)) => {
                    totals.entry(one.plugin_uid).or_default().0 += 1;
                }
                Event::Plugin(plugin, PluginEvent::StatisticsImported { statistics, .. }) => {
                    totals.entry(plugin).or_default().1 = statistics.downloads;
                }
                Event::Plugin(plugin, PluginEvent::MilestoneReached { threshold, .. }) => {
                    totals.entry(plugin).or_default().2.push(threshold);
                }
                Event::Plugin(..)
                | Event::Task(..)
                | Event::Account(..)
                | Event::ApiKey(..)
                | Event::DeviceLogin(..)
                | Event::NameClaim(..)
                | Event::Publisher(..)
                | Event::Review(..)
                | Event::Repository(..)
                | Event::Installation(..)
                | Event::Operation(..) => {}
            }
        }
        let due = totals.into_iter().filter_map(|(plugin, (counted, imported, reached))| {
            let is_due = |number: &&u64| {
                **number <= counted + imported && **number > imported && !reached.contains(*number)
            };
            MILESTONES.iter().find(is_due).map(|number| (plugin, *number))
        });
        Ok(due.take(most as usize).collect())
    }
}
