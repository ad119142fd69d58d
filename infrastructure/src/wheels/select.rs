//! Selection: the closure of the lock for a target, and for each package the one wheel that fits best. What does
//! not fit is reported all at once, with the oldest system that would do.

use application::{
    failure::{Failure, Reason},
    ports::packaging::{DependencySource, Note, Selection, Wheel},
};
use domain::values::{Floor, Os, Target};

use super::{
    labels::Label,
    lock::{Lock, LockedWheel, Package},
    markers::Environment,
    normalised,
    project::{self, PyProject, Requirements},
    same_version,
    sources::{IndexPolicy, NoSource, Sources},
    tags::TagOrder,
    walk::{Closure, Graph, unusable},
};

/// The files of a package that name its dependencies, as text.
#[derive(Debug, Clone, Copy, Default)]
pub struct Declared<'a> {
    pub lock: Option<&'a str>,
    pub pyproject: Option<&'a str>,
    pub requirements: Option<&'a str>,
}

/// The selections, in the order of the targets.
pub fn select(
    declared: Declared<'_>,
    targets: &[Target],
    policy: &IndexPolicy,
) -> Vec<Result<Selection, Failure>> {
    let pyproject = declared.pyproject.and_then(PyProject::read);
    let lock = declared.lock.and_then(Lock::read);
    let usable = match &lock {
        None if declared.lock.is_some() => Err(unusable("it is not readable")),
        None => Err(unusable("there is none")),
        Some(lock) if lock.version != 1 => Err(unusable("its version is not 1")),
        Some(lock) if !lock.conflicts.is_empty() => Err(unusable("it holds conflicting extras")),
        Some(lock) => {
            let name = pyproject.as_ref().and_then(PyProject::name);
            Graph::new(lock, name.as_deref()).map(|graph| (lock, graph))
        }
    };
    let (lock, graph) = match usable {
        Ok(usable) => usable,
        Err(failure) => {
            let answer = match project::declares_nothing(pyproject.as_ref(), declared.requirements) {
                Ok(true) => Ok(nothing()),
                Ok(false) => Err(failure),
                Err(refused) => Err(refused),
            };
            return vec![answer; targets.len()];
        }
    };
    let sources = Sources::of(lock, policy);
    let job = Job { lock, graph: &graph, pyproject: pyproject.as_ref(), sources: &sources };
    let pinned = declared.requirements.and_then(|text| Requirements::read(text).ok()).unwrap_or_default();
    targets.iter().map(|&target| job.select(target, &pinned)).collect()
}

fn nothing() -> Selection {
    Selection { source: DependencySource::Nothing, wheels: Vec::new(), needs: None, notes: Vec::new() }
}

pub(super) struct Job<'l> {
    pub(super) lock: &'l Lock<'l>,
    pub(super) graph: &'l Graph<'l>,
    pub(super) pyproject: Option<&'l PyProject>,
    pub(super) sources: &'l Sources<'l>,
}

/// The wheels of a closure, and why the others are missing.
pub(super) struct Picked<'l> {
    pub(super) closure: Closure<'l>,
    pub(super) wheels: Vec<Wheel>,
    pub(super) offences: Vec<Offence>,
}

