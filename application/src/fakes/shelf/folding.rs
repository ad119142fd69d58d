//! Plugins, publishers and counters as the events tell of them.

use std::collections::BTreeMap;

use application::queries::catalogue::{
    Counted, Deprecation, Origin, PluginView, PublisherView, ReleaseView, Verification, Yank,
};
use domain::{
    download_log::DownloadLogEvent,
    plugin::{PluginEvent, PluginRegistered, ReleasePublished},
    publisher::PublisherEvent,
    recorded::{Event, Recorded},
    review::ReviewEvent,
    values::{PluginId, ReleaseVersion},
};

pub(super) fn plugins(log: &[Recorded]) -> BTreeMap<PluginId, PluginView> {
    let mut views: BTreeMap<PluginId, PluginView> = BTreeMap::new();
    for recorded in log {
        match &recorded.event {
            Event::Plugin(id, PluginEvent::PluginRegistered(registered)) => {
                let counted = views.remove(id).map(|view| view.counted).unwrap_or_default();
                views.insert(*id, begun(registered, counted));
            }
            Event::Plugin(id, event) => change(views.get_mut(id).unwrap(), event, recorded),
            Event::Review(_, event) => {
                if let Some(view) = views.get_mut(&event.plugin()) {
                    rate(&mut view.counted, event);
                }
            }
            Event::Download(_, DownloadLogEvent::DownloadRecorded(fetched)) => {
                let counted = &mut views.get_mut(&fetched.plugin_uid).unwrap().counted;
                counted.downloads += 1;
                *counted.downloads_by_version.entry(fetched.version.clone()).or_default() += 1;
            }
            Event::Task(..)
            | Event::Account(..)
            | Event::ApiKey(..)
            | Event::DeviceLogin(..)
            | Event::NameClaim(..)
            | Event::Publisher(..)
            | Event::Repository(..)
            | Event::Installation(..)
            | Event::Operation(..) => {}
        }
    }
    views
}

fn begun(registered: &PluginRegistered, counted: Counted) -> PluginView {
    PluginView {
        id: registered.plugin_uid,
        number: registered.number,
        owner: registered.owner,
        publisher: registered.publisher.to_string(),
        name: registered.name.to_string(),
        kind: registered.kind,
        origin: Origin::Own,
        upstream: None,
        description: domain::plugin::Description::default(),
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
        counted,
    }
}

fn change(view: &mut PluginView, event: &PluginEvent, recorded: &Recorded) {
    use PluginEvent as E;
    let at = recorded.recorded_at;
    match event {
        E::PluginRegistered(_) | E::MilestoneReached { .. } => {}
        E::PluginDescribed(described) => view.description = described.description.clone(),
        E::PluginListed { dialect, .. } => drop(view.listed.insert(*dialect)),
        E::PluginUnlisted { dialect, .. } => drop(view.listed.remove(dialect)),
        E::PluginVerified { method, evidence, .. } => {
            view.verified = Some(Verification { method: method.clone(), evidence: evidence.clone(), at });
        }
        E::PluginUnverified { .. } => view.verified = None,
        E::PluginFeatured { .. } => view.featured = true,
        E::PluginUnfeatured { .. } => view.featured = false,
        E::PluginTransferred { to_owner, to_publisher, .. } => {
            (view.owner, view.publisher) = (Some(*to_owner), to_publisher.to_string());
        }
        E::PluginDeprecated { reason, replacement, .. } => {
            let (reason, replacement) = (reason.clone(), replacement.clone());
            view.deprecated = Some(Deprecation { reason, replacement });
        }
        E::PluginUndeprecated { .. } => view.deprecated = None,
        E::PluginQuarantined { reason, .. } => view.quarantine = Some(reason.clone()),
        E::PluginCleared { .. } => view.quarantine = None,
        E::PluginRemoved { reason, .. } => {
            view.removed = Some(reason.clone());
            view.releases.clear();
            view.listed.clear();
        }
        E::ReleasePublished(release) => publish(view, release),
        E::ReleaseYanked { version, reason, .. } => {
            let yank = Yank { reason: reason.clone(), at };
            release(view, version, |release| release.yanked = Some(yank));
        }
        E::ReleaseUnyanked { version, .. } => release(view, version, |release| release.yanked = None),
        E::ReleaseRemoved { version, .. } => view.releases.retain(|release| release.version != *version),
        E::ReleaseQuarantined { version, reason, .. } => {
            release(view, version, |release| release.quarantine = Some(reason.clone()));
        }
        E::ReleaseCleared { version, .. } => release(view, version, |release| release.quarantine = None),
        E::StatisticsImported { statistics, .. } => {
            view.counted.downloads += statistics.downloads;
            view.imported = Some((**statistics).clone());
        }
    }
}

