//! The parent's side: starts the child, listens, and ends its whole group when it is told to, when time is up,
//! or when nobody waits any more.

use std::{
    ffi::OsString,
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::Duration,
};

use application::{
    failure::{Failure, Reason},
    ports::packaging::OnBytes,
};
use domain::values::Digest;
use rustix::process::{Pid, Signal, kill_process_group};
use serde::de::DeserializeOwned;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    process::{Child, ChildStdin, ChildStdout, Command},
};
use tokio_util::sync::CancellationToken;

use super::{CHILD_ARGUMENT, Word, Work};

/// All that a child may say in all.
const MOST_SAID: u64 = 64 * 1024 * 1024;

/// Makes the comment of an archive with these entries; `None` ends the child.
pub(crate) type OnSeal<'a> = &'a (dyn Fn(&[Digest]) -> Option<String> + Send + Sync);

/// How to start children.
#[derive(Debug, Clone)]
pub struct Isolation {
    executable: PathBuf,
    /// Whether it was the running binary when this was made.
    is_own: bool,
    arguments: Vec<OsString>,
}

impl Isolation {
    /// `executable`: the binary whose `main` calls [`super::serve_child`] for [`CHILD_ARGUMENT`]; usually the
    /// running one.
    pub fn new(executable: PathBuf) -> Self {
        let is_own = std::env::current_exe().is_ok_and(|own| own == executable);
        Self { executable, is_own, arguments: vec![CHILD_ARGUMENT.into()] }
    }

    /// The file at the path of a running binary may have been replaced by now; this link leads to the one that
    /// runs.
    fn program(&self) -> &Path {
        let own = Path::new("/proc/self/exe");
        if self.is_own && own.exists() { own } else { &self.executable }
    }

    #[cfg(test)]
    pub(crate) fn with_arguments(executable: PathBuf, arguments: &[&str]) -> Self {
        Self { arguments: arguments.iter().map(OsString::from).collect(), ..Self::new(executable) }
    }

    /// # Errors
    /// What the child says; `Cancelled`; `PackageInvalid` for a child that crashes or does not end in time;
    /// `Internal` for one that was ended from outside.
    pub(crate) async fn run<T: DeserializeOwned>(
        &self,
        work: &Work,
        time: Duration,
        on_bytes: OnBytes<'_>,
        cancel: &CancellationToken,
    ) -> Result<T, Failure> {
        self.run_sealing(work, time, on_bytes, &|_| None, cancel).await
    }

    /// For work that may ask for a signature.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub(crate) async fn run_sealing<T: DeserializeOwned>(
        &self,
        work: &Work,
        time: Duration,
        on_bytes: OnBytes<'_>,
        on_seal: OnSeal<'_>,
        cancel: &CancellationToken,
    ) -> Result<T, Failure> {
        let request = super::request(work).map_err(|error| {
            tracing::error!(%error, "a request for a child cannot be written");
            Failure::internal()
        })?;
        let mut running = Running::start(self).map_err(|error| {
            tracing::error!(%error, "a child process could not be started");
            Failure::internal()
        })?;
        let outcome = tokio::select! {
            biased;
            () = cancel.cancelled() => return Err(Failure::cancelled()),
            outcome = tokio::time::timeout(time, running.talk(&request, on_bytes, on_seal)) => outcome,
        };
        match outcome {
            Ok(Some(Word::Done(value))) => serde_json::from_value(value).map_err(|error| {
                tracing::error!(%error, "a child gave an answer of another kind");
                Failure::internal()
            }),
            Ok(Some(Word::Failed(failure))) => Err(failure),
            Ok(Some(Word::Progress { .. } | Word::Seal { .. }) | None) => {
                let status = running.status().await;
                tracing::warn!(?status, "a child ended without an answer");
                Err(ended(status))
            }
            Err(_elapsed) => Err(unreadable("it took too long")),
        }
    }
}

/// What the system or its operator ends a child with says nothing about the package.
fn ended(status: Option<ExitStatus>) -> Failure {
    let from_outside = [Signal::KILL, Signal::TERM, Signal::INT, Signal::HUP].map(Signal::as_raw);
    match status.and_then(|status| status.signal()) {
        Some(signal) if from_outside.contains(&signal) => Failure::internal(),
        Some(_) | None => unreadable("it made the reader fail"),
    }
}

fn unreadable(why: &str) -> Failure {
    Failure::permanent(Reason::PackageInvalid, format!("The package could not be read: {why}"))
}

/// A child and its group; ended when dropped.
struct Running {
    child: Child,
    group: Option<Pid>,
    /// Held open: its end tells the child that nobody waits.
    stdin: Option<ChildStdin>,
    stdout: Option<ChildStdout>,
}

impl Running {
    fn start(isolation: &Isolation) -> std::io::Result<Self> {
        let mut child = Command::new(isolation.program())
            .arg0(&isolation.executable)
            .args(&isolation.arguments)
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()?;
        let group = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
        Ok(Self { child, group, stdin, stdout })
    }

    /// Hands over the request and listens to the end; `None` when the child ends without one.
    async fn talk(&mut self, request: &[u8], on_bytes: OnBytes<'_>, on_seal: OnSeal<'_>) -> Option<Word> {
        let (stdin, stdout) = (self.stdin.as_mut()?, self.stdout.as_mut()?);
        stdin.write_all(request).await.ok()?;
        stdin.flush().await.ok()?;
        let mut lines = BufReader::new(stdout.take(MOST_SAID)).lines();
        while let Some(line) = lines.next_line().await.ok()? {
            // The test harness greets before the child has its say.
            if !line.starts_with('{') {
                continue;
            }
            match serde_json::from_str(&line).ok()? {
                Word::Progress { done, total } => on_bytes(done, total),
                Word::Seal { entries } => {
                    let answer = format!("{}\n", on_seal(&entries)?);
                    stdin.write_all(answer.as_bytes()).await.ok()?;
                    stdin.flush().await.ok()?;
                }
                end @ (Word::Done(_) | Word::Failed(_)) => return Some(end),
            }
        }
        None
    }

    async fn status(&mut self) -> Option<ExitStatus> {
        self.stdin = None;
        tokio::time::timeout(Duration::from_secs(1), self.child.wait()).await.ok()?.ok()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Once the child was waited for, its number may belong to somebody else.
        if let (Some(group), Ok(None)) = (self.group, self.child.try_wait()) {
            // It may have ended by itself in between.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
