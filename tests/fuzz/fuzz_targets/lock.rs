//! Any text as `uv.lock`, for two targets: no selection, or one whose wheels are safe to fetch and to write.
#![no_main]
#![expect(clippy::unwrap_used, reason = "a fuzz target: a panic is what it looks for")]

use application::ports::packaging::Wheel;
use domain::values::{Arch, Os, Target};
use infrastructure::wheels::{
    normalised,
    select::{Declared, select},
    sources::IndexPolicy,
};
use libfuzzer_sys::{Corpus, fuzz_target};

fuzz_target!(|bytes: &[u8]| -> Corpus {
    let Ok(text) = std::str::from_utf8(bytes) else { return Corpus::Reject };
    let declared = Declared { lock: Some(text), ..Declared::default() };
    let plans =
        select(declared, &[target(Os::Linux, "2.39"), target(Os::Macos, "14.0")], &IndexPolicy::default());
    assert_eq!(plans.len(), 2);
    for plan in plans {
        match plan {
            Ok(plan) => plan.selected().iter().for_each(|selection| sound(&selection.wheels)),
            Err(failure) => assert!(!failure.message.contains(char::is_control), "{}", failure.message),
        }
    }
    Corpus::Keep
});

fn target(os: Os, floor: &str) -> Target {
    Target { os, arch: Arch::Aarch64, floor: floor.parse().unwrap(), python: "3.12".parse().unwrap() }
}

fn sound(wheels: &[Wheel]) {
    assert!(wheels.is_sorted_by(|one, other| one.name < other.name), "sorted, and each name once");
    for wheel in wheels {
        assert_eq!(normalised(&wheel.name), wheel.name);
        assert!(
            !wheel.file_name.contains(['/', '\\']) && wheel.file_name.bytes().all(|b| b.is_ascii_graphic())
        );
        assert!(!wheel.urls.is_empty());
        assert!(wheel.urls.iter().all(|url| url.starts_with("http://") || url.starts_with("https://")));
        assert!(wheel.version.bytes().all(|b| b.is_ascii_graphic()));
    }
}
