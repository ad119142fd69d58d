//! Names, counts, manifests, requirements and words of a caller: what is refused, and what only looks alike and is
//! taken.

use plugyard_tests::{Archive, Cli, Entry, Plugin, Upload, X86_64, Yard, binary};
use serde_json::json;

use crate::hostile_doors::Doors;

#[tokio::test]
async fn two_names_of_one_file_on_some_system_are_refused() {
    let doors = Doors::new().await;
    for (one, other) in [
        ("stra\u{df}e.py", "STRASSE.py"),
        ("\u{3a3}.py", "\u{3c2}.py"),
        ("\u{212b}.py", "\u{e5}.py"),
        ("tools", "tools/inner.py"),
        ("Tools/a.py", "tools/A.py"),
        ("a.py.", "a.py"),
        ("b.py", "b.py "),
        ("c./x.py", "c/x.py"),
    ] {
        let archive = Plugin::new("host").archive().with(Entry::new(one, "1")).with(Entry::new(other, "2"));
        doors.refuses(&format!("{one} and {other}"), &archive.bytes(), "PACKAGE_AMBIGUOUS").await;
    }
    doors.is_well().await;
}

/// No target is a Windows: its reserved names are ordinary modules, and refusing them would refuse real packages.
#[tokio::test]
async fn odd_names_that_are_one_file_everywhere_come_through() {
    let yard = Yard::start().await;
    let odd =
        ["aux.py", "con", "nul.txt", "lpt1/a.py", "dots...", "a..b/...c", "caf\u{e9}.py", "\u{202e}gpj.py"];
    let plugin = odd.iter().fold(Plugin::new("odd"), |plugin, name| plugin.file(name, "x"));
    let result = yard.result(&yard.upload(&plugin, X86_64).await).await;
    assert!(odd.iter().all(|name| result.has(name)), "{:?}", result.names());
}

#[tokio::test]
async fn the_caps_are_met_exactly() {
    let doors = Doors::new().await;
    let plugin = Plugin::new("host").archive();
    let filled = |count: usize| {
        let more = (plugin.entries.len()..count)
            .map(|n| Entry { stored: true, ..Entry::new(format!("many/{n}.txt"), "") });
        Archive::of(plugin.entries.iter().cloned().chain(more).collect()).bytes()
    };
    let zeros = |bytes: usize| plugin.clone().with(Entry::new("zeros.bin", vec![0; bytes])).bytes();
    let nested = (0..20).fold(zeros(1 << 20), |inner, n| {
        Archive::of(vec![Entry { stored: n % 2 == 0, ..Entry::new("inner.zip", inner) }]).bytes()
    });
    let inside = plugin.clone().with(Entry::new("inner.zip", nested)).bytes();
    let taken = [filled(10_000), zeros(1 << 20), inside];
    for archive in taken.clone() {
        doors.yard.try_upload(Upload::bytes("host.difypkg", archive)).await.expect(200);
    }
    doors.refuses("an entry more", &filled(10_001), "PACKAGE_TOO_LARGE").await;
    doors.refuses("a byte more of nothing", &zeros((1 << 20) + 1), "PACKAGE_TOO_LARGE").await;
    for name in ["requirements.txt", "pyproject.toml"] {
        let text = format!("# {}\n", "x y".repeat(100 << 10));
        let plugin = Plugin::new("host").file(name, text);
        doors.refuses(name, &plugin.bytes(), "PACKAGE_TOO_LARGE").await;
    }
    doors.is_well_after(taken.len()).await;
}

