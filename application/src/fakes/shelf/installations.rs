//! Installations and operations on the shelf.

use std::collections::BTreeMap;

use application::{
    Error,
    queries::{
        installations::{self, InstallationQueries, InstallationView},
        operations::{self, OperationQueries, OperationView, Wanted},
    },
};
use async_trait::async_trait;
use chrono::DateTime;
use domain::{
    installation::{
        Configuration, Installation, InstallationActivated, InstallationEvent, InstallationRequested,
        InstalledRelease, Origin, ResourceLimits, Runtime, SecurityLevel,
    },
    plugin::PackageFormat,
    recorded::Event,
    values::{Digest, InstallScope, InstallationId, Metadata, OperationId},
};

use super::Shelf;

impl Shelf {
    /// As if it had been installed and enabled, without any process.
    pub(crate) fn install(&self, name: &str, id: InstallationId, granted: &[&str]) {
        let operation_uid = OperationId(uuid::Uuid::from_u128(1));
        let requested = InstallationRequested {
            inst_uid: id,
            operation_uid,
            name: name.parse().unwrap(),
            scope: InstallScope::default(),
            owner: None,
            at: DateTime::UNIX_EPOCH,
        };
        let release = InstalledRelease {
            name: name.parse().unwrap(),
            version: "1.0.0".parse().unwrap(),
            runtime: Runtime::Native,
            format: PackageFormat::Zip,
            digest: Digest::of_bytes([0; 32]),
            origin: Origin::Folder { file: "plugin.zip".to_owned() },
            manifest: serde_json::json!({"entry_point": "main.py"}),
            schema: None,
            permissions: granted.iter().map(|one| (*one).to_owned()).collect(),
            dependencies: BTreeMap::new(),
            is_exclusive: false,
        };
        let activated = InstallationActivated {
            operation_uid,
            release,
            configuration: Configuration::default(),
            granted: granted.iter().map(|one| (*one).to_owned()).collect(),
            security_level: SecurityLevel::default(),
            limits: ResourceLimits::default(),
            enabled: true,
            at: DateTime::UNIX_EPOCH,
        };
        let story = [
            InstallationEvent::InstallationRequested(requested),
            InstallationEvent::InstallationActivated(Box::new(activated)),
        ];
        let by = Metadata::of_process("test", "test".to_owned(), "test".to_owned());
        for event in story {
            self.lock().record::<Installation>(&id.to_string(), &event, &by, &*self.clock);
        }
    }

    fn installations(&self) -> BTreeMap<InstallationId, InstallationView> {
        let mut views = BTreeMap::new();
        for recorded in self.recorded() {
            let Event::Installation(id, _) = recorded.event else { continue };
            let view = installations::fold(views.remove(&id), &recorded);
            views.insert(id, view.unwrap());
        }
        views
    }

    fn operations(&self) -> BTreeMap<OperationId, OperationView> {
        let mut views = BTreeMap::new();
        for recorded in self.recorded() {
            let Event::Operation(id, _) = recorded.event else { continue };
            let view = operations::fold(views.remove(&id), &recorded);
            views.insert(id, view.unwrap());
        }
        views
    }
}

#[async_trait]
impl InstallationQueries for Shelf {
    async fn installation(&self, id: InstallationId) -> Result<Option<InstallationView>, Error> {
        Ok(self.installations().remove(&id))
    }

    async fn live(&self) -> Result<Vec<InstallationView>, Error> {
        let mut live: Vec<_> =
            self.installations().into_values().filter(|view| view.live.is_some()).collect();
        live.sort_by_key(|view| view.name.folded());
        Ok(live)
    }

    async fn uses(&self, digest: &Digest) -> Result<bool, Error> {
        let is_it = |view: &InstallationView| {
            let live = view.live.iter().map(|live| &live.release.digest);
            live.chain(view.backups.values().map(|backup| &backup.release.digest)).any(|one| one == digest)
        };
        let is_wanted = |view: &OperationView| {
            !view.has_ended() && view.found.fetched.as_ref().is_some_and(|fetched| fetched.digest == *digest)
        };
        Ok(self.installations().values().any(is_it) || self.operations().values().any(is_wanted))
    }
}

#[async_trait]
impl OperationQueries for Shelf {
    async fn operation(&self, id: OperationId) -> Result<Option<OperationView>, Error> {
        Ok(self.operations().remove(&id))
    }

    async fn numbered(&self, number: u64) -> Result<Option<OperationView>, Error> {
        Ok(self.operations().into_values().find(|view| view.number == number))
    }

    async fn latest(&self, of: Wanted, limit: u32) -> Result<Vec<OperationView>, Error> {
        let fits = |view: &OperationView| {
            of.dialect.is_none_or(|dialect| view.dialect == dialect)
                && (of.owner.is_none() || of.owner == view.owner)
                && (of.installation.is_none() || of.installation == view.found.installation)
        };
        let mut all: Vec<_> = self.operations().into_values().filter(fits).collect();
        all.sort_by_key(|view| std::cmp::Reverse(view.number));
        all.truncate(limit as usize);
        Ok(all)
    }

    async fn unfinished(&self, limit: u32) -> Result<Vec<OperationView>, Error> {
        let mut all: Vec<_> = self.operations().into_values().filter(|view| !view.has_ended()).collect();
        all.sort_by_key(|view| view.number);
        all.truncate(limit as usize);
        Ok(all)
    }
}
