//! The service's side: starts a launcher, listens to what the command says, and ends all of it when time is up, the
//! disk is full, somebody cancels, or nobody waits any more.

use std::{
    collections::VecDeque,
    ffi::OsString,
    path::{Path, PathBuf},
    process::Stdio,
    sync::Arc,
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    process::{Child, ChildStdin, ChildStdout, Command},
    sync::OnceCell,
    time::{Instant, interval, sleep_until, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{LAUNCHER_ARGUMENT, Report, Request, Spec, canary, usage};

/// What is kept of the output: its end.
const KEPT: usize = 64 * 1024;
/// A longer line is cut.
const LONGEST_LINE: u64 = 1024 * 1024;
/// How long the kernel may take to end what is inside.
const LAST: Duration = Duration::from_secs(10);

/// How to start commands. Clones share what the canary found.
#[derive(Debug, Clone)]
pub struct Sandbox {
    executable: PathBuf,
    arguments: Vec<OsString>,
    verdict: Arc<OnceCell<Result<(), String>>>,
}

/// When to end a command that goes on.
pub struct Watch<'a> {
    pub time: Duration,
    /// Hears each line; true: that was all we wanted.
    pub until: Option<&'a mut (dyn FnMut(&str) -> bool + Send)>,
}

/// How it ended, and the end of what it said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    pub ended: Ended,
    /// Both of its outputs as text, the last 64 KiB.
    pub output: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    Code(i32),
    Signal(i32),
    /// By [`Watch::until`].
    Enough,
    OutOfTime,
    OutOfDisk,
    OutOfMemory,
}

/// Why nothing came of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    #[error("cancelled")]
    Cancelled,
    /// It does not hold here. The text has no path in it.
    #[error("{0}")]
    Unavailable(String),
}

impl Sandbox {
    /// `executable`: the binary whose `main` calls [`super::serve_launcher`] for [`LAUNCHER_ARGUMENT`].
    pub fn new(executable: PathBuf) -> Self {
        Self { executable, arguments: vec![LAUNCHER_ARGUMENT.into()], verdict: Arc::default() }
    }

    /// The file at the path of a running binary may have been replaced by now; this link leads to the one that
    /// runs.
    fn program(&self) -> &Path {
        let own = Path::new("/proc/self/exe");
        let is_own = std::env::current_exe().is_ok_and(|running| running == self.executable);
        if is_own && own.exists() { own } else { &self.executable }
    }

    pub(super) fn executable(&self) -> &Path {
        &self.executable
    }

    pub(super) fn arguments(&self) -> Vec<String> {
        self.arguments.iter().map(|argument| argument.to_string_lossy().into_owned()).collect()
    }

    /// Whether commands can be run here at all; tried once.
    ///
    /// # Errors
    /// [`Fault::Unavailable`].
    pub async fn ready(&self) -> Result<(), Fault> {
        let verdict = self.verdict.get_or_init(|| canary::holds(self)).await;
        verdict.clone().map_err(|why| {
            tracing::warn!(%why, "the sandbox does not hold on this machine");
            Fault::Unavailable(why)
        })
    }

    /// Runs the command to its end.
    ///
    /// # Errors
    /// [`Fault`]; nothing of the command is left running in any case.
    pub async fn run(
        &self,
        spec: &Spec,
        watch: Watch<'_>,
        cancel: &CancellationToken,
    ) -> Result<Outcome, Fault> {
        self.ready().await?;
        self.unchecked(spec, watch, cancel).await
    }

    pub(super) async fn unchecked(
        &self,
        spec: &Spec,
        watch: Watch<'_>,
        cancel: &CancellationToken,
    ) -> Result<Outcome, Fault> {
        let broken = |error: std::io::Error| {
            tracing::error!(%error, "a sandbox could not be started");
            Fault::Unavailable("it could not be started".to_owned())
        };
        let mut line = serde_json::to_vec(&Request::Launch(Box::new(spec.clone())))
            .map_err(|error| broken(error.into()))?;
        line.push(b'\n');
        let mut running = Running::start(self, &line).await.map_err(broken)?;
        running.listen(spec, watch, cancel).await
    }
}

/// A launcher and all below it; ended when dropped.
struct Running {
    child: Child,
    /// Held open: its end tells the launcher that nobody waits.
    stdin: Option<ChildStdin>,
}

impl Running {
    async fn start(sandbox: &Sandbox, request: &[u8]) -> std::io::Result<Self> {
        let mut child = Command::new(sandbox.program())
            .arg0(&sandbox.executable)
            .args(&sandbox.arguments)
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let mut stdin = child.stdin.take().ok_or(std::io::ErrorKind::BrokenPipe)?;
        stdin.write_all(request).await?;
        stdin.flush().await?;
        Ok(Self { child, stdin: Some(stdin) })
    }

