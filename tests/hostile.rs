//! Hostile packages: refused whole, quickly, by name, before a task exists (upload) or by a failed task (URL),
//! with nothing written outside the data directory.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use plugyard_tests::{
    Archive, Entry, Plugin, Upload, Yard,
    archive::{ENCRYPTED, noise},
    process::memory_kib,
};
use serde_json::json;

use crate::hostile_doors::Doors;

const UNSAFE: &str = "PACKAGE_UNSAFE_PATH";
const MANIFEST: &str = "MANIFEST_INVALID";

fn plugin() -> Archive {
    Plugin::new("host").archive()
}

#[tokio::test]
async fn unsafe_names_refuse_the_whole_package() {
    let target = Doors::new().await;
    let said =
        target.refuses("climbing", &plugin().with(Entry::new("../../evil.py", "x")).bytes(), UNSAFE).await;
    assert_eq!(said, "Unsafe path in package: '../../evil.py' (PACKAGE_UNSAFE_PATH)");
    let long = format!("{}.py", "n".repeat(256));
    for name in [
        b"/etc/evil.py".as_slice(),
        b"tools/../../evil.py",
        b"..",
        b"./main.py",
        b"tools/./evil.py",
        b"tools//evil.py",
        b"a\\b.py",
        b"..\\..\\evil.py",
        b"C:/evil.py",
        b"C:evil.py",
        b"nul\0.py",
        b"line\nbreak.py",
        b"escape\x1b[2J.py",
        b"delete\x7f.py",
        b"latin-\xe4.py",
        b"",
        long.as_bytes(),
    ] {
        let what = String::from_utf8_lossy(name).into_owned();
        let said = target.refuses(&what, &plugin().with(Entry::new(name, "x")).bytes(), UNSAFE).await;
        assert!(said.chars().all(|c| !c.is_control()), "{said:?}");
    }
    target.is_well().await;
}

#[tokio::test]
async fn only_regular_files_are_taken() {
    let target = Doors::new().await;
    let link = plugin().with(Entry::new("tools/link.py", "/etc/passwd").mode(0o120_777));
    let said = target.refuses("link", &link.bytes(), "PACKAGE_UNSAFE_ENTRY").await;
    assert_eq!(said, "Package contains a symbolic link (PACKAGE_UNSAFE_ENTRY)");
    for (what, mode) in
        [("device", 0o060_644), ("terminal", 0o020_644), ("pipe", 0o010_644), ("socket", 0o140_644)]
    {
        let archive = plugin().with(Entry::new("tools/special", "").mode(mode));
        target.refuses(what, &archive.bytes(), "PACKAGE_UNSAFE_ENTRY").await;
    }
    let encrypted = plugin().change("main.py", |entry| entry.flags |= ENCRYPTED);
    target.refuses("encrypted", &encrypted.bytes(), "PACKAGE_UNSAFE_ENTRY").await;
    target.is_well().await;
}

#[tokio::test]
async fn bombs_do_not_go_off() {
    let target = Doors::new().await;
    let server = target.yard.server().process_id();
    target.yard.completed(&target.yard.upload(&Plugin::new("warm-up"), "").await).await;
    let before = memory_kib(server, "VmRSS");
    let zeros = |megabytes: usize| Entry::new("bomb.bin", vec![0; megabytes << 20]);
    target.refuses("100 MB in 0.1 MB", &plugin().with(zeros(100)).bytes(), "PACKAGE_TOO_LARGE").await;
    let liar = Entry { claimed_size: Some(1_000), ..zeros(64) };
    target.refuses("a size that lies", &plugin().with(liar).bytes(), "PACKAGE_TOO_LARGE").await;
    let mut sum = plugin();
    for n in 0..6 {
        let content = noise(600 << 10, n);
        sum =
            sum.with(Entry { claimed_size: Some(100 << 20), ..Entry::new(format!("part{n}.bin"), content) });
    }
    let said = target.refuses("600 MB in all", &sum.bytes(), "PACKAGE_TOO_LARGE").await;
    assert_eq!(said, "Package expands to more than 512 MB (PACKAGE_TOO_LARGE)");
    let one = Entry { claimed_size: Some(129 << 20), ..Entry::new("one.bin", noise(1 << 20, 9)) };
    target.refuses("one entry of 129 MB", &plugin().with(one).bytes(), "PACKAGE_TOO_LARGE").await;
    let many =
        (0..10_001).map(|n| Entry { stored: true, ..Entry::new(format!("many/{n}.txt"), "") }).collect();
    target.refuses("10,001 entries", &Archive::of(many).bytes(), "PACKAGE_TOO_LARGE").await;
    let inner = Entry { flags: 0, ..Entry::new("inner.bin", noise(1_000, 3)) };
    target.refuses("overlap", &plugin().with_overlap("outer.bin", inner).bytes(), "PACKAGE_TOO_LARGE").await;
    let nested = Plugin::new("nested").file("inner.zip", plugin().with(zeros(16)).bytes());
    target.yard.completed(&target.yard.upload(&nested, "").await).await;
    let grown = memory_kib(server, "VmHWM").saturating_sub(before);
    assert!(grown <= 64 << 10, "the service grew by {grown} KiB");
    assert!(target.yard.strays().is_empty(), "{:?}", target.yard.strays());
}

