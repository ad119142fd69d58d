//! How plugins of each protocol are started, greeted, waited for and ended.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use application::ports::hosting::{Launch, Runtime, StartFault};

use super::{
    channel::{Channel, Greeting, dify::Dify, native::Native},
    kin::MARK,
};
use crate::sandbox::Shown;

/// One start of one plugin.
pub(super) struct Plan {
    pub(super) channel: Box<dyn Channel>,
    pub(super) program: PathBuf,
    pub(super) arguments: Vec<String>,
    pub(super) environment: BTreeMap<String, String>,
    pub(super) readable: Vec<Shown>,
    pub(super) writable: Vec<Shown>,
    pub(super) ready_within: Duration,
    /// How often it tells that it is there, where it does.
    pub(super) beat: Option<Duration>,
}

/// What a plan is made of, besides the launch.
pub(super) struct Ground<'a> {
    /// Where it has its temporary files.
    pub(super) private: &'a Path,
    pub(super) mark: String,
    /// For plugins that bring no environment.
    pub(super) python: Option<&'a Path>,
    pub(super) capability: String,
}

const NATIVE: Duration = Duration::from_secs(10);
const DIFY: Duration = Duration::from_mins(2);
/// Three of them fit into the time that a new version has to prove itself.
const DIFY_BEAT: Duration = Duration::from_secs(3);
const LONGEST: Duration = Duration::from_mins(5);

/// What programs look up; read-only, and only where it exists.
const TRUST: [&str; 6] = [
    "/etc/ssl",
    "/etc/pki",
    "/etc/ca-certificates",
    "/etc/localtime",
    "/etc/mime.types",
    "/usr/share/zoneinfo",
];
const NAMES: [&str; 5] =
    ["/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf", "/etc/services", "/etc/gai.conf"];

impl Plan {
    pub(super) fn of(launch: &Launch, ground: &Ground<'_>) -> Result<Self, StartFault> {
        match launch.runtime {
            Runtime::Native => native(launch, ground),
            Runtime::Dify => dify(launch, ground),
            Runtime::Langbot => Err(not_made("this host does not speak its protocol")),
        }
    }
}

fn native(launch: &Launch, ground: &Ground<'_>) -> Result<Plan, StartFault> {
    let (program, arguments, mut readable) = command(launch, ground)?;
    readable.extend(shown(launch)?);
    Ok(Plan {
        channel: Box::new(Native::new(greeting(launch, ground))),
        program,
        arguments,
        environment: environment(launch, ground),
        readable,
        writable: writable(launch, ground)?,
        ready_within: launch.ready_within.unwrap_or(NATIVE).min(LONGEST),
        beat: None,
    })
}

/// Its SDK gives up when its parent is the first of all processes, takes settings from a file of its author, ends by a
/// signal alone, and tells every few seconds that it is there.
fn dify(launch: &Launch, ground: &Ground<'_>) -> Result<Plan, StartFault> {
    if std::process::id() == 1 {
        return Err(not_made(
            "Dify plugins end under a host that is the first process: run it under an init",
        ));
    }
    if !is_dotted(&launch.entry_point) {
        return Err(not_made("its entry point is no module"));
    }
    let (program, mut readable) = python(launch, ground)?;
    readable.extend(shown(launch)?);
    let settings = launch.code.join(".env");
    if settings.is_file() {
        readable.push(Shown { outside: "/dev/null".into(), inside: settings });
    }
    let mut variables = environment(launch, ground);
    let fixed = [
        ("INSTALL_METHOD", "local".to_owned()),
        ("HEARTBEAT_INTERVAL", DIFY_BEAT.as_secs().to_string()),
        ("MAX_REQUEST_TIMEOUT", "300".to_owned()),
        ("MAX_INVOCATION_TIMEOUT", "250".to_owned()),
    ];
    variables.extend(fixed.map(|(name, value)| (name.to_owned(), value)));
    Ok(Plan {
        channel: Box::new(Dify::new(greeting(launch, ground))),
        program,
        arguments: vec!["-m".to_owned(), launch.entry_point.clone()],
        environment: variables,
        readable,
        writable: writable(launch, ground)?,
        ready_within: launch.ready_within.unwrap_or(DIFY).min(LONGEST),
        beat: Some(DIFY_BEAT),
    })
}

