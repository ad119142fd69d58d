//! From a package to the one append that shows its release.

use std::path::Path;

use domain::{
    plugin::{
        Described, Icon, MOST_RELEASES, PluginCommand, PluginError, PluginRegistered, Publication,
        ReleasePublished,
    },
    publisher::{PublisherCommand, PublisherError, PublisherRegistered},
    recorded::Cursor,
    values::{AccountId, Digest, PluginId},
};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::{
    Asker, Expects, Order, PUBLISHES, PublishOutcome, Published, Publishing,
    checking::Held,
    claiming::{Claimant, Claimed, belongs_to_somebody_else},
    naming::{Named, must_not_be_anothers},
    publishers::BY_PUBLISHER,
};
use crate::{
    commands::{CommandError, Outcome},
    error::{Error, Kind},
    failure::{Failure, Reason},
    policy::{Action, Standing, Verdict},
    ports::packages::{IconFile, Numbered, Package},
    principal::Principal,
    queries::catalogue::{self, Origin, PluginView},
};

/// What is to be published, judged against what is there.
pub(super) struct Plan {
    pub(super) plugin: PluginId,
    pub(super) named: Named,
    pub(super) package: Package,
    /// As it stands now, if there was ever such a plugin.
    pub(super) known: Option<PluginView>,
    pub(super) outcome: PublishOutcome,
    pub(super) held: Held,
}

/// Whose a new plugin becomes.
struct Owning {
    owner: Option<AccountId>,
    verified: Option<(String, String)>,
    position: Option<Cursor>,
}

impl Plan {
    fn live(&self) -> Option<&PluginView> {
        self.known.as_ref().filter(|view| view.removed.is_none())
    }

    pub(super) fn is_new(&self) -> bool {
        self.live().is_none()
    }

    /// The bytes are there and shown wherever they are to be shown.
    pub(super) fn is_done(&self) -> bool {
        let is_listed = |view: &PluginView| self.named.dialects.is_subset(&view.listed);
        let is_over = |view: &PluginView| is_listed(view) || view.quarantine.is_some();
        self.outcome == PublishOutcome::Unchanged && self.live().is_some_and(is_over)
    }

    pub(super) fn published(&self, outcome: PublishOutcome) -> Published {
        let there = self.live().and_then(|view| {
            let mut releases = view.releases.iter();
            let release = releases.find(|release| release.version == self.named.version);
            view.quarantine.clone().or_else(|| release.and_then(|release| release.quarantine.clone()))
        });
        Published {
            plugin: self.plugin,
            publisher: self.named.publisher.to_string(),
            name: self.named.name.to_string(),
            version: self.named.version.clone(),
            outcome,
            quarantine: there.or_else(|| self.held.reason()),
            position: None,
        }
    }

    fn registered(
        &self,
        owner: Option<AccountId>,
        number: u64,
        at: chrono::DateTime<chrono::Utc>,
    ) -> PluginRegistered {
        PluginRegistered {
            plugin_uid: self.plugin,
            number,
            owner,
            publisher: self.named.publisher.clone(),
            name: self.named.name.clone(),
            kind: self.package.kind,
            at,
        }
    }

    fn described(&self, order: &Order, at: chrono::DateTime<chrono::Utc>) -> Described {
        let mut description = self.package.description.clone();
        if let Some(IconFile { media_type, bytes }) = &self.package.icon {
            description.icon = Some(Icon::Blob {
                sha256: digest_of(bytes),
                size: bytes.len() as u64,
                media_type: media_type.clone(),
            });
        }
        if order.repository.is_some() {
            description.repository.clone_from(&order.repository);
        }
        Described { plugin_uid: self.plugin, at, description }
    }

    fn release(&self, order: &Order, at: chrono::DateTime<chrono::Utc>) -> ReleasePublished {
        let package = self.package.clone();
        ReleasePublished {
            plugin_uid: self.plugin,
            prerelease: package.prerelease || package.version.is_prerelease(),
            version: package.version,
            at,
            artifact: package.artifact,
            manifest: package.manifest,
            engines: package.engines,
            dependencies: package.dependencies,
            peer_dependencies: package.peer_dependencies,
            permissions: package.permissions,
            config_schema: package.config_schema,
            changelog: order.changelog.clone().or(package.changelog),
            readme: package.readme,
            quarantine: self.held.release.clone(),
            described: None,
        }
    }
}

fn digest_of(bytes: &[u8]) -> Digest {
    Digest::of_bytes(Sha256::digest(bytes).into())
}

