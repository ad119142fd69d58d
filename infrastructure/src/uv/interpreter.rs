//! Finding a Python. Nothing is believed but what a candidate says when it runs; a broken one is skipped.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    time::Duration,
};

use domain::values::PythonVersion;

use super::run::Call;

/// Isolated from the user's own packages and settings.
const ASK: &str = "import sys; print(sys.implementation.name, *sys.version_info[:3], sys.executable)";

/// A `CPython` that runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interpreter {
    /// Absolute, and no wrapper: it runs without any environment.
    pub path: PathBuf,
    pub version: PythonVersion,
}

/// Names and places to try, best first.
pub(super) fn candidates(given: Option<&Path>, minor: Option<u8>, search: &OsStr) -> Vec<PathBuf> {
    let directories: Vec<PathBuf> =
        std::env::split_paths(search).filter(|directory| directory.is_absolute()).collect();
    let mut names = vec!["python3.12".to_owned()];
    names.extend(minor.map(|minor| format!("python3.{minor}")));
    names.push("python3".to_owned());
    let mut found: Vec<PathBuf> = given.map(Path::to_owned).into_iter().collect();
    let mut add = |path: PathBuf| {
        if path.is_file() && !found.contains(&path) {
            found.push(path);
        }
    };
    for name in &names {
        for directory in &directories {
            // A version manager puts slow wrappers on the path; the interpreters themselves lie beside them.
            if directory.ends_with("shims") && name != "python3" {
                behind(directory, name).into_iter().for_each(&mut add);
            } else {
                add(directory.join(name));
            }
        }
    }
    found
}

fn behind(wrappers: &Path, name: &str) -> Vec<PathBuf> {
    let versions = std::fs::read_dir(wrappers.with_file_name("versions"));
    let mut known: Vec<PathBuf> =
        versions.into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    known.sort();
    known.iter().rev().map(|version| version.join("bin").join(name)).collect()
}

/// What the candidate says of itself.
pub(super) async fn probe(
    candidate: &Path,
    environment: &[(String, String)],
    directory: &Path,
) -> Option<Interpreter> {
    let call = Call::new(candidate, directory, Duration::from_secs(10));
    let ended = call.args(["-I", "-c", ASK]).envs(environment.iter().cloned()).run().await;
    let said = match ended {
        Ok(ended) if ended.status.success() => ended.out,
        Ok(_) | Err(_) => return None,
    };
    read(&said)
}

fn read(said: &str) -> Option<Interpreter> {
    let mut words = said.trim_end().splitn(5, ' ');
    let implementation = words.next()?;
    let numbers = [words.next()?, words.next()?, words.next()?];
    let path = PathBuf::from(words.next()?);
    let version: PythonVersion = numbers.join(".").parse().ok()?;
    // Older ones are no interpreters for uv.
    (implementation == "cpython" && version.minor >= 8 && path.is_absolute())
        .then_some(Interpreter { path, version })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_and_other_interpreters_are_not_taken() {
        let found = read("cpython 3 12 1 /opt/my python/bin/python3\n").unwrap();
        assert_eq!(found.path, Path::new("/opt/my python/bin/python3"));
        assert_eq!(found.version.to_string(), "3.12.1");
        for other in ["pypy 3 10 1 /p", "cpython 2 7 18 /p", "cpython 3 6 1 /p", "cpython 3 12 1 p", "", "x"]
        {
            assert_eq!(read(other), None, "{other}");
        }
    }

    #[test]
    fn the_given_one_comes_first_and_wrappers_are_looked_behind() {
        let dir = tempfile::tempdir().unwrap();
        let file = |path: &str| {
            let path = dir.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, "").unwrap();
            path
        };
        let shim = file("shims/python3");
        let named = file("bin/python3.13");
        let behind = file("versions/3.13.0/bin/python3.13");
        let search = std::env::join_paths([dir.path().join("shims"), dir.path().join("bin")]).unwrap();
        let given = Path::new("/given/python");
        assert_eq!(candidates(Some(given), Some(13), &search), [given, &behind, &named, &shim]);
        assert_eq!(candidates(None, None, &search), [shim]);
    }

    #[tokio::test]
    async fn a_broken_interpreter_is_skipped() {
        assert_eq!(probe(Path::new("/bin/false"), &[], Path::new("/")).await, None);
        assert_eq!(probe(Path::new("/bin/echo"), &[], Path::new("/")).await, None);
    }
}