#[tokio::test]
async fn two_readers_never_see_two_contents() {
    let target = Doors::new().await;
    let twice = |name: &str| plugin().with(Entry::new(name, "print('other')")).bytes();
    let described =
        |name: &[u8], other: &[u8]| plugin().with(Entry::new(name, "a")).with(Entry::new(other, "b")).bytes();
    let ambiguous = async |what: &str, bytes: Vec<u8>| {
        target.refuses(what, &bytes, "PACKAGE_AMBIGUOUS").await;
    };
    ambiguous("a name twice", twice("main.py")).await;
    ambiguous("twice but for case", twice("MAIN.py")).await;
    ambiguous("twice but for composition", described("caf\u{e9}.py".as_bytes(), "cafe\u{301}.py".as_bytes()))
        .await;
    let renamed = plugin().change("main.py", |entry| entry.local_name = Some(b"mine.py".to_vec()));
    ambiguous("another name in the local header", renamed.bytes()).await;
    let contradicted = plugin().change("main.py", |entry| entry.descriptor_crc = Some(1));
    ambiguous("a descriptor that contradicts", contradicted.bytes()).await;
    let commented = plugin().change("main.py", |entry| entry.comment = b"note".to_vec());
    ambiguous("an entry comment", commented.bytes()).await;
    let mut prefixed = plugin();
    prefixed.before = [b"PK\x03\x04".to_vec(), vec![0; 60]].concat();
    ambiguous("bytes before the first record", prefixed.bytes()).await;
    let mut followed = plugin();
    followed.after = b"more".to_vec();
    ambiguous("bytes after the last record", followed.bytes()).await;
    let mut comment = plugin();
    comment.comment = b"no signature".to_vec();
    ambiguous("a comment that is no signature", comment.bytes()).await;
    comment.comment = format!("{{\"signature\":\"{}\"}}", "A".repeat(5_000)).into_bytes();
    ambiguous("a comment longer than any signature", comment.bytes()).await;
    let mut two = plugin();
    two.after = plugin().bytes();
    ambiguous("two archives in one file", two.bytes()).await;
    target.is_well().await;
}

#[tokio::test]
async fn what_is_no_package_is_called_so() {
    let target = Doors::new().await;
    let whole = plugin().bytes();
    for (what, bytes) in [
        ("empty", Vec::new()),
        ("text", b"just text".to_vec()),
        ("a header alone", b"PK\x03\x04".to_vec()),
        ("half of it", whole[..whole.len() / 2].to_vec()),
        ("no end record", whole[..whole.len() - 22].to_vec()),
        ("noise behind the magic", [b"PK\x03\x04".to_vec(), noise(5_000, 1)].concat()),
    ] {
        target.refuses(what, &bytes, "PACKAGE_INVALID").await;
    }
    let mut bad = whole.clone();
    bad[60] ^= 0xff;
    let answer = target.yard.try_upload(Upload::bytes("flipped.difypkg", bad)).await;
    assert_eq!(answer.status, 400, "content that does not match its checksum: {}", answer.text());
    target.is_well().await;
}

