use proptest::prelude::*;

use super::*;
use crate::archive::sample::{Sample, file};

fn refused(sample: &Sample) -> (Reason, String) {
    let written = sample.write();
    let failure = Checked::open(written.path(), &Limits::PACKAGE).unwrap_err();
    (failure.reason, failure.message)
}

#[test]
fn what_the_official_packager_writes_is_read() {
    let sample = Sample::new(vec![file("a.txt", b"hello"), file("manifest.yaml", b"x: y")]);
    assert!(sample.entries.iter().all(|entry| entry.described));
    let written = sample.write();
    let archive = Checked::open(written.path(), &Limits::PACKAGE).unwrap();
    let entry = archive.entry("a.txt").unwrap();
    assert_eq!(archive.read(entry, 100).unwrap(), b"hello");
    assert_eq!(archive.entries.len(), 2);
}

#[test]
fn entries_without_descriptor_and_directory_entries_are_read() {
    let mut sample = Sample::new(vec![file("d/", b""), file("d/a.txt", b"hello")]);
    sample.entries.iter_mut().for_each(|entry| entry.described = false);
    let written = sample.write();
    let archive = Checked::open(written.path(), &Limits::PACKAGE).unwrap();
    assert_eq!((archive.entries.len(), archive.directories), (1, 1));
}

#[test]
fn a_web_page_a_cut_file_and_an_empty_archive_are_no_package() {
    let refused_bytes = |bytes: &[u8]| {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        std::io::Write::write_all(&mut file, bytes).unwrap();
        let failure = Checked::open(file.path(), &Limits::PACKAGE).unwrap_err();
        (failure.reason, failure.message)
    };
    let web_page = (Reason::PackageInvalid, "The file is a web page, not a .difypkg".to_owned());
    assert_eq!(refused_bytes(b"  <!DOCTYPE html><html><body>x</body></html>"), web_page);
    assert_eq!(refused_bytes(b"").0, Reason::PackageInvalid);
    assert_eq!(refused_bytes(&Sample::new(Vec::new()).bytes()).0, Reason::PackageInvalid);
    let whole = Sample::new(vec![file("a", b"x")]).bytes();
    assert_eq!(refused_bytes(&whole[..whole.len() - 10]).0, Reason::PackageInvalid);
}

#[test]
fn unsafe_names_refuse_the_whole_package() {
    let sample = Sample::new(vec![file("a", b"x"), file("../../evil.py", b"x")]);
    assert_eq!(
        refused(&sample),
        (Reason::PackageUnsafePath, "Unsafe path in package: '../../evil.py'".to_owned())
    );
}

#[test]
fn links_devices_and_encrypted_entries_are_refused() {
    for (attributes, flags, text) in [
        (0o120_777_u32 << 16, 0, "Package contains a symbolic link"),
        (0o020_666 << 16, 0, "Package contains a device or another special file"),
        (0o040_755 << 16, 0, "Package contains a device or another special file"),
        (0, 1, "Package contains an encrypted entry"),
    ] {
        let mut sample = Sample::new(vec![file("a", b"x")]);
        sample.entries[0].attributes = attributes;
        sample.entries[0].flags = flags;
        assert_eq!(refused(&sample), (Reason::PackageUnsafeEntry, text.to_owned()));
    }
}

#[test]
fn whatever_two_readers_could_read_differently_is_refused() {
    let base = || Sample::new(vec![file("a", b"hello"), file("b", b"world")]);
    let mut samples = Vec::new();
    let mut add = |change: fn(&mut Sample)| {
        let mut sample = base();
        change(&mut sample);
        samples.push(sample);
    };
    add(|sample| sample.entries[1].name = "a".to_owned());
    add(|sample| sample.entries[1].name = "A".to_owned());
    add(|sample| sample.entries[1].local_name = Some("c".to_owned()));
    add(|sample| sample.entries[1].comment = "hi".to_owned());
    add(|sample| sample.comment = b"just text".to_vec());
    add(|sample| sample.suffix = b"tail".to_vec());
    add(|sample| sample.entries[1].gap = 7);
    add(|sample| sample.entries[0].described_size = Some(4));
    add(|sample| {
        sample.entries[1].described = false;
        sample.entries[1].local_size = Some(4);
    });
    add(|sample| sample.shift = 1);
    add(|sample| sample.prefix = b"<!DOCTYPE html>".to_vec());
    add(|sample| sample.prefix = b"PK\x03\x04".to_vec());
    for (index, sample) in samples.iter().enumerate() {
        assert_eq!(refused(sample).0, Reason::PackageAmbiguous, "sample {index}");
    }
}

