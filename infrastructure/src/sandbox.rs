//! Third-party code at work: in namespaces of its own without any network, as a user of its own, on a root that
//! shows it the system's libraries, what it is given, and one directory to write in.
//!
//! Our own binary is the launcher. Started with [`LAUNCHER_ARGUMENT`] it makes the namespaces; its child is the first
//! process inside, takes the last rights off itself, runs the command and reports how that ended. When one of the
//! two goes, the kernel ends everything inside. What cannot be enforced is not run: a canary tries to break out
//! before the first use, and everything it must not do has to fail.

use std::{collections::BTreeMap, path::PathBuf};

use serde::{Deserialize, Serialize};

mod canary;
#[cfg(target_os = "linux")]
pub(crate) mod confine;
#[cfg(target_os = "linux")]
mod inside;
#[cfg(target_os = "linux")]
pub(crate) mod launcher;
mod parent;
#[cfg(target_os = "linux")]
pub(crate) mod root;
pub(crate) mod started;
mod usage;

pub use parent::{Ended, Fault, Outcome, Sandbox, Watch};
pub use started::serve_launcher;

/// The hidden argument that turns the binary into a launcher.
pub const LAUNCHER_ARGUMENT: &str = "__sandbox";
/// The one directory inside that can be written to.
pub const JOB: &str = "/job";

/// A command and all that it may see.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Spec {
    /// As it is called inside.
    pub program: PathBuf,
    pub arguments: Vec<String>,
    /// Nothing else is in its environment but `HOME`, `TMPDIR` and a plain `PATH`.
    pub environment: BTreeMap<String, String>,
    /// Where it starts, as it is called inside.
    pub cwd: PathBuf,
    /// A directory out here that is [`JOB`] inside. Afterwards it belongs to another user and its content to
    /// nobody that can be trusted: links in it may lead anywhere.
    pub directory: PathBuf,
    pub shown: Vec<Shown>,
    /// Comes on its standard input, which then stays open. At most a few kilobytes.
    pub input: String,
    pub caps: Caps,
}

/// A file or directory that can be read inside.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Shown {
    pub outside: PathBuf,
    pub inside: PathBuf,
}

impl Shown {
    /// Under the same name as out here.
    pub fn as_it_is(path: PathBuf) -> Self {
        Self { inside: path.clone(), outside: path }
    }
}

/// Per process, but for the last three.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Caps {
    pub address_space: u64,
    pub cpu_seconds: u64,
    pub file_size: u64,
    pub open_files: u64,
    /// Threads included.
    pub processes: u64,
    /// All of [`JOB`], looked at every second.
    pub disk: u64,
    /// Of all processes together, looked at every second.
    pub memory: u64,
}

const GIB: u64 = 1024 * 1024 * 1024;

impl Default for Caps {
    fn default() -> Self {
        Self {
            address_space: 4 * GIB,
            cpu_seconds: 600,
            file_size: GIB,
            open_files: 1024,
            processes: 128,
            disk: 4 * GIB,
            memory: 4 * GIB,
        }
    }
}

/// The one line on a launcher's standard input.
#[derive(Debug, Serialize, Deserialize)]
enum Request {
    /// Make the namespaces.
    Launch(Box<Spec>),
    /// The same, from the first process inside.
    Enter(Box<Entry>),
    /// Try to break out; the answer is on standard output.
    Escape(canary::Attempts),
}

#[derive(Debug, Serialize, Deserialize)]
struct Entry {
    spec: Spec,
    who: Who,
}

/// Whom the command runs as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Who {
    /// We are root: a user that nobody else is.
    Own(u32),
    /// We are not: ourselves, in a user namespace without any right.
    Ourselves,
}

/// What a launcher says on its standard error, as lines of JSON. Others are noise.
#[derive(Debug, Serialize, Deserialize)]
enum Report {
    /// A step that could not be taken; nothing was run.
    Refused {
        step: String,
        cause: String,
    },
    Code(i32),
    Signal(i32),
}
