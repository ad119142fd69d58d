//! Value objects: parsed once at the edge, proof of their own validity ever after.

mod actor;
mod digest;
mod group_id;
mod identity;
mod metadata;
mod platform;
mod python;
mod suffix;
mod target;
mod task_id;

pub use actor::{Actor, Dialect};
pub use digest::{Digest, InvalidDigest};
pub use group_id::{GroupId, InvalidGroupId};
pub use identity::{InvalidIdentity, PluginIdentity};
pub use metadata::Metadata;
pub use platform::{Arch, Floor, InvalidPlatform, Os, Platform};
pub use python::{InvalidPython, PythonVersion};
pub use suffix::{InvalidSuffix, Suffix};
pub use target::{FloorPolicy, Target, TargetOptions};
pub use task_id::{InvalidTaskId, TaskId};
