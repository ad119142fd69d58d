//! The canary: a process that is held in like a plugin and tries everything that none may do, against files, listeners
//! and limits that are really there.

use std::{
    collections::BTreeMap,
    io::{self, Read as _, Write as _},
    net::{SocketAddr, TcpStream, UdpSocket},
    os::linux::net::SocketAddrExt as _,
    os::unix::net::UnixStream,
    path::PathBuf,
    process::ExitCode,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};

/// What there is to be got at.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Attempts {
    pub(super) secret: PathBuf,
    pub(super) elsewhere: PathBuf,
    pub(super) tcp: SocketAddr,
    pub(super) udp: SocketAddr,
    /// Of an abstract socket.
    pub(super) name: String,
    pub(super) host: u32,
    /// More than its limits.
    pub(super) handles: usize,
    pub(super) threads: usize,
    pub(super) memory: usize,
}

/// What the lines of the answer begin with; others are noise.
const ANSWER: &str = "canary:";
const SURVIVED: &str = "canary-survived";
/// How long it takes all of the processor that it gets.
const BURN: Duration = Duration::from_millis(400);

/// What succeeded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Outcome {
    /// By what was tried.
    pub(super) succeeded: BTreeMap<String, bool>,
    pub(super) handles: usize,
    pub(super) threads: usize,
    /// It wanted too much memory, and lived on.
    #[serde(default)]
    pub(super) survived: bool,
}

impl Attempts {
    /// Each of them, in this process.
    pub(super) fn made(&self) -> Outcome {
        let udp = || UdpSocket::bind("0.0.0.0:0")?.send_to(b"x", self.udp).map(drop);
        let tcp = || TcpStream::connect_timeout(&self.tcp, Duration::from_secs(1)).map(drop);
        let named = || {
            let address = std::os::unix::net::SocketAddr::from_abstract_name(&self.name)?;
            UnixStream::connect_addr(&address).map(drop)
        };
        let all: [(&str, io::Result<()>); 7] = [
            (
                "read a file of the host",
                std::fs::File::open(&self.secret).and_then(|mut file| file.read(&mut [0; 8])).map(drop),
            ),
            ("wrote outside", std::fs::write(&self.elsewhere, b"x")),
            ("reached a TCP listener", tcp()),
            ("sent a datagram", udp()),
            ("reached an abstract socket", named()),
            ("read an environment", std::fs::read("/proc/1/environ").map(drop)),
            ("signalled the host", self.signal()),
        ];
        let succeeded = all.into_iter().map(|(name, outcome)| (name.to_owned(), outcome.is_ok())).collect();
        Outcome { succeeded, handles: self.opened(), threads: self.started(), survived: false }
    }

    fn signal(&self) -> io::Result<()> {
        let host = i32::try_from(self.host).ok().and_then(rustix::process::Pid::from_raw);
        Ok(rustix::process::test_kill_process(host.ok_or(io::ErrorKind::NotFound)?)?)
    }

    fn opened(&self) -> usize {
        let files: Vec<_> = (0..self.handles).map_while(|_| std::fs::File::open("/dev/null").ok()).collect();
        files.len()
    }

    fn started(&self) -> usize {
        let (told, wait) = std::sync::mpsc::channel::<()>();
        let wait = Arc::new(std::sync::Mutex::new(wait));
        let threads: Vec<_> = (0..self.threads)
            .map_while(|_| {
                let wait = wait.clone();
                // Until all have been started.
                let idle = move || drop(wait.lock().map(|wait| wait.recv()));
                thread::Builder::new().stack_size(64 * 1024).spawn(idle).ok()
            })
            .collect();
        let count = threads.len();
        drop(told);
        for thread in threads {
            // Its panic would be ours to know of, and it has nothing to panic about.
            let _ = thread.join();
        }
        count
    }

    /// The canary's own side. Does not return when its memory is bounded.
    pub(super) fn escape(&self) -> ExitCode {
        let mut outcome = self.made();
        let has = rustix::process::geteuid().is_root();
        outcome.succeeded.insert("is root".to_owned(), has);
        for (name, attempt) in [
            ("became root", nix::unistd::setuid(nix::unistd::Uid::from_raw(0))),
            ("made a namespace", nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWUSER)),
        ] {
            outcome.succeeded.insert(name.to_owned(), attempt.is_ok());
        }
        let begun = Instant::now();
        while begun.elapsed() < BURN {}
        if say(&outcome).is_err() {
            return ExitCode::FAILURE;
        }
        let mut much: Vec<u8> = Vec::new();
        if much.try_reserve_exact(self.memory).is_ok() {
            much.resize(self.memory, 1);
        }
        let has_survived = much.iter().step_by(4096).map(|byte| usize::from(*byte)).sum::<usize>() > 0;
        if has_survived && writeln!(io::stdout(), "{SURVIVED}").is_err() {
            return ExitCode::FAILURE;
        }
        ExitCode::SUCCESS
    }
}

fn say(outcome: &Outcome) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{ANSWER}{}", serde_json::to_string(outcome)?)?;
    out.flush()
}

/// What a canary has said; `None`: nothing, which proves nothing.
pub(super) fn heard(text: &str) -> Option<Outcome> {
    let line = text.lines().find_map(|line| line.split_once(ANSWER).map(|(_, rest)| rest))?;
    let outcome: Outcome = serde_json::from_str(line).ok()?;
    Some(Outcome { survived: text.contains(SURVIVED), ..outcome })
}
