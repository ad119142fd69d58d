//! One build from the source to the wheel in the cache.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use application::{
    failure::{Failure, Reason},
    ports::packaging::{
        DependencySource, Requirement, Requirements, Sdist, SdistOrigin, Selection, Wheel, Wheels as _,
    },
};
use domain::values::{Digest, Floor, Os, PythonVersion, Target};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use tokio_util::sync::CancellationToken;

use super::{
    Host, PREFIX, Parts, SandboxBuilder,
    backend::{self, Backend},
    forge, policy, rewrite,
    tools::Python,
    workshop::{Unpacked, Workshop},
};
use crate::{
    disk,
    isolation::Work,
    wheels::{labels::Label, normalised, same_version},
    workspace::Workspace,
};

const REWRITE_TIME: Duration = Duration::from_mins(5);

impl SandboxBuilder {
    pub(super) async fn make(
        &self,
        sdist: &Sdist,
        python: &Python,
        target: &Target,
        cancel: &CancellationToken,
    ) -> Result<Wheel, Failure> {
        let ground = Workspace::new(&self.parts.directory.join("work"), PREFIX).map_err(disk::failure)?;
        let made = self.make_in(ground.path(), sdist, python, target, cancel).await;
        // An environment is thousands of files; should it not be gone in the end, a sweep finds it.
        let _ = tokio::task::spawn_blocking(move || drop(ground)).await;
        made
    }

    async fn make_in(
        &self,
        ground: &Path,
        sdist: &Sdist,
        python: &Python,
        target: &Target,
        cancel: &CancellationToken,
    ) -> Result<Wheel, Failure> {
        let named = format!("{} {}", sdist.name, sdist.version);
        tracing::info!(named, "building");
        let fetched = ground.join("fetched");
        std::fs::create_dir(&fetched).map_err(disk::failure)?;
        let archive = self.fetch(sdist, &named, &fetched, cancel).await?;
        let subdirectory = match &sdist.origin {
            SdistOrigin::File { .. } => None,
            SdistOrigin::Git { subdirectory, .. } => subdirectory.as_deref(),
        };
        let shop = |name: &str| {
            let (sandbox, job) = (&self.parts.sandbox, ground.join(name));
            std::fs::create_dir(&job).map_err(disk::failure)?;
            Ok::<_, Failure>(Workshop {
                sandbox,
                python,
                named: &named,
                version: &sdist.version,
                job,
                cancel,
            })
        };
        let mut shop_now = shop("job")?;
        let mut from = shop_now.unpack(&archive, subdirectory).await?;
        check_commit(sdist, &from).map_err(|why| shop_now.failed(why))?;
        let backend = Backend::of(from.pyproject.as_deref()).map_err(|why| shop_now.failed(why))?;
        let glibc = from.libc.as_deref().and_then(glibc_of);
        let here = here(python.minor, glibc, *target);
        let needs = backend.requires.clone();
        self.furnish(&shop_now, &needs, &here, &fetched, cancel).await?;
        let more = shop_now.wants(&from, &backend).await?;
        let more = backend::requirements(&more).map_err(|why| shop_now.failed(why))?;
        if more.iter().any(|wanted| !needs.contains(wanted)) {
            // Third-party code was at work in the first directory: nothing may be written there any more.
            shop_now = shop("again")?;
            from = shop_now.unpack(&archive, subdirectory).await?;
            self.furnish(&shop_now, &[needs, more].concat(), &here, &fetched, cancel).await?;
        }
        let shop = shop_now;
        let name = shop.build(&from, &backend).await?;
        let wheel =
            described(sdist, &name, glibc).ok_or_else(|| shop.failed("its wheel has another name"))?;
        let built = ground.join("built.whl");
        shop.take(&name, &built).await?;
        self.adopt(wheel, built, cancel).await
    }

    /// Verified like every wheel, where the source has a digest; one commit, where it has none.
    async fn fetch(
        &self,
        sdist: &Sdist,
        named: &str,
        into: &Path,
        cancel: &CancellationToken,
    ) -> Result<PathBuf, Failure> {
        match &sdist.origin {
            SdistOrigin::File { file_name, urls, sha256, size } => {
                let file = Wheel {
                    name: sdist.name.clone(),
                    version: sdist.version.clone(),
                    file_name: file_name.clone(),
                    urls: urls.clone(),
                    sha256: sha256.clone(),
                    size: *size,
                    tag: String::new(),
                    floor: None,
                    built: false,
                };
                self.parts.cache.fetch(&[file], into, &|_, _| {}, cancel).await?;
                Ok(into.join(file_name))
            }
            SdistOrigin::Git { repository, commit, .. } => {
                let file = into.join("commit.tar.gz");
                forge::fetch(&*self.parts.client, (repository, commit), named, &file, cancel).await?;
                Ok(file)
            }
        }
    }

