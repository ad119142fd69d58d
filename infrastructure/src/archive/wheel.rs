//! What a wheel says of itself (core metadata): its name, version and licence, compared with what was locked.

use std::{fmt, path::Path};

use application::{
    failure::{Failure, Reason},
    ports::packaging::Wheel,
};
use serde::{Serialize, Serializer};

use super::{check::Checked, limits::Limits};
use crate::wheels::{normalised, same_version};

/// The text for a wheel that is not what its lock says, whichever way.
pub fn mismatch(wheel: &Wheel) -> Failure {
    Failure::permanent(Reason::WheelMismatch, format!("Integrity check failed for {}", wheel.file_name))
}

/// As the wheel names it; all texts are short and without control characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Licence {
    /// SPDX (PEP 639).
    Expression(String),
    Names(Vec<String>),
}

impl fmt::Display for Licence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Expression(text) => f.write_str(text),
            Self::Names(names) => f.write_str(&names.join(", ")),
        }
    }
}

/// As one text.
impl Serialize for Licence {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

/// Opens the wheel and gives its licence, if it names one.
///
/// # Errors
/// [`mismatch`] when it is no sound archive, or is another project or version than the locked one.
pub fn licence(path: &Path, wheel: &Wheel) -> Result<Option<Licence>, Failure> {
    read(path)
        .filter(|metadata| metadata.is_of(wheel))
        .map(|metadata| metadata.licence())
        .ok_or_else(|| mismatch(wheel))
}

fn read(path: &Path) -> Option<Metadata> {
    let archive = Checked::open(path, &Limits::WHEEL)
        .inspect_err(|failure| tracing::warn!(%failure, "a wheel is no sound archive"))
        .ok()?;
    let mut found = archive.entries.iter().filter(|entry| {
        entry
            .name
            .split_once('/')
            .is_some_and(|(directory, file)| file == "METADATA" && directory.ends_with(".dist-info"))
    });
    let (Some(entry), None) = (found.next(), found.next()) else { return None };
    let bytes = archive.read(entry, Limits::WHEEL.text).ok()?;
    Some(Metadata::read(&String::from_utf8_lossy(&bytes)))
}

#[derive(Debug, Default)]
struct Metadata {
    headers: Vec<(String, String)>,
}

impl Metadata {
    fn read(text: &str) -> Self {
        let mut headers: Vec<(String, String)> = Vec::new();
        for line in text.lines().take_while(|line| !line.is_empty()) {
            if line.starts_with([' ', '\t']) {
                continue;
            }
            if let Some((name, value)) = line.split_once(':') {
                headers.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
            }
        }
        Self { headers }
    }

    fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.headers.iter().filter(move |header| header.0 == name).map(|header| header.1.as_str())
    }

    fn is_of(&self, wheel: &Wheel) -> bool {
        let one = |name| {
            let mut all = self.all(name);
            match (all.next(), all.next()) {
                (Some(only), None) => Some(only),
                (Some(_) | None, _) => None,
            }
        };
        one("name").is_some_and(|name| normalised(name) == wheel.name)
            && one("version").is_some_and(|version| same_version(version, &wheel.version))
    }

    /// The expression (PEP 639), else the free text when it is short, else the classifiers.
    fn licence(&self) -> Option<Licence> {
        let short = |text: &&str| !text.is_empty() && text.len() <= 120 && *text != "UNKNOWN";
        if let Some(text) = self.all("license-expression").find(short) {
            return Some(Licence::Expression(plain(text)));
        }
        let mut names: Vec<String> = self.all("license").find(short).map(plain).into_iter().collect();
        if names.is_empty() {
            let classifiers = self.all("classifier").filter(|text| text.starts_with("License ::"));
            names = classifiers.filter_map(|text| text.rsplit(" :: ").next()).take(10).map(plain).collect();
        }
        (!names.is_empty()).then_some(Licence::Names(names))
    }
}

fn plain(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::sample::{Sample, file};

    fn wheel(name: &str, version: &str) -> Wheel {
        Wheel {
            name: name.to_owned(),
            version: version.to_owned(),
            file_name: format!("{name}-{version}-py3-none-any.whl"),
            urls: Vec::new(),
            sha256: "00".repeat(32).parse().unwrap(),
            size: None,
            tag: "py3-none-any".to_owned(),
            floor: None,
            built: false,
        }
    }

    fn metadata(text: &str) -> tempfile::NamedTempFile {
        Sample::new(vec![file("x/", b""), file("a_b-1.0.dist-info/METADATA", text.as_bytes())]).write()
    }

    #[test]
    fn name_and_version_are_compared_as_packaging_compares_them() {
        let file = metadata("Metadata-Version: 2.1\nName: A.b\nVersion: 1\nLicense: MIT\n\nName: other\n");
        assert_eq!(
            licence(file.path(), &wheel("a-b", "1.0")),
            Ok(Some(Licence::Names(vec!["MIT".to_owned()])))
        );
        for wrong in [wheel("a-c", "1.0"), wheel("a-b", "1.1")] {
            let refused = licence(file.path(), &wrong).unwrap_err();
            assert_eq!(refused.message, format!("Integrity check failed for {}", wrong.file_name));
        }
    }

    #[test]
    fn two_names_and_no_metadata_are_refused() {
        let twice = metadata("Name: a-b\nName: a-b\nVersion: 1.0\n");
        assert!(licence(twice.path(), &wheel("a-b", "1.0")).is_err());
        let none = Sample::new(vec![file("a", b"x")]).write();
        assert!(licence(none.path(), &wheel("a-b", "1.0")).is_err());
    }

    #[test]
    fn a_licence_is_found_in_any_of_its_three_places() {
        let of = |text: &str| Metadata::read(text).licence().map(|licence| licence.to_string());
        let expression = Metadata::read("License-Expression: MIT\n").licence().unwrap();
        assert_eq!(expression, Licence::Expression("MIT".to_owned()));
        assert_eq!(of("License-Expression: MIT OR Apache-2.0\nLicense: x\n").unwrap(), "MIT OR Apache-2.0");
        let long =
            format!("License: {}\nClassifier: License :: OSI Approved :: BSD License\n", "x".repeat(500));
        assert_eq!(of(&long).unwrap(), "BSD License");
        let two =
            "Classifier: License :: OSI Approved :: BSD License\nClassifier: License :: DFSG approved\n";
        assert_eq!(of(two).unwrap(), "BSD License, DFSG approved");
        assert_eq!(of("Name: x\n"), None);
    }
}
