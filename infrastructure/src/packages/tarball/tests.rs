//! Tarballs as `ipm`, GitHub and npm write them, and every lie a hostile writer tells.

use proptest::prelude::*;

use super::{
    sample::{Piece, directory, file, gzip, pax, piece, record, tar, written},
    *,
};

fn open_bytes(bytes: &[u8]) -> Result<Tarball, Failure> {
    Tarball::open(written(bytes).path(), "package.json", &Limits::TARBALL)
}

fn open(pieces: &[Piece]) -> Result<Tarball, Failure> {
    open_bytes(&gzip(&[tar(pieces), vec![0; 2 * BLOCK]].concat()))
}

fn refused(pieces: &[Piece]) -> Reason {
    open(pieces).unwrap_err().reason
}

const MANIFEST: &[u8] = b"{\"name\": \"a\"}";

/// A good tarball with one more piece in its one directory.
fn refused_beside(pieces: &[Piece]) -> Reason {
    refused(&[&[file("p/package.json", MANIFEST)], pieces].concat())
}

fn names(archive: &Tarball) -> Vec<&str> {
    archive.files().map(|(name, _)| name).collect()
}

#[test]
fn every_way_of_packing_gives_the_same_files() {
    let ipm =
        [directory("."), directory("./lib/"), file("./lib/index.js", "x"), file("./package.json", MANIFEST)];
    let github = [
        piece("pax_global_header", b'g', record("comment", &"0".repeat(40))),
        directory("ada-a-0123/"),
        file("ada-a-0123/lib/index.js", "x"),
        file("ada-a-0123/package.json", MANIFEST),
    ];
    let npm = [file("package/lib/index.js", "x"), file("package/package.json", MANIFEST)];
    let bare = [directory("./"), file("./lib/index.js", "x"), file("./package.json", MANIFEST)];
    let plain = [file("lib/x/index.js", "x"), file("package.json", MANIFEST)];
    for pieces in [ipm.as_slice(), &github, &npm, &bare] {
        let archive = open(pieces).unwrap();
        assert_eq!(names(&archive), ["lib/index.js", "package.json"]);
        assert_eq!(archive.read("package.json", 100).unwrap().as_deref(), Some(MANIFEST));
        assert_eq!(archive.read("lib/index.js", 1).unwrap().as_deref(), Some(b"x".as_slice()));
        assert_eq!(archive.read("lib", 1), Ok(None));
    }
    assert_eq!(names(&open(&plain).unwrap()), ["lib/x/index.js", "package.json"]);
    assert_eq!(open(&plain).unwrap().read("package.json", 3).unwrap_err().reason, Reason::PackageTooLarge);
}

#[test]
fn long_names_are_read_in_the_three_ways_of_writing_them() {
    let long = format!("p/{}/{}", "a".repeat(100), "b".repeat(100));
    let gnu =
        |name: &str| Piece { magic: *b"ustar  \0", ..piece("././@LongLink", b'L', format!("{name}\0")) };
    let prefixed = Piece { prefix: long[..102].into(), ..file(&long[103..], "x") };
    for pieces in [
        vec![pax(&[("mtime", "1.5"), ("path", &long)]), file("p/short", "x")],
        vec![gnu(&long), Piece { magic: *b"ustar  \0", ..file(&long[..100], "x") }],
        vec![prefixed],
    ] {
        let archive = open(&[&[file("p/package.json", MANIFEST)], pieces.as_slice()].concat()).unwrap();
        assert_eq!(names(&archive), ["package.json", &long[2..]]);
    }
    let longest = Piece { prefix: format!("p/{}", "a".repeat(153)).into(), ..file(&"b".repeat(90), "x") };
    assert_eq!(names(&open(&[file("p/package.json", MANIFEST), longest]).unwrap())[1].len(), 153 + 1 + 90);
    assert_eq!(
        refused_beside(&[gnu(&format!("p/{}", "a".repeat(300))), file("p/a", "")]),
        Reason::PackageUnsafePath
    );
}

#[test]
fn a_name_that_leaves_the_directory_is_refused_wherever_it_is_written() {
    for name in ["../evil", "p/../../evil", "/etc/passwd", "p\\evil", "c:/x", "p//x", "p/./x", "p/a\nb"] {
        assert_eq!(refused_beside(&[pax(&[("path", name)]), file("p/x", "")]), Reason::PackageUnsafePath);
        assert_eq!(refused_beside(&[file(name, "")]), Reason::PackageUnsafePath, "{name}");
    }
    let not_utf8 = Piece { name: b"p/\xff".to_vec(), ..file("", "") };
    assert_eq!(refused_beside(&[not_utf8]), Reason::PackageUnsafePath);
    let above = Piece { prefix: b"p/..".to_vec(), ..file("evil", "") };
    assert_eq!(refused_beside(&[above]), Reason::PackageUnsafePath);
    assert_eq!(refused_beside(&[directory("p/../")]), Reason::PackageUnsafePath);
    assert_eq!(refused_beside(&[file("././x", "")]), Reason::PackageUnsafePath);
}

