//! `plugyard repackage`: the main job in one shot, without a server.

use std::{
    io::Write as _,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

use anyhow::Context as _;
use application::{
    failure::{Failure, Reason},
    ports::packaging::{Inspection, Plan},
    repackaging::{Acquired, LARGEST_PACKAGE, PackageJob, Repackaging},
    tasks::name_from_url,
};
use domain::{
    task::{Report, Source},
    values::{FloorPolicy, Platform, Target, TargetOptions},
};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::{
    outcome::{Outcome, word},
    output,
    progress::Shown,
    workspace::Workspace,
};
use crate::{
    package_url,
    settings::{RepackageArguments, Settings},
    shutdown::Signals,
    wiring,
};

const INTERRUPTED: u8 = 130;
/// How long children and downloads may take to end.
const LAST: Duration = Duration::from_secs(10);

/// Exit 0: every package asked for is complete. 1: something failed. 130: interrupted.
pub(crate) async fn run(settings: &Settings, arguments: RepackageArguments) -> anyhow::Result<ExitCode> {
    let mut signals = Signals::listen().context("signals cannot be received")?;
    let json = arguments.json;
    let job = Job::new(settings, arguments)?;
    let cancel = CancellationToken::new();
    let work = job.run(&cancel);
    tokio::pin!(work);
    let outcome = tokio::select! {
        outcome = work.as_mut() => outcome,
        () = signals.next() => {
            cancel.cancel();
            let _ = timeout(LAST, work).await;
            let _ = writeln!(std::io::stderr(), "Interrupted");
            return Ok(ExitCode::from(INTERRUPTED));
        }
    };
    outcome.tell(json).context("the result cannot be printed")?;
    Ok(if outcome.failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

struct Job {
    repackaging: Repackaging,
    arguments: RepackageArguments,
    /// At least one, each once.
    wanted: Vec<Wanted>,
    work_dir: PathBuf,
}

struct Wanted {
    platform: Platform,
    target: Target,
}

impl Job {
    fn new(settings: &Settings, arguments: RepackageArguments) -> anyhow::Result<Self> {
        Ok(Self {
            repackaging: wiring::build_repackaging(settings, &Arc::new(wiring::build_tools(settings)?))?,
            wanted: wanted(&arguments, settings.floors),
            arguments,
            work_dir: settings.work_dir(),
        })
    }

    async fn run(&self, cancel: &CancellationToken) -> Outcome {
        self.try_run(cancel).await.unwrap_or_else(|failure| Outcome {
            made: Vec::new(),
            failed: self.wanted.iter().map(|wanted| (wanted.platform.clone(), failure.clone())).collect(),
        })
    }

    async fn try_run(&self, cancel: &CancellationToken) -> Result<Outcome, Failure> {
        let work = Workspace::new(&self.work_dir)
            .map_err(|error| local("The data directory cannot be used", &error))?;
        let shown = Shown::new("");
        let read = self.read(work.path(), &shown, cancel).await;
        shown.finish();
        let (package, inspection) = read?;
        let mut outcome = Outcome::default();
        for (number, (wanted, plan)) in self.wanted.iter().zip(&inspection.plans).enumerate() {
            let plan = match plan {
                Ok(plan) => plan.clone(),
                Err(failure) => {
                    outcome.failed.push((wanted.platform.clone(), failure.clone()));
                    continue;
                }
            };
            let dir = work.path().join(format!("target-{number}"));
            match self.make(wanted, &package, &inspection, plan, &dir, cancel).await {
                Ok((path, report)) => outcome.made.push((wanted.platform.clone(), path, report)),
                Err(failure) => outcome.failed.push((wanted.platform.clone(), failure)),
            }
            // Room for the next one.
            let _ = tokio::fs::remove_dir_all(&dir).await;
        }
        Ok(outcome)
    }

    async fn read(
        &self,
        work: &Path,
        shown: &Shown,
        cancel: &CancellationToken,
    ) -> Result<(Acquired, Inspection), Failure> {
        let package = if is_url(&self.arguments.input) {
            let url = url_of_a_package(&self.arguments.input)?;
            self.repackaging.downloads.check(url)?;
            self.repackaging.acquire(&Source::Url(url.to_owned()), work, shown, cancel).await?
        } else {
            Acquired::brought(copied(Path::new(&self.arguments.input), work).await?)
        };
        let targets: Vec<Target> = self.wanted.iter().map(|wanted| wanted.target).collect();
        let inspection = self.repackaging.inspect(&package, &targets, shown, cancel).await?;
        Ok((package, inspection))
    }

    async fn make(
        &self,
        wanted: &Wanted,
        package: &Acquired,
        inspection: &Inspection,
        plan: Plan,
        dir: &Path,
        cancel: &CancellationToken,
    ) -> Result<(PathBuf, Report), Failure> {
        tokio::fs::create_dir(dir)
            .await
            .map_err(|error| local("The data directory cannot be used", &error))?;
        let shown = Shown::new(if self.wanted.len() > 1 { word(&wanted.platform) } else { "" });
        let made = async {
            let selection =
                self.repackaging.settle(inspection, plan, &wanted.target, false, &shown, cancel).await?;
            let job = PackageJob {
                package: &package.file,
                inspection,
                selection: &selection,
                targets: &[wanted.target],
                strict: self.arguments.strict,
                verify_install: false,
            };
            self.repackaging.make(job, dir, &shown, cancel).await
        }
        .await;
        shown.finish();
        let made = made?;
        let (output, name) = (self.arguments.output.clone(), self.output_name(&wanted.platform));
        let placed = tokio::task::spawn_blocking(move || output::place(&made.file, &output, &name)).await;
        let path = placed
            .unwrap_or_else(|fault| Err(std::io::Error::other(fault)))
            .map_err(|error| local("The result cannot be written to the output directory", &error))?;
        Ok((path, made.report))
    }

    /// Several results must have several names.
    fn output_name(&self, platform: &Platform) -> String {
        let name = self.arguments.suffix.output_name(&original_name(&self.arguments.input));
        if self.wanted.len() == 1 {
            return name;
        }
        let stem = name.strip_suffix(".difypkg").unwrap_or(&name);
        format!("{stem}-{}.difypkg", word(platform))
    }
}

fn wanted(arguments: &RepackageArguments, floors: FloorPolicy) -> Vec<Wanted> {
    let options = TargetOptions {
        strict: arguments.strict,
        glibc: arguments.glibc,
        macos: arguments.macos,
        python: arguments.python,
    };
    let mut platforms = Vec::new();
    for platform in &arguments.platforms {
        if !platforms.contains(platform) {
            platforms.push(platform.clone());
        }
    }
    if platforms.is_empty() {
        platforms.push(Platform::host());
    }
    let wanted =
        |platform: Platform| Wanted { target: Target::resolve(&platform, options, floors), platform };
    platforms.into_iter().map(wanted).collect()
}

fn is_url(input: &str) -> bool {
    input.contains("://")
}

/// A URL holds its name encoded, a path as it is.
fn original_name(input: &str) -> String {
    match Path::new(input).file_name() {
        Some(name) if !is_url(input) => name.to_string_lossy().into_owned(),
        Some(_) | None => name_from_url(input),
    }
}

fn url_of_a_package(url: &str) -> Result<&str, Failure> {
    if package_url::leads_to_a_package(url) {
        return Ok(url);
    }
    Err(Failure::permanent(Reason::UrlForbidden, package_url::REFUSED))
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

/// On the command line the user owns the machine: the cause may be told.
fn local(what: &str, error: &std::io::Error) -> Failure {
    let reason =
        if error.kind() == std::io::ErrorKind::StorageFull { Reason::DiskFull } else { Reason::Internal };
    Failure::transient(reason, format!("{what}: {error}"))
}

#[cfg(test)]
mod tests;
