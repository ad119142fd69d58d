//! What a plugin needs: this host, and other plugins in its scope.

use std::collections::{BTreeMap, BTreeSet};

use domain::{
    installation::{InstalledRelease, Runtime},
    operation::OperationFault,
    values::InstalledName,
};
use semver::{Version, VersionReq};
use serde_json::{Value, json};

use super::faults::Code;
use crate::queries::installations::InstallationView;

/// What this host offers to plugins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostLevel {
    /// Of the API that native plugins are written for.
    pub nexus: Version,
    pub platform: &'static str,
}

/// The level that a manifest's `nexus_version` is compared with.
pub const API_LEVEL: Version = Version::new(1, 0, 0);

/// `pythons` are the minor versions of the interpreters that are here: 3.`n`.
pub(super) fn check_host(
    release: &InstalledRelease,
    level: &HostLevel,
    pythons: &BTreeSet<u8>,
) -> Result<(), OperationFault> {
    if release.runtime != Runtime::Native {
        return Ok(());
    }
    let manifest = &release.manifest;
    if let Some(range) = said(manifest, "nexus_version") {
        let wanted = parsed(range).ok_or_else(|| {
            Code::Incompatible.fault(format!("Its nexus_version is no range of versions: {range}"))
        })?;
        if !wanted.matches(&level.nexus) {
            let details = json!({"required": range, "host": level.nexus.to_string()});
            let message = format!("This plugin needs Nexus {range}; this host speaks {}", level.nexus);
            return Err(Code::Incompatible.because(message, details));
        }
    }
    if let Some(range) = said(manifest, "python_version") {
        let wanted = parsed(range)
            .ok_or_else(|| Code::Incompatible.fault(format!("Its python_version is no range: {range}")))?;
        let has_one = pythons.iter().any(|minor| wanted.matches(&Version::new(3, u64::from(*minor), 99)));
        if !has_one {
            let here: Vec<String> = pythons.iter().map(|minor| format!("3.{minor}")).collect();
            let message = format!("This plugin needs Python {range}; this host has {}", here.join(", "));
            return Err(Code::Incompatible.because(message, json!({"required": range, "host": here})));
        }
    }
    let platforms = manifest["platforms"].as_array();
    if platforms.is_some_and(|platforms| !platforms.iter().any(|one| one == level.platform)) {
        let message = format!("This plugin is not for {}", level.platform);
        return Err(Code::Incompatible.because(message, json!({"required": manifest["platforms"]})));
    }
    Ok(())
}

/// Which of Python it wants, if it says.
pub(super) fn wanted_python(release: &InstalledRelease) -> Option<&str> {
    said(&release.manifest, "python_version").filter(|_| release.runtime == Runtime::Native)
}

fn said<'a>(manifest: &'a Value, member: &str) -> Option<&'a str> {
    let compatibility = &manifest["compatibility"];
    manifest[member]
        .as_str()
        .or_else(|| compatibility[member].as_str())
        .filter(|range| !range.trim().is_empty())
}

/// Ranges are separated by commas or blanks; a bare version means that one or a compatible one.
pub(super) fn parsed(range: &str) -> Option<VersionReq> {
    if range.len() > 256 {
        return None;
    }
    let range = range.trim();
    let spaced = || range.split_whitespace().collect::<Vec<_>>().join(", ");
    VersionReq::parse(range).or_else(|_not_by_commas| VersionReq::parse(&spaced())).ok()
}

/// Every plugin that it needs is there, in range, and needs it in no circle.
pub(super) fn must_be_met(
    release: &InstalledRelease,
    here: &[InstallationView],
) -> Result<(), OperationFault> {
    let by_name = by_name(here);
    for (name, range) in &release.dependencies {
        let wrong = |message: String, installed: Option<String>| {
            let details = json!({"dependency": name, "required": range, "installed": installed});
            Err(Code::Dependency.because(message, details))
        };
        let Some(wanted) = parsed(range) else {
            return wrong(format!("The range of its dependency {name} cannot be read: {range}"), None);
        };
        let Some(found) = by_name.get(&name.to_ascii_lowercase()) else {
            return wrong(format!("It needs the plugin {name} {range}, which is not installed"), None);
        };
        if !wanted.matches(found.version.as_semver()) {
            let version = found.version.to_string();
            return wrong(
                format!("It needs the plugin {name} {range}; installed is {version}"),
                Some(version),
            );
        }
    }
    match circle(release, &by_name) {
        None => Ok(()),
        Some(path) => {
            let message = format!("Its dependencies lead back to it: {}", path.join(" -> "));
            Err(Code::Dependency.because(message, json!({"cycle": path})))
        }
    }
}

/// Nobody who stays needs it.
pub(super) fn must_not_be_needed(
    name: &InstalledName,
    here: &[InstallationView],
) -> Result<(), OperationFault> {
    let dependents = dependents(name, here);
    if dependents.is_empty() {
        return Ok(());
    }
    let message = format!("{} depend on it; remove them first, or force it", dependents.join(", "));
    Err(Code::Dependency.because(message, json!({"dependents": dependents})))
}

/// The names of those that need this one.
pub fn dependents(name: &InstalledName, here: &[InstallationView]) -> Vec<String> {
    let wanted = name.folded();
    let needs = |view: &&InstallationView| {
        let live = view.live.as_ref();
        live.is_some_and(|live| {
            live.release.dependencies.keys().any(|one| one.to_ascii_lowercase() == wanted)
        })
    };
    here.iter().filter(needs).map(|view| view.name.to_string()).collect()
}

/// Whoever is needed comes first; among equals by name. What stands in a circle comes last.
pub fn load_order(here: &[InstallationView]) -> Vec<&InstallationView> {
    let by_name = by_name(here);
    let mut left: Vec<&InstallationView> = here.iter().filter(|view| view.live.is_some()).collect();
    left.sort_by_key(|view| view.name.folded());
    let (mut placed, mut order) = (BTreeSet::new(), Vec::new());
    while !left.is_empty() {
        let is_ready = |view: &&InstallationView| {
            let needs = view.live.iter().flat_map(|live| live.release.dependencies.keys());
            let mut needs = needs.map(|name| name.to_ascii_lowercase());
            needs.all(|name| placed.contains(&name) || !by_name.contains_key(&name))
        };
        let (ready, rest): (Vec<_>, Vec<_>) = left.iter().copied().partition(is_ready);
        if ready.is_empty() {
            order.extend(rest);
            break;
        }
        placed.extend(ready.iter().map(|view| view.name.folded()));
        order.extend(ready);
        left = rest;
    }
    order
}

fn by_name(here: &[InstallationView]) -> BTreeMap<String, &InstalledRelease> {
    let live = here.iter().filter_map(|view| Some((view.name.folded(), &view.live.as_ref()?.release)));
    live.collect()
}

fn circle(release: &InstalledRelease, here: &BTreeMap<String, &InstalledRelease>) -> Option<Vec<String>> {
    let start = release.name.folded();
    let mut ways = vec![vec![start.clone()]];
    let mut seen = BTreeSet::new();
    while let Some(way) = ways.pop() {
        let last = way.last()?;
        let at = if *last == start && way.len() == 1 { Some(release) } else { here.get(last).copied() };
        for next in at.into_iter().flat_map(|release| release.dependencies.keys()) {
            let next = next.to_ascii_lowercase();
            let further = [way.clone(), vec![next.clone()]].concat();
            if next == start {
                return Some(further);
            }
            if seen.insert(next) {
                ways.push(further);
            }
        }
    }
    None
}

#[cfg(test)]
mod tests;