    async fn listen(
        &mut self,
        spec: &Spec,
        mut watch: Watch<'_>,
        cancel: &CancellationToken,
    ) -> Result<Outcome, Fault> {
        let (Some(stdout), Some(stderr)) = (self.child.stdout.take(), self.child.stderr.take()) else {
            return Err(Fault::Unavailable("it cannot be heard".to_owned()));
        };
        let mut said = Said::of(stdout);
        let mut reports = BufReader::new(stderr);
        let deadline = Instant::now() + watch.time;
        let mut looks = interval(Duration::from_secs(1));
        let early = loop {
            tokio::select! {
                biased;
                () = cancel.cancelled() => break Err(Fault::Cancelled),
                () = sleep_until(deadline) => break Ok(Some(Ended::OutOfTime)),
                _ = looks.tick() => {
                    if let Some(ended) = self.is_over(spec).await {
                        break Ok(Some(ended));
                    }
                }
                line = said.line() => match line {
                    None => break Ok(None),
                    Some(line) => if watch.until.as_mut().is_some_and(|until| until(&line)) {
                        break Ok(Some(Ended::Enough));
                    }
                },
            }
        };
        if !matches!(early, Ok(None)) {
            self.end(&mut said).await;
        }
        let ended = match early? {
            Some(ended) => ended,
            None => reported(&mut reports).await?,
        };
        Ok(Outcome { ended, output: said.text() })
    }

    /// What it wants more of than it may have.
    async fn is_over(&self, spec: &Spec) -> Option<Ended> {
        let (directory, caps, launcher) = (spec.directory.clone(), spec.caps, self.child.id());
        let look = tokio::task::spawn_blocking(move || {
            if usage::disk(&directory, caps.disk) > caps.disk {
                return Some(Ended::OutOfDisk);
            }
            let memory = launcher.map_or(0, usage::memory);
            (memory > caps.memory).then_some(Ended::OutOfMemory)
        });
        look.await.ok().flatten()
    }

    /// Ends everything, and waits until the last process that could say something is gone.
    async fn end(&mut self, said: &mut Said<ChildStdout>) {
        self.stdin = None;
        // It may be gone already.
        let _ = self.child.start_kill();
        let all_gone = async {
            let _ = self.child.wait().await;
            while said.line().await.is_some() {}
        };
        if timeout(LAST, all_gone).await.is_err() {
            tracing::error!("a sandbox is slow to end");
        }
    }
}

struct Said<R> {
    lines: BufReader<R>,
    /// Of a line whose end has not come yet.
    begun: Vec<u8>,
    kept: VecDeque<u8>,
}

impl<R: AsyncRead + Unpin> Said<R> {
    fn of(output: R) -> Self {
        Self { lines: BufReader::new(output), begun: Vec::new(), kept: VecDeque::new() }
    }

    /// `None` when nobody is left that could say something. Whoever stops waiting loses nothing.
    async fn line(&mut self) -> Option<String> {
        let room = LONGEST_LINE.saturating_sub(self.begun.len() as u64);
        let mut some = (&mut self.lines).take(room);
        let _ended = some.read_until(b'\n', &mut self.begun).await;
        if self.begun.is_empty() {
            return None;
        }
        let line = std::mem::take(&mut self.begun);
        self.kept.extend(&line);
        let over = self.kept.len().saturating_sub(KEPT);
        self.kept.drain(..over);
        Some(String::from_utf8_lossy(&line).into_owned())
    }

    fn text(mut self) -> String {
        String::from_utf8_lossy(self.kept.make_contiguous()).into_owned()
    }
}

/// What the launcher says of the end; it is gone or about to go.
async fn reported(reports: &mut BufReader<tokio::process::ChildStderr>) -> Result<Ended, Fault> {
    let mut text = Vec::new();
    let read = timeout(LAST, reports.take(LONGEST_LINE).read_to_end(&mut text)).await;
    let text = String::from_utf8_lossy(&text);
    let last = text.lines().rev().find_map(|line| serde_json::from_str::<Report>(line).ok());
    match (read, last) {
        (_, Some(Report::Code(code))) => Ok(Ended::Code(code)),
        (_, Some(Report::Signal(signal))) => Ok(Ended::Signal(signal)),
        (_, Some(Report::Refused { step, cause })) => {
            tracing::warn!(step, cause, "a sandbox was refused");
            Err(Fault::Unavailable(format!("no {step}")))
        }
        (_, None) => Err(Fault::Unavailable("it ended without a word".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_line_that_comes_in_pieces_is_heard_whole_whoever_stopped_waiting_for_it() {
        let (mut command, output) = tokio::io::duplex(64);
        let mut said = Said::of(output);
        command.write_all(b"{\"event\": ").await.unwrap();
        assert!(timeout(Duration::from_millis(50), said.line()).await.is_err());
        command.write_all(b"\"heartbeat\"}\nrest").await.unwrap();
        drop(command);
        assert_eq!(said.line().await.as_deref(), Some("{\"event\": \"heartbeat\"}\n"));
        assert_eq!(said.line().await.as_deref(), Some("rest"));
        assert_eq!(said.line().await, None);
        assert_eq!(said.text(), "{\"event\": \"heartbeat\"}\nrest");
    }
}