impl Publishing {
    /// Reads the package and judges it; changes nothing.
    pub(super) async fn plan(&self, file: &Path, order: &Order, by: &Principal) -> Result<Plan, Error> {
        let package = self.reader.read(file, &order.formats).await?;
        let named = Named::of(order, &package, by)?;
        let known = self.known(&named, by).await?;
        let plugin = known.as_ref().map_or_else(|| PluginId(self.ids.secret()), |view| view.id);
        judged(plugin, named, package, known, order.expects, by)
    }

    /// Names say which plugin it is; its stream says how it stands.
    async fn known(&self, named: &Named, by: &Principal) -> Result<Option<PluginView>, Error> {
        for which in named.looked_for() {
            let found = self.catalogue.plugin(&which).await?;
            let Some(found) = found.filter(|view| view.origin == Origin::Own) else { continue };
            let Some(view) = self.catalogue.current(found.id).await? else { continue };
            // A name that a stranger's plugin had once is the claims' to give.
            if view.removed.is_none() || is_own(&view, by) {
                return Ok(Some(view));
            }
        }
        Ok(None)
    }

    /// Bytes, publisher and names come first: only the last step shows anything, and it shows all of it.
    pub(super) async fn carry_out(
        &self,
        file: &Path,
        mut plan: Plan,
        order: &Order,
        by: &Asker<'_>,
    ) -> Result<Published, Error> {
        self.store(file, &plan.package).await?;
        let owning = self.own(&plan, by).await?;
        let mut is_settled = plan.known.is_some();
        loop {
            let claimant =
                Claimant { plugin: plan.plugin, owner: owning.owner, is_settled, caller: &by.caller };
            let Claimed::Begun(begun) = self.claim_all(&plan.named, &claimant).await? else { break };
            is_settled = true;
            let known = self.catalogue.current(begun).await?;
            let held = plan.held;
            plan = judged(begun, plan.named, plan.package, known, order.expects, by.principal)?;
            plan.held = Held { plugin: held.plugin.filter(|_| plan.is_new()), release: held.release };
            if plan.is_done() {
                return Ok(plan.published(plan.outcome));
            }
        }
        self.append(plan, owning, order, by).await
    }

    async fn store(&self, file: &Path, package: &Package) -> Result<(), Error> {
        self.blobs.put(file, &package.artifact.sha256).await?;
        let Some(icon) = &package.icon else { return Ok(()) };
        let mut beside = file.as_os_str().to_owned();
        beside.push(".icon");
        let written = tokio::fs::write(&beside, &icon.bytes).await;
        let stored = match written {
            Ok(()) => self.blobs.put(Path::new(&beside), &digest_of(&icon.bytes)).await,
            Err(error) if error.kind() == std::io::ErrorKind::StorageFull => Err(Failure::transient(
                Reason::DiskFull,
                "The service has no disk space left; try again later",
            )),
            Err(_) => Err(Failure::internal()),
        };
        // Where it stays it is swept with the other uploads.
        let _ = tokio::fs::remove_file(&beside).await;
        Ok(stored?)
    }

    /// The publisher of a new plugin is registered by its first one; an operator may publish for another.
    async fn own(&self, plan: &Plan, by: &Asker<'_>) -> Result<Owning, Error> {
        if let Some(view) = plan.live() {
            return Ok(Owning { owner: view.owner, verified: None, position: None });
        }
        let name = &plan.named.publisher;
        let view = self.catalogue.publisher(name.as_str()).await?;
        let verified = view.as_ref().and_then(|view| view.verified.as_ref());
        let verified = verified.map(|_| (BY_PUBLISHER.to_owned(), name.to_string()));
        let owner = match &view {
            Some(view) if by.principal.standing == Standing::Admin => view.owner,
            Some(_) | None => by.principal.account,
        };
        if view.is_none() {
            must_not_be_anothers(name, owner)?;
        }
        let number = match &view {
            Some(view) => view.number,
            None => self.numbers.next(Numbered::Publisher).await?,
        };
        let registered = PublisherRegistered { name: name.clone(), number, owner, at: self.clock.now() };
        let command = PublisherCommand::Register(registered);
        let position = self.publishers.execute(&name.folded(), command, by.caller.metadata.clone()).await?;
        Ok(Owning { owner, verified, position })
    }

