//! Any bytes as a package or as a wheel: refused in words, or read exactly as the directory says, and as another
//! reader of ZIP files reads them.
#![no_main]
#![expect(clippy::unwrap_used, reason = "a fuzz target: a panic is what it looks for")]

use std::{
    cell::RefCell,
    collections::HashSet,
    fs,
    io::Read as _,
    path::{Component, Path},
};

use application::ports::packaging::Wheel;
use infrastructure::archive::{
    check::{Checked, Entry},
    limits::Limits,
    names, wheel,
};
use libfuzzer_sys::fuzz_target;
use tempfile::NamedTempFile;

const MOST_READ: u64 = 1 << 20;

thread_local! {
    static FILE: RefCell<NamedTempFile> = RefCell::new(NamedTempFile::new().unwrap());
}

fuzz_target!(|bytes: &[u8]| FILE.with_borrow(|file| {
    fs::write(file.path(), bytes).unwrap();
    package(file.path());
    let _ = wheel::licence(file.path(), &locked());
}));

fn package(path: &Path) {
    let archive = match Checked::open(path, &Limits::PACKAGE) {
        Ok(archive) => archive,
        Err(failure) => return assert!(!failure.transient, "{failure}"),
    };
    let mut seen = HashSet::new();
    for entry in &archive.entries {
        assert!(Path::new(&entry.name).components().all(|part| matches!(part, Component::Normal(_))));
        assert!(seen.insert(names::folded(&entry.name)), "{} is in it twice", entry.name);
        if let Ok(content) = archive.read(entry, MOST_READ) {
            assert_eq!(content.len() as u64, entry.size, "{}", entry.name);
            agrees(path, entry, &content);
        }
    }
    let _ = archive.content_checksum();
}

/// What the other reader makes of the same entry, where it takes the archive at all.
fn agrees(path: &Path, entry: &Entry, content: &[u8]) {
    let Ok(mut other) = zip::ZipArchive::new(fs::File::open(path).unwrap()) else { return };
    let Some(at) = (0..other.len())
        .find(|&at| other.by_index_raw(at).is_ok_and(|found| found.name_raw() == entry.name.as_bytes()))
    else {
        panic!("the other reader does not see {}", entry.name)
    };
    let Ok(mut found) = other.by_index(at) else { return };
    let mut theirs = Vec::new();
    if found.read_to_end(&mut theirs).is_ok() {
        assert_eq!(theirs, content, "{}", entry.name);
    }
}

fn locked() -> Wheel {
    Wheel {
        name: "alpha".to_owned(),
        version: "1.0.0".to_owned(),
        file_name: "alpha-1.0.0-py3-none-any.whl".to_owned(),
        urls: Vec::new(),
        sha256: "00".repeat(32).parse().unwrap(),
        size: None,
        tag: "py3-none-any".to_owned(),
        floor: None,
        built: false,
    }
}
