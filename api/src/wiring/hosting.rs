//! Installed plugins on one node: where they stand, who runs them, and who hears what happens to them.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::Context as _;
use application::{
    brokering::Brokering,
    hosting::{Hosting, Router},
    observing::{Observer, Recording},
    operating::{
        Operating,
        depending::{API_LEVEL, HostLevel},
    },
    ports::{freshness::Freshness, packages::PackageReader, packaging::Downloads, workplace::Workplace},
    repackaging::Repackaging,
    signal::Signal,
};
use domain::installation::{Installation, ResourceLimits};
use infrastructure::{
    event_log::{LogCommands, LogWriter},
    host::Host,
    isolation::Isolation,
    numbers::PgNumbers,
    packages::IsolatedReader,
    plugin_storage::PgPluginStorage,
    postgres::Pools,
    sandbox::Sandbox,
    system::System,
    uv::Uv,
    workplace::{LocalWorkplace, Parts},
};
use projections::{PgInstallations, PgOperations, PgTelemetry};

use super::packaging::{index, this_program};
use crate::{
    services::{Cataloguing, Hosted, Identifying},
    settings::{PluginSandbox, Settings},
};

/// How long a process may take to finish what it is at, where nobody says.
const PATIENCE: Duration = Duration::from_secs(30);
/// Where systems have the Python that plugins without an environment run on.
const USUAL: [&str; 3] = ["/usr/bin/python3", "/usr/local/bin/python3", "/opt/homebrew/bin/python3"];

/// What the node that hosts plugins has to run.
pub(super) struct Hosts {
    pub(super) hosted: Hosted,
    pub(super) recording: Recording,
}

/// What is there already.
pub(super) struct Ground<'a> {
    pub(super) settings: &'a Settings,
    pub(super) pools: &'a Pools,
    pub(super) writer: &'a LogWriter,
    pub(super) freshness: &'a Arc<dyn Freshness>,
    pub(super) identifying: &'a Identifying,
    pub(super) cataloguing: &'a Cataloguing,
    pub(super) repackaging: &'a Repackaging,
    /// Of packages, whatever their addresses end in.
    pub(super) downloads: Arc<dyn Downloads>,
    pub(super) uv: &'a Arc<Uv>,
    pub(super) moved: &'a Signal,
}

pub(super) fn build_hosting(ground: Ground<'_>) -> anyhow::Result<Hosts> {
    let Ground { settings, pools, writer, freshness, .. } = ground;
    let router = Arc::new(Router::default());
    let installations: Arc<PgInstallations> = Arc::new(PgInstallations::new(pools.reads.clone()));
    let commands = Arc::new(LogCommands::<Installation>::new(pools, writer.clone()));
    let telemetry = Arc::new(PgTelemetry::new(pools.writes.clone(), pools.reads.clone()));
    let (observer, recording) = Observer::new(router.clone(), commands.clone(), telemetry.clone());
    let storage = Arc::new(PgPluginStorage::new(pools.writes.clone()));
    let broker = Arc::new(Brokering::new(storage.clone()));
    let host = Host::new(
        infrastructure::host::Settings {
            state: settings.data_dir.join("host"),
            executable: this_program()?,
            python: python_here(settings),
            sandbox: settings.hosting.sandbox != PluginSandbox::Off,
        },
        Arc::new(System),
        Arc::new(observer),
        broker.clone(),
    );
    let hosting = Hosting {
        commands,
        installations,
        host: Arc::new(host.with_context(|| unusable(settings))?),
        workplace: workplace(&ground)?,
        storage,
        vault: ground.identifying.identity.vault.clone(),
        freshness: freshness.clone(),
        clock: Arc::new(System),
        ids: Arc::new(System),
        router,
        level: HostLevel { nexus: API_LEVEL, platform: std::env::consts::OS },
        limits: ResourceLimits::default(),
        patience: PATIENCE,
        require_sandbox: settings.hosting.sandbox == PluginSandbox::Required,
    };
    broker.serve(hosting.clone());
    let reader: Arc<dyn PackageReader> = Arc::new(IsolatedReader::new(Isolation::new(this_program()?)));
    let operating = Operating {
        operations: Arc::new(LogCommands::new(pools, writer.clone())),
        queries: Arc::new(PgOperations::new(pools.reads.clone())),
        hosting,
        catalogue: ground.cataloguing.catalogue.clone(),
        marketplace: ground.repackaging.marketplace.clone(),
        downloads: ground.downloads,
        reader,
        blobs: ground.repackaging.blobs.clone(),
        numbers: Arc::new(PgNumbers::new(pools.writes.clone())),
        asked: Signal::default(),
        moved: ground.moved.clone(),
    };
    Ok(Hosts { hosted: Hosted { operating, logs: telemetry.clone(), metrics: telemetry }, recording })
}

fn workplace(ground: &Ground<'_>) -> anyhow::Result<Arc<dyn Workplace>> {
    let (settings, repackaging) = (ground.settings, ground.repackaging);
    let parts = Parts {
        directory: settings.data_dir.join("installations"),
        imports: settings.hosting.imports.clone(),
        isolation: Isolation::new(this_program()?),
        sandbox: Sandbox::new(this_program()?),
        tools: ground.uv.clone(),
        resolver: repackaging.resolver.clone(),
        resolutions: repackaging.resolutions.clone(),
        builder: repackaging.builder.clone(),
        wheels: repackaging.wheels.clone(),
        index: index(settings)?,
    };
    Ok(Arc::new(LocalWorkplace::open(parts).with_context(|| unusable(settings))?))
}

fn python_here(settings: &Settings) -> Option<PathBuf> {
    let usual = || USUAL.into_iter().map(Path::new).find(|python| python.is_file());
    settings.tools.interpreter.clone().or_else(|| usual().map(Path::to_owned))
}

fn unusable(settings: &Settings) -> String {
    format!("{} cannot be used", settings.data_dir.display())
}
