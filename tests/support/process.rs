//! Child processes that cannot outlive the tests, and what the system says about processes.

use std::{
    fs,
    os::unix::process::CommandExt,
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};

use crate::waiting::until_blocking;

/// Waits on its standard input; the end of the test process closes it. Then the guarded process is asked to
/// end, and made to after a while.
const GUARD: &str = "read -r _; kill -TERM $1 2>/dev/null || exit 0; n=0; \
    while kill -0 $1 2>/dev/null && [ $n -lt 100 ]; do sleep 0.2; n=$((n+1)); done; kill -KILL $1 2>/dev/null";

/// A process of its own group, ended when this value goes or when the test process does.
pub struct Guarded {
    child: Child,
    guard: Child,
}

impl Guarded {
    pub fn spawn(command: &mut Command) -> Self {
        let child = command.process_group(0).spawn().expect("the program starts");
        let guard = Command::new("sh")
            .args(["-c", GUARD, "sh", &child.id().to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .expect("sh starts");
        Self { child, guard }
    }

    pub fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// SIGKILL, and waits until the process is gone.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    pub fn signal(&self, signal: Signal) {
        send(self.child.id(), signal);
    }

    /// The exit status once the process has ended by itself.
    pub fn ended_within(&mut self, limit: Duration) -> (ExitStatus, Duration) {
        let begun = Instant::now();
        let status = until_blocking("the process ends", limit, || self.child.try_wait().unwrap());
        (status, begun.elapsed())
    }

    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        self.kill();
        let _ = self.guard.kill();
        let _ = self.guard.wait();
    }
}

/// Sends a signal; a process that has gone already is no error.
pub fn send(process: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(process).ok().and_then(Pid::from_raw) {
        let _ = kill_process(pid, signal);
    }
}

/// A process that cannot be mistaken for a later one with the same number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identified {
    pub id: u32,
    started: String,
}

impl Identified {
    pub fn of(id: u32) -> Option<Self> {
        stat(id).map(|(_, started, _)| Self { id, started })
    }

    /// Its arguments, apart by spaces; empty for a process that is gone.
    pub fn command_line(&self) -> String {
        let arguments = fs::read(format!("/proc/{}/cmdline", self.id)).unwrap_or_default();
        String::from_utf8_lossy(&arguments).replace('\0', " ")
    }

    pub fn is_alive(&self) -> bool {
        stat(self.id).is_some_and(|(_, started, state)| started == self.started && state != "Z")
    }
}

/// All living descendants of a process.
pub fn descendants(of: u32) -> Vec<Identified> {
    let all: Vec<(u32, u32, String)> = fs::read_dir("/proc")
        .expect("the tests read /proc")
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter_map(|id| stat(id).map(|(parent, started, _)| (id, parent, started)))
        .collect();
    let mut known = vec![of];
    let mut found = Vec::new();
    while let Some(parent) = known.pop() {
        for (id, _, started) in all.iter().filter(|(_, p, _)| *p == parent) {
            known.push(*id);
            found.push(Identified { id: *id, started: started.clone() });
        }
    }
    found
}

/// Memory in KiB as `/proc/<id>/status` names it: `VmRSS`, `VmHWM`.
pub fn memory_kib(process: u32, field: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).expect("the process lives");
    let line = status.lines().find(|line| line.starts_with(field)).expect("the field is there");
    line.split_whitespace().nth(1).and_then(|n| n.parse().ok()).expect("a number of KiB")
}

/// Parent, start time and state.
fn stat(id: u32) -> Option<(u32, String, String)> {
    let text = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    let rest: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    Some((rest.get(1)?.parse().ok()?, (*rest.get(19)?).to_owned(), (*rest.first()?).to_owned()))
}
