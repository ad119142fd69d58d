//! Locks made to explode, and wheels that are not what their lock says: each ends in words, and soon.

use std::fmt::Write as _;

use plugyard_tests::{Archive, Entry, Lock, Locked, Plugin, Wheel, X86_64, archive::noise, sha256};

use crate::hostile_doors::Doors;

const NAME: &str = "alpha-1.0.0-py3-none-any.whl";
const GOOD: &str = "Metadata-Version: 2.1\nName: alpha\nVersion: 1.0.0\n";
const INFO: &str = "alpha-1.0.0.dist-info";
/// A lock that cannot be used leaves it to a resolver, where there is one.
const NO_LOCK: [&str; 4] = ["NO_USABLE_LOCK", "RESOLVER_UNAVAILABLE", "INDEX_UNAVAILABLE", "NO_SOLUTION"];

fn wheel(metadata: impl Into<Vec<u8>>) -> Archive {
    Archive::of(vec![
        Entry::plain("alpha/__init__.py", ""),
        Entry::plain(format!("{INFO}/METADATA"), metadata),
    ])
}

#[tokio::test]
async fn a_wheel_that_lies_is_refused() {
    let doors = Doors::new().await;
    let lying = |from: &str, to: &str| wheel(GOOD.replace(from, to));
    let huge = format!("{GOOD}Description: {}\n", "d ".repeat(5 << 20));
    let zeros = Entry::plain("alpha/zeros.bin", vec![0; 64 << 20]);
    let liar = Entry { claimed_size: Some(100), ..Entry::plain(format!("{INFO}/METADATA"), huge.clone()) };
    for (what, bytes) in [
        ("another version", lying("1.0.0", "1.0.1").bytes()),
        ("another name", lying("alpha", "omega").bytes()),
        ("two names", lying("Name: alpha", "Name: alpha\nName: omega").bytes()),
        ("two versions", lying("Version: 1.0.0", "Version: 1.0.0\nVersion: 2").bytes()),
        ("no version", lying("Version: 1.0.0\n", "").bytes()),
        ("a name behind the headers", lying("Name: alpha", "\nName: alpha").bytes()),
        ("a name folded over two lines", lying("Name: alpha", "Name:\n alpha").bytes()),
        ("no METADATA", Archive::of(vec![Entry::plain("alpha/__init__.py", "")]).bytes()),
        ("two METADATA", wheel(GOOD).with(Entry::plain("omega-1.dist-info/METADATA", GOOD)).bytes()),
        ("METADATA of 10 MiB", wheel(huge).bytes()),
        ("METADATA that is larger than it says", Archive::of(vec![liar]).bytes()),
        ("a bomb", wheel(GOOD).with(Entry { claimed_size: Some(1 << 31), ..zeros }).bytes()),
        ("an overlap", wheel(GOOD).with_overlap("a.bin", Entry::plain("b.bin", noise(100, 1))).bytes()),
        ("a way out", wheel(GOOD).with(Entry::plain("../../evil.py", "x")).bytes()),
        ("an absolute path", wheel(GOOD).with(Entry::plain("/etc/evil", "x")).bytes()),
        ("a link", wheel(GOOD).with(Entry::plain("alpha/l", "/etc/passwd").mode(0o120_777)).bytes()),
        ("a file twice", wheel(GOOD).with(Entry::plain("alpha/__init__.py", "x")).bytes()),
        ("bytes behind it", [wheel(GOOD).bytes(), b"more".to_vec()].concat()),
        ("nothing", Vec::new()),
    ] {
        let url = doors.files.put(&format!("/packages/{}/{NAME}", sha256(&bytes)), bytes.clone());
        let lock = Lock::new("lied-to").with(Locked::new("alpha", "1.0.0").file(&url, &bytes));
        let said = doors.fails(what, &Plugin::locked(&lock), &["WHEEL_MISMATCH"]).await;
        assert_eq!(said, format!("Integrity check failed for {NAME} (WHEEL_MISMATCH)"), "{what}");
    }
    assert_eq!(doors.yard.strays(), [""; 0]);
}

