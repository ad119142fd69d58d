//! Runs a tool to its end: with the environment it is given and no other, in a process group of its own that ends
//! with the call, within a time, and heard only so far.

use std::{
    ffi::OsString,
    io,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::{
    io::{AsyncRead, AsyncReadExt, sink},
    process::{Child, ChildStdin, Command},
};

use super::attended::ATTENDANT_ARGUMENT;

/// All that is kept of what a tool says, of each stream.
const MOST_HEARD: u64 = 256 * 1024;

/// What to run.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) program: PathBuf,
    pub(crate) arguments: Vec<OsString>,
    pub(crate) environment: Vec<(String, OsString)>,
    pub(crate) directory: PathBuf,
    pub(crate) time: Duration,
    /// Stands between, so that the tool ends when this process is killed.
    attendant: Option<PathBuf>,
}

/// What it said when it ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) out: String,
    pub(crate) err: String,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum NoEnd {
    #[error("it did not start: {0}")]
    NotStarted(#[from] io::Error),
    #[error("it took too long")]
    TookTooLong,
}

impl Call {
    pub(crate) fn new(program: &Path, directory: &Path, time: Duration) -> Self {
        Self {
            program: program.to_owned(),
            arguments: Vec::new(),
            environment: Vec::new(),
            directory: directory.to_owned(),
            time,
            attendant: None,
        }
    }

    /// By this program, if there is one for it.
    #[must_use]
    pub(crate) fn attended(self, by: Option<&Path>) -> Self {
        Self { attendant: by.map(Path::to_owned), ..self }
    }

    #[must_use]
    pub(crate) fn args<I: IntoIterator<Item: Into<OsString>>>(mut self, arguments: I) -> Self {
        self.arguments.extend(arguments.into_iter().map(Into::into));
        self
    }

    #[must_use]
    pub(crate) fn envs<N: Into<String>, V: Into<OsString>>(
        mut self,
        environment: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        let environment = environment.into_iter().map(|(name, value)| (name.into(), value.into()));
        self.environment.extend(environment);
        self
    }

    /// Dropping the future ends the whole group.
    ///
    /// # Errors
    /// [`NoEnd`]; an exit status other than 0 is none.
    pub(crate) async fn run(&self) -> Result<Ended, NoEnd> {
        let mut group = self.start().await?;
        let running = async {
            let (out, err) = (group.child.stdout.take(), group.child.stderr.take());
            let (out, err) = tokio::join!(heard(out), heard(err));
            let status = group.child.wait().await?;
            Ok(Ended { status, out, err })
        };
        tokio::time::timeout(self.time, running).await.unwrap_or(Err(NoEnd::TookTooLong))
    }

    async fn start(&self) -> Result<Group, io::Error> {
        let mut tries = 0;
        loop {
            let (program, before, stdin) = match &self.attendant {
                Some(attendant) => {
                    let before = [ATTENDANT_ARGUMENT.as_ref(), self.program.as_os_str()];
                    (attendant, before.to_vec(), Stdio::piped())
                }
                None => (&self.program, Vec::new(), Stdio::null()),
            };
            let started = Command::new(program)
                .args(before)
                .args(&self.arguments)
                .env_clear()
                .envs(self.environment.iter().map(|(name, value)| (name, value)))
                .current_dir(&self.directory)
                .stdin(stdin)
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .process_group(0)
                .kill_on_drop(true)
                .spawn();
            match started {
                // A child that is just being started elsewhere may hold the file we wrote open for a moment.
                Err(error) if error.kind() == io::ErrorKind::ExecutableFileBusy && tries < 20 => {
                    tries += 1;
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
                started => {
                    let mut child = started?;
                    let stdin = child.stdin.take();
                    let id = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
                    return Ok(Group { child, id, _stdin: stdin });
                }
            }
        }
    }
}

/// To the end, so that the tool never waits for us.
async fn heard(stream: Option<impl AsyncRead + Unpin>) -> String {
    let Some(mut stream) = stream else { return String::new() };
    let mut bytes = Vec::new();
    // What a pipe of our own cannot give, nobody can.
    let _ = (&mut stream).take(MOST_HEARD).read_to_end(&mut bytes).await;
    let _ = tokio::io::copy(&mut stream, &mut sink()).await;
    String::from_utf8_lossy(&bytes).into_owned()
}

struct Group {
    child: Child,
    id: Option<Pid>,
    /// Its end tells an attendant that nobody waits.
    _stdin: Option<ChildStdin>,
}

impl Drop for Group {
    fn drop(&mut self) {
        // Once the child was waited for, its number may belong to somebody else.
        if let (Some(id), Ok(None)) = (self.id, self.child.try_wait()) {
            // It may have ended by itself in between.
            let _ = kill_process_group(id, Signal::KILL);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, time: Duration) -> Call {
        Call::new(Path::new("/bin/sh"), Path::new("/"), time).args(["-c", script])
    }

    const LONG: Duration = Duration::from_mins(1);

    #[tokio::test]
    async fn only_the_given_environment_goes_in_and_both_streams_come_out() {
        let call = shell("echo $ONE; echo ${HOME-none} >&2; exit 3", LONG).envs([("ONE", "1")]);
        let ended = call.run().await.unwrap();
        assert_eq!((ended.status.code(), ended.out.as_str(), ended.err.as_str()), (Some(3), "1\n", "none\n"));
    }

    #[tokio::test]
    async fn whoever_talks_too_much_is_not_heard_and_not_held_up() {
        let ended = shell("head -c 1000000 /dev/zero | tr '\\0' x", LONG).run().await.unwrap();
        assert!(ended.status.success());
        assert_eq!(ended.out.len() as u64, MOST_HEARD);
    }

    #[tokio::test]
    async fn the_whole_group_ends_when_time_is_up() {
        let dir = tempfile::tempdir().unwrap();
        let mark = dir.path().join("grandchild");
        let script = format!("sleep 600 & echo $! > {}; wait", mark.display());
        let outcome = shell(&script, Duration::from_secs(2)).run().await;
        assert!(matches!(outcome, Err(NoEnd::TookTooLong)));
        let grandchild = std::fs::read_to_string(&mark).unwrap();
        let id = Pid::from_raw(grandchild.trim().parse().unwrap()).unwrap();
        let gone = async {
            while rustix::process::test_kill_process(id).is_ok() && !is_zombie(id) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(LONG, gone).await.unwrap();
    }

    fn is_zombie(id: Pid) -> bool {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", id.as_raw_nonzero())).unwrap_or_default();
        stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('Z'))
    }

    #[tokio::test]
    async fn a_program_that_is_not_there_does_not_start() {
        let outcome = Call::new(Path::new("/nowhere/uv"), Path::new("/"), LONG).run().await;
        assert!(matches!(outcome, Err(NoEnd::NotStarted(_))));
    }
}
