//! Trying a finished package out: installed offline the way the daemon does it, and started until its first heartbeat,
//! in the sandbox.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use application::{
    failure::Failure,
    ports::packaging::{Note, Verdict, Verifier},
};
use async_trait::async_trait;
use domain::values::{Floor, Os, Target};
use tokio_util::sync::CancellationToken;

mod unpacked;

use unpacked::Unpacked;

use crate::{
    builder::{
        Host,
        inside::{Inside, Order},
        said::last_words,
        tools::{Python, Toolbox, UV},
    },
    disk,
    sandbox::{Ended, Fault, Outcome, Sandbox},
};

/// Trying out is off.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoVerifier;

#[async_trait]
impl Verifier for NoVerifier {
    async fn verify(
        &self,
        _: &Path,
        _: &[Target],
        _: &Path,
        _: &CancellationToken,
    ) -> Result<Verdict, Failure> {
        Ok(untried("Verified installs are disabled on this server."))
    }
}

/// The daemon gives up after as long.
const INSTALL_TIME: Duration = Duration::from_mins(15);
const START_TIME: Duration = Duration::from_mins(2);

/// Tries packages out in the sandbox.
pub struct SandboxVerifier {
    pub sandbox: Sandbox,
    pub tools: Arc<dyn Toolbox>,
}

/// Why there is no verdict, or a bad one.
enum Stop {
    Untried(String),
    Broken(String),
    Failed(Failure),
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

#[async_trait]
impl Verifier for SandboxVerifier {
    async fn verify(
        &self,
        package: &Path,
        targets: &[Target],
        work: &Path,
        cancel: &CancellationToken,
    ) -> Result<Verdict, Failure> {
        match self.attempt(package, targets, work, cancel).await {
            Ok(()) => {
                let told = "It was installed here without a network and started: its first heartbeat came.";
                Ok(Verdict { works: Some(true), notes: vec![Note::new("verified_install", told)] })
            }
            Err(Stop::Untried(why)) => Ok(untried(&why)),
            Err(Stop::Broken(why)) => {
                Ok(Verdict { works: Some(false), notes: vec![Note::new("verified_install", why)] })
            }
            Err(Stop::Failed(failure)) => Err(failure),
        }
    }
}

fn untried(why: &str) -> Verdict {
    Verdict { works: None, notes: vec![Note::new("verified_install", why)] }
}

impl SandboxVerifier {
    async fn attempt(
        &self,
        package: &Path,
        targets: &[Target],
        work: &Path,
        cancel: &CancellationToken,
    ) -> Result<(), Stop> {
        let host = Host::this();
        let own = |target: &&Target| (target.os, target.arch) == (host.os, host.arch);
        let target = targets.iter().find(own).ok_or_else(|| {
            let other = targets.first().map(ToString::to_string).unwrap_or_default();
            Stop::Untried(format!("Not tried out: it is for {other}, which this server is not."))
        })?;
        let python = self.python(target).await?;
        let uv = self
            .tools
            .uv()
            .await
            .map_err(|_none| Stop::Untried("Not tried out: there is no uv on this server.".to_owned()))?;
        let trial = Trial { sandbox: &self.sandbox, python, uv, job: work.join("job"), cancel };
        fs::create_dir(&trial.job).map_err(disk::failure)?;
        trial.check_libc(package, target).await?;
        let (package, into) = (package.to_owned(), trial.job.join(PLUGIN));
        let unpacked = tokio::task::spawn_blocking(move || Unpacked::of(&package, &into)).await;
        let unpacked = unpacked.map_err(|_stopped| Failure::internal())??;
        trial.install(&unpacked).await?;
        trial.start(&unpacked).await
    }

    async fn python(&self, target: &Target) -> Result<Python, Stop> {
        let found = self.tools.python(target.python.minor).await;
        found.filter(|python| python.minor == target.python.minor).ok_or_else(|| {
            let wanted = target.python.short();
            Stop::Untried(format!("Not tried out: there is no Python {wanted} on this server."))
        })
    }
}

/// One package in one throw-away environment.
struct Trial<'a> {
    sandbox: &'a Sandbox,
    python: Python,
    uv: PathBuf,
    job: PathBuf,
    cancel: &'a CancellationToken,
}

/// Where it is unpacked.
const PLUGIN: &str = "plugin";
const SETTINGS: [(&str, &str); 3] =
    [("INSTALL_METHOD", "local"), ("HEARTBEAT_INTERVAL", "1"), ("VIRTUAL_ENV", "/job/plugin/.venv")];
