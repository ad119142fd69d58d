use domain::values::Os;

use super::*;

const HASH: &str = "abababababababababababababababababababababababababababababababab";

fn wheel(file: &str) -> String {
    format!("{{ url = \"https://files.example/packages/{file}\", hash = \"sha256:{HASH}\", size = 7 }}")
}

fn package(name: &str, version: &str, more: &str) -> String {
    let source = "source = { registry = \"https://index.example/simple\" }";
    let source = if more.contains("source =") { "" } else { source };
    format!("[[package]]\nname = \"{name}\"\nversion = \"{version}\"\n{source}\n{more}\n")
}

fn pure(name: &str, version: &str, more: &str) -> String {
    let wheel = wheel(&format!("{name}-{version}-py3-none-any.whl"));
    package(name, version, &format!("wheels = [{wheel}]\n{more}"))
}

fn lock(dependencies: &str, packages: &[String]) -> String {
    let head = "version = 1\nrevision = 3\nrequires-python = \">=3.12\"\n";
    let more = format!("source = {{ virtual = \".\" }}\ndependencies = [{dependencies}]");
    let root = package("my-plugin", "0.1", &more);
    format!("{head}{root}{}", packages.concat())
}

fn target(platform: &str) -> Target {
    use domain::values::{Arch, FloorPolicy, TargetOptions};
    let policy = FloorPolicy {
        glibc: "2.39".parse().unwrap(),
        macos: "14.0".parse().unwrap(),
        host: (Os::Linux, Arch::X86_64),
    };
    Target::resolve(&platform.parse().unwrap(), TargetOptions::default(), policy)
}

fn selected_for(platform: &str, lock: &str) -> Result<Selection, Failure> {
    let pyproject = Some("[project]\nname = 'My_Plugin'\n");
    let declared = Declared { lock: Some(lock), pyproject, requirements: None };
    chosen(declared, &[target(platform)]).remove(0)
}

fn chosen(declared: Declared<'_>, targets: &[Target]) -> Vec<Result<Selection, Failure>> {
    let plans = select(declared, targets, &IndexPolicy::default());
    plans.into_iter().map(|plan| plan.map(|plan| plan.selected().unwrap())).collect()
}

fn selected(lock: &str) -> Result<Selection, Failure> {
    selected_for("manylinux2014_x86_64", lock)
}

fn names(lock: &str) -> Vec<String> {
    let wheels = selected(lock).unwrap().wheels;
    wheels.into_iter().map(|wheel| format!("{} {}", wheel.name, wheel.version)).collect()
}

#[test]
fn markers_extras_and_cycles_are_followed() {
    let text = lock(
        "{ name = \"a\", extra = [\"x\"] }, { name = \"w\", marker = \"sys_platform == 'win32'\" }",
        &[
            pure(
                "a",
                "1",
                "dependencies = [{ name = \"b\" }]\n[package.optional-dependencies]\n\
                 x = [{ name = \"c\" }]\ny = [{ name = \"d\" }]",
            ),
            pure("b", "2", "dependencies = [{ name = \"a\" }]"),
            pure("c", "3", ""),
            pure("d", "4", ""),
            pure("w", "5", ""),
        ],
    );
    assert_eq!(names(&text), ["a 1", "b 2", "c 3"]);
}

#[test]
fn of_a_fork_the_branch_of_the_target_is_taken() {
    let fork = |marker: &str| format!("resolution-markers = [\"{marker}\"]");
    let text = lock(
        "{ name = \"a\" }",
        &[
            pure("a", "1", &fork("python_full_version < '3.12'")),
            pure("a", "2", &fork("python_full_version >= '3.12'")),
        ],
    );
    assert_eq!(names(&text), ["a 2"]);
    let both = lock("{ name = \"a\" }", &[pure("a", "1", ""), pure("a", "2", "")]);
    assert_eq!(selected(&both).unwrap_err().reason, Reason::LockInvalid);
    let two = lock(
        "{ name = \"a\", version = \"1\" }, { name = \"a\", version = \"2\" }",
        &[pure("a", "1", ""), pure("a", "2", "")],
    );
    assert!(selected(&two).unwrap_err().message.contains("two versions of a"));
    let absent = lock("{ name = \"a\" }", &[]);
    assert_eq!(selected(&absent).unwrap_err().reason, Reason::LockInvalid);
}

