//! `.repack/manifest.json`: what is in an offline package and where it came from. No times, no credentials, so
//! equal inputs give equal bytes.

use std::collections::HashMap;

use application::ports::packaging::{Resolution, Wheel};
use domain::values::{Digest, PluginIdentity, Target};
use serde::{Deserialize, Serialize};
use url::Url;

use super::version::VERSION;
use crate::{archive::wheel::Licence, wheels::lock::Lock};

#[derive(Serialize)]
struct Sbom<'a> {
    packer: &'static str,
    input: Input<'a>,
    targets: &'a [Target],
    source: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    resolver: Option<&'a str>,
    wheels: &'a [Component<'a>],
}

#[derive(Serialize)]
struct Input<'a> {
    sha256: &'a Digest,
    identifier: &'a str,
}

/// One file under `wheels/`.
#[derive(Serialize)]
pub(super) struct Component<'a> {
    pub(super) name: &'a str,
    pub(super) version: &'a str,
    pub(super) file: &'a str,
    pub(super) sha256: &'a Digest,
    pub(super) size: u64,
    pub(super) source_host: Option<String>,
    pub(super) tag: &'a str,
    pub(super) built: bool,
    pub(super) licence: Option<&'a Licence>,
}

/// What packing learned about a wheel from its own bytes.
pub(super) struct Opened<'a> {
    pub(super) wheel: &'a Wheel,
    pub(super) size: u64,
    pub(super) licence: Option<Licence>,
}

pub(super) struct Origin<'a> {
    pub(super) identity: &'a PluginIdentity,
    pub(super) sha256: &'a Digest,
    pub(super) identifier: &'a str,
    pub(super) targets: &'a [Target],
    pub(super) source: &'a str,
    /// If it was what selected.
    pub(super) lock: Option<&'a str>,
    pub(super) resolutions: &'a [Resolution],
}

pub(super) fn components<'a>(origin: &Origin<'_>, opened: &'a [Opened<'a>]) -> Vec<Component<'a>> {
    let pylocks = origin.resolutions.iter().flat_map(|resolution| in_pylock(&resolution.pylock));
    let hosts: HashMap<Digest, String> = origin.lock.into_iter().flat_map(in_lock).chain(pylocks).collect();
    let component = |Opened { wheel, size, licence }: &'a Opened<'a>| Component {
        name: &wheel.name,
        version: &wheel.version,
        file: &wheel.file_name,
        sha256: &wheel.sha256,
        size: *size,
        source_host: hosts.get(&wheel.sha256).filter(|_| !wheel.built).cloned(),
        tag: &wheel.tag,
        built: wheel.built,
        licence: licence.as_ref(),
    };
    opened.iter().map(component).collect()
}

/// `None` only if the values cannot be written as JSON, which they always can.
pub(super) fn json(origin: &Origin<'_>, wheels: &[Component<'_>]) -> Option<Vec<u8>> {
    let sbom = Sbom {
        packer: VERSION,
        input: Input { sha256: origin.sha256, identifier: origin.identifier },
        targets: origin.targets,
        source: origin.source,
        resolver: origin.resolutions.first().map(|resolution| resolution.resolver.as_str()),
        wheels,
    };
    let mut json = serde_json::to_vec_pretty(&sbom).ok()?;
    json.push(b'\n');
    Some(json)
}

/// The host that the lock names for each wheel: not the mirror it came from, which the bytes must not depend on.
fn in_lock(lock: &str) -> Vec<(Digest, String)> {
    let Some(lock) = Lock::read(lock) else { return Vec::new() };
    let wheels = lock.packages.iter().flat_map(|package| &package.wheels);
    wheels.filter_map(|wheel| Some((wheel.sha256()?, host(wheel.url.as_deref()?)?))).collect()
}

/// The same in the words of PEP 751.
fn in_pylock(text: &str) -> Vec<(Digest, String)> {
    #[derive(Deserialize)]
    struct Pylock {
        #[serde(default)]
        packages: Vec<Package>,
    }
    #[derive(Deserialize)]
    struct Package {
        #[serde(default)]
        wheels: Vec<File>,
    }
    #[derive(Deserialize)]
    struct File {
        url: Option<String>,
        #[serde(default)]
        hashes: HashMap<String, String>,
    }
    let Ok(pylock) = toml::from_str::<Pylock>(text) else { return Vec::new() };
    let known = |file: &File| Some((file.hashes.get("sha256")?.parse().ok()?, host(file.url.as_deref()?)?));
    pylock.packages.iter().flat_map(|package| &package.wheels).filter_map(known).collect()
}

fn host(url: &str) -> Option<String> {
    Url::parse(url).ok()?.host_str().map(str::to_owned)
}
