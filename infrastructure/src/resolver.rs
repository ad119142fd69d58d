//! Choosing versions for packages without a usable lock. A pinned uv does it, on a file that we wrote, wheels only;
//! what it answers is read in the child process, and the wheel of each package is chosen by our own order of tags.
//! Nothing of a package is executed, not even to learn what it depends on.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use application::{
    failure::{Failure, Reason},
    ports::packaging::{Builder, Needs, Note, Requirements, Resolution, Resolver, Sdist, Selection, Wheels},
};
use async_trait::async_trait;
use domain::values::Target;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::{
    disk,
    isolation::{Isolation, Work},
    uv::{Uv, unavailable},
    wheels::{
        offences::{Offence, listed, report},
        sources::IndexPolicy,
    },
};

mod absent;
mod asking;
mod cache;
pub mod index;
mod judging;
mod pages;
mod provenance;
pub mod pylock;
mod releases;

pub use absent::NoResolver;
use asking::{Question, Said};
use cache::Cache;
pub use pages::Pages;
use releases::Missing;

/// uv uses as many threads as there are processors; more of them at a time help nobody.
const AT_A_TIME: usize = 4;
/// Of building what has no wheel: each may bring dependencies that have none either.
const ROUNDS: usize = 5;
/// Longer than all calls of one job together.
const ABANDONED: Duration = Duration::from_hours(2);
const READ_TIME: Duration = Duration::from_secs(30);

fn not_reachable() -> Failure {
    Failure::transient(Reason::IndexUnavailable, "Package index not reachable")
}

/// See the module.
pub struct UvResolver {
    uv: Arc<Uv>,
    isolation: Isolation,
    index: IndexPolicy,
    pages: Pages,
    jobs: PathBuf,
    cache: Cache,
    building: Option<Building>,
    slots: Semaphore,
}

/// For dependencies without any wheel.
pub struct Building {
    pub builder: Arc<dyn Builder>,
    /// Hands out what was built.
    pub wheels: Arc<dyn Wheels>,
}

impl UvResolver {
    /// `directory`: for what uv remembers, and for the files of one call; made when it is needed. Without
    /// `building`, dependencies that have no wheel are refused.
    pub fn new(
        uv: Arc<Uv>,
        isolation: Isolation,
        index: IndexPolicy,
        pages: Pages,
        directory: PathBuf,
        building: Option<Building>,
    ) -> Self {
        let jobs = directory.join("jobs");
        sweep(&jobs);
        let cache = Cache::new(&directory, &jobs);
        Self { uv, isolation, index, pages, jobs, cache, building, slots: Semaphore::new(AT_A_TIME) }
    }

    async fn choose(
        &self,
        wanted: &Requirements,
        target: &Target,
        cancel: &CancellationToken,
    ) -> Result<Resolution, Failure> {
        let uv = self.uv.ready().await?;
        let python = self.uv.interpreter(None).await.ok_or_else(|| {
            tracing::error!("there is no Python for uv; name one by PLUGYARD_PYTHON");
            unavailable()
        })?;
        let _slot = self.slots.acquire().await.map_err(|_closed| Failure::internal())?;
        std::fs::create_dir_all(&self.jobs).map_err(disk::failure)?;
        let cache = self.cache.enter().await.map_err(disk::failure)?;
        let work = tempfile::tempdir_in(&self.jobs).map_err(disk::failure)?;
        let mut question = Question {
            uv,
            python,
            directory: work.path(),
            cache: cache.directory.clone(),
            index: &self.index,
            network: self.uv.network_environment(),
            lines: &wanted.lines,
            target: *target,
            links: None,
        };
        let mut built: BTreeMap<String, Sdist> = BTreeMap::new();
        for _ in 0..=ROUNDS {
            let said = question.ask(&BTreeSet::new()).await?;
            let (reason, unwheeled) = match said {
                Said::Pylock(text) => {
                    let sdists = built.into_values().collect();
                    return self.finish(wanted, &question, text, sdists, cancel).await;
                }
                Said::NoSolution { reason, unwheeled } => (reason, unwheeled),
            };
            let missing = self.missing(&question, unwheeled).await?;
            let sdists = to_build(&missing);
            let Some(building) = self.building.as_ref().filter(|_| {
                let is_new = |sdist: &Sdist| !built.contains_key(&sdist.name);
                sdists.len() == missing.len() && sdists.iter().any(is_new)
            }) else {
                return Err(refused(missing, &reason));
            };
            let links = question.links.insert(work.path().join("built")).clone();
            for sdist in sdists {
                building.bring(&sdist, &links, target, cancel).await?;
                built.insert(sdist.name.clone(), sdist);
            }
        }
        Err(Failure::permanent(Reason::NoSolution, "Too many dependencies without a wheel need each other"))
    }

