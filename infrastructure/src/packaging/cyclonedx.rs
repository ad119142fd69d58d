//! `.repack/sbom.cdx.json`: the same as the manifest beside it, in CycloneDX 1.6. No time, and a serial number that
//! follows from the content, so equal inputs give equal bytes.

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::{
    pack::VERSION,
    pylocks::machine,
    sbom::{Component, Origin},
};
use crate::archive::wheel::Licence;

/// `None` only if the values cannot be written as JSON, which they always can.
pub(super) fn json(origin: &Origin<'_>, wheels: &[Component<'_>]) -> Option<Vec<u8>> {
    let mut bom = json!({
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "tools": {"components": [{"type": "application", "name": "plugyard", "version": VERSION}]},
            "component": plugin(origin),
        },
        "components": wheels.iter().map(library).collect::<Vec<_>>(),
    });
    let content: [u8; 32] = Sha256::digest(serde_json::to_vec(&bom).ok()?).into();
    bom["serialNumber"] = format!("urn:uuid:{}", Uuid::new_v5(&Uuid::NAMESPACE_OID, &content)).into();
    let mut json = serde_json::to_vec_pretty(&bom).ok()?;
    json.push(b'\n');
    Some(json)
}

fn plugin(origin: &Origin<'_>) -> Value {
    let mut properties = vec![
        property("input:sha256", origin.sha256.as_str()),
        property("input:identifier", origin.identifier),
        property("source", origin.source),
    ];
    for target in origin.targets {
        let text = format!("{} floor {} python {}", machine(*target), target.floor, target.python);
        properties.push(property("target", &text));
    }
    if let Some(resolution) = origin.resolutions.first() {
        properties.push(property("resolver", &resolution.resolver));
    }
    json!({
        "type": "application",
        "bom-ref": origin.identity.to_string(),
        "group": origin.identity.author(),
        "name": origin.identity.name(),
        "version": origin.identity.version(),
        "properties": properties,
    })
}

fn library(wheel: &Component<'_>) -> Value {
    let purl = format!(
        "pkg:pypi/{}@{}?file_name={}",
        encoded(wheel.name),
        encoded(wheel.version),
        encoded(wheel.file)
    );
    let mut properties = vec![
        property("file", wheel.file),
        property("size", &wheel.size.to_string()),
        property("tag", wheel.tag),
        property("built", if wheel.built { "true" } else { "false" }),
    ];
    if let Some(host) = &wheel.source_host {
        properties.push(property("source_host", host));
    }
    let mut component = json!({
        "type": "library",
        "bom-ref": purl,
        "name": wheel.name,
        "version": wheel.version,
        "scope": "required",
        "hashes": [{"alg": "SHA-256", "content": wheel.sha256}],
        "purl": purl,
        "properties": properties,
    });
    match wheel.licence {
        Some(Licence::Expression(text)) => component["licenses"] = json!([{"expression": text}]),
        Some(Licence::Names(names)) => {
            component["licenses"] =
                names.iter().map(|name| json!({"license": {"name": name}})).collect::<Vec<_>>().into();
        }
        None => {}
    }
    component
}

fn property(name: &str, value: &str) -> Value {
    json!({"name": format!("plugyard:{name}"), "value": value})
}

/// As a package URL wants it: everything but letters, digits and `.-_~` in percents.
fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_~".contains(&byte);
    text.bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_local_version_is_written_so_that_a_package_url_can_be_read() {
        assert_eq!(encoded("2.1.0+cpu"), "2.1.0%2Bcpu");
        assert_eq!(encoded("1!2"), "1%212");
        assert_eq!(encoded("a_b-c.d~1"), "a_b-c.d~1");
    }
}
