//! One process of a plugin, from the order to its end: its pipes, which nobody blocks on, and the whole family that
//! goes with it.

use std::{
    ffi::OsString,
    io,
    os::unix::process::ExitStatusExt as _,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use application::ports::hosting::Exit;
use tokio::{
    net::unix::pipe::{Receiver, Sender},
    process::{Child, Command},
    runtime::Handle,
    sync::oneshot,
    time::timeout,
};

use super::{
    kin::Process,
    order::{Order, Request, Word},
};

/// A launcher has nothing to wait for.
const LAUNCH: Duration = Duration::from_secs(10);
const LONGEST_WORD: usize = 64 * 1024;

/// The thread that all plugins are children of: they end with it, so it must last as long as the host.
#[derive(Clone)]
pub(super) struct Nursery {
    orders: mpsc::Sender<(Command, oneshot::Sender<io::Result<Child>>)>,
    executable: PathBuf,
    arguments: Vec<OsString>,
}

impl Nursery {
    /// `executable`: the binary that serves as a launcher when it is given these arguments.
    pub(super) fn new(executable: PathBuf, arguments: Vec<OsString>) -> io::Result<Self> {
        let (orders, wanted) = mpsc::channel::<(Command, oneshot::Sender<io::Result<Child>>)>();
        let runtime = Handle::current();
        let spawn = move || {
            let _entered = runtime.enter();
            for (mut command, made) in wanted {
                // Whoever wanted it may have gone; then it is killed as it is dropped.
                let _ = made.send(command.spawn());
            }
        };
        thread::Builder::new().name("plugins".to_owned()).stack_size(256 * 1024).spawn(spawn)?;
        Ok(Self { orders, executable, arguments })
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

    pub(super) fn arguments(&self) -> &[OsString] {
        &self.arguments
    }

    async fn spawn(&self) -> io::Result<Child> {
        let mut command = Command::new(self.program());
        command
            .arg0(&self.executable)
            .args(&self.arguments)
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let (made, child) = oneshot::channel();
        self.orders.send((command, made)).map_err(io::Error::other)?;
        child.await.map_err(io::Error::other)?
    }

    /// Returns when the next thing that runs is the program itself.
    pub(super) async fn start(&self, order: &Order) -> Result<Running, NotMade> {
        let mut child = self.spawn().await.map_err(|error| NotMade::of("start", &error))?;
        let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (Some(stdin), Some(stdout), Some(stderr)) = pipes else {
            return Err(NotMade::of("pipes", &io::ErrorKind::BrokenPipe.into()));
        };
        let made = (|| {
            let process = child.id().and_then(Process::of).ok_or(io::ErrorKind::NotFound)?;
            Ok(Running {
                process,
                stdin: Some(Sender::from_owned_fd(stdin.into_owned_fd()?)?),
                stdout: Receiver::from_owned_fd(stdout.into_owned_fd()?)?,
                stderr: Receiver::from_owned_fd(stderr.into_owned_fd()?)?,
                child,
            })
        })();
        let mut running = made.map_err(|error: io::Error| NotMade::of("pipes", &error))?;
        match timeout(LAUNCH, running.launched(order)).await {
            Ok(Ok(Word::Entered)) => Ok(running),
            Ok(Ok(Word::Refused { step, cause })) => Err(NotMade { step, cause }),
            Ok(Err(error)) => Err(NotMade::of("launcher", &error)),
            Err(_elapsed) => Err(NotMade::of("launcher", &io::ErrorKind::TimedOut.into())),
        }
    }
}

/// The step at which no process was made of an order.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{step}: {cause}")]
pub(super) struct NotMade {
    pub(super) step: String,
    pub(super) cause: String,
}

impl NotMade {
    fn of(step: &str, error: &io::Error) -> Self {
        Self { step: step.to_owned(), cause: error.to_string() }
    }
}

/// Killed when it is dropped, but only the first of its family.
pub(super) struct Running {
    pub(super) process: Process,
    pub(super) child: Child,
    pub(super) stdin: Option<Sender>,
    pub(super) stdout: Receiver,
    pub(super) stderr: Receiver,
}

impl Running {
    async fn launched(&mut self, order: &Order) -> io::Result<Word> {
        let bytes = Request::Become(Box::new(order.clone())).bytes()?;
        self.tell(&bytes).await?;
        self.word().await
    }

    /// All of it, however long that takes.
    pub(super) async fn tell(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut left = bytes;
        while !left.is_empty() {
            let stdin = self.stdin.as_mut().ok_or(io::ErrorKind::BrokenPipe)?;
            stdin.writable().await?;
            match stdin.try_write(left) {
                Ok(count) => left = &left[count..],
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Byte by byte, so that what the plugin says next is left for whoever listens to it.
    async fn word(&mut self) -> io::Result<Word> {
        let mut line = Vec::new();
        loop {
            self.stdout.readable().await?;
            let mut byte = [0];
            match self.stdout.try_read(&mut byte) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(_) if byte == *b"\n" => {
                    // The test harness greets before the launcher has its say.
                    if let Ok(word) = serde_json::from_slice(&line) {
                        return Ok(word);
                    }
                    line.clear();
                }
                Ok(_) if line.len() < LONGEST_WORD => line.extend(byte),
                Ok(_) => return Err(io::ErrorKind::InvalidData.into()),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
    }

    pub(super) fn terminate(&self) {
        self.signal(rustix::process::Signal::TERM);
    }

    pub(super) fn kill(&self) {
        self.signal(rustix::process::Signal::KILL);
    }

    /// To the whole group, for as long as its leader was not buried.
    fn signal(&self, signal: rustix::process::Signal) {
        let id = self.child.id().and_then(|id| i32::try_from(id).ok());
        if let Some(group) = id.and_then(rustix::process::Pid::from_raw) {
            // It may have ended by itself in between.
            let _ = rustix::process::kill_process_group(group, signal);
        }
    }
}

/// Loses nothing when it is not waited for to the end.
pub(super) async fn ended(child: &mut Child) -> Option<Exit> {
    child.wait().await.ok().map(exit)
}

fn exit(status: ExitStatus) -> Exit {
    match (status.code(), status.signal()) {
        (Some(code), _) => Exit::Code(code),
        (None, signal) => Exit::Signal(signal.unwrap_or_default()),
    }
}