#[test]
fn the_floor_of_the_result_is_the_highest_of_its_wheels() {
    let native = |name: &str, platform: &str| {
        let wheel = wheel(&format!("{name}-1-cp312-cp312-{platform}.whl"));
        package(name, "1", &format!("wheels = [{wheel}]"))
    };
    let text = lock(
        "{ name = \"a\" }, { name = \"b\" }, { name = \"c\" }",
        &[
            native("a", "manylinux_2_28_x86_64.manylinux2014_x86_64"),
            native("b", "manylinux_2_24_x86_64"),
            pure("c", "1", ""),
        ],
    );
    let selection = selected(&text).unwrap();
    assert_eq!(selection.needs.glibc.unwrap().to_string(), "2.24");
    assert_eq!(selection.wheels[1].tag, "cp312-cp312-manylinux_2_24_x86_64");
    assert_eq!(selection.wheels[1].size, Some(7));
}

#[test]
fn everything_that_cannot_be_had_is_named_at_once() {
    let new = wheel("tiktoken-0.13.0-cp312-cp312-manylinux_2_28_x86_64.whl");
    let windows = wheel("winonly-1-cp312-cp312-win_amd64.whl");
    let git = "source = { git = \"https://git.example/x.git#00\" }";
    let text = lock(
        "{ name = \"tiktoken\" }, { name = \"wikipedia\" }, { name = \"g\" }, { name = \"winonly\" }",
        &[
            package("tiktoken", "0.13.0", &format!("wheels = [{new}]")),
            package("wikipedia", "1.4.0", "sdist = { url = \"https://files.example/x.tar.gz\" }"),
            package("g", "1", git),
            package("winonly", "1", &format!("wheels = [{windows}]")),
        ],
    );
    let failure = selected_for("manylinux_2_20_x86_64", &text).unwrap_err();
    for part in [
        "tiktoken 0.13.0 has no wheel for glibc 2.20 x86_64; it needs glibc 2.28 or newer (use strict=false)",
        "wikipedia 1.4.0 has no wheel; building is disabled on this server",
        "g comes from git; git sources are disabled",
        "winonly 1 has no wheel for glibc 2.20 x86_64 and Python 3.12 (it has cp312-cp312-win_amd64)",
    ] {
        assert!(failure.message.contains(part), "{}", failure.message);
    }
    assert_eq!(failure.reason, Reason::SourceForbidden);
}

#[test]
fn paths_urls_foreign_files_and_missing_hashes_are_refused() {
    let with = |more: &str| lock("{ name = \"a\" }", &[package("a", "1", more)]);
    let reason = |more: &str| selected(&with(more)).unwrap_err().reason;
    for source in [
        "path = \"../a.whl\"",
        "directory = \"../a\"",
        "editable = \"../a\"",
        "url = \"https://files.example/a-1-py3-none-any.whl\"",
    ] {
        assert_eq!(reason(&format!("source = {{ {source} }}")), Reason::SourceForbidden, "{source}");
    }
    for wheel in [wheel("b-1-py3-none-any.whl"), wheel("a-2-py3-none-any.whl")] {
        assert_eq!(reason(&format!("wheels = [{wheel}]")), Reason::WheelMismatch, "{wheel}");
    }
    for wheel in [
        "{ url = \"https://files.example/a-1-py3-none-any.whl\" }".to_owned(),
        "{ url = \"https://files.example/a-1-py3-none-any.whl\", hash = \"md5:00\" }".to_owned(),
    ] {
        assert_eq!(reason(&format!("wheels = [{wheel}]")), Reason::LockInvalid, "{wheel}");
    }
    assert_eq!(reason("wheels = [{ path = \"a-1-py3-none-any.whl\" }]"), Reason::SourceForbidden);
    let file = format!("{{ url = \"file:///a-1-py3-none-any.whl\", hash = \"sha256:{HASH}\" }}");
    assert_eq!(reason(&format!("wheels = [{file}]")), Reason::SourceForbidden);
}