impl Job<'_> {
    fn select(&self, target: Target, pinned: &Requirements) -> Result<Selection, Failure> {
        let Picked { closure, wheels, offences } = self.pick(target)?;
        if !offences.is_empty() {
            return Err(report(&offences));
        }
        let notes = self.notes(&closure, &wheels, pinned);
        let needs = wheels.iter().filter_map(|wheel| wheel.floor).max();
        Ok(Selection { source: DependencySource::UvLock, wheels, needs, notes })
    }

    pub(super) fn pick(&self, target: Target) -> Result<Picked<'_>, Failure> {
        self.check_python(target)?;
        let groups = self.pyproject.and_then(PyProject::default_groups);
        let closure = self.graph.closure(&Environment::of(&target), groups)?;
        let order = TagOrder::new(&target);
        let mut offences = Vec::new();
        let mut wheels = Vec::with_capacity(closure.packages.len());
        for (name, package) in &closure.packages {
            match self.wheel(name, package, &order, target) {
                Ok(wheel) => wheels.push(wheel),
                Err(offence) => offences.push(Offence { package: name.to_string(), ..offence }),
            }
        }
        Ok(Picked { closure, wheels, offences })
    }

    fn check_python(&self, target: Target) -> Result<(), Failure> {
        let Some(wanted) = &self.lock.requires_python else { return Ok(()) };
        let own = target.python.to_string().parse::<pep440_rs::Version>();
        let admits = match (wanted.parse::<pep440_rs::VersionSpecifiers>(), own) {
            (Ok(wanted), Ok(own)) => wanted.contains(&own),
            (Ok(_) | Err(_), _) => return Err(unusable("its requires-python is not readable")),
        };
        if admits {
            return Ok(());
        }
        let shown: String = wanted.escape_debug().take(60).collect();
        Err(unusable(&format!("it is for Python {shown}, the target has {}", target.python)))
    }

    fn wheel(
        &self,
        name: &str,
        package: &Package<'_>,
        order: &TagOrder,
        target: Target,
    ) -> Result<Wheel, Offence> {
        let version = package.version.as_deref().unwrap_or("");
        let named = format!("{name} {version}");
        check_source(name, package, self.sources)?;
        if package.wheels.is_empty() {
            return Err(Offence::no_wheel(format!(
                "{named} has no wheel; building is disabled on this server"
            )));
        }
        let files: Vec<_> = package.wheels.iter().map(LockedWheel::file_name).collect();
        let candidates = || files.iter().zip(0..).filter_map(|(file, index)| Some((file.as_deref()?, index)));
        let Some((index, found)) = order.choose(candidates()) else {
            return Err(Offence::no_wheel(misfit(&named, candidates(), target)));
        };
        let locked = &package.wheels[index];
        let file_name = files[index].as_deref().unwrap_or_default();
        let label = Label::read(file_name)
            .filter(|label| normalised(label.project) == *name && same_version(label.version, version))
            .ok_or_else(|| {
                Offence::invalid(format!("{named}: uv.lock gives it the file of another project"))
            })?;
        let sha256 =
            locked.sha256().ok_or_else(|| Offence::invalid(format!("{named} has no sha256 in uv.lock")))?;
        let urls =
            self.sources.urls(locked.url.as_deref().unwrap_or_default()).map_err(|none| match none {
                NoSource::NotAUrl => Offence::source(format!("{named} has no web address in uv.lock")),
                NoSource::HostNotAllowed(host) => Offence::source(format!(
                    "{named} is on {host}; this server fetches wheels only from its own index"
                )),
            })?;
        Ok(Wheel {
            name: name.to_owned(),
            version: version.to_owned(),
            file_name: file_name.to_owned(),
            urls,
            sha256,
            size: locked.size,
            tag: format!("{}-{}-{}", found.tag.0, found.tag.1, found.tag.2),
            floor: order.floor(&label),
        })
    }

    fn notes(&self, closure: &Closure<'_>, wheels: &[Wheel], pinned: &Requirements) -> Vec<Note> {
        let mut notes = Vec::new();
        let mut note = |kind: &str, text: String| {
            notes.push(Note { kind: kind.to_owned(), text, lines: Vec::new() });
        };
        let root = &self.lock.packages[self.graph.root];
        if self.pyproject.is_some_and(|pyproject| pyproject.differs_from(root)) {
            note("stale_lock", "uv.lock is older than pyproject.toml; the lock wins.".to_owned());
        }
        let other: Vec<&str> = wheels
            .iter()
            .filter(|wheel| match pinned.pins.get(&wheel.name) {
                Some(Some(version)) => !same_version(version, &wheel.version),
                Some(None) | None => false,
            })
            .map(|wheel| wheel.name.as_str())
            .collect();
        if !other.is_empty() {
            let names = listed(&other);
            note("stale_lock", format!("requirements.txt pins other versions of {names}; the lock wins."));
        }
        if self.lock.revision > 3 {
            note("lock_revision", format!("uv.lock has revision {}, newer than known.", self.lock.revision));
        }
        if !closure.undecided.is_empty() {
            let names = listed(&closure.undecided.iter().copied().collect::<Vec<_>>());
            note(
                "marker",
                format!("Left out, because it depends on the release of the target system: {names}."),
            );
        }
        if self.sources.is_mapped() {
            note("mirror", "Wheels are taken from the configured file base.".to_owned());
        } else if self.sources.origins() > 1 {
            let count = self.sources.origins();
            note("mirror", format!("uv.lock names {count} file hosts; each wheel is tried on all of them."));
        }
        notes
    }
}