#[tokio::test]
async fn a_manifest_that_plays_with_yaml_is_refused() {
    let doors = Doors::new().await;
    let good = String::from_utf8(Plugin::new("host").content("manifest.yaml").to_vec()).unwrap();
    let utf16: Vec<u8> = good.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let deep = (0..200).map(|n| format!("{}k:\n", " ".repeat(n))).collect::<Vec<_>>().concat();
    let quadratic = format!("a: &a {}\nb: [{}]\n{good}", "x".repeat(50_000), vec!["*a"; 300].join(","));
    let wide = format!("{good}wide: [{}]\n", "1,".repeat(60_000));
    let merged =
        (1..120).map(|n| format!("m{n}: &m{n} {{<<: *m{}, k{n}: 1}}\n", n - 1)).collect::<Vec<_>>().concat();
    for (what, manifest) in [
        ("two documents", format!("{good}---\n{good}").into_bytes()),
        ("an alias of itself", format!("loop: &l [*l]\n{good}").into_bytes()),
        ("an alias of nothing", format!("x: *nothing\n{good}").into_bytes()),
        ("one scalar many times", quadratic.into_bytes()),
        ("merges of merges", format!("m0: &m0 {{k: 1}}\n{merged}{good}").into_bytes()),
        ("a mapping in a mapping", format!("{good}{deep}").into_bytes()),
        ("a hundred thousand nodes", wide.into_bytes()),
        ("a key twice, deep inside", format!("{good}x: {{y: [{{z: 1, z: 2}}]}}\n").into_bytes()),
        ("a key twice, once quoted", format!("{good}'name': other\n").into_bytes()),
        ("a key that is a mapping", format!("{good}? {{a: b}}\n: c\n").into_bytes()),
        ("a tab for a space", format!("{good}x:\n\t- y\n").into_bytes()),
        ("a NUL", format!("{good}x: \"a\u{0}b\"\n").into_bytes()),
        ("UTF-16", [b"\xff\xfe".to_vec(), utf16].concat()),
        ("an open quote", format!("{good}x: \"").into_bytes()),
        ("a name of another alphabet", good.replace("name: host", "name: h\u{43e}st").into_bytes()),
        ("a name of 129", good.replace("name: host", &format!("name: {}", "n".repeat(129))).into_bytes()),
        (
            "an author of 65",
            good.replace("author: yard", &format!("author: {}", "a".repeat(65))).into_bytes(),
        ),
        ("a name that is a list", good.replace("name: host", "name: [host]").into_bytes()),
        ("no version", good.replacen("version: 0.0.1\n", "", 1).into_bytes()),
    ] {
        let archive = Plugin::new("host").file("manifest.yaml", manifest).bytes();
        let said = doors.refuses(what, &archive, "MANIFEST_INVALID").await;
        assert!(said.starts_with("manifest.yaml is missing or invalid: "), "{what}: {said}");
    }
    doors.is_well().await;
}