#[test]
fn entries_that_share_their_bytes_are_a_bomb() {
    let mut sample = Sample::new(vec![file("a", b"hello"), file("b", b"world")]);
    sample.overlap = true;
    assert_eq!(refused(&sample).0, Reason::PackageTooLarge);
}

#[test]
fn a_signature_comment_is_kept_apart() {
    let mut sample = Sample::new(vec![file("a", b"hello")]);
    sample.comment = br#"{"signature":"AA==","time":1}"#.to_vec();
    let written = sample.write();
    assert!(!Checked::open(written.path(), &Limits::PACKAGE).unwrap().comment.is_empty());
}

#[test]
fn bombs_are_refused_from_the_directory_alone() {
    let zeros = vec![0; 2 << 20];
    let (reason, text) = refused(&Sample::new(vec![file("a", &zeros)]));
    assert_eq!(reason, Reason::PackageTooLarge);
    assert!(text.contains("200 times"), "{text}");

    let small = Limits { total: 9, file: 400, entries: 2, ..Limits::PACKAGE };
    let open = |files| Checked::open(Sample::new(files).write().path(), &small).unwrap_err();
    let five = || file("a", b"hello");
    assert_eq!(open(vec![five(), file("b", b"world")]).reason, Reason::PackageTooLarge);
    assert_eq!(open(vec![file(&"a".repeat(200), b"x")]).reason, Reason::PackageTooLarge);
    assert_eq!(open(vec![file("a", b""), file("b", b""), file("c", b"")]).reason, Reason::PackageTooLarge);
}

#[test]
fn an_entry_larger_than_it_says_is_found_while_inflating() {
    let mut sample = Sample::new(vec![file("a", b"hello world")]);
    sample.entries[0].claimed_size = Some(5);
    sample.entries[0].described_size = Some(5);
    let written = sample.write();
    let archive = Checked::open(written.path(), &Limits::PACKAGE).unwrap();
    let refused = archive.read(&archive.entries[0], 100).unwrap_err();
    assert_eq!(refused.reason, Reason::PackageTooLarge);
}

#[test]
fn content_that_fails_its_crc_is_damaged() {
    let mut sample = Sample::new(vec![file("a", b"hello world")]);
    sample.entries[0].crc32 = Some(7);
    let written = sample.write();
    let archive = Checked::open(written.path(), &Limits::PACKAGE).unwrap();
    assert_eq!(archive.content_checksum().unwrap_err().reason, Reason::PackageInvalid);
}

proptest! {
    #[test]
    fn spoilt_bytes_are_refused_or_read_as_the_directory_says(
        at in 0_usize..400, to: u8, described: bool, cut in 0_usize..40
    ) {
        let mut sample = Sample::new(vec![file("a.txt", b"hello hello hello"), file("b/c", b"world")]);
        sample.entries[0].described = described;
        let mut bytes = sample.bytes();
        if let Some(byte) = bytes.get_mut(at) {
            *byte = to;
        }
        bytes.truncate(bytes.len() - cut);
        let mut written = tempfile::NamedTempFile::new().unwrap();
        std::io::Write::write_all(&mut written, &bytes).unwrap();
        if let Ok(archive) = Checked::open(written.path(), &Limits::PACKAGE) {
            for entry in &archive.entries {
                if let Ok(content) = archive.read(entry, 1 << 20) {
                    prop_assert_eq!(content.len() as u64, entry.size);
                }
            }
        }
    }
}
