//! Operating system, architecture and the floor of its C library: what the callers' platform strings mean.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Os {
    Linux,
    Macos,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Arch {
    #[serde(rename = "x86_64")]
    X86_64,
    Aarch64,
}

/// The oldest system version the result must run on: glibc on Linux, the macOS release on macOS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Floor {
    pub major: u16,
    pub minor: u16,
}

/// A platform string as a caller writes it. The empty string means the host of the service.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Platform {
    text: String,
    meaning: Meaning,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Meaning {
    Host,
    /// One of the documented names: operating system and architecture; the floor is policy.
    Documented(Os, Arch, Floor),
    /// Any other tag: who writes it means it.
    Literal(Os, Arch, Floor),
}

/// The string names no platform this service packages for; holds the string.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("Unsupported platform: {0}")]
pub struct InvalidPlatform(pub String);

impl Platform {
    /// The platform strings of the Dify document, the empty one included.
    pub const DOCUMENTED: [&'static str; 7] = [
        "manylinux2014_x86_64",
        "manylinux2014_aarch64",
        "manylinux_2_17_x86_64",
        "manylinux_2_17_aarch64",
        "macosx_10_9_x86_64",
        "macosx_11_0_arm64",
        "",
    ];

    /// Takes only the seven documented strings.
    pub fn documented(text: &str) -> Result<Self, InvalidPlatform> {
        if Self::DOCUMENTED.contains(&text) { text.parse() } else { Err(InvalidPlatform(text.to_owned())) }
    }

    /// The platform of the service's own host.
    pub fn host() -> Self {
        Self { text: String::new(), meaning: Meaning::Host }
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// What stands for it in a file name or a list: the empty string says nothing there.
    pub fn word(&self) -> &str {
        if self.text.is_empty() { "host" } else { &self.text }
    }

    /// Operating system, architecture, the floor the string itself names, and whether that floor is meant
    /// literally; `None` for the host.
    pub(super) fn parts(&self) -> Option<(Os, Arch, Floor, bool)> {
        match self.meaning {
            Meaning::Host => None,
            Meaning::Documented(os, arch, floor) => Some((os, arch, floor, false)),
            Meaning::Literal(os, arch, floor) => Some((os, arch, floor, true)),
        }
    }
}

impl FromStr for Platform {
    type Err = InvalidPlatform;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refused = || InvalidPlatform(text.to_owned());
        let meaning = if text.is_empty() {
            Meaning::Host
        } else {
            let (os, arch, floor) = read_tag(text).ok_or_else(refused)?;
            if Self::DOCUMENTED.contains(&text) {
                Meaning::Documented(os, arch, floor)
            } else {
                Meaning::Literal(os, arch, floor)
            }
        };
        Ok(Self { text: text.to_owned(), meaning })
    }
}

impl TryFrom<String> for Platform {
    type Error = InvalidPlatform;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Platform> for String {
    fn from(platform: Platform) -> Self {
        platform.text
    }
}

fn read_tag(text: &str) -> Option<(Os, Arch, Floor)> {
    if let Some(rest) = text.strip_prefix("manylinux2014_") {
        return Some((Os::Linux, linux_arch(rest)?, Floor { major: 2, minor: 17 }));
    }
    if let Some(rest) = text.strip_prefix("manylinux_") {
        let (floor, arch) = versioned(rest)?;
        // PEP 600: glibc 2 only; nothing published for these architectures is older than 2.5.
        return (floor.major == 2 && (5..=99).contains(&floor.minor))
            .then_some(linux_arch(arch)?)
            .map(|arch| (Os::Linux, arch, floor));
    }
    let (floor, arch) = versioned(text.strip_prefix("macosx_")?)?;
    let arch = match arch {
        "x86_64" => Arch::X86_64,
        "arm64" => Arch::Aarch64,
        _ => return None,
    };
    let oldest = if arch == Arch::Aarch64 { 11 } else { 10 };
    (oldest..=99).contains(&floor.major).then_some((Os::Macos, arch, floor))
}

fn versioned(text: &str) -> Option<(Floor, &str)> {
    let (major, rest) = text.split_once('_')?;
    let (minor, arch) = rest.split_once('_')?;
    Some((Floor { major: number(major)?, minor: number(minor)? }, arch))
}

fn number(text: &str) -> Option<u16> {
    (text.len() <= 3 && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok()).flatten()
}

fn linux_arch(text: &str) -> Option<Arch> {
    match text {
        "x86_64" => Some(Arch::X86_64),
        "aarch64" => Some(Arch::Aarch64),
        _ => None,
    }
}

impl Arch {
    /// The word of `os` for this architecture, as wheel tags and `platform_machine` use it.
    pub fn machine(self, os: Os) -> &'static str {
        match (self, os) {
            (Self::X86_64, _) => "x86_64",
            (Self::Aarch64, Os::Linux) => "aarch64",
            (Self::Aarch64, Os::Macos) => "arm64",
        }
    }
}

impl fmt::Display for Floor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

impl FromStr for Floor {
    type Err = InvalidPlatform;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refused = || InvalidPlatform(text.to_owned());
        let (major, minor) = text.split_once('.').ok_or_else(refused)?;
        Ok(Self { major: number(major).ok_or_else(refused)?, minor: number(minor).ok_or_else(refused)? })
    }
}

impl TryFrom<String> for Floor {
    type Error = InvalidPlatform;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Floor> for String {
    fn from(floor: Floor) -> Self {
        floor.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_documented_string_is_a_platform() {
        for text in Platform::DOCUMENTED {
            assert_eq!(Platform::documented(text).unwrap().as_str(), text);
        }
    }

    #[test]
    fn other_tags_are_platforms_but_not_documented_ones() {
        assert!("manylinux_2_28_x86_64".parse::<Platform>().is_ok());
        assert!("macosx_14_0_arm64".parse::<Platform>().is_ok());
        assert!(Platform::documented("manylinux_2_28_x86_64").is_err());
    }

    #[test]
    fn musl_windows_and_nonsense_are_refused_by_name() {
        for text in
            ["musllinux_1_2_x86_64", "win_amd64", "manylinux_3_1_x86_64", "macosx_10_9_arm64", "linux", " "]
        {
            let refused = text.parse::<Platform>().unwrap_err();
            assert_eq!(refused.to_string(), format!("Unsupported platform: {text}"));
        }
    }
}
