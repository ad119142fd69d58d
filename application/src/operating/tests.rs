mod crashes;
mod installing;
mod upgrading;

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use domain::{
    installation::ResourceLimits,
    operation::{Install, Source, Strategy, Uninstall, Upgrade, Work},
    plugin::PackageFormat,
    values::{Dialect, Digest, InstallScope, InstallationId, OperationId},
};
use semver::Version;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use tokio_util::sync::CancellationToken;

use super::*;
use crate::{
    fakes::{Registry, caller},
    far::Far,
    hosting::Router,
    operating::depending::HostLevel,
    ports::packages::Package,
    publishing::tests::Stored,
    queries::{
        installations::{InstallationQueries, InstallationView, LiveView},
        operations::Stage,
    },
    shelf::{Shelf, packed, prepared},
    yard::Yard,
};

/// The service over ports in memory.
struct Ground {
    shelf: Arc<Shelf>,
    yard: Arc<Yard>,
    blobs: Arc<Stored>,
    operating: Operating,
    directory: tempfile::TempDir,
}

impl Ground {
    fn new() -> Self {
        let registry = Registry::at(chrono::DateTime::UNIX_EPOCH);
        let shelf = Shelf::new(registry.clone());
        let (yard, blobs) = (Yard::new(), Arc::new(Stored::default()));
        let hosting = Hosting {
            commands: shelf.clone(),
            installations: shelf.clone(),
            host: yard.clone(),
            workplace: yard.clone(),
            storage: yard.clone(),
            vault: registry.clone(),
            freshness: registry.clone(),
            clock: registry.clone(),
            ids: registry.clone(),
            router: Arc::new(Router::opened()),
            level: HostLevel { nexus: Version::new(1, 0, 0), platform: "linux" },
            limits: ResourceLimits::default(),
            patience: Duration::ZERO,
            require_sandbox: false,
        };
        let operating = Operating {
            operations: shelf.clone(),
            queries: shelf.clone(),
            hosting,
            catalogue: shelf.clone(),
            marketplace: Far::with(Vec::new()),
            downloads: Arc::new(Nowhere),
            reader: shelf.clone(),
            blobs: blobs.clone(),
            numbers: shelf.clone(),
            asked: Signal::default(),
            moved: Signal::default(),
        };
        Self { shelf, yard, blobs, operating, directory: tempfile::tempdir().unwrap() }
    }

    /// The package as somebody sends it.
    async fn sent(&self, package: &Package) -> Source {
        let bytes = packed(package);
        let digest = Digest::of_bytes(Sha256::digest(&bytes).into());
        let file = self.directory.path().join("sent");
        std::fs::write(&file, &bytes).unwrap();
        self.blobs.put(&file, &digest).await.unwrap();
        Source::Upload { digest, filename: "plugin.zip".to_owned() }
    }

    async fn ask(&self, work: Work) -> OperationId {
        self.operating.request(work, InstallScope::default(), None, &caller()).await.unwrap().id
    }

    async fn run(&self, id: OperationId) -> OperationView {
        self.operating.run(id, "node", CancellationToken::new()).await;
        self.operating.view(id).await.unwrap()
    }

    async fn done(&self, work: Work) -> OperationView {
        let id = self.ask(work).await;
        self.run(id).await
    }

    async fn install(&self, package: &Package) -> OperationView {
        let source = self.sent(package).await;
        self.done(Work::Install(install(source))).await
    }

    async fn live(&self, name: &str) -> Option<(InstallationView, LiveView)> {
        let id = InstallationId::of(&InstallScope::default(), &name.parse().unwrap());
        let view = self.shelf.installation(id).await.unwrap()?;
        let live = view.live.as_deref().cloned()?;
        Some((view, live))
    }
}

fn install(source: Source) -> Install {
    Install {
        source,
        configuration: None,
        grant: None,
        strategy: Strategy::Rolling,
        auto_enable: true,
        force_reinstall: false,
    }
}

fn upgrade(source: Source) -> Upgrade {
    Upgrade {
        name: "echo".parse().unwrap(),
        source,
        strategy: Strategy::Rolling,
        backup_current: true,
        restart: true,
        update_config: false,
    }
}

fn uninstall(name: &str) -> Uninstall {
    Uninstall { name: name.parse().unwrap(), force: false, backup: false, cleanup_data: true }
}

/// A native plugin.
fn zip(name: &str, version: &str) -> Package {
    let mut package = prepared(PackageFormat::Zip, None, name, version);
    package.manifest = json!({"name": name, "version": version, "entry_point": "main.py"});
    package.permissions = ["events:emit", "http:external"].map(str::to_owned).to_vec();
    package
}

fn set(words: &[&str]) -> BTreeSet<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// Nobody answers at any address.
struct Nowhere;

#[async_trait::async_trait]
impl Downloads for Nowhere {
    fn check(&self, _: &str) -> Result<(), crate::failure::Failure> {
        Ok(())
    }

    async fn download(
        &self,
        _: &str,
        _: &std::path::Path,
        _: u64,
        _: crate::ports::packaging::OnBytes<'_>,
        _: &CancellationToken,
    ) -> Result<crate::ports::packaging::Received, crate::failure::Failure> {
        let reason = crate::failure::Reason::FetchFailed;
        Err(crate::failure::Failure::transient(reason, "It does not answer"))
    }
}

/// What failed, and with which word.
fn failed(view: &OperationView) -> &str {
    assert_eq!(view.stage, Stage::Failed, "{view:?}");
    &view.fault.as_ref().unwrap().code
}
