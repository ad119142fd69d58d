//! Any text as `manifest.yaml`: refused in words, or a plugin whose identity and label are safe to show.
#![no_main]

use application::failure::Reason;
use infrastructure::archive::manifest;
use libfuzzer_sys::{Corpus, fuzz_target};

fuzz_target!(|bytes: &[u8]| -> Corpus {
    let Ok(text) = std::str::from_utf8(bytes) else { return Corpus::Reject };
    match manifest::read(text, |name| name.len() % 2 == 0) {
        Ok(manifest) => {
            let identity = manifest.identity.to_string();
            assert!(
                identity.bytes().all(|b| b.is_ascii_alphanumeric() || b"/:._-".contains(&b)),
                "{identity}"
            );
            assert!(!manifest.label.contains(char::is_control) && manifest.label.chars().count() <= 200);
            assert!(manifest.notes.iter().all(|note| !note.text.contains(char::is_control)));
        }
        Err(failure) => {
            assert_eq!(failure.reason, Reason::ManifestInvalid);
            assert!(!failure.message.contains(char::is_control), "{}", failure.message);
        }
    }
    Corpus::Keep
});