fn greeting(launch: &Launch, ground: &Ground<'_>) -> Greeting {
    Greeting {
        name: launch.name.clone(),
        version: launch.version.clone(),
        configuration: launch.configuration.reveal().clone(),
        permissions: launch.permissions.clone(),
        data_dir: launch.data.to_string_lossy().into_owned(),
        memory_mb: launch.limits.memory_mb,
        file_handles: launch.limits.file_handles,
        locale: launch.locale.clone(),
        capability: ground.capability.clone(),
    }
}

/// Runs a class of a module; the module's own directory is where it starts.
const RUN_CLASS: &str = "import importlib, sys; sys.path.insert(0, ''); \
    getattr(importlib.import_module(sys.argv[1]), sys.argv[2])().run()";

/// Program, arguments, and what it is made of.
fn command(launch: &Launch, ground: &Ground<'_>) -> Result<(PathBuf, Vec<String>, Vec<Shown>), StartFault> {
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
        None if is_dotted(entry) && !launch.code.join(entry).is_file() => {
            vec!["-m".to_owned(), entry.to_owned()]
        }
        None => vec![within(&launch.code, entry)?.to_string_lossy().into_owned()],
    };
    Ok((python, arguments, readable))
}

fn not_made(why: &str) -> StartFault {
    StartFault::NotMade(why.to_owned())
}

/// A file of the package, by its name in there.
fn within(code: &Path, name: &str) -> Result<PathBuf, StartFault> {
    let path = Path::new(name);
    let plain = path
        .components()
        .all(|part| matches!(part, std::path::Component::Normal(_) | std::path::Component::CurDir));
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
fn python(launch: &Launch, ground: &Ground<'_>) -> Result<(PathBuf, Vec<Shown>), StartFault> {
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

/// Under its own name, whatever links stand in for it out here.
pub(super) fn as_it_is(path: &Path) -> io::Result<Shown> {
    Ok(Shown { outside: path.canonicalize()?, inside: path.to_owned() })
}

pub(super) fn shown(launch: &Launch) -> Result<Vec<Shown>, StartFault> {
    let gone = |_error: io::Error| not_made("its code or environment is not there");
    let mut shown = vec![as_it_is(&launch.code).map_err(gone)?];
    if let Some(environment) = &launch.environment {
        shown.push(as_it_is(environment).map_err(gone)?);
    }
    let names = NAMES.iter().filter(|_| launch.network);
    shown.extend(TRUST.iter().chain(names).filter_map(|path| as_it_is(Path::new(path)).ok()));
    Ok(shown)
}

pub(super) fn writable(launch: &Launch, ground: &Ground<'_>) -> Result<Vec<Shown>, StartFault> {
    let gone = |_error: io::Error| not_made("its data directory is not there");
    Ok(vec![as_it_is(&launch.data).map_err(gone)?, as_it_is(ground.private).map_err(gone)?])
}

pub(super) fn environment(launch: &Launch, ground: &Ground<'_>) -> BTreeMap<String, String> {
    let private = |part: &str| ground.private.join(part).to_string_lossy().into_owned();
    let mut path = "/usr/local/bin:/usr/bin:/bin".to_owned();
    let mut variables = BTreeMap::new();
    if let Some(environment) = &launch.environment {
        let environment = environment.to_string_lossy();
        path = format!("{environment}/bin:{path}");
        variables.insert("VIRTUAL_ENV".to_owned(), environment.into_owned());
    }
    let fixed = [
        ("PATH", path),
        ("HOME", private("home")),
        ("TMPDIR", private("tmp")),
        ("LANG", "C.UTF-8".to_owned()),
        ("PYTHONUNBUFFERED", "1".to_owned()),
        // Code is read-only to it.
        ("PYTHONDONTWRITEBYTECODE", "1".to_owned()),
        (MARK, ground.mark.clone()),
    ];
    variables.extend(fixed.map(|(name, value)| (name.to_owned(), value)));
    variables
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