    async fn append(
        &self,
        plan: Plan,
        owning: Owning,
        order: &Order,
        by: &Asker<'_>,
    ) -> Result<Published, Error> {
        let number = match plan.live() {
            Some(view) => view.number,
            None => self.numbers.next(Numbered::Plugin).await?,
        };
        let at = self.clock.now();
        let command = PluginCommand::Publish(Box::new(Publication {
            registered: plan.registered(owning.owner, number, at),
            described: Some(plan.described(order, at)),
            release: plan.release(order, at),
            dialects: plan.named.dialects.clone(),
            verified: owning.verified,
            quarantine: plan.held.plugin.clone(),
            may_begin: plan.is_new(),
        }));
        let published = plan.published(plan.outcome);
        let (stream, metadata) = (plan.plugin.to_string(), by.caller.metadata.clone());
        let answer = serde_json::to_value(&published).map_err(|_shape| Error::unavailable())?;
        let outcome = match by.caller.once(PUBLISHES, answer) {
            None => Outcome::Written(self.plugins.execute(&stream, command, metadata).await?),
            Some(once) => self.plugins.execute_once(&stream, command, metadata, once).await?,
        };
        let position = match outcome {
            Outcome::Repeated(answer) => return answered(answer),
            Outcome::Written(position) => position,
        };
        if let Some(position) = owning.position {
            self.freshness.reached(catalogue::PUBLISHERS, position).await;
        }
        self.show(position).await;
        let outcome = if position.is_some() { published.outcome } else { PublishOutcome::Unchanged };
        Ok(Published { outcome, position, ..published })
    }
}

pub(super) fn answered(answer: Value) -> Result<Published, Error> {
    serde_json::from_value(answer).map_err(|_shape| Error::unavailable())
}

/// What of this plan is new, and whether this caller may carry it out.
pub(super) fn judged(
    plugin: PluginId,
    named: Named,
    package: Package,
    known: Option<PluginView>,
    expects: Expects,
    by: &Principal,
) -> Result<Plan, Error> {
    let live = known.as_ref().filter(|view| view.removed.is_none());
    match (expects, live) {
        // Whoever asks for one of which nothing is offered is told that there is none: it can be begun again.
        (Expects::NewPlugin, Some(view)) if view.offered().next().is_some() => {
            let message = format!("{} exists already; publish a new version of it", named.name);
            return Err(Error::new(Kind::Conflict, message));
        }
        (Expects::NewVersion, None) => {
            return Err(Error::not_found(format!("No such package: {}", named.name)));
        }
        (Expects::NewPlugin | Expects::Any, _) | (Expects::NewVersion, Some(_)) => {}
    }
    if let Some(view) = &known
        && by.verdict(Action::PublishPackage, by.owner_of(view.owner)) != Verdict::Allowed
    {
        return Err(belongs_to_somebody_else(named.name.as_str()));
    }
    let Some(view) = live else {
        let outcome = PublishOutcome::NewPlugin;
        return Ok(Plan { plugin, named, package, known, outcome, held: Held::default() });
    };
    let named = named.published_by(&view.publisher)?;
    named.suits(&view.listed, package.artifact.format)?;
    let there = view.releases.iter().find(|release| release.version == named.version);
    let outcome = match there {
        Some(there) if there.artifact.sha256 == package.artifact.sha256 => PublishOutcome::Unchanged,
        Some(there) => return Err(conflict(&PluginError::VersionTaken(there.version.clone()))),
        None => PublishOutcome::NewVersion,
    };
    if outcome == PublishOutcome::NewVersion {
        // Said before anything is stored; what is published meanwhile the plugin itself counts.
        if view.releases.len() >= MOST_RELEASES {
            return Err(conflict(&PluginError::TooManyReleases));
        }
        super::changing::must_not_be_locked(view, by)?;
    }
    Ok(Plan { plugin, named, package, known, outcome, held: Held::default() })
}

fn is_own(view: &PluginView, by: &Principal) -> bool {
    by.verdict(Action::PublishPackage, by.owner_of(view.owner)) == Verdict::Allowed
}

fn conflict(refusal: &PluginError) -> Error {
    Error::new(Kind::Conflict, refusal.to_string())
}

impl From<CommandError<PublisherError>> for Error {
    fn from(error: CommandError<PublisherError>) -> Self {
        error.told("publisher", |refusal| match refusal {
            PublisherError::Unknown => Self::not_found(refusal.to_string()),
            PublisherError::Taken => {
                Self::new(Kind::Forbidden, super::naming::sentence(&refusal.to_string()))
            }
        })
    }
}
