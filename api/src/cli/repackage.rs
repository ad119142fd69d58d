//! `plugyard repackage`: the main job in one shot, for any number of inputs, without a server.

mod making;
mod request;

use std::{io::Write as _, path::PathBuf, process::ExitCode, sync::Arc, time::Duration};

use anyhow::Context as _;
use application::{
    failure::{Failure, Reason},
    repackaging::Repackaging,
};
use futures::{StreamExt as _, stream};
use infrastructure::workspace::Workspace;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use self::request::{Request, requests};
use super::{outcome::Outcome, progress::Screen};
use crate::{
    settings::{RepackageArguments, Settings, Verify},
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
            // What was finished before is finished.
            if let Ok(outcome) = timeout(LAST, work).await {
                outcome.tell_finished(json).context("the result cannot be printed")?;
            }
            let _ = writeln!(std::io::stderr(), "Interrupted");
            return Ok(ExitCode::from(INTERRUPTED));
        }
    };
    outcome.tell(json).context("the result cannot be printed")?;
    Ok(if outcome.is_complete() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

struct Job {
    repackaging: Repackaging,
    arguments: RepackageArguments,
    requests: Vec<Request>,
    work_dir: PathBuf,
    at_once: usize,
    screen: Screen,
}

impl Job {
    fn new(settings: &Settings, arguments: RepackageArguments) -> anyhow::Result<Self> {
        // Whoever asks for it here is the operator.
        let verify_install = settings.verify_install || arguments.verify == Verify::Install;
        let settings = &Settings { verify_install, ..settings.clone() };
        let repackaging = wiring::build_repackaging(settings, &Arc::new(wiring::build_tools(settings)?))?;
        Ok(Self {
            requests: requests(&arguments, settings.floors, &*repackaging.marketplace),
            repackaging,
            arguments,
            work_dir: settings.work_dir(),
            at_once: settings.workers,
            screen: Screen::new(),
        })
    }

    /// Several inputs at a time; they share the wheel cache, which fetches each wheel once.
    async fn run(&self, cancel: &CancellationToken) -> Outcome {
        let work = match Workspace::new(&self.work_dir, "cli-") {
            Ok(work) => work,
            Err(error) => {
                let failure = local("The data directory cannot be used", &error);
                return Outcome(self.requests.iter().flat_map(|request| request.failed(&failure)).collect());
            }
        };
        let each = self.requests.iter().enumerate().map(|(number, request)| {
            let dir = work.path().join(format!("input-{number}"));
            async move { self.one(request, &dir, cancel).await }
        });
        Outcome(stream::iter(each).buffered(self.at_once).collect::<Vec<_>>().await.concat())
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
