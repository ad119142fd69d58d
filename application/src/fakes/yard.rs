//! A host of plugins in memory: processes that do as they are told, and directories that are names in a set.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use application::{
    error::Error,
    failure::{Failure, Reason},
    ports::{
        hosting::{
            Call, CallFault, Capabilities, Configured, Counters, Delivery, Health, InstanceId, Launch,
            PluginHost, Reply, SandboxReport, Snapshot, StartFault, Started, State as ProcessState, Stop,
            Tail,
        },
        packaging::Received,
        storage::{PluginStorage, Put},
        vault::Secret,
        workplace::{OnProgress, Paths, Place, Workplace},
    },
};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::{
    installation::InstalledRelease,
    plugin::PackageFormat,
    values::{BackupId, Digest, InstallationId},
};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};
use tokio_util::sync::CancellationToken;

#[derive(Default)]
pub(crate) struct Yard {
    state: Mutex<State>,
    files: Mutex<Option<tempfile::TempDir>>,
}

#[derive(Default)]
pub(crate) struct State {
    pub(crate) running: BTreeMap<InstanceId, Launch>,
    /// By version, why they do not start.
    pub(crate) broken: HashMap<String, StartFault>,
    pub(crate) placed: BTreeSet<String>,
    pub(crate) current: BTreeMap<InstallationId, String>,
    pub(crate) backups: BTreeSet<(InstallationId, BackupId)>,
    /// What a plugin makes of a new configuration.
    pub(crate) told: Option<Configured>,
    pub(crate) is_full: bool,
    /// What was begun and ended, in order.
    pub(crate) happened: Vec<String>,
    kept: BTreeMap<(InstallationId, String), Value>,
    made: u32,
}

impl Yard {
    pub(crate) fn new() -> Arc<Self> {
        Arc::default()
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// The versions that run now.
    pub(crate) fn versions(&self) -> Vec<String> {
        self.lock().running.values().map(|launch| launch.version.clone()).collect()
    }

    /// As a killed host leaves it: no process.
    pub(crate) fn crash(&self) {
        self.lock().running.clear();
    }

    fn file(&self) -> PathBuf {
        let mut files = self.files.lock().unwrap();
        let directory = files.get_or_insert_with(|| tempfile::tempdir().unwrap());
        let mut state = self.lock();
        state.made += 1;
        directory.path().join(state.made.to_string())
    }
}

fn named(place: &Place) -> String {
    format!("{}/{}", place.installation, place.version)
}

#[async_trait]
impl PluginHost for Yard {
    async fn start(&self, launch: Launch) -> Result<Started, StartFault> {
        let mut state = self.lock();
        state.happened.push(format!("start {}", launch.version));
        if let Some(fault) = state.broken.get(&launch.version) {
            return Err(fault.clone());
        }
        state.running.insert(launch.instance, launch);
        let capabilities = Capabilities::default();
        Ok(Started { process: 1, after: Duration::ZERO, sandboxed: true, capabilities })
    }

    async fn stop(&self, instance: InstanceId, _: Stop) {
        let mut state = self.lock();
        if let Some(launch) = state.running.remove(&instance) {
            state.happened.push(format!("stop {}", launch.version));
        }
    }

    async fn restart(&self, _: InstanceId, _: Stop) -> Result<Started, StartFault> {
        Err(StartFault::Unknown)
    }

    fn relaunch(&self, launch: Launch) -> bool {
        self.lock().running.insert(launch.instance, launch).is_some()
    }

    async fn call(&self, instance: InstanceId, call: Call) -> Result<Reply, CallFault> {
        let is_there = self.lock().running.contains_key(&instance);
        let answer = Ok(call.data);
        if is_there { Ok(Reply { answer, took: Duration::ZERO }) } else { Err(CallFault::NotRunning) }
    }

    async fn deliver(&self, _: InstanceId, _: Delivery) -> Result<(), CallFault> {
        Ok(())
    }

    async fn configure(
        &self,
        _: InstanceId,
        _: Secret<Map<String, Value>>,
        _: Vec<Secret>,
    ) -> Result<Configured, CallFault> {
        Ok(self.lock().told.clone().unwrap_or(Configured::Applied))
    }

    async fn permit(&self, _: InstanceId, _: BTreeSet<String>) -> Result<(), CallFault> {
        Ok(())
    }

    async fn probe(&self, instance: InstanceId) -> Result<Health, CallFault> {
        let is_there = self.lock().running.contains_key(&instance);
        if is_there { Ok(Health::Healthy) } else { Err(CallFault::NotRunning) }
    }