fn listed(names: &[&str]) -> String {
    let more = if names.len() > 10 { " and others" } else { "" };
    format!("{}{more}", names[..names.len().min(10)].join(", "))
}

/// Why a package cannot be in the result.
pub(super) struct Offence {
    /// The normalised name.
    pub(super) package: String,
    pub(super) text: String,
    reason: Reason,
}

impl Offence {
    fn no_wheel(text: String) -> Self {
        Self { package: String::new(), reason: Reason::NoWheel, text }
    }

    fn source(text: String) -> Self {
        Self { package: String::new(), reason: Reason::SourceForbidden, text }
    }

    fn invalid(text: String) -> Self {
        Self { package: String::new(), reason: Reason::LockInvalid, text }
    }
}

fn report(offences: &[Offence]) -> Failure {
    let worst = [Reason::LockInvalid, Reason::SourceForbidden, Reason::NoWheel]
        .into_iter()
        .find(|reason| offences.iter().any(|offence| offence.reason == *reason));
    let refused: Vec<&str> = offences.iter().map(|offence| offence.package.as_str()).collect();
    tracing::debug!(?refused, "packages without a usable wheel");
    let texts: Vec<&str> = offences.iter().map(|offence| offence.text.as_str()).collect();
    Failure::permanent(worst.unwrap_or(Reason::NoWheel), texts.join(". "))
}

/// Only an index, or a wheel on one of the operator's own hosts, is a source of wheels.
fn check_source(name: &str, package: &Package<'_>, sources: &Sources<'_>) -> Result<(), Offence> {
    let source = &package.source;
    if source.git.is_some() {
        return Err(Offence::source(format!("{name} comes from git; git sources are disabled")));
    }
    if let Some(url) = source.url.as_deref() {
        if url.starts_with("https://") && LockedWheel::is_wheel(url) && sources.is_operators(url) {
            return Ok(());
        }
        return Err(Offence::source(format!(
            "{name} comes from a URL; only wheels from an index are allowed"
        )));
    }
    if source.registry.is_none() {
        return Err(Offence::source(format!("{name} comes from a local path; only wheels are allowed")));
    }
    Ok(())
}

/// What to say when wheels exist and none fits: the oldest system for which one would.
fn misfit<'a>(
    named: &str,
    candidates: impl Iterator<Item = (&'a str, usize)> + Clone,
    target: Target,
) -> String {
    let system = match target.os {
        Os::Linux => "glibc",
        Os::Macos => "macOS",
    };
    let any = TagOrder::without_floor(&target);
    let nearest = candidates
        .clone()
        .filter_map(|(name, _)| {
            let label = Label::read(name)?;
            any.best(&label)?;
            Some((any.floor(&label)?, label.compressed()))
        })
        .min();
    let Some((floor, tags)) = nearest else {
        let mut tags: Vec<String> =
            candidates.filter_map(|(name, _)| Some(Label::read(name)?.compressed())).collect();
        tags.sort();
        let shown = listed(&tags.iter().map(String::as_str).collect::<Vec<_>>());
        return format!(
            "{named} has no wheel for {target} and Python {} (it has {shown})",
            target.python.short()
        );
    };
    let hint = if floor <= usual_floor(target.os) { " (use strict=false)" } else { "" };
    format!("{named} has no wheel for {target}; it needs {system} {floor} or newer{hint} [{tags}]")
}