    async fn finish(
        &self,
        wanted: &Requirements,
        question: &Question<'_>,
        pylock: String,
        sdists: Vec<Sdist>,
        cancel: &CancellationToken,
    ) -> Result<Resolution, Failure> {
        let target = question.target;
        let answer = self.read(wanted, pylock, sdists.clone(), &target, cancel).await?;
        let mut notes = Vec::new();
        if !answer.undecided.is_empty() {
            let names = listed(&answer.undecided.iter().map(String::as_str).collect::<Vec<_>>());
            let text = format!("Left out, because it depends on the release of the target system: {names}.");
            notes.push(Note::new("marker", text));
        }
        notes.extend(self.provenance(question, wanted, &answer.wheels, &sdists).await);
        let resolver = format!("uv {}", self.uv.version());
        Ok(Resolution { resolver, pylock: answer.pylock, sdists, notes })
    }

    async fn read(
        &self,
        wanted: &Requirements,
        pylock: String,
        sdists: Vec<Sdist>,
        target: &Target,
        cancel: &CancellationToken,
    ) -> Result<pylock::Answer, Failure> {
        let work = Work::Pylock(Box::new(pylock::Request {
            pylock,
            lines: wanted.lines.clone(),
            target: *target,
            index: self.index.clone(),
            sdists,
        }));
        self.isolation.run(&work, READ_TIME, &|_, _| {}, cancel).await
    }
}

impl Building {
    async fn bring(
        &self,
        sdist: &Sdist,
        links: &Path,
        target: &Target,
        cancel: &CancellationToken,
    ) -> Result<(), Failure> {
        let wheel = self.builder.build(sdist, target, cancel).await?;
        self.wheels.fetch(&[wheel], links, &|_, _| {}, cancel).await.map(drop)
    }
}

/// Calls of processes that were killed; no call takes so long.
fn sweep(jobs: &Path) {
    for entry in std::fs::read_dir(jobs).into_iter().flatten().flatten() {
        let modified = entry.metadata().and_then(|data| data.modified());
        if modified.is_ok_and(|time| time.elapsed().is_ok_and(|age| age > ABANDONED)) {
            // What cannot be removed now can be at the next start.
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

/// Those that could be built; empty as soon as one cannot.
fn to_build(missing: &BTreeMap<String, Missing>) -> Vec<Sdist> {
    let sdist = |missing: &Missing| match missing {
        Missing::OnlySdist(sdist) => Some(sdist.as_ref().clone()),
        Missing::Misfit(_) => None,
    };
    missing.values().map(sdist).collect::<Option<Vec<_>>>().unwrap_or_default()
}

fn refused(missing: BTreeMap<String, Missing>, reason: &str) -> Failure {
    if missing.is_empty() {
        return Failure::permanent(Reason::NoSolution, format!("No set of versions satisfies: {reason}"));
    }
    let offence = |(package, missing)| {
        let text = match missing {
            Missing::Misfit(text) => text,
            Missing::OnlySdist(sdist) => {
                format!("{} {} has no wheel; building is disabled on this server", sdist.name, sdist.version)
            }
        };
        Offence { package, ..Offence::no_wheel(text) }
    };
    report(&missing.into_iter().map(offence).collect::<Vec<_>>())
}

#[async_trait]
impl Resolver for UvResolver {
    fn name(&self) -> String {
        let index = self.index.index().map_or("its own index", url::Url::as_str);
        format!("uv {} {index}", self.uv.version())
    }

    async fn resolve(
        &self,
        wanted: &Requirements,
        target: &Target,
        cancel: &CancellationToken,
    ) -> Result<Resolution, Failure> {
        tokio::select! {
            biased;
            () = cancel.cancelled() => Err(Failure::cancelled()),
            resolution = self.choose(wanted, target, cancel) => resolution,
        }
    }

    async fn select(
        &self,
        wanted: &Requirements,
        resolution: Resolution,
        target: &Target,
        cancel: &CancellationToken,
    ) -> Result<Selection, Failure> {
        let (pylock, sdists) = (resolution.pylock.clone(), resolution.sdists.clone());
        let answer = self.read(wanted, pylock, sdists, target, cancel).await?;
        let floor = answer.wheels.iter().filter_map(|wheel| wheel.floor).max();
        Ok(Selection {
            source: wanted.source,
            wheels: answer.wheels,
            sdists: resolution.sdists.clone(),
            needs: Needs::of(target.os, floor),
            notes: wanted.notes.iter().chain(&resolution.notes).cloned().collect(),
            resolutions: vec![resolution],
        })
    }
}

#[cfg(test)]
mod tests;
