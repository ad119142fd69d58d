//! The machine a result must install on: a platform read with the policy of the service.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Arch, Floor, Os, Platform, PythonVersion};

/// Everything wheel selection depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Target {
    pub os: Os,
    pub arch: Arch,
    pub floor: Floor,
    pub python: PythonVersion,
}

/// What a caller may ask beside the platform string.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TargetOptions {
    /// Take the floor of the platform string literally.
    #[serde(default)]
    pub strict: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub glibc: Option<Floor>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub macos: Option<Floor>,
    #[serde(default)]
    pub python: PythonVersion,
}

/// The floors that the documented platform names mean on this service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FloorPolicy {
    pub glibc: Floor,
    pub macos: Floor,
    /// What the empty platform string stands for.
    pub host: (Os, Arch),
}

impl Target {
    /// A documented name means operating system and architecture, because read literally it completes no
    /// official plugin; `strict` and an own tag are taken at their word. A floor given in numbers wins.
    pub fn resolve(platform: &Platform, options: TargetOptions, policy: FloorPolicy) -> Self {
        let (os, arch, named, literal) = match platform.parts() {
            Some((os, arch, floor, literal)) => (os, arch, Some(floor), literal),
            None => (policy.host.0, policy.host.1, None, false),
        };
        let (given, default) = match os {
            Os::Linux => (options.glibc, policy.glibc),
            Os::Macos => (options.macos, policy.macos),
        };
        let floor = match (given, named) {
            (Some(given), _) => given,
            (None, Some(named)) if literal || options.strict => named,
            (None, _) => default,
        };
        Self { os, arch, floor, python: options.python }
    }
}

impl fmt::Display for Target {
    /// As error texts name it: `glibc 2.17 x86_64`, `macOS 14.0 arm64`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let system = match self.os {
            Os::Linux => "glibc",
            Os::Macos => "macOS",
        };
        write!(f, "{system} {} {}", self.floor, self.arch.machine(self.os))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: FloorPolicy = FloorPolicy {
        glibc: Floor { major: 2, minor: 39 },
        macos: Floor { major: 14, minor: 0 },
        host: (Os::Linux, Arch::Aarch64),
    };

    fn resolved(platform: &str, options: TargetOptions) -> String {
        Target::resolve(&platform.parse().unwrap(), options, POLICY).to_string()
    }

    #[test]
    fn a_documented_name_takes_the_floor_of_the_service() {
        let options = TargetOptions::default();
        assert_eq!(resolved("manylinux2014_x86_64", options), "glibc 2.39 x86_64");
        assert_eq!(resolved("macosx_10_9_x86_64", options), "macOS 14.0 x86_64");
        assert_eq!(resolved("", options), "glibc 2.39 aarch64");
    }

    #[test]
    fn strict_and_literal_tags_are_taken_at_their_word() {
        let strict = TargetOptions { strict: true, ..TargetOptions::default() };
        assert_eq!(resolved("manylinux2014_x86_64", strict), "glibc 2.17 x86_64");
        assert_eq!(resolved("macosx_11_0_arm64", strict), "macOS 11.0 arm64");
        assert_eq!(resolved("manylinux_2_28_aarch64", TargetOptions::default()), "glibc 2.28 aarch64");
    }

    #[test]
    fn a_floor_in_numbers_wins() {
        let floor = Some(Floor { major: 2, minor: 31 });
        let options = TargetOptions { glibc: floor, strict: true, ..TargetOptions::default() };
        assert_eq!(resolved("manylinux2014_x86_64", options), "glibc 2.31 x86_64");
    }
}
