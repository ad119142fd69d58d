//! Which adapter stands behind which port.

use std::{ffi::OsString, process::ExitCode, sync::Arc};

use anyhow::bail;
use application::repackaging::Repackaging;
use futures::future::BoxFuture;

use crate::{
    admin::Projections,
    services::{Ports, Services},
    settings::{EventsCommand, Settings},
    shutdown::Shutdown,
    telemetry::Telemetry,
};

/// A running service: what the handlers use, and what ends after everything else.
pub(crate) struct Yard {
    pub(crate) services: Services,
    pub(crate) close: BoxFuture<'static, ()>,
}

/// Everything a service needs, started: database, read models and, by role, workers.
pub(crate) async fn build_services(settings: &Settings, shutdown: &Shutdown) -> anyhow::Result<Yard> {
    let telemetry = Arc::new(Telemetry::new()?);
    let (ports, close) = start(settings, shutdown, &telemetry).await?;
    Ok(Yard { services: Services::new(settings, shutdown, telemetry, ports)?, close })
}

#[expect(clippy::unused_async, reason = "the adapters are connected here")]
async fn start(
    _settings: &Settings,
    _shutdown: &Shutdown,
    _telemetry: &Telemetry,
) -> anyhow::Result<(Ports, BoxFuture<'static, ()>)> {
    bail!("this build has no adapters")
}

/// The steps of the main job, for use without a service.
pub(crate) fn build_repackaging(_settings: &Settings) -> anyhow::Result<Repackaging> {
    bail!("this build has no adapters")
}

/// The read models of the database, for the command line.
#[expect(clippy::unused_async, reason = "the adapters are connected here")]
pub(crate) async fn build_projections(_settings: &Settings) -> anyhow::Result<Arc<dyn Projections>> {
    bail!("this build has no adapters")
}

#[expect(clippy::unused_async, reason = "the adapters are connected here")]
pub(crate) async fn migrate(_settings: &Settings, _new_epoch: bool) -> anyhow::Result<()> {
    bail!("this build has no adapters")
}

#[expect(clippy::unused_async, reason = "the adapters are connected here")]
pub(crate) async fn events(_settings: &Settings, command: EventsCommand) -> anyhow::Result<()> {
    match command {
        EventsCommand::Tail | EventsCommand::Verify => bail!("this build has no adapters"),
    }
}

/// The child process that reads one hostile package.
pub(crate) fn isolated(_arguments: &[OsString]) -> ExitCode {
    ExitCode::FAILURE
}
