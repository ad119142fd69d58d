//! Selection: the closure of the lock for a target, and for each package the one wheel that fits best. What does
//! not fit is reported all at once, with the oldest system that would do.

use application::{
    failure::{Failure, Reason},
    ports::packaging::{DependencySource, Needs, Note, Plan, Sdist, Selection, Wheel},
};
use domain::values::Target;
use pep440_rs::Version;

mod source;

use super::{
    git,
    labels::Label,
    lock::{Lock, LockedWheel, Package},
    markers::Environment,
    normalised,
    offences::{Offence, listed, misfit, report},
    open::Open,
    project::PyProject,
    requirements::Requirements,
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

/// The plans, in the order of the targets.
pub fn select(
    declared: Declared<'_>,
    targets: &[Target],
    policy: &IndexPolicy,
) -> Vec<Result<Plan, Failure>> {
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
    let open = Open { pyproject: pyproject.as_ref(), requirements: declared.requirements };
    let or_open = |plan: Result<Plan, Failure>, target| match plan {
        Err(failure) if failure.reason == Reason::NoUsableLock => open.plan(target, &failure.message),
        plan => plan,
    };
    let (lock, graph) = match usable {
        Ok(usable) => usable,
        Err(failure) => return targets.iter().map(|&target| or_open(Err(failure.clone()), target)).collect(),
    };
    let sources = Sources::of(lock, policy);
    let job = Job { lock, graph: &graph, pyproject: pyproject.as_ref(), sources: &sources };
    let pinned = declared.requirements.and_then(|text| Requirements::read(text).ok()).unwrap_or_default();
    let selected = |&target: &Target| or_open(job.select(target, &pinned).map(Plan::Selected), target);
    targets.iter().map(selected).collect()
}

pub(super) fn nothing() -> Selection {
    Selection {
        source: DependencySource::Nothing,
        wheels: Vec::new(),
        sdists: Vec::new(),
        needs: Needs::default(),
        resolutions: Vec::new(),
        notes: Vec::new(),
    }
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
    /// To be built: there is no wheel of them at all.
    pub(super) sdists: Vec<Sdist>,
    pub(super) offences: Vec<Offence>,
}

impl Job<'_> {
    fn select(&self, target: Target, pinned: &Requirements) -> Result<Selection, Failure> {
        let Picked { closure, wheels, sdists, offences } = self.pick(target)?;
        if !offences.is_empty() {
            return Err(report(&offences));
        }
        let mut notes = self.notes(&closure, &wheels, pinned);
        notes.extend(sdists.iter().filter_map(source::git_note));
        let needs = Needs::of(target.os, wheels.iter().filter_map(|wheel| wheel.floor).max());
        Ok(Selection {
            source: DependencySource::UvLock,
            wheels,
            sdists,
            needs,
            resolutions: Vec::new(),
            notes,
        })
    }

    pub(super) fn pick(&self, target: Target) -> Result<Picked<'_>, Failure> {
        self.check_python(target)?;
        let groups = self.pyproject.and_then(PyProject::default_groups);
        let closure = self.graph.closure(&Environment::of(&target), groups)?;
        let order = TagOrder::new(&target);
        let mut offences = Vec::new();
        let mut wheels = Vec::with_capacity(closure.packages.len());
        let mut sdists = Vec::new();
        for (name, package) in &closure.packages {
            match self.found(name, package, &order, target) {
                Ok(Found::Wheel(wheel)) => wheels.push(wheel),
                Ok(Found::Sdist(sdist)) => sdists.push(sdist),
                Err(offence) => offences.push(Offence { package: name.to_string(), ..offence }),
            }
        }
        Ok(Picked { closure, wheels, sdists, offences })
    }

    fn check_python(&self, target: Target) -> Result<(), Failure> {
        let Some(wanted) = &self.lock.requires_python else { return Ok(()) };
        let own = target.python.to_string().parse::<Version>();
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

    fn found(
        &self,
        name: &str,
        package: &Package<'_>,
        order: &TagOrder,
        target: Target,
    ) -> Result<Found, Offence> {
        let version = package.version.as_deref().unwrap_or("");
        if version.len() > 64
            || !version.bytes().all(|b| b.is_ascii_graphic())
            || version.parse::<Version>().is_err()
        {
            return Err(Offence::invalid(format!("{name} has no version in uv.lock")));
        }
        check_source(name, package, self.sources)?;
        let sdist =
            |origin| Found::Sdist(Sdist { name: name.to_owned(), version: version.to_owned(), origin });
        if let Some(locked) = &package.source.git {
            return git::read(locked).map(sdist).ok_or_else(|| Offence::no_commit(name));
        }
        if package.wheels.is_empty() {
            return self.sdist(&format!("{name} {version}"), package).map(sdist);
        }
        self.wheel(name, version, package, order, target).map(Found::Wheel)
    }

    fn urls(&self, named: &str, locked: &LockedWheel<'_>) -> Result<Vec<String>, Offence> {
        self.sources.urls(locked.url.as_deref().unwrap_or_default()).map_err(|none| match none {
            NoSource::NotAUrl => Offence::source(format!("{named} has no web address in uv.lock")),
            NoSource::HostNotAllowed(host) => Offence::source(format!(
                "{named} is on {host}; this server fetches wheels only from its own index"
            )),
        })
    }

    fn wheel(
        &self,
        name: &str,
        version: &str,
        package: &Package<'_>,
        order: &TagOrder,
        target: Target,
    ) -> Result<Wheel, Offence> {
        let named = format!("{name} {version}");
        let files: Vec<_> = package.wheels.iter().map(LockedWheel::file_name).collect();
        if files.iter().all(Option::is_none) {
            return Err(Offence::source(format!("{named} has no web address in uv.lock")));
        }
        let candidates = || files.iter().zip(0..).filter_map(|(file, index)| Some((file.as_deref()?, index)));
        let Some((index, found)) = order.choose(candidates()) else {
            return Err(Offence::no_wheel(misfit(&named, candidates(), target)));
        };
        let locked = &package.wheels[index];
        let file_name = files[index].as_deref().unwrap_or_default();
        let label = Label::read(file_name)
            .filter(|label| normalised(label.project) == *name && same_version(label.version, version))
            .ok_or_else(|| {
                Offence::mismatch(format!("{named}: uv.lock gives it the file of another project"))
            })?;
        let sha256 =
            locked.sha256().ok_or_else(|| Offence::invalid(format!("{named} has no sha256 in uv.lock")))?;
        let urls = self.urls(&named, locked)?;
        Ok(Wheel {
            name: name.to_owned(),
            version: version.to_owned(),
            file_name: file_name.to_owned(),
            urls,
            sha256,
            size: locked.size,
            tag: format!("{}-{}-{}", found.tag.0, found.tag.1, found.tag.2),
            floor: order.floor(&label),
            built: false,
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

enum Found {
    Wheel(Wheel),
    Sdist(Sdist),
}

/// Only an index, or a wheel on one of the operator's own hosts, is a source of wheels.
fn check_source(name: &str, package: &Package<'_>, sources: &Sources<'_>) -> Result<(), Offence> {
    let source = &package.source;
    if source.git.is_some() {
        if sources.policy().allows_git() {
            return Ok(());
        }
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

#[cfg(test)]
mod tests;
