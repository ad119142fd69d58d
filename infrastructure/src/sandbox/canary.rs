//! The canary: a process inside that tries to get out, against a secret and listeners that are really there.
//! Everything has to fail in there, and all of it has to work out here, else the attempt would prove nothing.

use std::{
    collections::BTreeMap,
    io::{self, Write as _},
    net::{SocketAddr, TcpListener, TcpStream, UdpSocket},
    path::PathBuf,
    time::Duration,
};

use serde::{Deserialize, Serialize};

use super::{
    Caps, Request, Shown, Spec,
    parent::{Ended, Sandbox, Watch},
};

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Attempts {
    secret: PathBuf,
    elsewhere: PathBuf,
    tcp: SocketAddr,
    udp: SocketAddr,
}

/// What the answer begins with; the rest of the line names what succeeded.
const ANSWER: &str = "canary:";

impl Attempts {
    /// What succeeds of it in this process.
    fn made(&self) -> Vec<&'static str> {
        let udp = || UdpSocket::bind("0.0.0.0:0")?.send_to(b"x", self.udp).map(drop);
        let tcp = TcpStream::connect_timeout(&self.tcp, Duration::from_secs(1)).map(drop);
        let all: [(&'static str, io::Result<()>); 4] = [
            ("read a file of the host", std::fs::read(&self.secret).map(drop)),
            ("wrote outside its directory", std::fs::write(&self.elsewhere, b"x")),
            ("reached a TCP listener", tcp),
            ("sent a datagram", udp()),
        ];
        all.into_iter().filter(|(_, outcome)| outcome.is_ok()).map(|(name, _)| name).collect()
    }
}

/// The canary's own side.
pub(super) fn try_to_escape(attempts: &Attempts) -> io::Result<()> {
    let mut succeeded = attempts.made();
    if rustix::process::geteuid().is_root() {
        succeeded.push("is root");
    }
    #[cfg(target_os = "linux")]
    for (name, outcome) in [
        ("became root", nix::unistd::setuid(nix::unistd::Uid::from_raw(0))),
        ("made a namespace", nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWUSER)),
    ] {
        if outcome.is_ok() {
            succeeded.push(name);
        }
    }
    let mut out = io::stdout().lock();
    writeln!(out, "{ANSWER}{}", succeeded.join(", "))?;
    out.flush()
}

/// Whether the sandbox holds on this machine.
///
/// # Errors
/// Why not, without any path.
pub(super) async fn holds(sandbox: &Sandbox) -> Result<(), String> {
    let broken = |error: io::Error| format!("it could not be tried: {error}");
    let ground = tempfile::tempdir().map_err(broken)?;
    let (secret, elsewhere) = (ground.path().join("secret"), ground.path().join("elsewhere"));
    std::fs::write(&secret, b"secret").map_err(broken)?;
    let tcp = TcpListener::bind("127.0.0.1:0").map_err(broken)?;
    let udp = UdpSocket::bind("127.0.0.1:0").map_err(broken)?;
    let attempts = Attempts {
        secret,
        elsewhere,
        tcp: tcp.local_addr().map_err(broken)?,
        udp: udp.local_addr().map_err(broken)?,
    };
    let control = attempts.made();
    if control.len() != 4 {
        return Err(format!("it could not be tried: out here it only {}", control.join(", ")));
    }
    let said = inside(sandbox, attempts).await?;
    let escapes = said
        .lines()
        .find_map(|line| line.split_once(ANSWER).map(|(_, rest)| rest.to_owned()))
        .ok_or_else(|| "the canary said nothing".to_owned())?;
    if !escapes.is_empty() {
        return Err(format!("something inside {escapes}"));
    }
    if heard(&tcp, &udp).map_err(broken)? != (1, 1) {
        return Err("something inside reached the network".to_owned());
    }
    Ok(())
}

async fn inside(sandbox: &Sandbox, attempts: Attempts) -> Result<String, String> {
    let job = tempfile::tempdir().map_err(|error| error.to_string())?;
    let binary = PathBuf::from("/sandbox/launcher");
    let mut input = serde_json::to_string(&Request::Escape(attempts)).map_err(|error| error.to_string())?;
    input.push('\n');
    let spec = Spec {
        program: binary.clone(),
        arguments: sandbox.arguments(),
        environment: BTreeMap::new(),
        cwd: "/job".into(),
        directory: job.path().to_owned(),
        shown: vec![Shown { outside: sandbox.executable().to_owned(), inside: binary }],
        input,
        caps: Caps { processes: 16, ..Caps::default() },
    };
    let watch = Watch { time: Duration::from_secs(30), until: None };
    match sandbox.unchecked(&spec, watch, &tokio_util::sync::CancellationToken::new()).await {
        Ok(outcome) if outcome.ended == Ended::Code(0) => Ok(outcome.output),
        Ok(outcome) => Err(format!("the canary ended as {:?}", outcome.ended)),
        Err(fault) => Err(fault.to_string()),
    }
}

/// Connections and datagrams that really arrived.
fn heard(tcp: &TcpListener, udp: &UdpSocket) -> io::Result<(usize, usize)> {
    tcp.set_nonblocking(true)?;
    udp.set_nonblocking(true)?;
    let connections = std::iter::from_fn(|| tcp.accept().ok()).count();
    let datagrams = std::iter::from_fn(|| udp.recv(&mut [0; 8]).ok()).count();
    Ok((connections, datagrams))
}
