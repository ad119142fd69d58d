//! Why a plugin refuses.

use super::releases::MOST_RELEASES;
use crate::values::ReleaseVersion;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PluginError {
    #[error("No such plugin")]
    Unknown,
    #[error("This plugin was removed")]
    Removed,
    #[error("This id belongs to another plugin")]
    AlreadyRegistered,
    #[error("Version {0} was published already with other content; publish a new version")]
    VersionTaken(ReleaseVersion),
    #[error("This plugin was changed by somebody else meanwhile; look at it and try again")]
    ChangedMeanwhile,
    #[error(
        "A plugin has at most {MOST_RELEASES} releases; remove one that nobody needs, then publish again"
    )]
    TooManyReleases,
    #[error("There is no version {0}")]
    NoSuchVersion(ReleaseVersion),
}
