//! From one input to its results, one after the other.

use std::path::{Path, PathBuf};

use application::{
    catalogue::{latest, no_version},
    directories,
    failure::{Failure, Reason},
    ports::packaging::{Inspection, Plan, Selection},
    repackaging::{Acquired, LARGEST_PACKAGE, PackageJob, combined},
};
use domain::{
    task::{Report, Source},
    values::{PluginIdentity, Target},
};
use tokio_util::sync::CancellationToken;

use super::{
    super::{outcome::Told, output, progress::Shown},
    Job, local,
    request::{Input, Request, Wanted},
};
use crate::{package_url, settings::Verify};

impl Job {
    pub(super) async fn one(&self, request: &Request, dir: &Path, cancel: &CancellationToken) -> Vec<Told> {
        let shown = self.screen.job(&request.shown(None));
        let read = self.read(request, dir, &shown, cancel).await;
        shown.finish();
        let (package, inspection) = match read {
            Ok(read) => read,
            Err(failure) => return request.failed(&failure),
        };
        let mut told = Vec::with_capacity(request.results.len());
        let mut plans = inspection.plans.iter();
        for (number, wanted) in request.results.iter().enumerate() {
            let plans: Vec<_> = plans.by_ref().take(wanted.targets.len()).cloned().collect();
            let work = dir.join(format!("target-{number}"));
            let shown = self.screen.job(&request.shown(Some(wanted)));
            let made = self.make(wanted, &package, &inspection, plans, &work, &shown, cancel).await;
            shown.finish();
            told.push(request.told(wanted, made));
            // Room for the next one.
            let _ = directories::remove(work).await;
        }
        let _ = directories::remove(dir.to_owned()).await;
        told
    }

    async fn read(
        &self,
        request: &Request,
        dir: &Path,
        shown: &Shown,
        cancel: &CancellationToken,
    ) -> Result<(Acquired, Inspection), Failure> {
        if cancel.is_cancelled() {
            return Err(Failure::cancelled());
        }
        made_directory(dir).await?;
        let package = match &request.input {
            Input::File(path) => Acquired::brought(copied(path, dir).await?),
            Input::Url(url) => {
                let url = url_of_a_package(url)?;
                self.repackaging.downloads.check(url)?;
                self.repackaging.acquire(&Source::Url(url.to_owned()), dir, shown, cancel).await?
            }
            Input::Plugin { author, name, version } => {
                let plugin = self.plugin(author, name, version.as_deref()).await?;
                self.repackaging.acquire(&Source::Marketplace(plugin), dir, shown, cancel).await?
            }
        };
        let targets: Vec<Target> =
            request.results.iter().flat_map(|wanted| wanted.targets.iter().copied()).collect();
        let inspection = self.repackaging.inspect(&package, &targets, shown, cancel).await?;
        Ok((package, inspection))
    }

    /// Its latest version where none is named.
    async fn plugin(
        &self,
        author: &str,
        name: &str,
        version: Option<&str>,
    ) -> Result<PluginIdentity, Failure> {
        let Some(version) = version else {
            return latest(&*self.repackaging.marketplace, author, name).await;
        };
        PluginIdentity::new(author, name, version).map_err(|_invalid| no_version(author, name, version))
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of one job, each used once")]
    async fn make(
        &self,
        wanted: &Wanted,
        package: &Acquired,
        inspection: &Inspection,
        plans: Vec<Result<Plan, Failure>>,
        work: &Path,
        shown: &Shown,
        cancel: &CancellationToken,
    ) -> Result<(PathBuf, Report), Failure> {
        let selection = self.settle(wanted, inspection, plans, shown, cancel).await?;
        made_directory(work).await?;
        let job = PackageJob {
            package: &package.file,
            inspection,
            selection: &selection,
            targets: &wanted.targets,
            strict: self.arguments.strict,
            verify_install: self.arguments.verify == Verify::Install,
        };
        let made = self.repackaging.make(job, work, shown, cancel).await?;
        let (output, name) = (self.arguments.output.clone(), wanted.file_name.clone());
        let placed = tokio::task::spawn_blocking(move || output::place(&made.file, &output, &name)).await;
        let path = placed
            .unwrap_or_else(|fault| Err(std::io::Error::other(fault)))
            .map_err(|error| local("The result cannot be written to the output directory", &error))?;
        Ok((path, made.report))
    }

    async fn settle(
        &self,
        wanted: &Wanted,
        inspection: &Inspection,
        plans: Vec<Result<Plan, Failure>>,
        shown: &Shown,
        cancel: &CancellationToken,
    ) -> Result<Selection, Failure> {
        let mut selections = Vec::with_capacity(wanted.targets.len());
        for (target, plan) in wanted.targets.iter().zip(plans) {
            let refresh = self.arguments.refresh;
            let settled = self.repackaging.settle(inspection, plan?, target, refresh, shown, cancel);
            selections.push(settled.await?);
        }
        combined(selections)
    }
}

fn url_of_a_package(url: &str) -> Result<&str, Failure> {
    if package_url::leads_to_a_package(url) {
        return Ok(url);
    }
    Err(Failure::permanent(Reason::UrlForbidden, package_url::REFUSED))
}

async fn made_directory(dir: &Path) -> Result<(), Failure> {
    tokio::fs::create_dir(dir).await.map_err(|error| local("The data directory cannot be used", &error))
}

/// A copy that nobody changes while it is read.
async fn copied(file: &Path, work: &Path) -> Result<PathBuf, Failure> {
    let shown = file.display();
    let refused = |message: String| Failure::permanent(Reason::FetchFailed, message);
    let size = match tokio::fs::metadata(file).await {
        Ok(data) if data.is_file() => data.len(),
        Ok(_) => return Err(refused(format!("{shown} is not a file"))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(refused(format!("{shown} does not exist")));
        }
        Err(error) => return Err(refused(format!("{shown} cannot be read: {error}"))),
    };
    if size > LARGEST_PACKAGE {
        return Err(Failure::permanent(Reason::PackageTooLarge, "Package larger than 100 MB"));
    }
    let into = work.join("input.difypkg");
    match tokio::fs::copy(file, &into).await {
        Ok(_) => Ok(into),
        Err(error) => Err(refused(format!("{shown} cannot be read: {error}"))),
    }
}
