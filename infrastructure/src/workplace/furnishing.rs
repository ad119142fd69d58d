//! The environment of a release: from the wheels that it brings, else from those that a lock or the resolver names and
//! the cache holds or fetches. One for equal content, whoever asks; the second one to ask waits for nothing.

use std::{
    fs::{self, File},
    os::unix::fs::PermissionsExt as _,
    path::Path,
    time::{Duration, SystemTime},
};

use application::{
    failure::{Failure, Reason},
    ports::{
        packaging::{Plan, Requirement, Selection},
        workplace::{OnProgress, Place},
    },
    repackaging,
};
use domain::{
    installation::{InstalledRelease, Runtime},
    values::{Digest, Target},
};
use serde::Serialize;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use tokio_util::sync::CancellationToken;

use super::{
    LocalWorkplace, blocking,
    environment::{Content, Making, NoEnvironment},
    gone,
    interpreting::Packed,
    layout::{Staged, settle},
    wanting::{self, Wish, packages},
};
use crate::{archive::read::file_sha256, builder::tools::Python, disk, isolation::Work};

const READING: Duration = Duration::from_mins(1);

/// One piece of work.
struct Furnishing<'a> {
    workplace: &'a LocalWorkplace,
    place: &'a Place,
    python: Python,
    target: Target,
    on_progress: OnProgress<'a>,
    cancel: &'a CancellationToken,
}

impl LocalWorkplace {
    pub(super) async fn furnished(
        &self,
        place: &Place,
        release: &InstalledRelease,
        on_progress: OnProgress<'_>,
        cancel: &CancellationToken,
    ) -> Result<(), Failure> {
        if self.layout.environment_of(place).map_err(disk::failure)?.is_some_and(|there| there.is_dir()) {
            return Ok(());
        }
        let code = self.layout.code(place);
        if !code.is_dir() {
            return Err(gone("The plugin's code"));
        }
        let packed = Packed::read(&code.join("wheels")).map_err(disk::failure)?;
        let Some(wish) = wish(release, &packed) else { return Ok(()) };
        let (python, target) = self.interpreter(release, &packed).await?;
        let index = self.parts.index.clone();
        let work = Work::Want(Box::new(wanting::Request { code: code.clone(), wish, target, index }));
        let plan: Plan = self.parts.isolation.run(&work, READING, &|_, _| {}, cancel).await?;
        if let Plan::Selected(selection) = &plan
            && selection.wheels.is_empty()
            && selection.sdists.is_empty()
        {
            return Ok(());
        }
        let furnishing = Furnishing { workplace: self, place, python, target, on_progress, cancel };
        furnishing.run(plan, &packed, &code.join("wheels")).await
    }
}

/// None: it needs no environment.
fn wish(release: &InstalledRelease, packed: &Packed) -> Option<Wish> {
    match release.runtime {
        Runtime::Dify => Some(Wish::Dify { packed: !packed.is_empty() }),
        Runtime::Langbot => Some(Wish::Langbot),
        Runtime::Native => {
            let language = release.manifest["runtime"]["language"].as_str().unwrap_or("python");
            let packages = packages(&release.manifest);
            (language.eq_ignore_ascii_case("python") && !packages.is_empty())
                .then_some(Wish::Native(packages))
        }
    }
}

