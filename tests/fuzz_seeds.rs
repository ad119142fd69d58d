//! Where the fuzz targets begin: writes a few good inputs of each kind below the directory it is given.

use std::{fs, io, path::PathBuf};

use plugyard_tests::{
    Archive, Entry, Lock, Locked, Plugin, Wheel, packages,
    tar::Tar,
    wheel::{LINUX_AARCH64, LINUX_X86_64, MACOS_ARM64},
};

fn main() -> io::Result<()> {
    let root = PathBuf::from(std::env::args_os().nth(1).ok_or(io::ErrorKind::InvalidInput)?);
    let all = [
        ("archive", archives()),
        ("channels", channels()),
        ("labels", labels()),
        ("lock", locks()),
        ("manifest", manifests()),
        ("package", packages()),
        ("requirements", requirements()),
    ];
    for (target, seeds) in all {
        let directory = root.join(target);
        fs::create_dir_all(&directory)?;
        for (number, seed) in seeds.iter().enumerate() {
            fs::write(directory.join(number.to_string()), seed)?;
        }
    }
    Ok(())
}

fn archives() -> Vec<Vec<u8>> {
    let signed = Archive {
        comment: br#"{"signature":"AA==","time":1}"#.to_vec(),
        ..Archive::of(vec![Entry::new("manifest.yaml", "a: 1\n"), Entry::plain("d/\u{e9}", "x")])
    };
    vec![
        Plugin::new("seed").bytes(),
        Plugin::new("seed").archive_without_descriptors().bytes(),
        signed.bytes(),
        Archive::of(vec![Entry { stored: true, ..Entry::plain("a", "stored") }]).bytes(),
        Archive::of(vec![Entry { stored: true, ..Entry::plain("d/", "") }, Entry::new("d/a", "x")]).bytes(),
        Wheel::pure("alpha", "1.0.0").bytes(),
    ]
}

/// What plugins say from beginning to end, after the byte that tells which protocol it is of.
fn channels() -> Vec<Vec<u8>> {
    let native = r#"{"jsonrpc":"2.0","id":1,"result":{"protocol_version":1,"plugin":{"id":"echo","version":"1.0.0"},"capabilities":{"health":true,"message_types":["echo"]}}}
{"jsonrpc":"2.0","id":2,"result":{"status":"success","data":{"x":1}}}
{"jsonrpc":"2.0","id":"a","method":"event/emit","params":{}}
"#;
    let dify = r#"{"version":"1.0.0","type":"plugin","author":"a","name":"echo"}

{"event":"heartbeat","session_id":null,"data":{}}
{"event":"session","session_id":"s7","data":{"type":"invoke","data":{"type":"llm","backwards_request_id":"b","request":{}}}}
{"event":"session","session_id":"s7","data":{"type":"stream","data":{"type":"text","message":{"text":"42"}}}}
{"event":"session","session_id":"s7","data":{"type":"end","data":{}}}
"#;
    let capability = "c".repeat(32);
    let langbot = format!(
        r#"hello
{{"seq_id":9,"action":"register_plugin","data":{{"registration_capability":"{capability}","plugin_container":{{"manifest":{{"metadata":{{"name":"echo","version":"1.0.0"}}}},"components":[]}}}}}}
{{"seq_id":2,"code":0,"message":"success","data":{{"alive":true}},"chunk_status":"continue"}}
{{"seq_id":3,"code":0,"message":"success","data":{{}},"chunk_status":"continue"}}
{{"type":"chunk_start","total_size":23}}
{{"type":"chunk_data","data":"{{\"seq_id\":1,\"code\":0}} ","offset":0}}
{{"type":"chunk_end"}}
"#
    );
    let said = [(9, native), (10, dify), (11, langbot.as_str())];
    said.map(|(kind, text)| [&[kind][..], text.as_bytes()].concat()).to_vec()
}

