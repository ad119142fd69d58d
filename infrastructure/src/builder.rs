//! Building wheels from source. Third-party code runs in the sandbox alone, and nothing in there has a network: what
//! a build needs is resolved and fetched out here, verified like every wheel, and handed in as files.

use std::{
    collections::HashMap,
    io,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use application::{
    failure::{Failure, Reason},
    ports::packaging::{Builder, Resolutions, Resolver, Sdist, Wheel},
};
use async_trait::async_trait;
use domain::values::{Digest, Target};
use tokio::sync::{Mutex as AsyncMutex, Semaphore};
use tokio_util::sync::CancellationToken;

mod backend;
mod forge;
pub(crate) mod inside;
mod making;
mod policy;
mod record;
pub mod rewrite;
pub(crate) mod said;
pub mod tools;
mod workshop;

pub(crate) use policy::Host;
pub use policy::{BuildMode, InvalidBuildMode};

use record::Records;
use tools::{Python, Toolbox};

use crate::{
    disk, fetch::clients::Get, isolation::Isolation, sandbox::Sandbox, wheels::cache::WheelCache, workspace,
};

/// Building is off.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoBuilder;

#[async_trait]
impl Builder for NoBuilder {
    async fn build(&self, sdist: &Sdist, _: &Target, _: &CancellationToken) -> Result<Wheel, Failure> {
        let text =
            format!("{} {} has no wheel; building is disabled on this server", sdist.name, sdist.version);
        Err(Failure::permanent(Reason::NoWheel, text))
    }
}

/// Each may take a processor for minutes.
const BUILDS: usize = 2;
/// Of the directories that builds work in.
const PREFIX: &str = "build-";

/// What building needs.
pub struct Parts {
    pub mode: BuildMode,
    pub sandbox: Sandbox,
    pub isolation: Isolation,
    pub tools: Arc<dyn Toolbox>,
    /// For what a build itself requires.
    pub resolver: Arc<dyn Resolver>,
    pub resolutions: Arc<dyn Resolutions>,
    pub cache: Arc<WheelCache>,
    /// Guards every URL that is not on the operator's own hosts.
    pub client: Arc<dyn Get>,
    /// For what was built, and for what is being built.
    pub directory: PathBuf,
}

/// See the module.
pub struct SandboxBuilder {
    parts: Parts,
    records: Records,
    slots: Semaphore,
    flights: Mutex<HashMap<Digest, Arc<AsyncMutex<()>>>>,
}

impl SandboxBuilder {
    /// # Errors
    /// When the directory cannot be made.
    pub fn open(parts: Parts) -> io::Result<Self> {
        let records = Records::open(parts.directory.join("wheels"))?;
        let work = parts.directory.join("work");
        std::fs::create_dir_all(&work)?;
        workspace::sweep(&work, PREFIX);
        Ok(Self { parts, records, slots: Semaphore::new(BUILDS), flights: Mutex::default() })
    }

    fn flight(&self, key: &Digest) -> Arc<AsyncMutex<()>> {
        let mut flights = self.flights.lock().unwrap_or_else(PoisonError::into_inner);
        flights.retain(|_, flight| Arc::strong_count(flight) > 1);
        Arc::clone(flights.entry(key.clone()).or_default())
    }

    async fn known_or_made(
        &self,
        sdist: &Sdist,
        python: &Python,
        target: &Target,
        cancel: &CancellationToken,
    ) -> Result<Wheel, Failure> {
        let key = record::key(sdist, python.minor, Host::this().arch);
        let flight = self.flight(&key);
        let _alone = tokio::select! {
            alone = flight.lock() => alone,
            () = cancel.cancelled() => return Err(Failure::cancelled()),
        };
        let known = self.records.get(&key);
        if let Some(known) = &known
            && self.parts.cache.holds(&known.sha256, known.size)
        {
            return Ok(known.clone());
        }
        let Ok(_slot) = self.slots.acquire().await else { return Err(Failure::internal()) };
        let wheel = self.make(sdist, python, target, cancel).await?;
        if known.is_some_and(|known| known.sha256 != wheel.sha256) {
            tracing::warn!(name = sdist.name, "the same source was built to other bytes than the last time");
        }
        self.records.keep(&key, &wheel).map_err(disk::failure)?;
        Ok(wheel)
    }
}

#[async_trait]
impl Builder for SandboxBuilder {
    async fn build(
        &self,
        sdist: &Sdist,
        target: &Target,
        cancel: &CancellationToken,
    ) -> Result<Wheel, Failure> {
        let named = format!("{} {}", sdist.name, sdist.version);
        let python = self.parts.tools.python(target.python.minor).await.ok_or_else(|| {
            let text = format!("{named} could not be built: there is no Python on this server");
            Failure::permanent(Reason::BuildFailed, text)
        })?;
        let wheel = self.known_or_made(sdist, &python, target, cancel).await?;
        policy::admit(sdist, &wheel, (self.parts.mode, Host::this(), python.minor), *target)?;
        Ok(wheel)
    }
}