#[tokio::test]
async fn a_lock_that_explodes_is_refused() {
    let doors = Doors::new().await;
    let good = Lock::new("burst").with(Locked::new("alpha", "1.0.0").line("{ url = \"x\" }"));
    let plugin = |text: String| Plugin::locked(&good).file("uv.lock", text);
    let text = good.text();
    let dotted = format!("{text}\n[x]\n{} = 1\n", vec!["a"; 100_000].join("."));
    let inline = format!("{text}\n[x]\ny = {}1{}\n", "{ a = ".repeat(20_000), " }".repeat(20_000));
    let headers = (0..2_000).map(|n| format!("[x{}]\n", ".a".repeat(n % 500))).collect::<Vec<_>>().concat();
    let lists = (0..1_500_000).map(|n| format!("[{n}],")).collect::<Vec<_>>().concat();
    let lists = format!("{text}\n[x]\ny = [{lists}]\n");
    let control = format!("{text}\n# \u{1}\n");
    for (what, text) in [
        ("a key of 100,000 parts", dotted),
        ("tables in tables", inline),
        ("deep headers, again and again", format!("{text}\n{headers}")),
        ("a key twice", text.replacen("revision = 3", "revision = 3\nrevision = 3", 1)),
        ("a control character", control),
        ("a number too large", text.replacen("revision = 3", "revision = 99999999999999999999", 1)),
    ] {
        doors.fails(what, &plugin(text), &NO_LOCK).await;
    }
    // Whether so many values still fit into the reader's memory is the system's business.
    let may_end = [&NO_LOCK[..], &["PACKAGE_INVALID", "NO_WHEEL"]].concat();
    doors.fails("a million lists", &plugin(lists), &may_end).await;
    assert_eq!(doors.yard.strays(), [""; 0]);
}

#[tokio::test]
async fn markers_tags_and_names_that_explode_are_refused() {
    let doors = Doors::new().await;
    let clause = |n: usize| format!("('a{n:02}' in os_name and 'z{n:02}' in platform_machine)");
    let explosive = (0..30).map(clause).collect::<Vec<_>>().join(" or ");
    let deep = format!("{}os_name == 'x'{}", "(".repeat(50_000), ")".repeat(50_000));
    let long = vec!["python_full_version != '3.1'"; 10_000].join(" and ");
    for (what, marker) in [("explosive", explosive), ("deep", deep), ("long", long)] {
        let lock = Lock::new("marked")
            .with(Locked::new("alpha", "1.0.0").line("{ url = \"x\" }"))
            .root_needs(&format!("{{ name = \"alpha\", marker = \"{marker}\" }}"));
        doors.fails(what, &Plugin::locked(&lock), &NO_LOCK).await;
    }
    let many = |part: &str| vec![part; 40].join(".");
    let tags = format!("{}-{}-{}", many("a"), many("b"), many("c"));
    let file = format!("{{ url = \"https://f.invalid/alpha-1.0.0-{tags}.whl\", hash = \"sha256:00\" }}");
    let bomb = (0..20_000).fold(Locked::new("alpha", "1.0.0"), |locked, _| locked.line(&file));
    doors.fails("tags", &Plugin::locked(&Lock::new("tagged").with(bomb)), &["NO_WHEEL"]).await;
    let forks = (0..5_000)
        .fold(Lock::new("forked"), |lock, n| lock.with(Locked::new("alpha", &format!("1.{n}")).transitive()));
    let forks = (0..5_000).fold(forks, |lock, _| lock.root_needs("{ name = \"alpha\", version = \"1.7\" }"));
    doors.fails("forks", &Plugin::locked(&forks), &["LOCK_INVALID"]).await;
    assert_eq!(doors.yard.strays(), [""; 0]);
}

#[tokio::test]
async fn large_locks_end_in_words_or_in_a_package() {
    let doors = Doors::new().await;
    let alpha = Wheel::pure("alpha", "1.0.0");
    let url = doors.files.put(&format!("/packages/{NAME}"), alpha.bytes());
    let cycle = Lock::new("cyclic").with(
        Locked::new("alpha", "1.0.0")
            .file(&url, &alpha.bytes())
            .needs("{ name = \"alpha\", extra = [\"x\"] }")
            .extra("x", "{ name = \"cyclic\" }"),
    );
    let task = doors.yard.upload(&Plugin::locked(&cycle), X86_64).await;
    assert_eq!(doors.yard.result(&task).await.wheels(), [NAME]);

    let mut crowd = cycle.text().replace("cyclic", "crowded");
    for n in 0..100_000 {
        write!(crowd, "[[package]]\nname = \"p{n}\"\nversion = \"1\"\nsource = {{ registry = \"x\" }}\n")
            .unwrap();
    }
    let plugin = Plugin::locked(&cycle).file("uv.lock", crowd.clone());
    let plugin = plugin.file("pyproject.toml", cycle.project_text().replace("cyclic", "crowded"));
    let task = doors.yard.upload(&plugin, X86_64).await;
    assert_eq!(doors.yard.result(&task).await.wheels(), [NAME]);

    let all = (0..100_000).map(|n| format!("{{ name = \"p{n}\" }},")).collect::<Vec<_>>().concat();
    let wanted = crowd.replacen("dependencies = [", &format!("dependencies = [{all}"), 1);
    let said =
        doors.fails("100,000 packages without a wheel", &plugin.file("uv.lock", wanted), &["NO_WHEEL"]).await;
    assert!(said.contains("more like these") && said.len() < 64 << 10, "{} bytes", said.len());
    assert_eq!(doors.yard.strays(), [""; 0]);
}