    /// An environment with exactly what the build asks for.
    async fn furnish(
        &self,
        shop: &Workshop<'_>,
        needs: &[Requirement],
        here: &Target,
        fetched: &Path,
        cancel: &CancellationToken,
    ) -> Result<(), Failure> {
        let wheels = fetched.join("tools");
        if needs.is_empty() {
            return shop.furnish(None, &wheels, &[]).await;
        }
        let uv = self.parts.tools.uv().await.map_err(|_unavailable| {
            shop.failed("its build tools cannot be chosen, because there is no uv on this server")
        })?;
        let selected = self.chosen(needs, here, cancel).await?;
        if !selected.sdists.is_empty() {
            return Err(shop.failed("its build tools have no wheels"));
        }
        self.parts.cache.fetch(&selected.wheels, &wheels, &|_, _| {}, cancel).await?;
        let pins: Vec<String> =
            selected.wheels.iter().map(|wheel| format!("{}=={}", wheel.name, wheel.version)).collect();
        shop.furnish(Some(uv), &wheels, &pins).await
    }

    /// The answer of the last time, if there was one: other tools could give other bytes.
    async fn chosen(
        &self,
        needs: &[Requirement],
        here: &Target,
        cancel: &CancellationToken,
    ) -> Result<Selection, Failure> {
        let Parts { resolver, resolutions, .. } = &self.parts;
        let wanted =
            Requirements { source: DependencySource::Pyproject, lines: needs.to_vec(), notes: Vec::new() };
        let asked = json!({"build": wanted.lines, "target": here, "resolver": resolver.name()});
        let key = Digest::of_bytes(Sha256::digest(asked.to_string()).into());
        let answer = if let Some(kept) = resolutions.get(&key).await? {
            kept
        } else {
            let answer = resolver.resolve(&wanted, here, cancel).await?;
            resolutions.keep(&key, answer, false).await?
        };
        resolver.select(&wanted, answer, here, cancel).await
    }

    /// Checked and written anew in the child process, then kept like a fetched one.
    async fn adopt(
        &self,
        wheel: Wheel,
        built: PathBuf,
        cancel: &CancellationToken,
    ) -> Result<Wheel, Failure> {
        let output = built.with_extension("new");
        let part = built.with_extension("part");
        let request = rewrite::Request { built, wheel: wheel.clone(), part, output: output.clone() };
        let work = Work::Rewrite(Box::new(request));
        let rewritten: rewrite::Rewritten =
            self.parts.isolation.run(&work, REWRITE_TIME, &|_, _| {}, cancel).await.map_err(|failure| {
                if failure.transient || failure.reason == Reason::Cancelled {
                    return failure;
                }
                let text = format!("{} {} was built to a damaged wheel", wheel.name, wheel.version);
                Failure::permanent(Reason::BuildFailed, text)
            })?;
        self.parts.cache.adopt(&output, &rewritten.sha256).map_err(disk::failure)?;
        Ok(Wheel { sha256: rewritten.sha256, size: Some(rewritten.size), ..wheel })
    }
}

/// A git archive names its commit; archives made by other means say nothing.
fn check_commit(sdist: &Sdist, from: &Unpacked) -> Result<(), &'static str> {
    let SdistOrigin::Git { commit, .. } = &sdist.origin else { return Ok(()) };
    let said = from.commit.as_deref().filter(|said| is_commit(said));
    match said {
        Some(said) if !said.eq_ignore_ascii_case(commit) => {
            Err("the server sent another commit than the locked one")
        }
        Some(_) | None => Ok(()),
    }
}

fn is_commit(text: &str) -> bool {
    text.len() == 40 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// What the build's own tools are chosen for.
fn here(minor: u8, glibc: Option<Floor>, target: Target) -> Target {
    let Host { os, arch } = Host::this();
    let floor = glibc.unwrap_or(Floor { major: 2, minor: 17 });
    let python = if target.python.minor == minor { target.python } else { PythonVersion { minor, patch: 0 } };
    Target { os, arch, floor, python }
}

fn glibc_of(libc: &str) -> Option<Floor> {
    libc.strip_prefix("glibc ")?.trim().parse().ok()
}

/// The wheel by its name; its bytes are not known yet. A compiled one needs what it was compiled with.
fn described(sdist: &Sdist, file_name: &str, glibc: Option<Floor>) -> Option<Wheel> {
    let label = Label::read(file_name)?;
    let is_it = normalised(label.project) == sdist.name && same_version(label.version, &sdist.version);
    let newest = Floor { major: 99, minor: 99 };
    let own = if Host::this().os == Os::Linux { glibc } else { None };
    let floor = if policy::is_pure(&label) { None } else { Some(own.unwrap_or(newest)) };
    is_it.then(|| Wheel {
        name: sdist.name.clone(),
        version: sdist.version.clone(),
        file_name: file_name.to_owned(),
        urls: Vec::new(),
        sha256: Digest::of_bytes([0; 32]),
        size: None,
        tag: label.compressed(),
        floor,
        built: true,
    })
}