#[test]
fn links_devices_and_sparse_files_are_refused() {
    for kind in *b"123467SDMVNK" {
        assert_eq!(refused_beside(&[piece("p/x", kind, "")]), Reason::PackageUnsafeEntry, "{kind}");
    }
    for key in ["linkpath", "GNU.sparse.major", "SCHILY.realsize"] {
        assert_eq!(refused_beside(&[pax(&[(key, "1")]), file("p/x", "")]), Reason::PackageUnsafeEntry);
    }
    assert_eq!(refused_beside(&[piece("p/d/", b'5', "content")]), Reason::PackageUnsafeEntry);
}

#[test]
fn what_two_readers_see_in_two_ways_is_refused() {
    let long = |name: &str| piece("././@LongLink", b'L', format!("{name}\0"));
    for pieces in [
        vec![file("p/x", "1"), file("p/x", "2")],
        vec![file("p/x", "1"), file("p/X", "2")],
        vec![file("p/\u{e9}", "1"), file("p/e\u{301}", "2")],
        vec![file("p/x", "1"), file("p/x/y", "2")],
        vec![file("p/x/", "")],
        vec![pax(&[("size", "0")]), file("p/x", "1")],
        vec![pax(&[("path", "p/x"), ("path", "p/y")]), file("p/z", "")],
        vec![pax(&[]), pax(&[]), file("p/x", "")],
        vec![long("p/x"), long("p/y"), file("p/z", "")],
        vec![long("p/x"), pax(&[("path", "p/y")]), file("p/z", "")],
        vec![piece("g", b'g', record("path", "p/x"))],
        vec![piece("g", b'g', record("size", "1"))],
        vec![file("package.json", MANIFEST)],
        vec![file("q/package.json", MANIFEST)],
        vec![file("./package.json", MANIFEST)],
        vec![file("x", "")],
        vec![file("q/x", "")],
        vec![file("./p/x", "")],
        vec![directory("q/")],
    ] {
        assert_eq!(refused_beside(&pieces), Reason::PackageAmbiguous);
    }
    let deeper = [file("./package.json", MANIFEST), file("./lib/package.json", "{}")];
    assert!(open(&deeper).is_ok(), "clients see one of these");
}

#[test]
fn without_a_manifest_at_its_root_it_is_no_package() {
    for pieces in [
        vec![file("p/x", "")],
        vec![file("p/q/package.json", MANIFEST)],
        vec![file("./p/package.json", MANIFEST)],
        vec![directory("package.json/")],
        vec![],
    ] {
        let failure = open(&pieces).unwrap_err();
        assert_eq!(failure.reason, Reason::ManifestInvalid);
        assert!(failure.message.starts_with("package.json is missing"), "{failure}");
    }
}

#[test]
fn damaged_headers_are_refused() {
    let good = file("p/x", "1");
    for bad in [
        Piece { checksum: Some(1), ..good.clone() },
        Piece { size: Some(b"0000000009x\0".to_vec()), ..good.clone() },
        Piece { size: Some(b"-0000000001\0".to_vec()), ..good.clone() },
        Piece { magic: *b"sustar00", ..good.clone() },
        Piece { magic: *b"ustar\x0001", ..good.clone() },
        piece("PaxHeader", b'x', "5 a=1\n"),
        piece("PaxHeader", b'x', "99 path=p/x\n"),
        piece("PaxHeader", b'x', "-6 a=1\n"),
        piece("PaxHeader", b'x', "4 a\n\n"),
        pax(&[("size", "-1")]),
        pax(&[("path", "p/x")]),
        piece("././@LongLink", b'L', "p/x\0"),
    ] {
        assert_eq!(refused_beside(&[bad]), Reason::PackageInvalid);
    }
    let old = Piece { magic: [0; 8], kind: 0, ..file("p/old", "x") };
    assert_eq!(names(&open(&[file("p/package.json", MANIFEST), old]).unwrap()), ["package.json", "old"]);
}