    fn snapshot(&self, instance: InstanceId) -> Option<Snapshot> {
        self.lock().running.get(&instance).map(|_| Snapshot {
            state: ProcessState::Running,
            health: Health::Healthy,
            checks: Vec::new(),
            process: Some(1),
            uptime: Duration::ZERO,
            restarts: 0,
            counters: Counters::default(),
            rss: 0,
            cpu_percent: 0.0,
            file_handles: 0,
            processes: 1,
            sandboxed: true,
            why: None,
        })
    }

    fn tail(&self, _: InstanceId, _: u64) -> Option<Tail> {
        None
    }

    fn sandbox(&self) -> SandboxReport {
        SandboxReport::UNTESTED
    }

    async fn examine(&self) -> SandboxReport {
        SandboxReport::UNTESTED
    }

    async fn sweep(&self) -> usize {
        0
    }

    async fn drain(&self) {
        self.lock().running.clear();
    }

    fn instances(&self) -> Vec<(InstanceId, DateTime<Utc>)> {
        Vec::new()
    }
}

#[async_trait]
impl Workplace for Yard {
    async fn incoming(&self) -> Result<PathBuf, Failure> {
        Ok(self.file())
    }

    async fn import(&self, file: &str) -> Result<PathBuf, Failure> {
        Err(Failure::permanent(Reason::FetchFailed, format!("{file} is not in the import folder")))
    }

    async fn measured(&self, file: &Path) -> Result<Received, Failure> {
        let bytes = std::fs::read(file).unwrap();
        let sha256 = Digest::of_bytes(Sha256::digest(&bytes).into());
        Ok(Received { sha256, size: bytes.len() as u64 })
    }

    async fn pythons(&self) -> BTreeSet<u8> {
        [11, 12].into()
    }

    async fn unpack(&self, place: &Place, _: &Path, _: PackageFormat) -> Result<(), Failure> {
        let mut state = self.lock();
        if state.is_full {
            return Err(Failure::permanent(Reason::DiskFull, "The disk is full"));
        }
        state.placed.insert(named(place));
        Ok(())
    }

    async fn furnish(
        &self,
        _: &Place,
        _: &InstalledRelease,
        _: OnProgress<'_>,
        _: &CancellationToken,
    ) -> Result<(), Failure> {
        Ok(())
    }

    async fn paths(&self, place: &Place) -> Result<Paths, Failure> {
        if !self.lock().placed.contains(&named(place)) {
            return Err(Failure::internal());
        }
        Ok(Paths { code: PathBuf::from("code"), environment: None, data: PathBuf::from("data") })
    }

    async fn switch(&self, place: &Place) -> Result<(), Failure> {
        self.lock().current.insert(place.installation, place.version.to_string());
        Ok(())
    }

    async fn clear(&self, place: &Place) -> Result<(), Failure> {
        self.lock().placed.remove(&named(place));
        Ok(())
    }

    async fn back_up(&self, installation: InstallationId, backup: BackupId) -> Result<bool, Failure> {
        self.lock().backups.insert((installation, backup));
        Ok(true)
    }

    async fn restore(&self, _: InstallationId, _: BackupId) -> Result<(), Failure> {
        self.lock().happened.push("restore".to_owned());
        Ok(())
    }

    async fn forget(&self, installation: InstallationId, backup: BackupId) -> Result<(), Failure> {
        self.lock().backups.remove(&(installation, backup));
        Ok(())
    }

    async fn remove(&self, installation: InstallationId, _: bool) -> Result<(), Failure> {
        let mut state = self.lock();
        state.placed.retain(|place| !place.starts_with(&installation.to_string()));
        state.current.remove(&installation);
        Ok(())
    }

    async fn sweep(&self, _: &[Place]) -> Result<(), Failure> {
        Ok(())
    }
}

#[async_trait]
impl PluginStorage for Yard {
    async fn get(&self, of: InstallationId, key: &str) -> Result<Option<Value>, Error> {
        Ok(self.lock().kept.get(&(of, key.to_owned())).cloned())
    }

    async fn put(&self, of: InstallationId, key: &str, value: &Value) -> Result<Put, Error> {
        let mut state = self.lock();
        if state.is_full {
            return Ok(Put::Full);
        }
        state.kept.insert((of, key.to_owned()), value.clone());
        Ok(Put::Kept)
    }

    async fn delete(&self, of: InstallationId, key: &str) -> Result<bool, Error> {
        Ok(self.lock().kept.remove(&(of, key.to_owned())).is_some())
    }

    async fn keys(&self, of: InstallationId, prefix: &str, most: u32) -> Result<Vec<String>, Error> {
        let state = self.lock();
        let own = state.kept.keys().filter(|(owner, key)| *owner == of && key.starts_with(prefix));
        Ok(own.map(|(_, key)| key.clone()).take(most as usize).collect())
    }

    async fn clear(&self, of: InstallationId) -> Result<(), Error> {
        self.lock().kept.retain(|(owner, _), _| *owner != of);
        Ok(())
    }
}