#[test]
fn locks_we_cannot_use_leave_the_versions_open_and_say_why() {
    let good = lock("{ name = \"a\" }", &[pure("a", "1", "")]);
    for (text, why) in [
        (good.replace("version = 1\n", "version = 2\n"), "its version is not 1"),
        (good.replace(">=3.12", ">=3.13"), "it is for Python >=3.13, the target has 3.12.3"),
        (good.replace("my-plugin", "other"), "it does not hold the project of pyproject.toml"),
        ("no toml".to_owned(), "it is not readable"),
        (format!("conflicts = [[{{ package = \"a\" }}]]\n{good}"), "it holds conflicting extras"),
    ] {
        let pyproject = "[project]\nname = 'my-plugin'\ndependencies = ['a']\n";
        let declared = Declared { lock: Some(&text), pyproject: Some(pyproject), requirements: None };
        let target = target("manylinux2014_x86_64");
        let Plan::Open(wanted) = select(declared, &[target], &IndexPolicy::default()).remove(0).unwrap()
        else {
            panic!("{text}")
        };
        assert_eq!((wanted.source, wanted.lines[0].text.as_str()), (DependencySource::Pyproject, "a"));
        assert!(wanted.notes[0].text.starts_with(&format!("uv.lock was not used: {why}.")), "{wanted:?}");
    }
}

#[test]
fn a_package_that_declares_nothing_needs_no_lock() {
    let targets = [target("manylinux2014_x86_64"), target("macosx_11_0_arm64")];
    let all = chosen(Declared::default(), &targets);
    assert_eq!(all.len(), 2);
    assert_eq!(all[1].as_ref().unwrap().source, DependencySource::Nothing);
    let declared = Declared { requirements: Some("a==1\n"), ..Declared::default() };
    let plan = select(declared, &targets, &IndexPolicy::default()).remove(0).unwrap();
    assert!(matches!(plan, Plan::Open(wanted) if wanted.source == DependencySource::Requirements));
}

#[test]
fn a_stale_lock_wins_and_is_mentioned() {
    let metadata = "[package.metadata]\nrequires-dist = [{ name = \"a\", specifier = \">=1\" }]\n";
    let text = lock("{ name = \"a\" }", &[]) + metadata + &pure("a", "1", "");
    let notes = |dependencies: &str, requirements| {
        let pyproject = format!("[project]\nname = 'my-plugin'\ndependencies = ['{dependencies}']\n");
        let declared = Declared { lock: Some(&text), pyproject: Some(&pyproject), requirements };
        let target = target("manylinux2014_x86_64");
        let notes = chosen(declared, &[target]).remove(0).unwrap().notes;
        notes.into_iter().map(|note| note.kind).collect::<Vec<_>>()
    };
    assert_eq!(notes("a >= 1", Some("a==1.0\n")), Vec::<String>::new());
    assert_eq!(notes("a >= 2", None), ["stale_lock"]);
    assert_eq!(notes("a >= 1", Some("a==2\n")), ["stale_lock"]);
}

#[test]
fn names_and_versions_that_could_become_options_are_refused() {
    for (name, version) in [
        ("-index-url=x", "1"),
        ("a;b", "1"),
        ("a\\nb", "1"),
        ("", "1"),
        ("a", "1;x"),
        ("a", "1\\n-e x"),
        ("a", "latest"),
        ("a", ""),
    ] {
        let dependency = format!("{{ name = \"{name}\" }}");
        let failure = selected(&lock(&dependency, &[pure(name, version, "")])).unwrap_err();
        assert_eq!(failure.reason, Reason::LockInvalid, "{name:?} {version:?}: {failure:?}");
    }
}
