//! The selection for sixty published locks against what an independent implementation selects. The locks are not
//! part of the project; where they do not lie beside it, this says so and proves nothing.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

use domain::values::{Arch, Digest, Os, Target};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::{
    lock::Lock,
    offences::Offence,
    project::PyProject,
    select::{Declared, Job, select},
    sources::{IndexPolicy, Sources},
    walk::Graph,
};

#[derive(Debug, PartialEq, Eq, Deserialize)]
struct Expected {
    packages: usize,
    wheels: usize,
    bytes: u64,
    files_sha256: String,
    no_fitting_wheel: Vec<String>,
    no_wheel: Vec<String>,
}

fn target(name: &str) -> Target {
    let (os, rest) = name.split_once('-').unwrap();
    let (arch, floor) = rest.rsplit_once('-').unwrap();
    Target {
        os: if os == "linux" { Os::Linux } else { Os::Macos },
        arch: if arch == "x86_64" { Arch::X86_64 } else { Arch::Aarch64 },
        floor: floor.trim_start_matches("glibc").parse().unwrap(),
        python: "3.12".parse().unwrap(),
    }
}

fn unpacked(archive: &Path, into: &Path) -> bool {
    let done = Command::new("tar").arg("-xJf").arg(archive).arg("-C").arg(into).status();
    done.is_ok_and(|status| status.success())
}

fn answer(lock: &str, pyproject: &str, target: Target) -> Expected {
    let pyproject = PyProject::read(pyproject).unwrap();
    let lock = Lock::read(lock).unwrap();
    let policy = IndexPolicy::default();
    let graph = Graph::new(&lock, pyproject.name().as_deref()).unwrap();
    let sources = Sources::of(&lock, &policy);
    let job = Job { lock: &lock, graph: &graph, pyproject: Some(&pyproject), sources: &sources };
    let picked = job.pick(target).unwrap();
    let mut files: Vec<&str> = picked.wheels.iter().map(|wheel| wheel.file_name.as_str()).collect();
    files.sort_unstable();
    let names = |wanted: fn(&Offence) -> bool| {
        picked.offences.iter().filter(|o| wanted(o)).map(|o| o.package.clone()).collect()
    };
    Expected {
        packages: picked.closure.packages.len(),
        wheels: files.len(),
        bytes: picked.wheels.iter().filter_map(|wheel| wheel.size).sum(),
        files_sha256: Digest::of_bytes(Sha256::digest(files.join("\n")).into()).to_string(),
        no_fitting_wheel: names(|offence| offence.text.contains(" has no wheel for ")),
        no_wheel: names(|offence| !offence.text.contains(" has no wheel for ")),
    }
}

#[test]
fn the_selection_for_sixty_official_locks_is_the_expected_one() {
    let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/locks");
    let Ok(expected) = fs::read_to_string(beside.join("expected.json")) else {
        println!("skipped: there are no official locks beside the project");
        return;
    };
    let expected: BTreeMap<String, BTreeMap<String, Expected>> = serde_json::from_str(&expected).unwrap();
    let into = tempfile::tempdir().unwrap();
    if !unpacked(&beside.join("official-locks.tar.xz"), into.path()) {
        println!("skipped: tar and xz are not here to unpack the official locks");
        return;
    }
    let read = |plugin: &str, file| fs::read_to_string(into.path().join(plugin).join(file)).unwrap();
    let mut wrong = Vec::new();
    for (plugin, targets) in &expected {
        let (lock, pyproject) = (read(plugin, "uv.lock"), read(plugin, "pyproject.toml"));
        for (name, expected) in targets {
            let found = answer(&lock, &pyproject, target(name));
            if found != *expected {
                wrong.push(format!("{plugin} {name}: found {found:?}, expected {expected:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));

    let texts: Vec<_> =
        expected.keys().map(|plugin| (read(plugin, "uv.lock"), read(plugin, "pyproject.toml"))).collect();
    let start = Instant::now();
    for ((lock, pyproject), targets) in texts.iter().zip(expected.values()) {
        let targets: Vec<_> = targets.keys().map(|name| target(name)).collect();
        let declared = Declared { lock: Some(lock), pyproject: Some(pyproject), requirements: None };
        assert_eq!(select(declared, &targets, &IndexPolicy::default()).len(), 8);
    }
    println!("{} locks x 8 targets, parsing included: {:?}", texts.len(), start.elapsed());
}
