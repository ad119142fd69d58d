//! How one event changes a plugin's document. Pure; the same fold answers what must be right at once.

use application::queries::catalogue::{
    Counted, Deprecation, Origin, PluginView, ReleaseView, Verification, Yank,
};
use chrono::{DateTime, Utc};
use domain::{
    plugin::{Description, PluginEvent, PluginRegistered, ReleasePublished},
    recorded::{Event, Recorded},
    values::ReleaseVersion,
};

/// `None` when the stream does not begin with its registration.
pub(super) fn fold(view: Option<PluginView>, recorded: &Recorded) -> Option<PluginView> {
    let Event::Plugin(_, event) = &recorded.event else { return view };
    if let PluginEvent::PluginRegistered(registered) = event {
        return Some(registered_view(registered));
    }
    let mut view = view?;
    change(&mut view, event, recorded.recorded_at);
    Some(view)
}

fn change(view: &mut PluginView, event: &PluginEvent, recorded_at: DateTime<Utc>) {
    use PluginEvent as E;
    match event {
        E::PluginRegistered(_) | E::MilestoneReached { .. } => {}
        E::PluginDescribed(described) => {
            view.description = described.description.clone();
            view.updated_at = view.updated_at.max(described.at);
        }
        E::PluginListed { dialect, .. } => drop(view.listed.insert(*dialect)),
        E::PluginUnlisted { dialect, .. } => drop(view.listed.remove(dialect)),
        E::PluginVerified { method, evidence, .. } => {
            let (method, evidence) = (method.clone(), evidence.clone());
            view.verified = Some(Verification { method, evidence, at: recorded_at });
        }
        E::PluginUnverified { .. } => view.verified = None,
        E::PluginFeatured { .. } => view.featured = true,
        E::PluginUnfeatured { .. } => view.featured = false,
        E::PluginTransferred { to_owner, to_publisher, .. } => {
            view.owner = Some(*to_owner);
            view.publisher = to_publisher.to_string();
        }
        E::PluginDeprecated { reason, replacement, .. } => {
            view.deprecated = Some(Deprecation { reason: reason.clone(), replacement: replacement.clone() });
        }
        E::PluginUndeprecated { .. } => view.deprecated = None,
        E::PluginQuarantined { reason, .. } => view.quarantine = Some(reason.clone()),
        E::PluginCleared { .. } => view.quarantine = None,
        E::PluginRemoved { reason, .. } => {
            view.removed = Some(reason.clone());
            view.listed.clear();
            view.releases.clear();
        }
        E::ReleasePublished(release) => publish(view, release),
        E::ReleaseYanked { version, reason, .. } => {
            let yank = Yank { reason: reason.clone(), at: recorded_at };
            of(view, version, |release| release.yanked = Some(yank));
        }
        E::ReleaseUnyanked { version, .. } => of(view, version, |release| release.yanked = None),
        E::ReleaseRemoved { version, .. } => view.releases.retain(|release| release.version != *version),
        E::ReleaseQuarantined { version, reason, .. } => {
            of(view, version, |release| release.quarantine = Some(reason.clone()));
        }
        E::ReleaseCleared { version, .. } => of(view, version, |release| release.quarantine = None),
        E::StatisticsImported { statistics, .. } => view.imported = Some((**statistics).clone()),
    }
}

fn of(view: &mut PluginView, version: &ReleaseVersion, change: impl FnOnce(&mut ReleaseView)) {
    if let Some(release) = view.releases.iter_mut().find(|release| release.version == *version) {
        change(release);
    }
}

/// Newest first.
fn publish(view: &mut PluginView, published: &ReleasePublished) {
    let release = release_view(published);
    view.releases.retain(|there| there.version != release.version);
    let place = view.releases.partition_point(|there| there.version > release.version);
    view.updated_at = view.updated_at.max(release.published_at);
    view.releases.insert(place, release);
}

fn release_view(published: &ReleasePublished) -> ReleaseView {
    ReleaseView {
        version: published.version.clone(),
        published_at: published.at,
        artifact: published.artifact.clone(),
        manifest: published.manifest.clone(),
        engines: published.engines.clone(),
        dependencies: published.dependencies.clone(),
        peer_dependencies: published.peer_dependencies.clone(),
        permissions: published.permissions.clone(),
        config_schema: published.config_schema.clone(),
        changelog: published.changelog.clone(),
        readme: published.readme.clone(),
        prerelease: published.prerelease || published.version.is_prerelease(),
        yanked: None,
        quarantine: published.quarantine.clone(),
    }
}

fn registered_view(registered: &PluginRegistered) -> PluginView {
    PluginView {
        id: registered.plugin_uid,
        number: registered.number,
        owner: registered.owner,
        publisher: registered.publisher.to_string(),
        name: registered.name.to_string(),
        kind: registered.kind,
        origin: Origin::Own,
        upstream: None,
        description: Description::default(),
        listed: std::collections::BTreeSet::new(),
        releases: Vec::new(),
        verified: None,
        featured: false,
        deprecated: None,
        quarantine: None,
        removed: None,
        imported: None,
        created_at: registered.at,
        updated_at: registered.at,
        counted: Counted::default(),
    }
}
