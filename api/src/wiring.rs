//! Which adapter stands behind which port.

mod catalogue;
mod cataloguer;
mod hosting;
mod identity;
mod marketplace;
mod node;
mod operator;
mod packaging;

use std::sync::Arc;

use anyhow::Context as _;
use futures::future::BoxFuture;
use infrastructure::{
    database::Database,
    event_log::{Heads, begin_new_epoch},
    vault::Keyring,
};

pub(crate) use cataloguer::{Cataloguer, with_catalogue};
pub(crate) use identity::{by_command, with_identity};
pub(crate) use marketplace::with_repositories;
pub(crate) use operator::Operator;
pub(crate) use packaging::{build_repackaging, build_tools, build_upstreams, hook, signing_key};

use crate::{
    limits::share, services::Services, settings::Settings, shutdown::Shutdown, telemetry::Telemetry,
};

/// A running service: what the handlers use, and what ends after everything else.
pub(crate) struct Yard {
    pub(crate) services: Services,
    pub(crate) close: BoxFuture<'static, ()>,
}

/// Everything a service needs, started: database, read models and, by role, workers.
pub(crate) async fn build_services(settings: &Settings, shutdown: &Shutdown) -> anyhow::Result<Yard> {
    let telemetry = Arc::new(Telemetry::new()?);
    let (ports, close) = node::start(settings, shutdown, &telemetry).await?;
    let services = Services::new(settings, shutdown, telemetry, ports);
    let (limits, quotas, addresses) =
        (services.limits.clone(), services.quotas.clone(), services.addresses.clone());
    shutdown.background.spawn(share(limits, quotas, addresses, shutdown.stopping.clone()));
    Ok(Yard { services, close })
}

/// The database of the settings, brought up to date. Whoever opens it closes it.
pub(crate) async fn open_database(settings: &Settings) -> anyhow::Result<Database> {
    std::fs::create_dir_all(&settings.data_dir)
        .with_context(|| format!("{} cannot be made", settings.data_dir.display()))?;
    let url = settings.database_url.as_ref().map(|url| url.reveal().as_str());
    let database = Database::open(url, &settings.data_dir).await?;
    if let Err(error) = database.prepare(&projections::all()).await {
        database.close().await;
        return Err(error.into());
    }
    Ok(database)
}

pub(crate) async fn migrate(settings: &Settings, new_epoch: bool) -> anyhow::Result<()> {
    let database = open_database(settings).await?;
    let done = async {
        if new_epoch {
            begin_new_epoch(&mut database.pools.own_connection().await?).await?;
        }
        anyhow::Ok(())
    };
    let done = done.await;
    database.close().await;
    done
}

/// The master keys of the settings, or those kept in the data directory.
pub(crate) fn keyring(settings: &Settings) -> anyhow::Result<Keyring> {
    match &settings.keyring {
        Some(keyring) => Ok(keyring.clone()),
        None => Ok(Keyring::of_directory(&settings.data_dir)?),
    }
}

/// The signed heads of the log, beside the database.
pub(crate) fn heads(settings: &Settings) -> anyhow::Result<Heads> {
    Ok(Heads::open(&settings.data_dir.join("heads"))?)
}
