//! The rules of single releases.

use serde::{Deserialize, Serialize};

use super::{Decided, Described, HeldFor, Plugin, PluginError, PluginEvent, ReleasePublished};
use crate::values::{Digest, ReleaseVersion};

/// At one time: what shows a plugin whole shows all of them.
pub const MOST_RELEASES: usize = 1_000;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Release {
    sha256: Digest,
    pub(super) is_yanked: bool,
    pub(super) is_removed: bool,
    /// Why it is held back.
    pub(super) quarantine: Option<String>,
    /// What is shown once it is let out.
    #[serde(default)]
    described: Option<Box<Described>>,
}

impl Release {
    pub(super) fn is_offered(&self) -> bool {
        !self.is_removed && !self.is_yanked && self.quarantine.is_none()
    }

    pub(super) fn clear(&mut self) {
        (self.quarantine, self.described) = (None, None);
    }
}

impl Plugin {
    /// Whether there is anything to publish: the same bytes again are what is there already.
    pub(super) fn release(&self, release: &ReleasePublished) -> Result<bool, PluginError> {
        match self.releases.get(&release.version) {
            Some(there) if there.sha256 != release.artifact.sha256 => {
                Err(PluginError::VersionTaken(release.version.clone()))
            }
            Some(there) if !there.is_removed => Ok(false),
            Some(_) | None if self.live_releases().count() >= MOST_RELEASES => {
                Err(PluginError::TooManyReleases)
            }
            Some(_) | None => Ok(true),
        }
    }

    fn live_releases(&self) -> impl Iterator<Item = &ReleaseVersion> {
        self.releases.iter().filter(|(_, release)| !release.is_removed).map(|(version, _)| version)
    }

    /// What was held when it was removed is held when it comes back.
    pub(super) fn hold_again(&self, release: &mut ReleasePublished) {
        let there = self.releases.get(&release.version);
        if let Some(reason) = there.and_then(|there| there.quarantine.clone()) {
            release.quarantine.get_or_insert(reason);
        }
    }

    /// Whether its description is the one to show.
    pub(super) fn is_newest(&self, version: &ReleaseVersion) -> bool {
        let of = |version: &ReleaseVersion| (!version.is_prerelease(), version.clone());
        self.live_releases().all(|there| of(there) <= of(version))
    }

    pub(super) fn yank(&self, version: ReleaseVersion, reason: String) -> Decided {
        let already = self.there(&version)?.is_yanked;
        self.unless(already, |plugin_uid| PluginEvent::ReleaseYanked { plugin_uid, version, reason })
    }

    pub(super) fn unyank(&self, version: ReleaseVersion) -> Decided {
        let already = !self.there(&version)?.is_yanked;
        self.unless(already, |plugin_uid| PluginEvent::ReleaseUnyanked { plugin_uid, version })
    }

    pub(super) fn remove_release(&self, version: ReleaseVersion, reason: String) -> Decided {
        self.there(&version)?;
        self.unless(false, |plugin_uid| PluginEvent::ReleaseRemoved { plugin_uid, version, reason })
    }

    pub(super) fn quarantine_release(&self, version: ReleaseVersion, reason: String) -> Decided {
        let already = self.there(&version)?.quarantine.as_ref() == Some(&reason);
        self.unless(already, |plugin_uid| PluginEvent::ReleaseQuarantined { plugin_uid, version, reason })
    }

    pub(super) fn clear_release(
        &self,
        version: ReleaseVersion,
        evidence: String,
        held_for: &HeldFor,
    ) -> Decided {
        let already = !held_for.is(self.there(&version)?.quarantine.as_ref());
        let described = self.releases.get(&version).and_then(|release| release.described.clone());
        let described = described.filter(|_| !already && self.is_newest(&version));
        let cleared = |plugin_uid| PluginEvent::ReleaseCleared { plugin_uid, version, evidence };
        let mut events = self.unless(already, cleared)?;
        events.extend(described.map(PluginEvent::PluginDescribed));
        Ok(events)
    }

    fn there(&self, version: &ReleaseVersion) -> Result<&Release, PluginError> {
        self.live()?;
        let release = self.releases.get(version).filter(|release| !release.is_removed);
        release.ok_or_else(|| PluginError::NoSuchVersion(version.clone()))
    }

    pub(super) fn keep(&mut self, published: &ReleasePublished) {
        let release = Release {
            sha256: published.artifact.sha256.clone(),
            is_yanked: false,
            is_removed: false,
            quarantine: published.quarantine.clone(),
            described: published.described.clone(),
        };
        self.releases.insert(published.version.clone(), release);
    }

    pub(super) fn remove_all(&mut self) {
        self.mark(super::Mark::Removed);
        self.listed.clear();
        self.releases.values_mut().for_each(|release| release.is_removed = true);
    }

    pub(super) fn change(&mut self, version: &ReleaseVersion, change: impl FnOnce(&mut Release)) {
        if let Some(release) = self.releases.get_mut(version) {
            change(release);
        }
    }
}