/// What a documented platform name means unless the operator says otherwise.
fn usual_floor(os: Os) -> Floor {
    match os {
        Os::Linux => Floor { major: 2, minor: 39 },
        Os::Macos => Floor { major: 14, minor: 0 },
    }
}

#[cfg(test)]
mod tests {
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
        select(declared, &[target(platform)], &IndexPolicy::default()).remove(0)
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
        assert_eq!(selection.needs.unwrap().to_string(), "2.24");
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
        for wheel in [
            wheel("b-1-py3-none-any.whl"),
            wheel("a-2-py3-none-any.whl"),
            "{ url = \"https://files.example/a-1-py3-none-any.whl\" }".to_owned(),
            "{ url = \"https://files.example/a-1-py3-none-any.whl\", hash = \"md5:00\" }".to_owned(),
        ] {
            assert_eq!(reason(&format!("wheels = [{wheel}]")), Reason::LockInvalid, "{wheel}");
        }
        let file = format!("{{ url = \"file:///a-1-py3-none-any.whl\", hash = \"sha256:{HASH}\" }}");
        assert_eq!(reason(&format!("wheels = [{file}]")), Reason::SourceForbidden);
    }

    #[test]
    fn locks_we_cannot_use_say_what_to_do() {
        let good = lock("{ name = \"a\" }", &[pure("a", "1", "")]);
        for text in [
            good.replace("version = 1\n", "version = 2\n"),
            good.replace(">=3.12", ">=3.13"),
            good.replace("my-plugin", "other"),
            "no toml".to_owned(),
            format!("conflicts = [[{{ package = \"a\" }}]]\n{good}"),
        ] {
            let pyproject = "[project]\nname = 'my-plugin'\ndependencies = ['a']\n";
            let declared = Declared { lock: Some(&text), pyproject: Some(pyproject), requirements: None };
            let target = target("manylinux2014_x86_64");
            let failure = select(declared, &[target], &IndexPolicy::default()).remove(0).unwrap_err();
            assert_eq!(failure.reason, Reason::NoUsableLock, "{text}");
            assert!(failure.message.contains("`uv lock`"));
        }
    }

    #[test]
    fn a_package_that_declares_nothing_needs_no_lock() {
        let targets = [target("manylinux2014_x86_64"), target("macosx_11_0_arm64")];
        let all = select(Declared::default(), &targets, &IndexPolicy::default());
        assert_eq!(all.len(), 2);
        assert_eq!(all[1].as_ref().unwrap().source, DependencySource::Nothing);
        let declared = Declared { requirements: Some("a==1\n"), ..Declared::default() };
        let refused = select(declared, &targets, &IndexPolicy::default()).remove(0).unwrap_err();
        assert_eq!(refused.reason, Reason::NoUsableLock);
    }

    #[test]
    fn a_stale_lock_wins_and_is_mentioned() {
        let metadata = "[package.metadata]\nrequires-dist = [{ name = \"a\", specifier = \">=1\" }]\n";
        let text = lock("{ name = \"a\" }", &[]) + metadata + &pure("a", "1", "");
        let notes = |dependencies: &str, requirements| {
            let pyproject = format!("[project]\nname = 'my-plugin'\ndependencies = ['{dependencies}']\n");
            let declared = Declared { lock: Some(&text), pyproject: Some(&pyproject), requirements };
            let target = target("manylinux2014_x86_64");
            let notes = select(declared, &[target], &IndexPolicy::default()).remove(0).unwrap().notes;
            notes.into_iter().map(|note| note.kind).collect::<Vec<_>>()
        };
        assert_eq!(notes("a >= 1", Some("a==1.0\n")), Vec::<String>::new());
        assert_eq!(notes("a >= 2", None), ["stale_lock"]);
        assert_eq!(notes("a >= 1", Some("a==2\n")), ["stale_lock"]);
    }
}