#[tokio::test]
async fn every_flipped_byte_is_survived() {
    let target = Doors::new().await;
    let whole = plugin().bytes();
    let step = whole.len() / 60;
    for at in (0..whole.len()).step_by(step) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x10;
        let status = target.yard.try_upload(Upload::bytes("flipped.difypkg", bytes)).await.status;
        assert!([200, 400].contains(&status), "{status} with byte {at} flipped");
    }
    target.yard.get("/healthz").await.expect(200);
    assert!(target.yard.strays().is_empty(), "{:?}", target.yard.strays());
}

#[tokio::test]
async fn a_manifest_cannot_hurt() {
    let target = Doors::new().await;
    let good = String::from_utf8(Plugin::new("host").content("manifest.yaml").to_vec()).unwrap();
    let said = target.refuses("none", &Plugin::new("host").without("manifest.yaml").bytes(), MANIFEST).await;
    assert!(said.starts_with("manifest.yaml is missing or invalid"), "{said}");
    let level = |n: usize| format!("l{n}: &l{n} [{}]", vec![format!("*l{}", n - 1); 9].join(", "));
    let laughs = (1..10).map(level).collect::<Vec<_>>().join("\n");
    let laughs = format!("l0: &l0 [lol]\n{laughs}\n{good}");
    for (what, manifest) in [
        ("empty", String::new()),
        ("a list", "- a\n- b\n".to_owned()),
        ("a billion laughs", laughs),
        ("deep", format!("{good}deep: {}{}\n", "[".repeat(3_000), "]".repeat(3_000))),
        ("a key twice", format!("{good}name: other\n")),
        ("too large", format!("{good}# {}\n", "x".repeat(300 << 10))),
        ("no author", good.replace("author: yard\n", "")),
        ("a bad name", good.replace("name: host", "name: Host/../x")),
        ("a bad version", good.replace("version: 0.0.1\ntype", "version: newest\ntype")),
        ("an object", good.replace("name: host", "name: !!python/object/apply:os.system ['true']")),
    ] {
        let said = target
            .refuses(what, &Plugin::new("host").file("manifest.yaml", manifest).bytes(), MANIFEST)
            .await;
        assert!(said.starts_with("manifest.yaml is missing or invalid"), "{what}: {said}");
    }
    let not_utf8 = [good.as_bytes(), b"# \xff\xfe\n"].concat();
    target.refuses("not UTF-8", &Plugin::new("host").file("manifest.yaml", not_utf8).bytes(), MANIFEST).await;
    let with_bom = [b"\xef\xbb\xbf", good.as_bytes()].concat();
    target.is_well().await;
    let task = target.yard.upload(&Plugin::new("host").file("manifest.yaml", with_bom), "").await;
    target.yard.completed(&task).await;
}
#[tokio::test]
async fn nothing_of_a_package_is_ever_executed() {
    let yard = Yard::start().await;
    let proof = yard.ground().join("cwd/executed");
    let code = format!("import pathlib; pathlib.Path({:?}).write_text('x')\n", proof.display().to_string());
    let setup = format!("{code}from setuptools import setup\nsetup(name='x')\n");
    let plugin = Plugin::new("eager")
        .file("main.py", code.clone())
        .file("setup.py", setup)
        .file("sitecustomize.py", code.clone())
        .file("conftest.py", code)
        .file("requirements.txt", "-e .\n--no-binary :all:\n");
    let task = yard.upload(&plugin, "").await;
    yard.finished(&task).await;
    assert!(!proof.exists());
}

#[tokio::test]
async fn a_long_url_stops_nobody() {
    let target = Doors::new().await;
    let query = URL_SAFE_NO_PAD.encode(noise(5_250, 7));
    let elsewhere = format!("https://nowhere.invalid/long.difypkg?{query}");
    target.yard.repackage(&json!({ "url": elsewhere })).await;
    let here = target.files.put("/long.difypkg", Plugin::new("long").bytes());
    let long = target.yard.repackage(&json!({ "url": format!("{here}?{query}") })).await;
    let normal = target.yard.upload(&Plugin::new("normal"), "").await;
    target.yard.completed(&normal).await;
    target.yard.completed(&long).await;
    target.yard.settle().await;
}