#[tokio::test]
async fn requirements_are_names_and_nothing_else() {
    let doors = Doors::new().await;
    for (line, option) in [
        ("-i https://user:hunter2@index.invalid/simple", "-i"),
        ("-ihttps://user:hunter2@index.invalid/simple", "-i"),
        ("--index-url https://user:hunter2@index.invalid/simple", "--index-url"),
        ("--extra-index-url=https://user:hunter2@index.invalid/", "--extra-index-url"),
        ("  --trusted-host hunter2", "--trusted-host"),
        ("-f hunter2", "-f"),
        ("--find-links=./hunter2/", "--find-links"),
        ("-r /etc/passwd", "-r"),
        ("-r/etc/passwd", "-r"),
        ("-c hunter2.txt", "-c"),
        ("-e .", "-e"),
        ("--editable=hunter2", "--editable"),
        ("--no-binary :all:", "--no-binary"),
        ("--no-binary=hunter2", "--no-binary"),
        ("--only-binary=:none:", "--only-binary"),
        ("--pre", "--pre"),
        ("--config-settings=hunter2", "--config-settings"),
        ("alpha==1 --config-settings=hunter2", "--config-settings"),
        ("alpha==1 --hash=md5:hunter2", "--hash"),
        ("alpha==1 --global-option=\"hunter2\"", "--global-option"),
        ("alpha \\\n --no-binary=hunter2", "--no-binary"),
        ("${HUNTER2}", "${"),
        ("alpha==${HUNTER2}", "${"),
        ("alpha @ https://user:hunter2@files.invalid/alpha.whl", "a URL"),
        ("alpha@file:///etc/hunter2", "a URL"),
        ("git+https://hunter2.invalid/x", "a URL"),
        ("https://user:hunter2@files.invalid/alpha-1.0-py3-none-any.whl", "a URL"),
        ("file:///etc/hunter2", "a URL"),
        ("./hunter2", "what is no requirement"),
        ("../hunter2.whl", "what is no requirement"),
        ("/etc/hunter2", "what is no requirement"),
        ("hunter2/setup.py", "what is no requirement"),
        ("hunter2==1==2", "what is no requirement"),
        ("1.}hunter2.-*", "what is no requirement"),
        ("alpha[hunter2-]", "what is no requirement"),
        ("hunter2 !", "what is no requirement"),
        ("hunter2; no_marker == 'x", "what is no requirement"),
    ] {
        let plugin = Plugin::new("asking").file("requirements.txt", format!("# first\n\n{line}\n"));
        let said = doors.fails(line, &plugin, &["REQUIREMENT_UNSUPPORTED"]).await;
        let text = format!("requirements.txt line 3: '{option}' is not allowed for offline packages");
        assert_eq!(said, format!("{text} (REQUIREMENT_UNSUPPORTED)"), "{line}");
    }
    let clause = |n: usize| format!("'a{n}' in os_name and 'z{n}' in platform_machine");
    let explosive = (0..30).map(clause).collect::<Vec<_>>().join(" or ");
    for (what, text) in [
        ("a line of 3 KiB", format!("alpha=={}\n", "1".repeat(3_000))),
        ("3,000 lines", "alpha\n".repeat(3_000)),
        ("an explosive marker", format!("alpha ; {explosive}\n")),
        ("deep parentheses", format!("alpha ; {}os_name == 'posix'{}\n", "(".repeat(900), ")".repeat(900))),
    ] {
        let plugin = Plugin::new("asking").file("requirements.txt", text);
        doors.fails(what, &plugin, &["REQUIREMENT_UNSUPPORTED"]).await;
    }
    assert_eq!(doors.yard.strays(), [""; 0]);
}

#[tokio::test]
async fn a_suffix_is_a_plain_word_at_every_door() {
    let (yard, ground) = (Yard::start().await, binary::ground());
    std::fs::write(ground.path().join("cwd/host.difypkg"), Plugin::new("host").bytes()).unwrap();
    let long = "s".repeat(33);
    for suffix in ["../evil", "a/b", "a\\b", ".hidden", "-x", "a b", "a\"b", "a;b", "a%2fb", "\u{e9}", &long]
    {
        let upload = Upload::of(&Plugin::new("host")).field("suffix", suffix);
        assert_eq!(yard.try_upload(upload).await.status, 400, "{suffix}");
        let body = json!({ "url": "https://files.invalid/host.difypkg", "suffix": suffix });
        assert_eq!(yard.post("/api/v1/tasks", &body).await.status, 400, "{suffix}");
        let option = format!("--suffix={suffix}");
        let ran = Cli::on(ground.path()).args(["repackage", "host.difypkg", &option]).run().await;
        assert!(![Some(0), None].contains(&ran.code), "{suffix}: {ran:?}");
        assert!(ran.err.contains("uffix") && !ran.err.contains("panicked"), "{suffix}: {ran:?}");
    }
    let upload = Upload::of(&Plugin::new("host")).field("suffix", "a\r\nSet-Cookie: x");
    assert_eq!(yard.try_upload(upload).await.status, 400);
    let upload = Upload::of(&Plugin::new("host")).field("suffix", "s".repeat(32).as_str());
    let id = plugyard_tests::yard::task_id(&yard.try_upload(upload).await.expect(200).json());
    assert!(yard.result(&id).await.wheels().is_empty());
    assert!(yard.strays().is_empty(), "{:?}", yard.strays());
}