const LIBC: &str = "import os; print('libc', os.confstr('CS_GNU_LIBC_VERSION'))";

impl Trial<'_> {
    /// A package for newer systems than this one says nothing by failing here.
    async fn check_libc(&self, package: &Path, target: &Target) -> Result<(), Stop> {
        let (package, copy) = (package.to_owned(), *target);
        let read = tokio::task::spawn_blocking(move || unpacked::needs(&package, copy)).await;
        let needs = read.map_err(|_stopped| Failure::internal())??;
        if let (Os::Linux, Some(needs)) = (target.os, needs) {
            let ask = ["-I", "-S", "-c", LIBC].map(str::to_owned).to_vec();
            let program = self.python.path.clone();
            let order = Order { program, arguments: ask, time: INSTALL_TIME, ..Order::default() };
            let outcome = self.run(order).await?;
            let own = outcome.output.lines().find_map(|line| line.strip_prefix("libc glibc "));
            let own: Option<Floor> = own.and_then(|own| own.trim().parse().ok());
            if own.is_none_or(|own| own < needs) {
                return Err(Stop::Untried(format!(
                    "Not tried out: it needs glibc {needs}, newer than on this server."
                )));
            }
        }
        Ok(())
    }

    /// What the daemon runs, without any network.
    async fn install(&self, unpacked: &Unpacked) -> Result<(), Stop> {
        let import = if unpacked.has_sdk { "&& .venv/bin/python -c 'import dify_plugin'" } else { "" };
        let script =
            format!("{UV} venv .venv --python \"$1\" && {UV} pip install -r requirements.txt {import}");
        let python = self.python.path.to_string_lossy().into_owned();
        let order = Order::script(script, &[&python], INSTALL_TIME);
        let outcome = self.run(Order { cwd: PLUGIN, ..order }).await?;
        match outcome.ended {
            Ended::Code(0) => Ok(()),
            Ended::OutOfTime => {
                Err(Stop::Broken("The offline install took more than 15 minutes.".to_owned()))
            }
            Ended::OutOfDisk | Ended::OutOfMemory => {
                Err(Stop::Untried("Not tried out: it is too large to be tried.".to_owned()))
            }
            Ended::Code(_) | Ended::Signal(_) | Ended::Enough => {
                let words = last_words(&outcome.output);
                Err(Stop::Broken(format!("The offline install failed: {words}")))
            }
        }
    }

    /// The shell stays its parent: the SDK ends itself when its parent is the first process.
    async fn start(&self, unpacked: &Unpacked) -> Result<(), Stop> {
        let entry = unpacked
            .entrypoint
            .clone()
            .ok_or_else(|| Stop::Broken("No heartbeat: its manifest names no entry point.".to_owned()))?;
        let script = ".venv/bin/python -m \"$1\"; exit $?".to_owned();
        let mut is_heartbeat = is_heartbeat;
        let order = Order::script(script, &[&entry], START_TIME);
        let outcome = self.run(Order { cwd: PLUGIN, until: Some(&mut is_heartbeat), ..order }).await?;
        let why = match outcome.ended {
            Ended::Enough => return Ok(()),
            Ended::OutOfTime => format!("nothing came within {} s", START_TIME.as_secs()),
            Ended::OutOfDisk => "it filled its disk".to_owned(),
            Ended::OutOfMemory => "it wants too much memory".to_owned(),
            Ended::Code(code) => format!("it ended with code {code}: {}", last_words(&outcome.output)),
            Ended::Signal(signal) => format!("it was ended by signal {signal}"),
        };
        Err(Stop::Broken(format!("No heartbeat: {}", why.trim_end_matches([':', ' ']))))
    }

    async fn run(&self, order: Order<'_>) -> Result<Outcome, Stop> {
        let (sandbox, python, uv, cancel) = (self.sandbox, &self.python, self.uv.as_path(), self.cancel);
        let inside = Inside { sandbox, python, uv, job: &self.job, cancel };
        inside.run(Order { environment: &SETTINGS, ..order }).await.map_err(|fault| match fault {
            Fault::Cancelled => Stop::Failed(Failure::cancelled()),
            Fault::Unavailable(why) => {
                Stop::Untried(format!("Not tried out: the sandbox does not work on this server ({why})."))
            }
        })
    }
}

fn is_heartbeat(line: &str) -> bool {
    let value = serde_json::from_str::<serde_json::Value>(line.trim());
    value.is_ok_and(|value| value["event"] == "heartbeat")
}