fn publish(view: &mut PluginView, published: &ReleasePublished) {
    let published = published.clone();
    view.updated_at = published.at;
    view.releases.push(ReleaseView {
        version: published.version,
        published_at: published.at,
        artifact: published.artifact,
        manifest: published.manifest,
        engines: published.engines,
        dependencies: published.dependencies,
        peer_dependencies: published.peer_dependencies,
        permissions: published.permissions,
        config_schema: published.config_schema,
        changelog: published.changelog,
        readme: published.readme,
        prerelease: published.prerelease,
        yanked: None,
        quarantine: published.quarantine,
    });
    view.releases.sort_by(|one, other| other.version.cmp(&one.version));
}

fn release(view: &mut PluginView, version: &ReleaseVersion, change: impl FnOnce(&mut ReleaseView)) {
    change(view.releases.iter_mut().find(|release| release.version == *version).unwrap());
}

fn rate(counted: &mut Counted, event: &ReviewEvent) {
    let rating = &mut counted.rating;
    let (less, more) = event.ratings();
    if let Some(less) = less {
        rating.distribution[usize::from(less.stars()) - 1] -= 1;
    }
    if let Some(more) = more {
        rating.distribution[usize::from(more.stars()) - 1] += 1;
    }
    rating.count = rating.distribution.iter().sum();
    let stars: u64 = rating.distribution.iter().zip(1..).map(|(count, stars)| count * stars).sum();
    #[expect(clippy::cast_precision_loss, reason = "few stars are given in a test")]
    let average = |count: u64| stars as f64 / count as f64;
    rating.average = (rating.count > 0).then(|| average(rating.count));
}

pub(super) fn publishers(log: &[Recorded]) -> BTreeMap<String, PublisherView> {
    let mut views: BTreeMap<String, PublisherView> = BTreeMap::new();
    for recorded in log {
        let Event::Publisher(name, event) = &recorded.event else { continue };
        if let PublisherEvent::PublisherRegistered(registered) = event {
            let view = PublisherView {
                name: registered.name.to_string(),
                number: registered.number,
                owner: registered.owner,
                display_name: None,
                email: None,
                url: None,
                verified: None,
                created_at: registered.at,
            };
            views.insert(name.folded(), view);
            continue;
        }
        let view = views.get_mut(&name.folded()).unwrap();
        match event {
            PublisherEvent::PublisherRegistered(_) => {}
            PublisherEvent::PublisherDescribed(profile) => {
                let profile = profile.clone();
                (view.display_name, view.email, view.url) =
                    (profile.display_name, profile.email, profile.url);
            }
            PublisherEvent::PublisherVerified { method, evidence } => {
                let (method, evidence) = (method.clone(), evidence.clone());
                view.verified = Some(Verification { method, evidence, at: recorded.recorded_at });
            }
            PublisherEvent::PublisherVerificationRevoked { .. } => view.verified = None,
            PublisherEvent::PublisherTransferred { to_owner } => view.owner = Some(*to_owner),
        }
    }
    views
}
