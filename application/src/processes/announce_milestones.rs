//! Milestones: a plugin whose downloads have passed one reaches it, once. Runs on every node; the plugin itself refuses
//! a second time.

use std::{sync::Arc, time::Duration};

use domain::{
    plugin::{Plugin, PluginCommand},
    values::Metadata,
};
use tracing::{info, warn};

use crate::{commands::Commands, error::Error, queries::downloads::DownloadQueries, signal::Signal};

/// At most so often, however much is downloaded.
const EVERY: Duration = Duration::from_secs(1);
/// Should every hint be lost.
const AT_LEAST_EVERY: Duration = Duration::from_secs(30);
const AT_A_TIME: u32 = 100;

pub struct AnnounceMilestones {
    pub downloads: Arc<dyn DownloadQueries>,
    pub plugins: Arc<dyn Commands<Plugin>>,
    pub projected: Signal,
}

impl AnnounceMilestones {
    pub async fn run(self) {
        let mut projected = self.projected.waiter();
        loop {
            if let Err(error) = self.announce().await {
                warn!(%error, "milestones could not be looked for");
            }
            tokio::time::sleep(EVERY).await;
            // Whichever comes first.
            let _ = tokio::time::timeout(AT_LEAST_EVERY, projected.raised()).await;
        }
    }

    /// One that cannot be announced does not keep the others.
    pub async fn announce(&self) -> Result<(), Error> {
        for (plugin, threshold) in self.downloads.milestones_due(AT_A_TIME).await? {
            let by = Metadata::of_process("announce_milestones", plugin.to_string(), plugin.to_string());
            let command = PluginCommand::ReachMilestone { threshold };
            match self.plugins.execute(&plugin.to_string(), command, by).await {
                Ok(_) => info!(%plugin, threshold, "a milestone is reached"),
                Err(error) => warn!(%plugin, threshold, %error, "a milestone could not be announced"),
            }
        }
        Ok(())
    }
}
