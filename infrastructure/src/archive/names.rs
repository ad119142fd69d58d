//! Which entry names are safe on every system, and which two names are one.

use std::collections::HashSet;

use application::failure::{Failure, Reason};
use unicode_normalization::UnicodeNormalization;

use super::ambiguous;

/// The name of an entry as text.
///
/// # Errors
/// `PackageUnsafePath` for a name that leaves the directory, means something else on another system, or cannot
/// be shown.
pub fn check(raw: &[u8], longest: usize) -> Result<&str, Failure> {
    let Ok(name) = std::str::from_utf8(raw) else {
        return Err(unsafe_path(&String::from_utf8_lossy(raw)));
    };
    let path = name.strip_suffix('/').unwrap_or(name);
    let is_bad_segment = |segment: &str| matches!(segment, "" | "." | "..");
    let has_drive = path.as_bytes().get(1) == Some(&b':') && path.as_bytes()[0].is_ascii_alphabetic();
    if name.len() > longest
        || has_drive
        || path.chars().any(|c| c == '\\' || c.is_control())
        || path.split('/').any(is_bad_segment)
    {
        return Err(unsafe_path(name));
    }
    Ok(name)
}

fn unsafe_path(name: &str) -> Failure {
    let shown: String = name.escape_debug().take(120).collect();
    Failure::permanent(Reason::PackageUnsafePath, format!("Unsafe path in package: '{shown}'"))
}

/// What a system without case, or one that composes letters, makes of a name.
pub fn folded(name: &str) -> String {
    if name.is_ascii() {
        return name.to_ascii_lowercase();
    }
    // Upper case first: it also unites the letters that have several lower-case forms.
    let upper: String = name.nfc().flat_map(char::to_uppercase).collect();
    upper.nfc().flat_map(char::to_lowercase).nfc().collect()
}

/// Windows drops dots and spaces at the end of a name: `main.py.` is `main.py` there. Names it reserves (`aux.py`)
/// are left alone, because no target is a Windows and such modules exist.
fn without_ends(name: &str) -> String {
    let kept = |segment: &'_ str| match segment.trim_end_matches(['.', ' ']) {
        "" => segment.to_owned(),
        kept => kept.to_owned(),
    };
    name.split('/').map(kept).collect::<Vec<_>>().join("/")
}

/// Finds names that collide with each other: equal ones, and a file that would also have to be a directory.
#[derive(Debug, Default)]
pub struct Collisions {
    files: HashSet<String>,
    parents: HashSet<String>,
    directories: HashSet<String>,
}

impl Collisions {
    /// # Errors
    /// `PackageAmbiguous` when an earlier name is the same path.
    pub fn add(&mut self, name: &str, fold: bool) -> Result<(), Failure> {
        let key = if fold { without_ends(&folded(name)) } else { name.to_owned() };
        let (path, is_directory) = match key.strip_suffix('/') {
            Some(path) => (path, true),
            None => (key.as_str(), false),
        };
        let twice = || {
            let shown: String = name.chars().take(120).collect();
            ambiguous(format!("'{shown}' is in it twice"))
        };
        let seen = self.files.contains(path)
            || if is_directory {
                !self.directories.insert(path.to_owned())
            } else {
                self.parents.contains(path) || self.directories.contains(path)
            };
        if seen {
            return Err(twice());
        }
        for (at, _) in path.match_indices('/') {
            let parent = &path[..at];
            if self.files.contains(parent) {
                return Err(twice());
            }
            if !self.parents.contains(parent) {
                self.parents.insert(parent.to_owned());
            }
        }
        if !is_directory {
            self.files.insert(path.to_owned());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ordinary_names_are_safe() {
        for name in ["manifest.yaml", "_assets/icon.svg", "a/b/c.py", "dir/", "größe.txt", "a..b/...c"] {
            assert_eq!(check(name.as_bytes(), 255), Ok(name));
        }
    }

    #[test]
    fn names_that_leave_the_directory_or_mean_another_file_elsewhere_are_refused() {
        let long = "a".repeat(256);
        for name in [
            "",
            "/",
            "../../evil.py",
            "a/../b",
            "..",
            ".",
            "./a",
            "a//b",
            "/etc/passwd",
            "a\\b",
            "C:/x",
            "c:x",
            "a\0b",
            "a\nb",
            "a\u{7f}",
            "a\u{85}b",
            "a/./b",
            "a/..",
            long.as_str(),
        ] {
            let refused = check(name.as_bytes(), 255).unwrap_err();
            assert_eq!(refused.reason, Reason::PackageUnsafePath, "{name:?}");
        }
        assert_eq!(
            check(b"../../evil.py", 255).unwrap_err().message,
            "Unsafe path in package: '../../evil.py'"
        );
        assert!(check(&[0xff, b'a'], 255).is_err());
    }

    #[test]
    fn two_names_of_one_file_collide() {
        let collide = |names: &[&str]| {
            let mut seen = Collisions::default();
            names.iter().any(|name| seen.add(name, true).is_err())
        };
        for names in [
            ["a", "a"],
            ["README", "readme"],
            ["\u{e9}", "e\u{301}"],
            ["stra\u{df}e", "STRASSE"],
            ["a", "a/b"],
            ["a/b", "a"],
            ["a", "a/"],
            ["a/", "A/"],
            ["main.py", "main.py."],
            ["a./b", "A /b"],
        ] {
            assert!(collide(&names), "{names:?}");
        }
        assert!(!collide(&["a/", "a/b", "a/c", "b", "con", "aux.py", "...", "...."]));
    }

    proptest! {
        #[test]
        fn a_safe_name_never_leaves_its_directory(name in "[a-c./\\\\:]{0,12}") {
            if let Ok(name) = check(name.as_bytes(), 255) {
                let mut depth = 0_i32;
                for part in std::path::Path::new(name).components() {
                    prop_assert!(matches!(part, std::path::Component::Normal(_)));
                    depth += 1;
                }
                prop_assert!(depth > 0);
            }
        }
    }
}
