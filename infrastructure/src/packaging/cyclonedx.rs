//! `.repack/sbom.cdx.json`: the same as the manifest beside it, in CycloneDX 1.6. No time, and a serial number that
//! follows from the content, so equal inputs give equal bytes.

use serde::Serialize;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::{
    pylocks::machine,
    sbom::{Component, Origin},
    version::VERSION,
};
use crate::archive::wheel::Licence;

#[derive(Serialize)]
struct Bom<'a> {
    #[serde(rename = "$schema")]
    schema: &'static str,
    #[serde(rename = "bomFormat")]
    format: &'static str,
    #[serde(rename = "specVersion")]
    spec: &'static str,
    #[serde(rename = "serialNumber", skip_serializing_if = "Option::is_none")]
    serial: Option<String>,
    version: u32,
    metadata: Metadata<'a>,
    components: Vec<Part<'a>>,
}

#[derive(Serialize)]
struct Metadata<'a> {
    tools: Tools<'a>,
    component: Part<'a>,
}

#[derive(Serialize)]
struct Tools<'a> {
    components: [Part<'a>; 1],
}

/// What the standard calls a component: the plugin, a wheel, or the tool that wrote this.
#[derive(Serialize)]
struct Part<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(rename = "bom-ref", skip_serializing_if = "Option::is_none")]
    reference: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    group: Option<&'a str>,
    name: &'a str,
    version: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    hashes: Vec<Hash<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    licenses: Vec<Named<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    purl: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    properties: Vec<Property>,
}

#[derive(Serialize)]
struct Hash<'a> {
    alg: &'static str,
    content: &'a str,
}

/// Either one expression or any number of names.
#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum Named<'a> {
    Expression(&'a str),
    License { name: &'a str },
}

#[derive(Serialize)]
struct Property {
    name: String,
    value: String,
}

impl<'a> Part<'a> {
    fn new(kind: &'static str, name: &'a str, version: &'a str) -> Self {
        Self {
            kind,
            reference: None,
            group: None,
            name,
            version,
            scope: None,
            hashes: Vec::new(),
            licenses: Vec::new(),
            purl: None,
            properties: Vec::new(),
        }
    }
}

/// `None` only if the values cannot be written as JSON, which they always can.
pub(super) fn json(origin: &Origin<'_>, wheels: &[Component<'_>]) -> Option<Vec<u8>> {
    let mut bom = Bom {
        schema: "http://cyclonedx.org/schema/bom-1.6.schema.json",
        format: "CycloneDX",
        spec: "1.6",
        serial: None,
        version: 1,
        metadata: Metadata {
            tools: Tools { components: [Part::new("application", "plugyard", VERSION)] },
            component: plugin(origin),
        },
        components: wheels.iter().map(library).collect(),
    };
    let content: [u8; 32] = Sha256::digest(serde_json::to_vec(&bom).ok()?).into();
    bom.serial = Some(format!("urn:uuid:{}", Uuid::new_v5(&Uuid::NAMESPACE_OID, &content)));
    let mut json = serde_json::to_vec_pretty(&bom).ok()?;
    json.push(b'\n');
    Some(json)
}

fn plugin<'a>(origin: &Origin<'a>) -> Part<'a> {
    let mut properties = vec![
        property("input:sha256", origin.sha256.as_str()),
        property("input:identifier", origin.identifier),
        property("source", origin.source),
    ];
    properties.extend(origin.targets.iter().map(|target| {
        let text = format!("{} floor {} python {}", machine(*target), target.floor, target.python);
        property("target", text)
    }));
    properties
        .extend(origin.resolutions.first().map(|resolution| property("resolver", &resolution.resolver)));
    let identity = origin.identity;
    Part {
        reference: Some(identity.to_string()),
        group: Some(identity.author()),
        properties,
        ..Part::new("application", identity.name(), identity.version())
    }
}

fn library<'a>(wheel: &'a Component<'_>) -> Part<'a> {
    let purl = format!(
        "pkg:pypi/{}@{}?file_name={}",
        encoded(wheel.name),
        encoded(wheel.version),
        encoded(wheel.file)
    );
    let mut properties = vec![
        property("file", wheel.file),
        property("size", wheel.size.to_string()),
        property("tag", wheel.tag),
        property("built", wheel.built.to_string()),
    ];
    properties.extend(wheel.source_host.as_ref().map(|host| property("source_host", host)));
    Part {
        reference: Some(purl.clone()),
        scope: Some("required"),
        hashes: vec![Hash { alg: "SHA-256", content: wheel.sha256.as_str() }],
        licenses: match wheel.licence {
            Some(Licence::Expression(text)) => vec![Named::Expression(text)],
            Some(Licence::Names(names)) => names.iter().map(|name| Named::License { name }).collect(),
            None => Vec::new(),
        },
        purl: Some(purl),
        properties,
        ..Part::new("library", wheel.name, wheel.version)
    }
}

fn property(name: &str, value: impl Into<String>) -> Property {
    Property { name: format!("plugyard:{name}"), value: value.into() }
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
