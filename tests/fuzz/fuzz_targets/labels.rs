//! Any lines as the names of wheels: the same one is chosen whatever their order, and it fits.
#![no_main]
#![expect(clippy::unwrap_used, reason = "a fuzz target: a panic is what it looks for")]

use domain::values::{Arch, Os, Target};
use infrastructure::wheels::{labels::Label, tags::TagOrder};
use libfuzzer_sys::{Corpus, fuzz_target};

fuzz_target!(|bytes: &[u8]| -> Corpus {
    let Ok(text) = std::str::from_utf8(bytes) else { return Corpus::Reject };
    let names: Vec<(&str, usize)> = text.lines().zip(0..).collect();
    for (os, arch, floor) in [
        (Os::Linux, Arch::X86_64, "2.39"),
        (Os::Linux, Arch::Aarch64, "2.17"),
        (Os::Macos, Arch::X86_64, "10.9"),
        (Os::Macos, Arch::Aarch64, "14.0"),
    ] {
        let floor = floor.parse().unwrap();
        let order = TagOrder::new(&Target { os, arch, floor, python: "3.12".parse().unwrap() });
        let forwards = order.choose(names.iter().copied());
        let backwards = order.choose(names.iter().rev().copied());
        assert_eq!(forwards.map(|(at, _)| names[at].0), backwards.map(|(at, _)| names[at].0));
        let Some((at, found)) = forwards else { continue };
        let label = Label::read(names[at].0).unwrap();
        assert_eq!(order.best(&label), Some(found));
        assert!(order.floor(&label).is_none_or(|needed| needed <= floor), "{} for {floor}", names[at].0);
        assert!(label.tags().any(|tag| tag == found.tag));
    }
    Corpus::Keep
});