fn labels() -> Vec<Vec<u8>> {
    let names = |tags: &[&str]| {
        let names = tags.iter().map(|tag| Wheel::tagged("a", "1.0", tag).file_name());
        names.collect::<Vec<_>>().join("\n").into_bytes()
    };
    vec![
        names(&[LINUX_X86_64, LINUX_AARCH64, MACOS_ARM64, "py3-none-any"]),
        names(&["cp39-abi3-macosx_10_12_x86_64.macosx_11_0_universal2", "py2.py3-none-any"]),
        b"a-1.0-2b-cp312-cp312-manylinux1_x86_64.whl".to_vec(),
    ]
}

fn locks() -> Vec<Vec<u8>> {
    let wheel = |name: &str, tag: &str| {
        let wheel = Wheel::tagged(name, "1.0", tag);
        let url = format!("https://files.example/packages/{}", wheel.file_name());
        (url, wheel.bytes())
    };
    let (one, other, pure) = (wheel("a", LINUX_AARCH64), wheel("a", MACOS_ARM64), wheel("b", "py3-none-any"));
    let small = Lock::new("p").with(Locked::new("b", "1.0").file(&pure.0, &pure.1));
    let large = Lock::new("p")
        .with(
            Locked::new("a", "1.0")
                .file(&one.0, &one.1)
                .file(&other.0, &other.1)
                .needs("{ name = \"b\", extra = [\"x\"] }"),
        )
        .with(Locked::new("b", "1.0").file(&pure.0, &pure.1).transitive().extra(
            "x",
            "{ name = \"c\", marker = \"python_full_version < '3.13' and 'arm' in platform_machine\" }",
        ))
        .with(Locked::new("c", "2.0").source("{ git = \"https://git.example/c#0123\" }").transitive());
    vec![small.text().into_bytes(), large.text().into_bytes()]
}

fn manifests() -> Vec<Vec<u8>> {
    let whole = Plugin::new("seed").content("manifest.yaml").to_vec();
    vec![
        whole,
        b"author: &a x\nname: *a\nversion: 1.0.0\n".to_vec(),
        b"{author: a, name: b, version: 1.0.0}".to_vec(),
    ]
}

/// Tarballs as they inflate: what is compressed changes into nothing else that can be read.
fn packages() -> Vec<Vec<u8>> {
    let manifest = packages::inkdrop_tarball("seed", "1.0.0").set("/theme", "ui").manifest().to_string();
    let long = format!("35 path=./{}/package.json\n", "a".repeat(11));
    let tar = |top: &str| {
        let tar = Tar::default().directory(top).file(&format!("{top}README.md"), b"# Seed\n");
        tar.file(&format!("{top}package.json"), manifest.as_bytes()).bytes()
    };
    vec![
        tar("./"),
        tar("ada-seed-0123456/"),
        Tar::default().entry("PaxHeader", b'x', "", long.as_bytes()).file("x", manifest.as_bytes()).bytes(),
        packages::inkdrop_tarball("seed", "1.0.0").bytes(),
        packages::difypkg("ada", "seed", "1.0.0").bytes(),
        packages::lbpkg("ada", "seed", "1.0.0").bytes(),
        packages::zip("seed", "1.0.0").bytes(),
    ]
}

fn requirements() -> Vec<Vec<u8>> {
    let hash = "ab".repeat(32);
    [
        format!("--no-index\n--find-links=./wheels/\r\n# note\na[x]>=1,<2 ; python_version < '4' # why\nb==1 \\\n --hash=sha256:{hash}\n"),
        "-r other.txt\n".to_owned(),
        "a @ https://user:secret@files.example/a.whl\n".to_owned(),
        "[project]\nname = \"a\"\ndependencies = [\"b>=1 ; sys_platform == 'linux'\", \"c[x]~=2.1\"]\n".to_owned(),
    ]
    .map(String::into_bytes)
    .to_vec()
}
