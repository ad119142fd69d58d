//! Choosing the wheels: every lock at hand for eight targets, parsing included, in this process.

use std::{fs, path::Path, process::Command};

use domain::values::{Arch, Os, Target as System};
use infrastructure::wheels::{
    select::{Declared, select},
    sources::IndexPolicy,
};
use plugyard_tests::{Lock, Locked};

use crate::{
    cost,
    figures::{count, median},
    table::{Table, Target},
};

const ROUNDS: usize = 5;
const LOCKS: usize = 60;

/// The texts of `uv.lock` and `pyproject.toml`.
type Project = (String, String);

pub(crate) fn measure() -> Table {
    let mut table = Table::default();
    let official = official();
    let (what, projects) =
        if official.is_empty() { ("generated", generated()) } else { ("official", official) };
    let (systems, policy) = (systems(), IndexPolicy::default());
    let mut seconds = Vec::new();
    let mut selected = 0;
    for _ in 0..ROUNDS {
        let begun = cost::own();
        selected = 0;
        for (lock, pyproject) in &projects {
            let declared = Declared { lock: Some(lock), pyproject: Some(pyproject), ..Declared::default() };
            selected += select(declared, &systems, &policy).iter().filter(|plan| plan.is_ok()).count();
        }
        seconds.push(cost::own() - begun);
    }
    let measure = format!("selection, {} {what} locks x {} targets", projects.len(), systems.len());
    let share = count(selected) / count(projects.len() * systems.len()) * 100.0;
    table.judge(measure, median(&seconds), format!("CPU s ({share:.0} % complete)"), Target::AtMost(0.5));
    let least = seconds.iter().copied().fold(f64::MAX, f64::min);
    table.fact("  the least of its rounds", format!("{least:.2} CPU s"));
    table
}

/// Those that lie beside the project, where they do.
fn official() -> Vec<Project> {
    let archive = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/locks/official-locks.tar.xz");
    let into = tempfile::tempdir().unwrap();
    let unpacked = Command::new("tar").arg("-xJf").arg(archive).arg("-C").arg(into.path()).output();
    if !unpacked.is_ok_and(|output| output.status.success()) {
        return Vec::new();
    }
    let found = plugyard_tests::tree::files_below(into.path());
    let locks = found.iter().filter_map(|path| path.strip_suffix("uv.lock"));
    let read = |path: String| fs::read_to_string(into.path().join(path)).unwrap_or_default();
    locks.map(|base| (read(format!("{base}uv.lock")), read(format!("{base}pyproject.toml")))).collect()
}

/// As large as the official ones: 60 packages, and of every fourth one the many files of a compiled project.
fn generated() -> Vec<Project> {
    let hash = "ab".repeat(32);
    let line = |name: &str, tag: &str| {
        format!(
            "{{ url = \"https://files.example/packages/{name}-1.0-{tag}.whl\", hash = \"sha256:{hash}\" }}"
        )
    };
    let package = |number: usize| {
        let name = format!("package{number}");
        let locked = Locked::new(&name, "1.0");
        if !number.is_multiple_of(4) {
            return locked.line(&line(&name, "py3-none-any"));
        }
        let systems =
            ["manylinux_2_17_x86_64.manylinux2014_x86_64", "manylinux_2_28_aarch64", "macosx_11_0_arm64"];
        let tags =
            (9..14).flat_map(|python| systems.map(|system| format!("cp3{python}-cp3{python}-{system}")));
        tags.fold(locked, |locked, tag| locked.line(&line(&name, &tag)))
    };
    let lock = |number| (0..60).fold(Lock::new(&format!("plugin{number}")), |lock, n| lock.with(package(n)));
    (0..LOCKS).map(lock).map(|lock| (lock.text(), lock.project_text())).collect()
}

fn systems() -> Vec<System> {
    let python = "3.12".parse().unwrap();
    [
        (Os::Linux, Arch::X86_64, "2.17"),
        (Os::Linux, Arch::X86_64, "2.28"),
        (Os::Linux, Arch::X86_64, "2.39"),
        (Os::Linux, Arch::Aarch64, "2.28"),
        (Os::Linux, Arch::Aarch64, "2.39"),
        (Os::Macos, Arch::X86_64, "14.0"),
        (Os::Macos, Arch::Aarch64, "11.0"),
        (Os::Macos, Arch::Aarch64, "14.0"),
    ]
    .map(|(os, arch, floor)| System { os, arch, floor: floor.parse().unwrap(), python })
    .to_vec()
}
