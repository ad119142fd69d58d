//! Which program a plugin is: a file or a module of its package, and the interpreter that runs it with all that its
//! links lead to.

use std::{
    fs,
    path::{Component, Path, PathBuf},
};

use application::ports::hosting::{Launch, StartFault};

use super::{Ground, as_it_is, not_made};
use crate::sandbox::Shown;

/// Runs a class of a module; the module's own directory is where it starts.
const RUN_CLASS: &str = "import importlib, sys; sys.path.insert(0, ''); \
    getattr(importlib.import_module(sys.argv[1]), sys.argv[2])().run()";

/// Program, arguments, and what it is made of.
pub(super) fn command(
    launch: &Launch,
    ground: &Ground<'_>,
) -> Result<(PathBuf, Vec<String>, Vec<Shown>), StartFault> {
    let entry = launch.entry_point.as_str();
    if !launch.language.eq_ignore_ascii_case("python") {
        return Ok((within(&launch.code, entry)?, Vec::new(), Vec::new()));
    }
    let (python, readable) = python(launch, ground)?;
    let arguments = match entry.split_once(':') {
        Some((module, class)) if is_dotted(module) && is_dotted(class) => {
            ["-c", RUN_CLASS, module, class].map(str::to_owned).to_vec()
        }
        Some(_) => return Err(not_made("its entry point is no module:Class")),
        None if is_dotted(entry) && !is_file_name(launch, entry) => {
            vec!["-m".to_owned(), entry.to_owned()]
        }
        None => vec![within(&launch.code, entry)?.to_string_lossy().into_owned()],
    };
    Ok((python, arguments, readable))
}

fn is_file_name(launch: &Launch, entry: &str) -> bool {
    Path::new(entry).extension().is_some_and(|end| end == "py") || launch.code.join(entry).is_file()
}

/// A file of the package, by its name in there.
fn within(code: &Path, name: &str) -> Result<PathBuf, StartFault> {
    let path = Path::new(name);
    let plain = path.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    let found = code.join(path);
    if !plain || name.is_empty() || !found.is_file() {
        return Err(not_made("its entry point is no file of the package"));
    }
    Ok(found)
}

pub(super) fn is_dotted(name: &str) -> bool {
    let is_word = |part: &str| {
        part.chars().next().is_some_and(|first| first.is_alphabetic() || first == '_')
            && part.chars().all(|c| c.is_alphanumeric() || c == '_')
    };
    name.len() <= 256 && name.split('.').all(is_word)
}

/// The interpreter of its environment, else the host's.
pub(super) fn python(launch: &Launch, ground: &Ground<'_>) -> Result<(PathBuf, Vec<Shown>), StartFault> {
    let own = launch.environment.as_ref().map(|environment| environment.join("bin/python"));
    let python = own.or_else(|| ground.python.map(Path::to_owned));
    let python = python.ok_or_else(|| not_made("there is no Python on this host"))?;
    let shown = interpreter(&python);
    Ok((python, shown))
}

/// All places that the links of an interpreter lead through; the system's own are shown anyway.
fn interpreter(python: &Path) -> Vec<Shown> {
    const MOST_LINKS: usize = 8;
    let mut places = vec![python.to_owned()];
    while let Some(next) = places.last().and_then(|last| Some(last.parent()?.join(fs::read_link(last).ok()?)))
    {
        if places.len() > MOST_LINKS {
            break;
        }
        places.push(next);
    }
    places.extend(python.canonicalize());
    let prefixes = places.iter().filter_map(|place| place.parent()?.parent());
    let foreign = prefixes.filter(|prefix| !prefix.starts_with("/usr") && *prefix != Path::new("/"));
    let parts = foreign.flat_map(|prefix| ["bin", "include", "lib"].map(|part| prefix.join(part)));
    let mut shown: Vec<PathBuf> = parts.filter(|part| part.is_dir()).collect();
    shown.sort();
    shown.dedup();
    shown.iter().filter_map(|path| as_it_is(path).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_point_is_of_the_package() {
        let code = tempfile::tempdir().unwrap();
        fs::write(code.path().join("main.py"), "").unwrap();
        assert!(within(code.path(), "main.py").is_ok());
        assert!(within(code.path(), "./main.py").is_ok());
        for wrong in ["", "..", "../main.py", "/bin/sh", "other.py", "."] {
            assert!(within(code.path(), wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_links_of_an_interpreter_are_followed_to_their_end() {
        let ground = tempfile::tempdir().unwrap();
        let at = |name: &str| ground.path().join(name);
        for part in ["base-1/bin", "base-1/lib", "env/bin"] {
            fs::create_dir_all(at(part)).unwrap();
        }
        fs::write(at("base-1/bin/python3"), "").unwrap();
        std::os::unix::fs::symlink("base-1", at("base")).unwrap();
        std::os::unix::fs::symlink(at("base/bin/python3"), at("env/bin/python")).unwrap();
        let shown = interpreter(&at("env/bin/python"));
        let inside: Vec<_> = shown.iter().map(|one| one.inside.clone()).collect();
        assert!(inside.contains(&at("base/lib")) && inside.contains(&at("base-1/lib")), "{inside:?}");
        assert!(shown.iter().any(
            |one| one.inside == at("base/lib") && one.outside == at("base-1/lib").canonicalize().unwrap()
        ));
    }
}
