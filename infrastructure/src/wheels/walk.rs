//! The closure of a lock for one target: which packages are installed, without any choice of files.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
};

use application::failure::{Failure, Reason};

use super::{
    lock::{Dependency, Lock, Package},
    markers::{Environment, Markers, Verdict},
    normalised,
    project::Groups,
};

/// A lock made ready for any number of targets.
#[derive(Debug)]
pub(super) struct Graph<'l> {
    lock: &'l Lock<'l>,
    by_name: HashMap<Cow<'l, str>, Vec<usize>>,
    pub(super) root: usize,
    markers: Markers<'l>,
}

/// What one target needs, by normalised name.
#[derive(Debug)]
pub(super) struct Closure<'l> {
    pub(super) packages: BTreeMap<Cow<'l, str>, &'l Package<'l>>,
    /// Dependencies whose marker cannot be decided here; left out.
    pub(super) undecided: BTreeSet<&'l str>,
}

/// Packages of one name; every dependency on it looks at all of them. Official locks have two at most.
const MOST_FORKS: usize = 64;

/// `why` completes "uv.lock was not used: ..". Never the end of a job: versions are chosen anew then.
pub(super) fn unusable(why: &str) -> Failure {
    Failure::permanent(Reason::NoUsableLock, why)
}

fn contradiction(what: impl std::fmt::Display) -> Failure {
    Failure::permanent(
        Reason::LockInvalid,
        format!("uv.lock contradicts itself: {what}. Run `uv lock` again"),
    )
}

fn name_of(name: &str) -> Cow<'_, str> {
    let plain = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if plain && !name.contains("--") { Cow::Borrowed(name) } else { Cow::Owned(normalised(name)) }
}

/// Names end up in pins and in texts: only what PEP 508 calls a name may be one.
fn check_name(name: &str) -> Result<(), Failure> {
    let is_edge = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric());
    let is_inner = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let edges = is_edge(name.bytes().next()) && is_edge(name.bytes().last());
    if edges && name.len() <= 128 && name.bytes().all(is_inner) {
        return Ok(());
    }
    Err(contradiction("it holds a name that is none"))
}

impl<'l> Graph<'l> {
    /// Finds the project itself: the one package that lies at `.`, which must have the name of `pyproject.toml`.
    pub(super) fn new(lock: &'l Lock<'l>, project: Option<&str>) -> Result<Self, Failure> {
        let mut by_name: HashMap<_, Vec<usize>> = HashMap::with_capacity(lock.packages.len());
        for (index, package) in lock.packages.iter().enumerate() {
            check_name(&package.name)?;
            let equal = by_name.entry(name_of(&package.name)).or_default();
            equal.push(index);
            if equal.len() > MOST_FORKS {
                return Err(contradiction(format!("it holds {} more than {MOST_FORKS} times", package.name)));
            }
        }
        let mut roots = lock.packages.iter().enumerate().filter(|(_, package)| {
            package.source.is_root() && project.is_none_or(|name| name_of(&package.name) == name)
        });
        let (Some((root, _)), None) = (roots.next(), roots.next()) else {
            return Err(unusable("it does not hold the project of pyproject.toml"));
        };
        Ok(Self { lock, by_name, root, markers: Markers::default() })
    }

    /// # Errors
    /// `NoUsableLock` for a lock that does not cover the target; `LockInvalid` for one that contradicts itself.
    pub(super) fn closure(
        &'l self,
        environment: &Environment,
        groups: Option<&Groups>,
    ) -> Result<Closure<'l>, Failure> {
        let mut walk = Walk {
            graph: self,
            environment,
            closure: Closure { packages: BTreeMap::new(), undecided: BTreeSet::new() },
            chosen: HashMap::new(),
            seen: HashSet::new(),
            work: Vec::new(),
        };
        if !self.lock.supported_markers.is_empty() && !walk.any_holds(&self.lock.supported_markers)? {
            return Err(unusable("it was made for other platforms"));
        }
        let root = &self.lock.packages[self.root];
        walk.follow(&root.dependencies)?;
        for (group, dependencies) in &root.groups {
            if groups.is_some_and(|groups| groups.holds(group)) {
                walk.follow(dependencies)?;
            }
        }
        while let Some((index, extra)) = walk.work.pop() {
            let package = &self.lock.packages[index];
            match extra {
                None => walk.follow(&package.dependencies)?,
                Some(extra) => {
                    // An extra that a release does not have is a warning to every installer.
                    if let Some(dependencies) = package.extras.get(extra) {
                        walk.follow(dependencies)?;
                    }
                }
            }
        }
        // What was asked for the lock or a fork as a whole has no name.
        walk.closure.undecided.remove("");
        Ok(walk.closure)
    }
}

struct Walk<'l, 'e> {
    graph: &'l Graph<'l>,
    environment: &'e Environment,
    closure: Closure<'l>,
    chosen: HashMap<Cow<'l, str>, usize>,
    seen: HashSet<(usize, Option<&'l str>)>,
    work: Vec<(usize, Option<&'l str>)>,
}

impl<'l> Walk<'l, '_> {
    fn follow(&mut self, dependencies: &'l [Dependency<'l>]) -> Result<(), Failure> {
        for dependency in dependencies {
            check_name(&dependency.name)?;
            if let Some(marker) = &dependency.marker
                && !self.holds(marker, &dependency.name)?
            {
                continue;
            }
            let index = self.candidate(dependency)?;
            let extras = dependency.extra.iter().map(|extra| Some(extra.as_ref()));
            for wanted in std::iter::once(None).chain(extras) {
                if self.seen.insert((index, wanted)) {
                    self.work.push((index, wanted));
                }
            }
        }
        Ok(())
    }

    fn holds(&mut self, marker: &'l str, name: &'l str) -> Result<bool, Failure> {
        match self.graph.markers.verdict(marker, self.environment) {
            Verdict::True => Ok(true),
            Verdict::False => Ok(false),
            Verdict::Undecidable => {
                self.closure.undecided.insert(name);
                Ok(false)
            }
            Verdict::Unusable => Err(unusable("it holds markers that need a resolver")),
        }
    }

    fn any_holds(&mut self, markers: &'l [Cow<'l, str>]) -> Result<bool, Failure> {
        for marker in markers {
            if self.holds(marker, "")? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn candidate(&mut self, wanted: &'l Dependency<'l>) -> Result<usize, Failure> {
        let name = name_of(&wanted.name);
        let packages = &self.graph.lock.packages;
        let mut found: Vec<usize> = self
            .graph
            .by_name
            .get(&name)
            .into_iter()
            .flatten()
            .copied()
            .filter(|&index| {
                let package = &packages[index];
                wanted.version.as_ref().is_none_or(|version| package.version.as_ref() == Some(version))
                    && wanted.source.as_ref().is_none_or(|source| *source == package.source)
            })
            .collect();
        if found.len() > 1 {
            let mut left = Vec::with_capacity(1);
            for index in found {
                let markers = &packages[index].resolution_markers;
                if markers.is_empty() || self.any_holds(markers)? {
                    left.push(index);
                }
            }
            found = left;
        }
        let &[index] = found.as_slice() else {
            let what = if found.is_empty() { "does not hold" } else { "holds several candidates for" };
            return Err(contradiction(format!("it {what} {name}")));
        };
        if *self.chosen.entry(name.clone()).or_insert(index) != index {
            return Err(contradiction(format!("it needs two versions of {name} at once")));
        }
        if index != self.graph.root {
            self.closure.packages.insert(name, &packages[index]);
        }
        Ok(index)
    }
}
