//! Value objects: parsed once at the edge, proof of their own validity ever after.

mod access;
mod account_id;
mod actor;
mod digest;
mod group_id;
mod identity;
mod key_id;
mod metadata;
mod platform;
mod python;
mod sealed;
mod suffix;
mod target;
mod task_id;

pub use access::{Allowance, InvalidAccess, Role, Scope};
pub use account_id::{AccountId, InvalidAccountId};
pub use actor::{Actor, Dialect, InvalidDialect};
pub use digest::{Digest, InvalidDigest};
pub use group_id::{GroupId, InvalidGroupId};
pub use identity::{InvalidIdentity, PluginIdentity};
pub use key_id::{InvalidKeyId, KeyId};
pub use metadata::Metadata;
pub use platform::{Arch, Floor, InvalidPlatform, Os, Platform};
pub use python::{InvalidPython, PythonVersion};
pub use sealed::{InvalidSealed, Sealed};
pub use suffix::{InvalidSuffix, Suffix};
pub use target::{FloorPolicy, Target, TargetOptions};
pub use task_id::{InvalidTaskId, TaskId};
