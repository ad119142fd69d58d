//! What was held back because a check could not run is checked again until one has: then it is let out with the
//! evidence, or held for what was found. What an operator has to decide about is left alone.

use std::{path::PathBuf, time::Duration};

use domain::{
    plugin::{HeldFor, PluginCommand},
    values::{Metadata, PluginId},
};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::{
    error::Error,
    ports::packages::Scan,
    publishing::{
        Publishing,
        checking::{Candidate, UNCHECKED, refused_by_scanner, taken_for},
    },
    queries::catalogue::{PluginView, ReleaseView},
};

const EVERY: Duration = Duration::from_mins(1);

pub struct RecheckQuarantine {
    pub publishing: Publishing,
    /// For copies of packages; whatever stays in it by a crash is swept as uploads are.
    pub directory: PathBuf,
}

impl RecheckQuarantine {
    pub async fn run(self, stop: CancellationToken) {
        loop {
            if let Err(error) = self.recheck().await {
                warn!(%error, "what is in quarantine could not be looked for");
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(EVERY) => {}
            }
        }
    }

    /// One that cannot be checked does not keep the others.
    pub async fn recheck(&self) -> Result<(), Error> {
        for (plugin, version, reason) in self.publishing.catalogue.quarantined().await? {
            if !reason.starts_with(UNCHECKED) {
                continue;
            }
            if let Err(error) = self.recheck_one(plugin, version.as_deref()).await {
                warn!(%plugin, version, %error, "what is in quarantine could not be checked");
            }
        }
        Ok(())
    }

    async fn recheck_one(&self, plugin: PluginId, version: Option<&str>) -> Result<(), Error> {
        let Some(view) = self.publishing.catalogue.current(plugin).await? else { return Ok(()) };
        // What somebody decided meanwhile stands.
        let is_waiting =
            |reason: &Option<String>| reason.as_ref().is_some_and(|why| why.starts_with(UNCHECKED));
        let command = match version {
            None if is_waiting(&view.quarantine) => self.judge_name(&view).await?,
            None => None,
            Some(version) => {
                let mut waiting = view.releases.iter().filter(|release| is_waiting(&release.quarantine));
                match waiting.find(|release| release.version.to_string() == version) {
                    Some(release) => self.judge_release(release).await?,
                    None => None,
                }
            }
        };
        let Some(command) = command else { return Ok(()) };
        let by = Metadata::of_process("recheck_quarantine", plugin.to_string(), plugin.to_string());
        self.publishing.plugins.execute(&plugin.to_string(), command, by).await?;
        info!(%plugin, version, "what was in quarantine is checked");
        Ok(())
    }

    async fn judge_name(&self, view: &PluginView) -> Result<Option<PluginCommand>, Error> {
        Ok(Some(match self.publishing.resembles(&Candidate::of(view)).await? {
            None => PluginCommand::Clear {
                evidence: "checked again: its name resembles no other".to_owned(),
                held_for: meant(view.quarantine.as_ref()),
            },
            Some(other) => PluginCommand::Quarantine { reason: taken_for(&other) },
        }))
    }

    async fn judge_release(&self, release: &ReleaseView) -> Result<Option<PluginCommand>, Error> {
        let version = release.version.clone();
        let copy = self.directory.join(format!("recheck-{}", self.publishing.ids.secret()));
        let scan = match self.publishing.blobs.copy(&release.artifact.sha256, &copy).await {
            Ok(true) => self.publishing.scanner.scan(&copy).await,
            Ok(false) => Scan::NotRun("its file is not there".to_owned()),
            Err(failure) => Scan::NotRun(failure.message),
        };
        let _ = tokio::fs::remove_file(&copy).await;
        Ok(match scan {
            Scan::Clean => {
                let evidence = "checked again: the scanner found nothing".to_owned();
                let held_for = meant(release.quarantine.as_ref());
                Some(PluginCommand::ClearRelease { version, evidence, held_for })
            }
            Scan::Found(what) => {
                Some(PluginCommand::QuarantineRelease { version, reason: refused_by_scanner(&what) })
            }
            Scan::NotRun(why) => {
                warn!(%version, why, "a release in quarantine could not be scanned");
                None
            }
        })
    }
}

/// Whoever decides something else meanwhile has the last word.
fn meant(reason: Option<&String>) -> HeldFor {
    reason.cloned().map_or(HeldFor::Whatever, HeldFor::This)
}

#[cfg(test)]
mod tests;
