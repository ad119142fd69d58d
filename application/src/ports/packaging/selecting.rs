//! What goes into a package, and where it comes from.

use domain::values::{Digest, Floor, Os};
use serde::{Deserialize, Serialize};

use super::{Note, Resolution, Sdist};

/// What goes into the package of one target, or of several together: the wheels of the closure, sorted by
/// normalised name and then by file name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Selection {
    pub source: DependencySource,
    pub wheels: Vec<Wheel>,
    /// Dependencies without a fitting wheel that have to be built before anything is fetched. Empty unless
    /// building is allowed.
    #[serde(default)]
    pub sdists: Vec<Sdist>,
    /// The oldest systems the result really runs on: the highest floor over all wheels.
    pub needs: Needs,
    /// How the versions were chosen, where no lock had chosen them: one per target, in the targets' order.
    #[serde(default)]
    pub resolutions: Vec<Resolution>,
    pub notes: Vec<Note>,
}

/// A file to fetch and how to know it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wheel {
    /// Normalised (PEP 503).
    pub name: String,
    pub version: String,
    pub file_name: String,
    /// Where to try, in this order.
    pub urls: Vec<String>,
    pub sha256: Digest,
    pub size: Option<u64>,
    /// The compatibility tag of the file name that decided (PEP 425).
    pub tag: String,
    pub floor: Option<Floor>,
    /// Built here, from source.
    #[serde(default)]
    pub built: bool,
}

/// None where no wheel asks for anything.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Needs {
    pub glibc: Option<Floor>,
    pub macos: Option<Floor>,
}

impl Needs {
    pub fn of(os: Os, floor: Option<Floor>) -> Self {
        match os {
            Os::Linux => Self { glibc: floor, macos: None },
            Os::Macos => Self { glibc: None, macos: floor },
        }
    }

    /// What fulfils both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self { glibc: self.glibc.max(other.glibc), macos: self.macos.max(other.macos) }
    }
}

/// Where the pins came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum DependencySource {
    #[serde(rename = "uv.lock")]
    UvLock,
    #[serde(rename = "pyproject")]
    Pyproject,
    #[serde(rename = "requirements")]
    Requirements,
    /// The package declares no dependency at all.
    #[serde(rename = "none")]
    Nothing,
}

impl DependencySource {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::UvLock => "uv.lock",
            Self::Pyproject => "pyproject",
            Self::Requirements => "requirements",
            Self::Nothing => "none",
        }
    }
}
