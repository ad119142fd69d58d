//! `.repack/manifest.json`: what is in an offline package and where it came from. No times, no credentials, so
//! equal inputs give equal bytes.

use std::collections::HashMap;

use application::ports::packaging::Wheel;
use domain::values::{Digest, Target};
use serde::Serialize;
use url::Url;

use super::pack::VERSION;
use crate::wheels::lock::Lock;

#[derive(Serialize)]
struct Sbom<'a> {
    packer: &'static str,
    input: Input<'a>,
    targets: &'a [Target],
    source: &'a str,
    wheels: Vec<Component<'a>>,
}

#[derive(Serialize)]
struct Input<'a> {
    sha256: &'a Digest,
    identifier: &'a str,
}

#[derive(Serialize)]
struct Component<'a> {
    name: &'a str,
    version: &'a str,
    file: &'a str,
    sha256: &'a Digest,
    size: u64,
    source_host: Option<String>,
    tag: &'a str,
    built: bool,
    licence: Option<&'a str>,
}

/// What packing learned about a wheel from its own bytes.
pub(super) struct Opened<'a> {
    pub(super) wheel: &'a Wheel,
    pub(super) size: u64,
    pub(super) licence: Option<String>,
}

pub(super) struct Origin<'a> {
    pub(super) sha256: &'a Digest,
    pub(super) identifier: &'a str,
    pub(super) targets: &'a [Target],
    pub(super) source: &'a str,
    pub(super) lock: Option<&'a str>,
}

/// `None` only if the values cannot be written as JSON, which they always can.
pub(super) fn json(origin: &Origin<'_>, opened: &[Opened<'_>]) -> Option<Vec<u8>> {
    let hosts = origin.lock.map(hosts).unwrap_or_default();
    let wheels = opened
        .iter()
        .map(|Opened { wheel, size, licence }| Component {
            name: &wheel.name,
            version: &wheel.version,
            file: &wheel.file_name,
            sha256: &wheel.sha256,
            size: *size,
            source_host: hosts.get(&wheel.sha256).cloned(),
            tag: &wheel.tag,
            built: wheel.built,
            licence: licence.as_deref(),
        })
        .collect();
    let input = Input { sha256: origin.sha256, identifier: origin.identifier };
    let sbom = Sbom { packer: VERSION, input, targets: origin.targets, source: origin.source, wheels };
    let mut json = serde_json::to_vec_pretty(&sbom).ok()?;
    json.push(b'\n');
    Some(json)
}

/// The host that the lock names for each wheel: not the mirror it came from, which the bytes must not depend on.
fn hosts(lock: &str) -> HashMap<Digest, String> {
    let Some(lock) = Lock::read(lock) else { return HashMap::new() };
    let wheels = lock.packages.iter().flat_map(|package| &package.wheels);
    wheels
        .filter_map(|wheel| {
            let url = Url::parse(wheel.url.as_deref()?).ok()?;
            Some((wheel.sha256()?, url.host_str()?.to_owned()))
        })
        .collect()
}
