//! The name of a result before it exists: sha256 over exactly what its bytes depend on.

use domain::values::{Digest, Target};
use serde_json::json;
use sha2::{Digest as _, Sha256};

/// Same input bytes, target, options and packer version: same output bytes, so equal jobs share one result.
pub(super) fn of(input: &Digest, target: Target, strict: bool, packer: &str) -> Digest {
    let inputs = json!({"input": input, "target": target, "strict": strict, "packer": packer});
    Digest::of_bytes(Sha256::digest(inputs.to_string()).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(floor: &str) -> Target {
        serde_json::from_value(json!({"os": "linux", "arch": "x86_64", "floor": floor, "python": "3.12.3"}))
            .unwrap()
    }

    #[test]
    fn whatever_changes_the_bytes_changes_the_key() {
        let input: Digest = "ab".repeat(32).parse().unwrap();
        let other: Digest = "cd".repeat(32).parse().unwrap();
        let key = of(&input, target("2.39"), false, "1");
        assert_eq!(key, of(&input, target("2.39"), false, "1"));
        for changed in [
            of(&other, target("2.39"), false, "1"),
            of(&input, target("2.17"), false, "1"),
            of(&input, target("2.39"), true, "1"),
            of(&input, target("2.39"), false, "2"),
        ] {
            assert_ne!(key, changed);
        }
    }
}
