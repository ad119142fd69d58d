//! Any bytes as a package of any format, or as what a gzipped one inflates to: refused in words, or read into texts
//! that are safe to show and short enough to keep.
#![no_main]
#![expect(clippy::unwrap_used, reason = "a fuzz target: a panic is what it looks for")]

use std::{cell::RefCell, fs, io::Write as _};

use application::ports::packages::Package;
use domain::plugin::PackageFormat;
use flate2::{Compression, write::GzEncoder};
use infrastructure::packages::read::{Request, run};
use libfuzzer_sys::fuzz_target;
use tempfile::NamedTempFile;

thread_local! {
    static FILE: RefCell<NamedTempFile> = RefCell::new(NamedTempFile::new().unwrap());
}

fuzz_target!(|bytes: &[u8]| FILE.with_borrow(|file| {
    let is_packed = bytes.starts_with(b"PK") || bytes.starts_with(&[0x1f, 0x8b]);
    fs::write(file.path(), if is_packed { bytes.to_vec() } else { gzip(bytes) }).unwrap();
    let wanted =
        vec![PackageFormat::Difypkg, PackageFormat::Lbpkg, PackageFormat::Tarball, PackageFormat::Zip];
    match run(&Request { package: file.path().to_owned(), wanted }) {
        Ok(package) => sound(&package),
        Err(failure) => {
            assert!(!failure.transient, "{failure}");
            assert!(!failure.message.contains(char::is_control), "{failure}");
        }
    }
}));

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::none());
    gzip.write_all(bytes).unwrap();
    gzip.finish().unwrap()
}

fn sound(package: &Package) {
    let whole = serde_json::to_string(package).unwrap();
    // Without the backslashes of the texts themselves.
    assert!(!whole.replace(r"\\", "").contains(r"\u0000"), "a NUL is kept");
    assert!(whole.len() < 4 << 20, "{} bytes", whole.len());
    serde_json::from_str::<Package>(&whole).unwrap();
    let description = &package.description;
    assert!(!description.display_name.is_empty());
    let lines = [&description.display_name, &description.summary];
    let lines = lines.into_iter().chain(&description.tags).chain(description.labels.values());
    for line in lines.chain(&package.permissions).chain(package.engines.values()) {
        assert!(!line.contains(char::is_control) && line.chars().count() <= 1000, "{line:?}");
    }
    let addresses = [&description.homepage, &description.banner, &description.documentation];
    for address in addresses.into_iter().flatten().chain(&description.screenshots) {
        assert!(address.starts_with("http") && address.len() <= 2048, "{address}");
    }
}
