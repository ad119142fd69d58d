//! Ports that keep everything in memory, for the tests of the handlers.

mod cataloguing;
pub(crate) mod documented;
pub(crate) mod door;
pub(crate) mod form;
mod gate;
pub(crate) mod hosting;
mod marketplace;
mod operator;
#[path = "../../application/src/fakes.rs"]
mod registry;
mod served;
#[path = "../../application/src/fakes/shelf.rs"]
pub(crate) mod shelf;
mod tasks;
mod unset;
mod views;
#[path = "../../application/src/fakes/yard.rs"]
pub(crate) mod yard;

use std::{
    collections::HashMap,
    ops::Range,
    path::Path,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use application::{
    Error,
    failure::{Failure, Reason},
    ports::{
        blobs::{Blobs, Body},
        freshness::Freshness,
        packages::ReleasedTarballs,
        packaging::{Downloads, Inspection, Inspector, OnBytes, Received},
        system::{Clock, Ids},
        vault::Secret,
    },
    processes::watch_tasks::WatchTasks,
    queries::tasks::TaskView,
    signal::Signal,
};
use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use domain::{
    recorded::Cursor,
    values::{Digest, PluginIdentity, Target, TaskId},
};
use futures::{FutureExt as _, StreamExt as _};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

pub(crate) use cataloguing::published;
pub(crate) use gate::{Gate, Reply, voice};
pub(crate) use hosting::Told;
pub(crate) use registry::{BOOTSTRAP as ADMIN, Registry, caller, wish};
pub(crate) use served::Served;
pub(crate) use shelf::Shelf;
pub(crate) use views::{ARTIFACT, completed_view, queued_view};

use views::at;
use yard::Yard;

use crate::{
    services::{Identifying, Ports, Services, SigningPublicKey},
    settings::tests::settings,
    shutdown::Shutdown,
    telemetry::{Telemetry, overheard},
};

/// Every port in one, but for those of identity.
pub(crate) struct Fakes {
    state: Mutex<State>,
    pub(crate) registry: Arc<Registry>,
    pub(crate) shelf: Arc<Shelf>,
    pub(crate) yard: Arc<Yard>,
    pub(crate) told: Arc<Told>,
}

#[derive(Default)]
struct State {
    tasks: HashMap<TaskId, TaskView>,
    once: HashMap<String, ([u8; 32], Value)>,
    blobs: HashMap<Digest, Bytes>,
    /// What can be fetched.
    addresses: HashMap<String, Bytes>,
    /// What is asked for is not done.
    idle: bool,
    /// The log and the read model are not reachable.
    down: bool,
    /// How many more tasks are taken; any number where nobody said.
    room: Option<usize>,
    rebuilt: usize,
}

impl Fakes {
    pub(crate) fn new() -> Arc<Self> {
        overheard::listen();
        let registry = Registry::at(at(0));
        let shelf = Shelf::new(registry.clone());
        Arc::new(Self { state: Mutex::default(), shelf, yard: Yard::new(), told: Arc::default(), registry })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub(crate) fn put(&self, view: TaskView) -> TaskId {
        let id = view.id;
        self.lock().tasks.insert(id, view);
        id
    }

    pub(crate) fn put_blob(&self, bytes: &'static [u8]) {
        let digest = Digest::of_bytes(Sha256::digest(bytes).into());
        self.lock().blobs.insert(digest, Bytes::from_static(bytes));
    }

    pub(crate) fn serve(&self, url: &str, bytes: Bytes) {
        self.lock().addresses.insert(url.to_owned(), bytes);
    }

    pub(crate) fn set_idle(&self, idle: bool) {
        self.lock().idle = idle;
    }

    pub(crate) fn lose_blobs(&self) {
        self.lock().blobs.clear();
    }

    pub(crate) fn take_down(&self) {
        self.lock().down = true;
        self.registry.set_down(true);
    }

    pub(crate) fn make_room(&self, tasks: Option<usize>) {
        self.lock().room = tasks;
    }

    pub(crate) fn rebuilt(&self) -> usize {
        self.lock().rebuilt
    }

    pub(crate) fn tasks(&self) -> usize {
        self.lock().tasks.len()
    }

    fn up(&self) -> Result<MutexGuard<'_, State>, Error> {
        let state = self.lock();
        if state.down { Err(Error::unavailable()) } else { Ok(state) }
    }

    /// With these flags; the data directory is gone with the returned guard.
    pub(crate) fn services(self: &Arc<Self>, flags: &[&str]) -> (Services, tempfile::TempDir) {
        let dir = tempfile::tempdir().unwrap();
        let flags = [&["--data-dir", dir.path().to_str().unwrap()], flags].concat();
        let (settings, _) = settings(&flags).unwrap();
        let watch = Arc::new(WatchTasks::new(self.clone(), Signal::default()));
        let ports = Ports {
            commands: self.clone(),
            downloads: self.clone(),
            marketplace: self.clone(),
            inspector: self.clone(),
            blobs: self.clone(),
            released_tarballs: self.clone(),
            freshness: self.clone(),
            clock: self.clone(),
            ids: self.clone(),
            task_queries: self.clone(),
            watch,
            cataloguing: self.cataloguing(),
            hosted: self.hosted(),
            health: self.clone(),
            projections: self.clone(),
            identifying: Identifying {
                identity: self.registry.identity(),
                authenticating: self.registry.authenticating(),
                quotas: self.registry.clone(),
                address_key: Secret::from([0; 32]),
            },
            signing: SigningPublicKey::new(None),
        };
        let telemetry = Arc::new(Telemetry::new().unwrap());
        (Services::new(&settings, &Shutdown::default(), telemetry, ports), dir)
    }
}

#[async_trait]
impl Blobs for Fakes {
    async fn put(&self, file: &Path, digest: &Digest) -> Result<(), Failure> {
        let bytes = std::fs::read(file).unwrap();
        assert_eq!(&Digest::of_bytes(Sha256::digest(&bytes).into()), digest);
        self.lock().blobs.insert(digest.clone(), bytes.into());
        Ok(())
    }

    async fn open(
        &self,
        digest: &Digest,
        _size: u64,
        range: Option<Range<u64>>,
    ) -> Result<Option<Body>, Failure> {
        let Some(bytes) = self.lock().blobs.get(digest).cloned() else { return Ok(None) };
        let all = 0..bytes.len();
        let part = range.map_or(all, |part| part.start.try_into().unwrap()..part.end.try_into().unwrap());
        let bytes = bytes.slice(part);
        Ok(Some(async move { Ok(bytes) }.into_stream().boxed()))
    }

    async fn copy(&self, digest: &Digest, into: &Path) -> Result<bool, Failure> {
        let Some(bytes) = self.lock().blobs.get(digest).cloned() else { return Ok(false) };
        std::fs::write(into, bytes).unwrap();
        Ok(true)
    }

    async fn delete(&self, _: &Digest, _: Duration) -> Result<(), Failure> {
        Ok(())
    }

    async fn older_than(&self, _: Duration) -> Result<Vec<Digest>, Failure> {
        Ok(Vec::new())
    }
}

#[async_trait]
impl Downloads for Fakes {
    fn check(&self, url: &str) -> Result<(), Failure> {
        if url.starts_with("https://10.") {
            return Err(Failure::permanent(Reason::UrlForbidden, "URL host not allowed: 10.0.0.1"));
        }
        Ok(())
    }

    async fn download(
        &self,
        url: &str,
        into: &Path,
        _: u64,
        _: OnBytes<'_>,
        _: &CancellationToken,
    ) -> Result<Received, Failure> {
        let bytes = self.lock().addresses.get(url).cloned().ok_or_else(Failure::internal)?;
        std::fs::write(into, &bytes).unwrap();
        let sha256 = Digest::of_bytes(Sha256::digest(&bytes).into());
        Ok(Received { sha256, size: bytes.len() as u64 })
    }
}

#[async_trait]
impl ReleasedTarballs for Fakes {
    async fn fetch(&self, _: &str, _: &Path, _: u64) -> Result<Received, Failure> {
        Err(Failure::permanent(Reason::UrlForbidden, "URL host not allowed: 10.0.0.1"))
    }
}

#[async_trait]
impl Inspector for Fakes {
    async fn inspect(
        &self,
        package: &Path,
        _: &[Target],
        _: &CancellationToken,
    ) -> Result<Inspection, Failure> {
        let bytes = std::fs::read(package).unwrap();
        assert!(!bytes.starts_with(b"panic"), "asked to");
        if !bytes.starts_with(b"PK") {
            return Err(Failure::permanent(Reason::PackageInvalid, "This is not a .difypkg file"));
        }
        Ok(Inspection {
            sha256: Digest::of_bytes([0; 32]),
            size: 1,
            identity: PluginIdentity::new("a", "b", "0.0.1").unwrap(),
            identifier: String::new(),
            label: String::new(),
            category: String::new(),
            notes: Vec::new(),
            signature_time: 0,
            plans: Vec::new(),
        })
    }
}

#[async_trait]
impl Freshness for Fakes {
    async fn reached(&self, _: &str, _: Cursor) -> bool {
        true
    }

    async fn lag(&self, _: &str) -> u64 {
        0
    }

    async fn has_all_before(&self, _: &str, _: Duration) -> bool {
        true
    }
}

impl Clock for Fakes {
    fn now(&self) -> DateTime<Utc> {
        at(0)
    }
}

impl Ids for Fakes {
    fn secret(&self) -> Uuid {
        Uuid::new_v4()
    }
}
