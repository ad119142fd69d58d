//! The server process: started, found by the line it prints, ended.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
    time::Duration,
};

use rustix::process::Signal;

use crate::{binary, process::Guarded, waiting::seconds};

const SAYS: &str = "plugyard listens on ";

pub struct Server {
    process: Guarded,
    base: String,
    /// Lines on standard output after the first.
    more: Receiver<String>,
    log: PathBuf,
    /// It runs a PostgreSQL of its own, which a kill would leave behind.
    embedded: bool,
}

impl Server {
    pub(super) async fn start(root: &Path, settings: &BTreeMap<String, String>) -> Self {
        let log = root.join("server.log");
        let errors = File::options().create(true).append(true).open(&log).unwrap();
        let mut command = Command::new(binary::plugyard());
        command.arg("serve").env_clear().envs(binary::environment(root)).envs(settings);
        command.current_dir(root.join("cwd")).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(errors);
        let mut process = Guarded::spawn(&mut command);
        let output = process.child().stdout.take().expect("a pipe");
        let (tell, lines) = channel();
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                let _ = tell.send(line);
            }
        });
        let first = tokio::task::spawn_blocking(move || (lines.recv_timeout(seconds(60)), lines));
        let (first, more) = first.await.unwrap();
        let embedded = !settings.contains_key("DATABASE_URL");
        let mut server = Self { process, base: String::new(), more, log, embedded };
        let line = first.unwrap_or_else(|_| panic!("the server said nothing:\n{}", server.log_tail()));
        let address = line.strip_prefix(SAYS).unwrap_or_else(|| panic!("unexpected first line: {line}"));
        address.trim_end().trim_end_matches('/').clone_into(&mut server.base);
        server
    }

    pub fn base(&self) -> &str {
        &self.base
    }

    pub fn process_id(&self) -> u32 {
        self.process.id()
    }

    /// What it wrote to standard output after the line with the address.
    pub fn further_output(&self) -> Vec<String> {
        self.more.try_iter().collect()
    }

    /// Everything logged since the ground was made.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    pub(super) fn kill(&mut self) {
        self.process.kill();
    }

    /// Asks it to end; the answer comes at once.
    pub fn ask_to_end(&self) {
        self.process.signal(Signal::TERM);
    }

    pub(super) fn terminate(&mut self) -> (Option<i32>, Duration) {
        self.ask_to_end();
        let (status, took) = self.process.ended_within(seconds(30));
        (status.code(), took)
    }

    fn log_tail(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(40)..].join("\n")
    }
}

impl Drop for Server {
    /// Leaves an embedded PostgreSQL no chance to stay, and shows the log of a failed test.
    fn drop(&mut self) {
        if self.embedded && self.process.is_running() {
            self.ask_to_end();
            let ended = (0..200).any(|_| {
                thread::sleep(Duration::from_millis(50));
                !self.process.is_running()
            });
            assert!(ended || thread::panicking(), "the server ends on request");
        }
        self.process.kill();
        if thread::panicking() {
            let _ = writeln!(std::io::stderr(), "--- server log ---\n{}", self.log_tail());
        }
    }
}
