//! The command line, run to its end or interrupted.

use std::{
    ffi::OsString,
    io::{Seek as _, Write as _},
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use rustix::process::Signal;
use serde_json::Value;
use tokio::process::{Child, Command};

use crate::{binary, process, waiting::seconds};

/// One invocation. The working directory is `cwd` below the ground.
pub struct Cli {
    command: Command,
    directory: PathBuf,
}

/// How an invocation ended.
#[derive(Debug)]
pub struct Ran {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

/// An invocation that goes on.
pub struct Running {
    child: Child,
}

impl Cli {
    pub fn on(ground: &Path) -> Self {
        let directory = ground.join("cwd");
        let mut command = Command::new(binary::plugyard());
        command.env_clear().envs(binary::environment(ground)).current_dir(&directory);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        Self { command, directory }.set("PLUGYARD_FETCH_ALLOW", "127.0.0.0/8")
    }

    #[must_use]
    pub fn set(mut self, setting: &str, value: &str) -> Self {
        self.command.env(setting, value);
        self
    }

    #[must_use]
    pub fn args<I: IntoIterator<Item: Into<OsString>>>(mut self, args: I) -> Self {
        self.command.args(args.into_iter().map(Into::into));
        self
    }

    /// What stands on standard input, which is no terminal; nothing by default.
    #[must_use]
    pub fn input(mut self, text: &str) -> Self {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        file.rewind().unwrap();
        self.command.stdin(file);
        self
    }

    pub fn directory(&self) -> &Path {
        &self.directory
    }

    pub async fn run(self) -> Ran {
        self.spawn().ended_within(seconds(180)).await
    }

    pub fn spawn(mut self) -> Running {
        Running { child: self.command.spawn().expect("the binary starts") }
    }
}

impl Running {
    /// As the terminal does on ctrl-C.
    pub fn interrupt(&self) {
        process::send(self.child.id().expect("it runs"), Signal::INT);
    }

    /// As nobody can forestall.
    pub fn kill(&self) {
        process::send(self.child.id().expect("it runs"), Signal::KILL);
    }

    pub async fn ended_within(self, limit: Duration) -> Ran {
        let ended = tokio::time::timeout(limit, self.child.wait_with_output()).await;
        let output = ended.expect("the command ends in time").unwrap();
        Ran {
            code: output.status.code(),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

impl Ran {
    /// Panics with everything it said when it ended otherwise.
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "stdout:\n{}\nstderr:\n{}", self.out, self.err);
        self
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out)
            .unwrap_or_else(|error| panic!("{error} in {:?}\n{}", self.out, self.err))
    }

    /// The lines of standard output as paths.
    pub fn paths(&self) -> Vec<PathBuf> {
        self.out.lines().map(PathBuf::from).collect()
    }
}