impl Furnishing<'_> {
    async fn run(&self, plan: Plan, packed: &Packed, wheels: &Path) -> Result<(), Failure> {
        if packed.is_empty() {
            return self.with_others(plan).await;
        }
        let why = match self.with_own(&plan, packed, wheels).await {
            Ok(()) => return Ok(()),
            Err(NoEnvironment::Failed(failure)) => return Err(failure),
            Err(NoEnvironment::Unfit(why)) => why,
        };
        match self.with_others(plan).await {
            Err(failure)
                if matches!(failure.reason, Reason::ResolverUnavailable | Reason::IndexUnavailable) =>
            {
                let text = format!("The wheels of the package are not enough for its plugin: {why}");
                Err(Failure::permanent(Reason::NoWheel, text))
            }
            outcome => outcome,
        }
    }

    async fn with_own(&self, plan: &Plan, packed: &Packed, wheels: &Path) -> Result<(), NoEnvironment> {
        let lines = match plan {
            Plan::Open(wanted) => wanted.lines.iter().map(hashed).collect(),
            Plan::Selected(selection) => pins(selection),
        };
        let (names, directory) = (packed.names.clone(), wheels.to_owned());
        let digests = blocking(move || {
            let of = |name: String| Ok((file_sha256(&directory.join(&name))?, name));
            names.into_iter().map(of).collect::<Result<Vec<_>, Failure>>()
        });
        let digests = digests.await.map_err(NoEnvironment::Failed)?;
        let key = self.key(&lines, &digests);
        if !self.is_made(&key) {
            self.make(&key, &Content { lines: &lines, is_whole: false, wheels }).await?;
        }
        self.link(&key).map_err(NoEnvironment::Failed)
    }

    async fn with_others(&self, plan: Plan) -> Result<(), Failure> {
        let selection = self.settled(plan).await?;
        let wheels = &selection.wheels;
        let lines = pins(&selection);
        let files: Vec<_> = wheels.iter().map(|wheel| (&wheel.sha256, &wheel.file_name)).collect();
        let key = self.key(&lines, &files);
        if !self.is_made(&key) {
            match self.fetch_and_make(&key, &selection, &lines).await {
                Err(NoEnvironment::Unfit(why)) => {
                    // What the index serves is not what it says, or the disk under the cache has rotted.
                    if self.workplace.parts.wheels.recheck(wheels).await? == 0 {
                        return Err(unfit(&why));
                    }
                    self.fetch_and_make(&key, &selection, &lines).await.map_err(told)?;
                }
                outcome => outcome.map_err(told)?,
            }
        }
        self.link(&key)
    }

    /// Nothing is left to be chosen or built.
    async fn settled(&self, plan: Plan) -> Result<Selection, Failure> {
        let (parts, target, cancel) = (&self.workplace.parts, &self.target, self.cancel);
        let mut selection = match plan {
            Plan::Selected(selection) => selection,
            Plan::Open(wanted) => {
                (self.on_progress)("Choosing versions", 0, 1);
                let (resolver, resolutions) = (parts.resolver.as_ref(), parts.resolutions.as_ref());
                repackaging::resolve(resolver, resolutions, &wanted, target, false, cancel).await?
            }
        };
        for sdist in std::mem::take(&mut selection.sdists) {
            (self.on_progress)(&format!("Building {} {}", sdist.name, sdist.version), 0, 1);
            selection.wheels.push(parts.builder.build(&sdist, target, cancel).await?);
        }
        Ok(selection)
    }

    async fn fetch_and_make(
        &self,
        key: &Digest,
        selection: &Selection,
        lines: &[String],
    ) -> Result<(), NoEnvironment> {
        let staged = Staged::new(&self.workplace.layout, "wheels", 0o755)?;
        let text = format!("Fetching {} packages", selection.wheels.len());
        let on_bytes = |done: u64, all: Option<u64>| (self.on_progress)(&text, done, all.unwrap_or(0));
        let cache = &self.workplace.parts.wheels;
        let fetched = cache.fetch(&selection.wheels, staged.path(), &on_bytes, self.cancel).await;
        fetched.map_err(NoEnvironment::Failed)?;
        for entry in fs::read_dir(staged.path())? {
            // Whoever installs them inside is another user.
            fs::set_permissions(entry?.path(), fs::Permissions::from_mode(0o644))?;
        }
        self.make(key, &Content { lines, is_whole: true, wheels: staged.path() }).await
    }

    async fn make(&self, key: &Digest, content: &Content<'_>) -> Result<(), NoEnvironment> {
        let (layout, parts) = (&self.workplace.layout, &self.workplace.parts);
        (self.on_progress)("Installing packages", 0, 1);
        let uv = parts.tools.uv().await.map_err(|_none| {
            let text =
                "The plugin's packages cannot be installed: there is no uv on this server (PLUGYARD_UV)";
            NoEnvironment::Failed(Failure::permanent(Reason::ResolverUnavailable, text))
        })?;
        let (sandbox, python, uv) = (&parts.sandbox, &self.python, uv.as_path());
        let making = Making { sandbox, layout, python, uv, cancel: self.cancel };
        let made = making.make(content).await?;
        let at = layout.environment(key);
        let settled = blocking(move || settle(&made.path(), &at).map_err(disk::failure)).await;
        (self.on_progress)("Installing packages", 1, 1);
        settled.map_err(NoEnvironment::Failed)
    }

    fn is_made(&self, key: &Digest) -> bool {
        self.workplace.layout.environment(key).is_dir()
    }

    /// Touched first, so that no sweep takes it away; should one have begun, the step is begun again.
    fn link(&self, key: &Digest) -> Result<(), Failure> {
        let layout = &self.workplace.layout;
        let touched = File::open(layout.environment(key)).and_then(|it| it.set_modified(SystemTime::now()));
        let linked = touched.and_then(|()| layout.link_environment(self.place, key));
        linked.map_err(disk::failure)?;
        if self.is_made(key) { Ok(()) } else { Err(Failure::internal()) }
    }

    /// What went in.
    fn key(&self, lines: &[String], wheels: &impl Serialize) -> Digest {
        let content = json!({
            "python": self.python.path,
            "version": self.target.python,
            "lines": lines,
            "wheels": wheels,
        });
        Digest::of_bytes(Sha256::digest(content.to_string()).into())
    }
}

/// With the hashes of which the file must have one.
fn hashed(line: &Requirement) -> String {
    line.sha256.iter().fold(line.text.clone(), |text, sha256| format!("{text} --hash=sha256:{sha256}"))
}

fn pins(selection: &Selection) -> Vec<String> {
    selection.wheels.iter().map(|wheel| format!("{}=={}", wheel.name, wheel.version)).collect()
}

fn unfit(why: &str) -> Failure {
    Failure::permanent(Reason::NoWheel, format!("The plugin's packages do not install: {why}"))
}

fn told(none: NoEnvironment) -> Failure {
    match none {
        NoEnvironment::Unfit(why) => unfit(&why),
        NoEnvironment::Failed(failure) => failure,
    }
}
