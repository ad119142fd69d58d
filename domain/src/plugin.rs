//! A plugin and its releases: what is published under one name by one owner.
//!
//! Guards: a version is released once and never with other bytes; what was removed comes back only by publishing
//! again; a milestone is reached once; there are never more releases than can be shown. What is in quarantine is neither shown nor installed; a yanked release is not
//! offered and can still be had by its number.

mod command;
mod error;
mod event;
mod releases;

pub use command::{HeldFor, PluginCommand, Publication};
pub use error::PluginError;
pub use event::{
    Artifact, Author, Described, Description, Icon, ImportedStatistics, PackageFormat, PluginEvent,
    PluginKind, PluginRegistered, Pricing, ReleasePublished, Support,
};

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::values::{AccountId, Dialect, PluginId, PublisherName, ReleaseVersion};
pub use releases::MOST_RELEASES;
use releases::Release;

/// The state that decisions need; views are elsewhere.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Plugin {
    id: Option<PluginId>,
    owner: Option<AccountId>,
    publisher: Option<PublisherName>,
    marks: BTreeSet<Mark>,
    /// Why it is held back as a whole.
    quarantine: Option<String>,
    listed: BTreeSet<Dialect>,
    /// Removed ones too.
    releases: BTreeMap<ReleaseVersion, Release>,
    milestones: BTreeSet<u64>,
}

/// What a plugin is, or is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Mark {
    Verified,
    Featured,
    Deprecated,
    Removed,
}

type Decided = Result<Vec<PluginEvent>, PluginError>;

impl Plugin {
    /// The rules, one line per command. What is so already needs no event.
    pub fn decide(&self, command: PluginCommand) -> Decided {
        use PluginCommand as C;
        use PluginEvent as E;
        match command {
            C::Publish(publication) => self.publish(*publication),
            C::Describe(described) => self.unless(false, |_| E::PluginDescribed(described)),
            C::List { dialect } => self
                .unless(self.listed.contains(&dialect), |plugin_uid| E::PluginListed { plugin_uid, dialect }),
            C::Unlist { dialect, reason } => self.unless(!self.listed.contains(&dialect), |plugin_uid| {
                E::PluginUnlisted { plugin_uid, dialect, reason }
            }),
            C::Verify { method, evidence } => self.unless(self.is(Mark::Verified), |plugin_uid| {
                E::PluginVerified { plugin_uid, method, evidence }
            }),
            C::Unverify { reason } => {
                self.unless(!self.is(Mark::Verified), |plugin_uid| E::PluginUnverified { plugin_uid, reason })
            }
            C::Feature => self.unless(self.is(Mark::Featured), |plugin_uid| E::PluginFeatured { plugin_uid }),
            C::Unfeature => {
                self.unless(!self.is(Mark::Featured), |plugin_uid| E::PluginUnfeatured { plugin_uid })
            }
            C::Transfer { to_owner, to_publisher } => self.transfer(to_owner, to_publisher),
            C::Deprecate { reason, replacement } => self.unless(self.is(Mark::Deprecated), |plugin_uid| {
                E::PluginDeprecated { plugin_uid, reason, replacement }
            }),
            C::Undeprecate => {
                self.unless(!self.is(Mark::Deprecated), |plugin_uid| E::PluginUndeprecated { plugin_uid })
            }
            C::Quarantine { reason } => {
                self.unless(self.quarantine.as_ref() == Some(&reason), |plugin_uid| E::PluginQuarantined {
                    plugin_uid,
                    reason,
                })
            }
            C::Clear { evidence, held_for } => {
                self.unless(!held_for.is(self.quarantine.as_ref()), |plugin_uid| E::PluginCleared {
                    plugin_uid,
                    evidence,
                })
            }
            C::Remove { reason } => self.unless(false, |plugin_uid| E::PluginRemoved {
                plugin_uid,
                reason,
                shown_in: self.shown_in(),
            }),
            C::Yank { version, reason } => self.yank(version, reason),
            C::Unyank { version } => self.unyank(version),
            C::RemoveRelease { version, reason } => self.remove_release(version, reason),
            C::QuarantineRelease { version, reason } => self.quarantine_release(version, reason),
            C::ClearRelease { version, evidence, held_for } => {
                self.clear_release(version, evidence, &held_for)
            }
            C::ImportStatistics(statistics) => {
                self.unless(false, |plugin_uid| E::StatisticsImported { plugin_uid, statistics })
            }
            C::ReachMilestone { threshold } => {
                self.unless(self.milestones.contains(&threshold), |plugin_uid| E::MilestoneReached {
                    plugin_uid,
                    metric: "downloads".to_owned(),
                    threshold,
                })
            }
        }
    }

    fn unless(&self, already: bool, event: impl FnOnce(PluginId) -> PluginEvent) -> Decided {
        let id = self.live()?;
        Ok(if already { Vec::new() } else { vec![event(id)] })
    }

    fn is(&self, mark: Mark) -> bool {
        self.marks.contains(&mark)
    }

    fn mark(&mut self, mark: Mark) {
        self.marks.insert(mark);
    }

    fn unmark(&mut self, mark: Mark) {
        self.marks.remove(&mark);
    }

    fn live(&self) -> Result<PluginId, PluginError> {
        match self.id {
            Some(id) if !self.is(Mark::Removed) => Ok(id),
            Some(_) => Err(PluginError::Removed),
            None => Err(PluginError::Unknown),
        }
    }

