//! Which compatibility tags (PEP 425, 600) a target takes, from best to worst, in the order of the `packaging`
//! library for `CPython`; and how old a system each wheel still runs on.

use std::{cmp::Reverse, collections::HashMap};

use domain::values::{Arch, Floor, Os, Target};

use super::labels::Label;

/// A place in the order; lower is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rank(u32, u32);

/// All tags of one target.
#[derive(Debug, Clone)]
pub struct TagOrder {
    target: Target,
    platforms: HashMap<String, u32>,
    python: u8,
}

/// The best tag of a wheel for a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Match<'a> {
    pub rank: Rank,
    pub tag: (&'a str, &'a str, &'a str),
}

/// A floor no system will reach soon.
const ANY_FLOOR: Floor = Floor { major: 99, minor: 99 };

impl TagOrder {
    pub fn new(target: &Target) -> Self {
        let platforms = platforms(*target);
        let platforms = platforms.into_iter().zip(0..).collect();
        Self { target: *target, platforms, python: target.python.minor }
    }

    /// The same system and interpreter with no floor: for finding the floor that would do.
    pub fn without_floor(target: &Target) -> Self {
        let floor = match target.os {
            Os::Linux => Floor { major: 2, minor: 99 },
            Os::Macos => ANY_FLOOR,
        };
        Self::new(&Target { floor, ..*target })
    }

    /// The best of the wheel's tags, if one fits.
    pub fn best<'a>(&self, label: &Label<'a>) -> Option<Match<'a>> {
        label
            .tags()
            .filter_map(|tag| Some(Match { rank: self.rank(tag)?, tag }))
            .min_by_key(|found| found.rank)
    }

    /// The wheel to take: the best tag, then the higher build number, then the file name.
    pub fn choose<'a>(&self, labels: impl Iterator<Item = (&'a str, usize)>) -> Option<(usize, Match<'a>)> {
        labels
            .filter_map(|(name, index)| {
                let label = Label::read(name)?;
                let found = self.best(&label)?;
                Some((found.rank, Reverse(label.build), name, index, found))
            })
            .min_by(|one, other| (one.0, one.1, one.2).cmp(&(other.0, other.1, other.2)))
            .map(|(_, _, _, index, found)| (index, found))
    }

    fn rank(&self, (python, abi, platform): (&str, &str, &str)) -> Option<Rank> {
        let group = self.group(python, abi, platform == "any")?;
        if platform == "any" {
            return Some(Rank(group, 0));
        }
        self.platforms.get(platform).map(|&place| Rank(group, place))
    }

    /// The place of interpreter and ABI among the groups, each of which runs through all platforms.
    fn group(&self, python: &str, abi: &str, any: bool) -> Option<u32> {
        const BINARY: u32 = 0;
        const PURE: u32 = 1_000;
        const ANY: u32 = 2_000;
        let own = u32::from(self.python);
        if let Some(minor) = python.strip_prefix("cp3").and_then(minor_of) {
            return match abi {
                "none" if any && minor == own => Some(ANY),
                _ if any => None,
                "abi3" if (2..=own).contains(&minor) => {
                    Some(BINARY + if minor == own { 1 } else { 2 + own - minor })
                }
                "none" if minor == own => Some(BINARY + 2),
                _ if minor == own && self.is_own_abi(abi) => Some(BINARY),
                _ => None,
            };
        }
        if abi != "none" {
            return None;
        }
        let place = match python.strip_prefix("py3")? {
            "" => 1,
            minor => match minor_of(minor)? {
                minor if minor == own => 0,
                minor if minor < own => 1 + own - minor,
                _ => return None,
            },
        };
        Some(if any { ANY + 1 + place } else { PURE + place })
    }

    fn is_own_abi(&self, abi: &str) -> bool {
        let Some(rest) = abi.strip_prefix("cp3") else { return false };
        // Until 3.7 the name of the ABI held the allocator.
        let rest = if self.python < 8 { rest.strip_suffix('m') } else { Some(rest) };
        rest.and_then(minor_of) == Some(u32::from(self.python))
    }

    /// The oldest system of the target's kind that one of the wheel's tags names; `None` for a pure wheel.
    pub fn floor(&self, label: &Label<'_>) -> Option<Floor> {
        label
            .tags()
            .filter(|&tag| self.rank(tag).is_some())
            .map(|(_, _, platform)| platform)
            .map(|platform| floor_of(platform, self.target.os, self.target.arch))
            .collect::<Option<Vec<_>>>()?
            .into_iter()
            .min()
    }
}

fn minor_of(text: &str) -> Option<u32> {
    let plain = !text.is_empty() && text.len() <= 3 && text.bytes().all(|b| b.is_ascii_digit());
    (plain && (text == "0" || !text.starts_with('0'))).then(|| text.parse().ok()).flatten()
}

fn floor_of(platform: &str, os: Os, arch: Arch) -> Option<Floor> {
    let named = match platform.split_once('_')? {
        ("manylinux1", _) => Floor { major: 2, minor: 5 },
        ("manylinux2010", _) => Floor { major: 2, minor: 12 },
        ("manylinux2014", _) => Floor { major: 2, minor: 17 },
        ("manylinux" | "macosx", rest) => {
            let mut parts = rest.splitn(3, '_');
            Floor { major: parts.next()?.parse().ok()?, minor: parts.next()?.parse().ok()? }
        }
        _ => return None,
    };
    // There is no Mac with an ARM processor and an older system.
    let oldest = match (os, arch) {
        (Os::Macos, Arch::Aarch64) => Floor { major: 11, minor: 0 },
        (Os::Macos, Arch::X86_64) | (Os::Linux, _) => Floor { major: 0, minor: 0 },
    };
    Some(named.max(oldest))
}

/// The platform tags, best first. A bare `linux_*` is not among them: nothing says which glibc it needs.
fn platforms(target: Target) -> Vec<String> {
    match target.os {
        Os::Linux => linux(target.arch, target.floor),
        Os::Macos => macos(target.arch, target.floor),
    }
}

fn linux(arch: Arch, floor: Floor) -> Vec<String> {
    let machine = arch.machine(Os::Linux);
    let oldest = match arch {
        Arch::X86_64 => 5,
        Arch::Aarch64 => 17,
    };
    let mut out = Vec::new();
    for minor in (oldest..=floor.minor).rev() {
        out.push(format!("manylinux_2_{minor}_{machine}"));
        let alias = match minor {
            17 => "manylinux2014",
            12 => "manylinux2010",
            5 => "manylinux1",
            _ => continue,
        };
        out.push(format!("{alias}_{machine}"));
    }
    out
}

fn macos(arch: Arch, floor: Floor) -> Vec<String> {
    const INTEL: [&str; 7] = ["x86_64", "intel", "fat64", "fat32", "fat3", "universal2", "universal"];
    const ARM: [&str; 2] = ["arm64", "universal2"];
    let mut out = Vec::new();
    let mut add = |major: u16, minor: u16, formats: &[&str]| {
        out.extend(formats.iter().map(|format| format!("macosx_{major}_{minor}_{format}")));
    };
    let (all, old): (&[&str], &[&str]) = match arch {
        Arch::X86_64 => (&INTEL, &INTEL),
        Arch::Aarch64 => (&ARM, &["universal2"]),
    };
    for major in (11..=floor.major).rev() {
        add(major, 0, all);
    }
    let newest_ten = if floor.major >= 11 { 16 } else { floor.minor };
    for minor in (4..=newest_ten).rev() {
        add(10, minor, old);
    }
    out
}

#[cfg(test)]
mod tests;
