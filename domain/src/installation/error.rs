//! Why an installation refuses a command.

use std::collections::BTreeSet;

use crate::values::OperationId;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InstallationError {
    #[error("No such installation")]
    Unknown,
    #[error("This plugin is installed already")]
    AlreadyInstalled,
    #[error("Another operation on this installation is running")]
    Busy(OperationId),
    /// Whoever asks was overtaken.
    #[error("This operation does not have its turn any more")]
    NotItsTurn,
    #[error("This plugin is disabled; enable it first")]
    Disabled,
    #[error("This is a package of another plugin")]
    AnotherPlugin,
    #[error("The permission {0} was never requested by this plugin")]
    NeverRequested(String),
    /// The new release asks for more than was granted.
    #[error("The new version asks for permissions that were not granted")]
    PermissionsPending(BTreeSet<String>),
    #[error("No such backup")]
    NoSuchBackup,
}