    /// Where it is listed, if there is anything of it to be had.
    fn shown_in(&self) -> BTreeSet<Dialect> {
        let is_shown = self.quarantine.is_none() && self.releases.values().any(Release::is_offered);
        if is_shown { self.listed.clone() } else { BTreeSet::new() }
    }

    /// The plugin too, if it is not there, or not any more.
    fn publish(&self, publication: Publication) -> Decided {
        let Publication { registered, described, mut release, dialects, verified, quarantine, may_begin } =
            publication;
        let plugin_uid = registered.plugin_uid;
        if self.id.is_some_and(|id| id != plugin_uid) {
            return Err(PluginError::AlreadyRegistered);
        }
        let mut events = Vec::new();
        let is_new = self.live().is_err();
        if is_new && !may_begin || !is_new && self.owner != registered.owner {
            return Err(PluginError::ChangedMeanwhile);
        }
        self.hold_again(&mut release);
        if is_new {
            events.push(PluginEvent::PluginRegistered(registered));
        }
        let published = self.release(&release)?;
        if is_new || published && self.is_newest(&release.version) {
            let described = described.map(Box::new);
            if release.quarantine.is_some() {
                release.described = described;
            } else {
                events.extend(described.map(PluginEvent::PluginDescribed));
            }
        }
        if published {
            events.push(PluginEvent::ReleasePublished(Box::new(release)));
        }
        let missing = dialects.into_iter().filter(|dialect| is_new || !self.listed.contains(dialect));
        events.extend(missing.map(|dialect| PluginEvent::PluginListed { plugin_uid, dialect }));
        if let Some((method, evidence)) = verified
            && (is_new || !self.is(Mark::Verified))
        {
            events.push(PluginEvent::PluginVerified { plugin_uid, method, evidence });
        }
        if let Some(reason) = quarantine
            && (is_new || self.quarantine.as_ref() != Some(&reason))
        {
            events.push(PluginEvent::PluginQuarantined { plugin_uid, reason });
        }
        Ok(events)
    }

    fn transfer(&self, to_owner: AccountId, to_publisher: PublisherName) -> Decided {
        let already = self.owner == Some(to_owner) && self.publisher.as_ref() == Some(&to_publisher);
        let (from_owner, from_publisher) = (self.owner, self.publisher.clone());
        let Some(from_publisher) = from_publisher else { return Err(PluginError::Unknown) };
        let mut events = self.unless(already, |plugin_uid| PluginEvent::PluginTransferred {
            plugin_uid,
            from_owner,
            from_publisher,
            to_owner,
            to_publisher,
        })?;
        // What was proved of one owner says nothing of another.
        if !already && self.is(Mark::Verified) {
            let reason = "it was transferred".to_owned();
            events.extend(
                self.unless(false, |plugin_uid| PluginEvent::PluginUnverified { plugin_uid, reason })?,
            );
        }
        Ok(events)
    }

    fn register(&mut self, registered: PluginRegistered) {
        // A name that was removed begins anew, but for what its versions once were.
        let releases = std::mem::take(&mut self.releases);
        *self = Self {
            id: Some(registered.plugin_uid),
            owner: registered.owner,
            publisher: Some(registered.publisher),
            releases,
            milestones: std::mem::take(&mut self.milestones),
            ..Self::default()
        };
    }
}

aggregate!(Plugin, "plugin", PluginCommand, PluginEvent, PluginError);

impl Plugin {
    fn evolve(&mut self, event: PluginEvent) {
        use PluginEvent as E;
        match event {
            E::PluginRegistered(registered) => self.register(registered),
            E::PluginDescribed(_) | E::StatisticsImported { .. } => {}
            E::PluginListed { dialect, .. } => drop(self.listed.insert(dialect)),
            E::PluginUnlisted { dialect, .. } => drop(self.listed.remove(&dialect)),
            E::PluginVerified { .. } => self.mark(Mark::Verified),
            E::PluginUnverified { .. } => self.unmark(Mark::Verified),
            E::PluginFeatured { .. } => self.mark(Mark::Featured),
            E::PluginUnfeatured { .. } => self.unmark(Mark::Featured),
            E::PluginTransferred { to_owner, to_publisher, .. } => {
                self.owner = Some(to_owner);
                self.publisher = Some(to_publisher);
            }
            E::PluginDeprecated { .. } => self.mark(Mark::Deprecated),
            E::PluginUndeprecated { .. } => self.unmark(Mark::Deprecated),
            E::PluginQuarantined { reason, .. } => self.quarantine = Some(reason),
            E::PluginCleared { .. } => self.quarantine = None,
            E::PluginRemoved { .. } => self.remove_all(),
            E::ReleasePublished(release) => self.keep(&release),
            E::ReleaseYanked { version, .. } => self.change(&version, |release| release.is_yanked = true),
            E::ReleaseUnyanked { version, .. } => self.change(&version, |release| release.is_yanked = false),
            E::ReleaseRemoved { version, .. } => self.change(&version, |release| release.is_removed = true),
            E::ReleaseQuarantined { version, reason, .. } => {
                self.change(&version, |release| release.quarantine = Some(reason));
            }
            E::ReleaseCleared { version, .. } => self.change(&version, Release::clear),
            E::MilestoneReached { threshold, .. } => drop(self.milestones.insert(threshold)),
        }
    }
}

#[cfg(test)]
mod tests;
