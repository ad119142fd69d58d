//! The answers of a resolver inside the package it was asked for, under the names that PEP 751 knows.

use std::collections::BTreeMap;

use application::ports::packaging::Resolution;
use domain::values::{Os, Target};

/// `pylock.toml`, or one per machine: `pylock.linux-x86_64.toml`. One for all where all are the same.
pub(super) fn pylocks<'a>(resolutions: &'a [Resolution], targets: &[Target]) -> BTreeMap<String, &'a str> {
    let texts = resolutions.iter().map(|resolution| resolution.pylock.as_str());
    if targets.len() < 2 {
        return texts.take(1).map(|text| ("pylock.toml".to_owned(), text)).collect();
    }
    let mut named = BTreeMap::new();
    for (target, text) in targets.iter().zip(texts) {
        let twin = |other: &Target| (other.os, other.arch) == (target.os, target.arch) && other != target;
        let name = if targets.iter().any(twin) {
            // The name between the dots has none itself.
            format!("pylock.{}-{}.toml", machine(*target), target.floor.to_string().replace('.', "_"))
        } else {
            format!("pylock.{}.toml", machine(*target))
        };
        named.insert(name, text);
    }
    named
}

pub(super) fn machine(target: Target) -> String {
    let os = match target.os {
        Os::Linux => "linux",
        Os::Macos => "macos",
    };
    format!("{os}-{}", target.arch.machine(target.os))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(os: &str, arch: &str, floor: &str) -> Target {
        let text = format!(r#"{{"os":"{os}","arch":"{arch}","floor":"{floor}","python":"3.12.3"}}"#);
        serde_json::from_str(&text).unwrap()
    }

    fn names(targets: &[Target]) -> Vec<String> {
        let resolution = |_: &Target| Resolution {
            resolver: "r".to_owned(),
            pylock: "x".to_owned(),
            sdists: Vec::new(),
            notes: Vec::new(),
        };
        let resolutions: Vec<_> = targets.iter().map(resolution).collect();
        pylocks(&resolutions, targets).into_keys().collect()
    }

    #[test]
    fn one_target_has_the_plain_name_and_several_say_their_machine() {
        let (intel, arm) = (target("linux", "x86_64", "2.39"), target("macos", "aarch64", "14.0"));
        assert_eq!(names(&[intel]), ["pylock.toml"]);
        assert_eq!(names(&[intel, arm]), ["pylock.linux-x86_64.toml", "pylock.macos-arm64.toml"]);
        assert!(pylocks(&[], &[intel, arm]).is_empty());
    }

    #[test]
    fn two_floors_of_one_machine_have_two_names_without_further_dots() {
        let (old, new) = (target("linux", "x86_64", "2.17"), target("linux", "x86_64", "2.39"));
        assert_eq!(names(&[old, new]), ["pylock.linux-x86_64-2_17.toml", "pylock.linux-x86_64-2_39.toml"]);
        assert_eq!(names(&[old, old]), ["pylock.linux-x86_64.toml"]);
    }
}
