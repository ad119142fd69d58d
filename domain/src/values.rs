//! Value objects: parsed once at the edge, proof of their own validity ever after.

mod access;
mod account_id;
mod actor;
mod claim_key;
mod device_login_id;
mod digest;
mod group_id;
mod identity;
mod install_scope;
mod installation_id;
mod key_id;
mod metadata;
mod platform;
mod plugin_id;
mod plugin_name;
mod python;
mod release_version;
mod review_id;
mod sealed;
mod suffix;
mod target;
mod task_id;

pub use access::{Allowance, InvalidAccess, Role, Scope};
pub use account_id::{AccountId, InvalidAccountId};
pub use actor::{Actor, Dialect, InvalidDialect};
pub use claim_key::{ClaimKey, InvalidClaimKey};
pub use device_login_id::{DeviceLoginId, InvalidDeviceLoginId};
pub use digest::{Digest, InvalidDigest};
pub use group_id::{GroupId, InvalidGroupId};
pub use identity::{InvalidIdentity, PluginIdentity};
pub use install_scope::{InstallScope, InstalledName, InvalidInstalledName, InvalidScope};
pub use installation_id::{
    BackupId, InstallationId, InvalidBackupId, InvalidInstallationId, InvalidOperationId, OperationId,
};
pub use key_id::{InvalidKeyId, KeyId};
pub use metadata::Metadata;
pub use platform::{Arch, Floor, InvalidPlatform, Os, Platform};
pub use plugin_id::{InvalidPluginId, PluginId};
pub use plugin_name::{InvalidName, PluginName, PublisherName, skeleton};
pub use python::{InvalidPython, PythonVersion};
pub use release_version::{InvalidReleaseVersion, ReleaseVersion};
pub use review_id::{InvalidReviewId, ReviewId};
pub use sealed::{InvalidSealed, Sealed};
pub use suffix::{InvalidSuffix, Suffix};
pub use target::{FloorPolicy, Target, TargetOptions};
pub use task_id::{InvalidTaskId, TaskId};
