//! The name of a result before it exists: sha256 over exactly what its bytes and its report depend on.

use domain::values::Digest;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::{Order, making::digest};
use crate::ports::packaging::Selection;

/// Same input bytes, targets, options, resolution, built wheels and packer: same output bytes, so equal jobs share
/// one result.
pub(super) fn of(input: &Digest, order: Order<'_>, selection: &Selection, packer: &str) -> Digest {
    let built: Vec<_> =
        selection.wheels.iter().filter(|wheel| wheel.built).map(|wheel| &wheel.sha256).collect();
    let inputs = json!({
        "input": input,
        "targets": order.targets,
        "strict": order.strict,
        "verify_install": order.verify_install,
        "resolutions": selection.resolutions.iter().map(digest).collect::<Vec<_>>(),
        "built": built,
        "packer": packer,
    });
    Digest::of_bytes(Sha256::digest(inputs.to_string()).into())
}

#[cfg(test)]
mod tests {
    use domain::{task::Source, values::Target};

    use super::*;
    use crate::ports::packaging::{DependencySource, Needs, Resolution, Wheel};

    fn target(floor: &str) -> Target {
        serde_json::from_value(json!({"os": "linux", "arch": "x86_64", "floor": floor, "python": "3.12.3"}))
            .unwrap()
    }

    fn selection(pylock: &str, built: u8) -> Selection {
        let wheel = Wheel {
            name: "a".to_owned(),
            version: "1".to_owned(),
            file_name: "a-1-py3-none-any.whl".to_owned(),
            urls: Vec::new(),
            sha256: Digest::of_bytes([built; 32]),
            size: None,
            tag: "py3-none-any".to_owned(),
            floor: None,
            built: true,
        };
        Selection {
            source: DependencySource::Requirements,
            wheels: vec![wheel],
            sdists: Vec::new(),
            needs: Needs::default(),
            resolutions: vec![Resolution {
                resolver: "uv".to_owned(),
                pylock: pylock.to_owned(),
                sdists: Vec::new(),
                notes: Vec::new(),
            }],
            notes: Vec::new(),
        }
    }

    #[test]
    fn whatever_changes_the_bytes_changes_the_key() {
        let input: Digest = "ab".repeat(32).parse().unwrap();
        let other: Digest = "cd".repeat(32).parse().unwrap();
        let source = Source::UploadSha256(input.clone());
        let (old, new) = ([target("2.17")], [target("2.39")]);
        let order = |targets| Order {
            source: &source,
            targets,
            strict: false,
            refresh: false,
            verify_install: false,
            group: None,
            work: None,
        };
        let plain = selection("x", 1);
        let key = of(&input, order(&new), &plain, "1");
        assert_eq!(key, of(&input, Order { refresh: true, ..order(&new) }, &plain, "1"));
        for changed in [
            of(&other, order(&new), &plain, "1"),
            of(&input, order(&old), &plain, "1"),
            of(&input, Order { strict: true, ..order(&new) }, &plain, "1"),
            of(&input, Order { verify_install: true, ..order(&new) }, &plain, "1"),
            of(&input, order(&new), &selection("y", 1), "1"),
            of(&input, order(&new), &selection("x", 2), "1"),
            of(&input, order(&new), &plain, "2"),
        ] {
            assert_ne!(key, changed);
        }
    }
}
