//! Installed plugins at work on this node: which process answers for which installation, and what can be done with one
//! that is there. Changes of what is installed are operations; see [`crate::operating`].

mod changing;
mod launching;
mod messaging;
mod router;
mod showing;

use std::{sync::Arc, time::Duration};

use domain::{
    installation::{
        Configuration, Installation, InstallationCommand, InstallationError, InstalledRelease,
        ResourceLimits, SecurityLevel,
    },
    recorded::Cursor,
    values::{InstallationId, Metadata, OperationId},
};

use crate::{
    commands::{CommandError, Commands},
    error::{Error, Kind},
    operating::depending::HostLevel,
    ports::{
        freshness::Freshness,
        hosting::PluginHost,
        storage::PluginStorage,
        system::{Clock, Ids},
        vault::Vault,
        workplace::Workplace,
    },
    queries::installations::{InstallationQueries, InstallationView, LiveView, READ_MODEL},
};

pub use changing::{Changed, Configured, Permitted};
pub use messaging::{Answer, Broadcast, Message, Undelivered};
pub use router::Router;
pub use showing::{Shown, Status};

pub const NO_INSTALLATION: &str = "No such plugin is installed";
/// What secrets of a configuration are sealed for.
pub(crate) const CONFIGURATION: &str = "configuration";

#[derive(Clone)]
pub struct Hosting {
    pub commands: Arc<dyn Commands<Installation>>,
    pub installations: Arc<dyn InstallationQueries>,
    pub host: Arc<dyn PluginHost>,
    pub workplace: Arc<dyn Workplace>,
    pub storage: Arc<dyn PluginStorage>,
    pub vault: Arc<dyn Vault>,
    pub freshness: Arc<dyn Freshness>,
    pub clock: Arc<dyn Clock>,
    pub ids: Arc<dyn Ids>,
    pub router: Arc<Router>,
    pub level: HostLevel,
    /// Of new installations.
    pub limits: ResourceLimits,
    /// How long a process may take to finish what it is at.
    pub patience: Duration,
    /// Without a sandbox that was proven nothing is started.
    pub require_sandbox: bool,
}

/// All that decides how a plugin runs.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Plan {
    pub(crate) installation: InstallationId,
    pub(crate) release: InstalledRelease,
    pub(crate) configuration: Configuration,
    pub(crate) granted: std::collections::BTreeSet<String>,
    pub(crate) security_level: SecurityLevel,
    pub(crate) limits: ResourceLimits,
}

impl Plan {
    pub(crate) fn of(id: InstallationId, live: &LiveView) -> Self {
        Self {
            installation: id,
            release: live.release.clone(),
            configuration: live.configuration.clone(),
            granted: live.granted.clone(),
            security_level: live.security_level,
            limits: live.limits,
        }
    }
}

/// Under whose key the secrets of an installation are sealed, from its making to its removal.
pub(crate) fn subject(life: OperationId) -> String {
    format!("installation/{life}")
}

impl Hosting {
    /// What is installed there.
    pub async fn live(&self, id: InstallationId) -> Result<(InstallationView, LiveView), Error> {
        let view = self.installations.installation(id).await?;
        let found = view.and_then(|view| {
            let live = view.live.as_deref().cloned()?;
            Some((view, live))
        });
        found.ok_or_else(|| Error::not_found(NO_INSTALLATION))
    }

    /// Shown by the next read.
    pub(crate) async fn command(
        &self,
        id: InstallationId,
        command: InstallationCommand,
        by: Metadata,
    ) -> Result<Option<Cursor>, CommandError<InstallationError>> {
        let position = self.commands.execute(&id.to_string(), command, by).await?;
        if let Some(position) = position {
            self.freshness.reached(READ_MODEL, position).await;
        }
        Ok(position)
    }
}

impl From<CommandError<InstallationError>> for Error {
    fn from(error: CommandError<InstallationError>) -> Self {
        error.told("installation", |refusal| match refusal {
            InstallationError::Unknown | InstallationError::NoSuchBackup => {
                Self::not_found(refusal.to_string())
            }
            InstallationError::AlreadyInstalled
            | InstallationError::Busy(_)
            | InstallationError::NotItsTurn
            | InstallationError::Disabled => Self::new(Kind::Conflict, refusal.to_string()),
            InstallationError::AnotherPlugin | InstallationError::NeverRequested(_) => {
                Self::invalid(refusal.to_string())
            }
            InstallationError::PermissionsPending(_) => Self::new(Kind::Forbidden, refusal.to_string()),
        })
    }
}
