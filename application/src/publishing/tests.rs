mod changes;
mod crashes;
mod names;
mod publishers;
mod releases;

use std::{
    collections::HashMap,
    ops::Range,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use domain::{
    plugin::PackageFormat,
    repository::{Repository, RepositoryAdded, RepositoryCommand},
    values::{Digest, Role},
};

use super::*;
use crate::{
    commands::Commands,
    failure::Failure,
    fakes::{Registry, caller, wish},
    far::listed,
    ports::{blobs::Body, packages::Package},
    queries::catalogue::PluginView,
    shelf::{Shelf, packed, prepared},
};

/// The service over ports in memory.
pub(crate) struct Ground {
    pub(crate) registry: Arc<Registry>,
    pub(crate) shelf: Arc<Shelf>,
    pub(crate) blobs: Arc<Stored>,
    pub(crate) publishing: Publishing,
    pub(crate) directory: tempfile::TempDir,
}

impl Ground {
    pub(crate) fn new() -> Self {
        let registry = Registry::at(chrono::DateTime::UNIX_EPOCH);
        let shelf = Shelf::new(registry.clone());
        let blobs = Arc::new(Stored::default());
        let publishing = Publishing {
            plugins: shelf.clone(),
            publishers: shelf.clone(),
            claims: shelf.clone(),
            catalogue: shelf.clone(),
            reader: shelf.clone(),
            scanner: shelf.clone(),
            numbers: shelf.clone(),
            blobs: blobs.clone(),
            freshness: registry.clone(),
            clock: registry.clone(),
            ids: registry.clone(),
        };
        Self { registry, shelf, blobs, publishing, directory: tempfile::tempdir().unwrap() }
    }

    /// Whoever holds a key of this role.
    pub(crate) async fn holder(&self, name: &str, role: Role) -> Principal {
        let identity = self.registry.identity();
        let wish = wish(name, Dialect::Nexus, role);
        let key = identity.issue(&Principal::bootstrap(), wish, caller()).await.unwrap();
        Principal::of(&identity.keys.by_id(key.id).await.unwrap().unwrap())
    }

    pub(crate) async fn publish(
        &self,
        package: &Package,
        order: Order,
        by: &Principal,
    ) -> Result<Published, Error> {
        Box::pin(self.publish_as(package, order, by, caller())).await
    }

    pub(crate) async fn publish_as(
        &self,
        package: &Package,
        order: Order,
        by: &Principal,
        caller: Caller,
    ) -> Result<Published, Error> {
        let file = self.directory.path().join(uuid::Uuid::new_v4().to_string());
        std::fs::write(&file, packed(package)).unwrap();
        Box::pin(self.publishing.publish(&file, order, Asker { principal: by, caller })).await
    }

    pub(crate) async fn change(
        &self,
        plugin: PluginId,
        change: Change,
        by: &Principal,
    ) -> Result<Option<Cursor>, Error> {
        self.publishing.change(plugin, change, Asker { principal: by, caller: caller() }).await
    }

    /// A repository lists this plugin.
    pub(crate) async fn elsewhere(&self, author: &str, name: &str) {
        let listing = listed(author, name, "1.0.0", chrono::DateTime::UNIX_EPOCH);
        let added = RepositoryAdded {
            name: "market".to_owned(),
            url: "https://market.example".to_owned(),
            description: String::new(),
            kind: "dify".to_owned(),
        };
        let observe = RepositoryCommand::Observe { listings: vec![listing], gone: Vec::new() };
        for command in [RepositoryCommand::Add(added), observe] {
            let metadata = caller().metadata;
            Commands::<Repository>::execute(&*self.shelf, "market", command, metadata).await.unwrap();
        }
    }

    pub(crate) async fn view(&self, plugin: PluginId) -> PluginView {
        self.shelf.current(plugin).await.unwrap().unwrap()
    }
}

/// A Dify plugin, as its author publishes it.
pub(crate) fn difypkg(author: &str, name: &str, version: &str) -> Package {
    prepared(PackageFormat::Difypkg, Some(author), name, version)
}

/// An Inkdrop package, which names no publisher.
pub(crate) fn tarball(name: &str, version: &str) -> Package {
    prepared(PackageFormat::Tarball, None, name, version)
}

pub(crate) fn order(format: PackageFormat, dialects: &[Dialect]) -> Order {
    Order {
        formats: vec![format],
        dialects: dialects.to_vec(),
        name: None,
        version: None,
        publisher: None,
        repository: None,
        changelog: None,
        expects: Expects::Any,
        dry_run: false,
    }
}

pub(crate) fn for_dify() -> Order {
    order(PackageFormat::Difypkg, &[Dialect::Dify])
}

pub(crate) fn for_inkdrop(expects: Expects) -> Order {
    Order { expects, ..order(PackageFormat::Tarball, &[Dialect::Inkdrop]) }
}

/// Blobs in memory.
#[derive(Default)]
pub(crate) struct Stored(Mutex<HashMap<Digest, Vec<u8>>>);

impl Stored {
    pub(crate) fn digests(&self) -> Vec<Digest> {
        self.0.lock().unwrap().keys().cloned().collect()
    }
}

#[async_trait]
impl Blobs for Stored {
    async fn put(&self, file: &Path, digest: &Digest) -> Result<(), Failure> {
        self.0.lock().unwrap().insert(digest.clone(), std::fs::read(file).unwrap());
        Ok(())
    }

    async fn open(&self, _: &Digest, _: u64, _: Option<Range<u64>>) -> Result<Option<Body>, Failure> {
        Ok(None)
    }

    async fn copy(&self, digest: &Digest, into: &Path) -> Result<bool, Failure> {
        let stored = self.0.lock().unwrap().get(digest).cloned();
        if let Some(bytes) = &stored {
            std::fs::write(into, bytes).unwrap();
        }
        Ok(stored.is_some())
    }

    async fn delete(&self, digest: &Digest, _: Duration) -> Result<(), Failure> {
        self.0.lock().unwrap().remove(digest);
        Ok(())
    }

    async fn older_than(&self, _: Duration) -> Result<Vec<Digest>, Failure> {
        Ok(self.digests())
    }
}