#[test]
fn an_end_that_is_none_and_bytes_behind_it_are_refused() {
    let tar = tar(&[file("package.json", MANIFEST)]);
    let empty = [0; BLOCK];
    let whole = [&tar, empty.as_slice(), &empty].concat();
    assert!(open_bytes(&gzip(&whole)).is_ok());
    assert!(open_bytes(&gzip(&[&whole, empty.as_slice(), &empty].concat())).is_ok(), "padded to a record");
    for (bytes, reason) in [
        (gzip(&tar), Reason::PackageInvalid),
        (gzip(&[&tar, empty.as_slice()].concat()), Reason::PackageInvalid),
        (gzip(&tar[..tar.len() - 1]), Reason::PackageInvalid),
        (gzip(&[&tar, empty.as_slice(), &tar, &empty, &empty].concat()), Reason::PackageAmbiguous),
        (gzip(&[whole.as_slice(), &tar, &empty, &empty].concat()), Reason::PackageAmbiguous),
        (gzip(&[whole.as_slice(), b"x"].concat()), Reason::PackageInvalid),
        ([gzip(&whole), b"x".to_vec()].concat(), Reason::PackageAmbiguous),
        ([gzip(&whole), gzip(&whole)].concat(), Reason::PackageAmbiguous),
        (gzip(&whole)[..40].to_vec(), Reason::PackageInvalid),
        (whole.clone(), Reason::PackageInvalid),
    ] {
        assert_eq!(open_bytes(&bytes).unwrap_err().reason, reason);
    }
    let mut flipped = gzip(&whole);
    let at = flipped.len() - 6;
    flipped[at] ^= 1;
    assert_eq!(open_bytes(&flipped).unwrap_err().reason, Reason::PackageInvalid, "its checksum is wrong");
}

#[test]
fn bombs_end_at_their_cap() {
    let limits = Limits { total: 8 << 20, entry: 4 << 20, entries: 20, ..Limits::TARBALL };
    let refused = |pieces: &[Piece]| {
        let bytes = gzip(&[tar(pieces), vec![0; 2 * BLOCK]].concat());
        Tarball::open(written(&bytes).path(), "package.json", &limits).unwrap_err()
    };
    let noise: Vec<u8> =
        (0..2_u64 << 20).map(|at| at.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes()[2]).collect();
    let large = |name: &str| file(name, noise.as_slice());
    for (pieces, why) in [
        (vec![file("p/zeros", vec![0; 3 << 20])], "times its size"),
        (vec![file("p/x", vec![1; (4 << 20) + 1])], "larger than 4 MB"),
        ((0..5).map(|number| large(&format!("p/{number}"))).collect(), "more than 8 MB"),
        ((0..21).map(|number| file(&format!("p/{number}"), "")).collect(), "more than 20 files"),
        (vec![Piece { size: Some([&[0x80], [0xff; 11].as_slice()].concat()), ..file("p/x", "") }], "8 GB"),
        (vec![piece("PaxHeader", b'x', vec![b' '; 65 * 1024])], "larger than 64 KB"),
    ] {
        let failure = refused(&pieces);
        assert_eq!(failure.reason, Reason::PackageTooLarge, "{failure}");
        assert!(failure.message.contains(why), "{failure}");
    }
    let small = Limits { file: 100, ..limits };
    let bytes = gzip(&tar(&[large("p/x")]));
    let failure = Tarball::open(written(&bytes).path(), "package.json", &small).unwrap_err();
    assert_eq!(failure.reason, Reason::PackageTooLarge);
}

fn any_files() -> impl Strategy<Value = std::collections::BTreeMap<String, Vec<u8>>> {
    let name = proptest::string::string_regex("[a-z]{1,12}(/[a-z]{1,90}){0,2}\\.[a-z]{2}").unwrap();
    proptest::collection::btree_map(name, proptest::collection::vec(any::<u8>(), 0..1500), 0..8)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_written_is_read_back(files in any_files(), top in "(\\.|[a-z]{1,8})") {
        let mut pieces = vec![directory(&format!("{top}/")), file(&format!("{top}/package.json"), MANIFEST)];
        for (name, content) in &files {
            let path = format!("{top}/{name}");
            if path.len() > 100 {
                pieces.push(pax(&[("path", &path)]));
            }
            pieces.push(file(&path[..path.len().min(100)], content));
        }
        let archive = open(&pieces).unwrap();
        prop_assert_eq!(archive.files().count(), files.len() + 1);
        for (name, content) in &files {
            prop_assert_eq!(archive.read(name, 1500).unwrap(), Some(content.clone()));
        }
    }

    #[test]
    fn a_tarball_with_a_byte_changed_is_the_same_or_refused(at in 0_usize..4096, to in any::<u8>()) {
        let pieces = [pax(&[("path", "p/package.json")]), file("p/x", MANIFEST), file("p/a", "x")];
        let mut bytes = [tar(&pieces), vec![0; 2 * BLOCK]].concat();
        let at = at % bytes.len();
        bytes[at] = to;
        if let Ok(archive) = open_bytes(&gzip(&bytes)) {
            for (name, _) in archive.files() {
                prop_assert!(names::check(name.as_bytes(), 255).is_ok());
            }
        }
    }
}
