//! What holds on this machine: a canary is sent out behind the highest walls, then behind lower ones, until it comes
//! to nothing. A control that was not tried, or not against something real, is never said to be enforced.

use std::{
    fs, io,
    net::{TcpListener, UdpSocket},
    os::{
        linux::net::SocketAddrExt as _,
        unix::{fs::PermissionsExt as _, net::UnixListener},
    },
    path::{Path, PathBuf},
    time::Duration,
};

use application::ports::hosting::{Control, InstanceId, Limits, SandboxReport, Tier};
use tokio::time::timeout;
use uuid::Uuid;

use super::{
    canary::{self, Attempts, Outcome},
    cgroups::Group,
    kin::Family,
    order::{Caps, Order, Request, Walls},
    plan::as_it_is,
    process::ended,
    supervisor::Common,
};
use crate::system::random;

const LIMITS: Limits = Limits { memory_mb: 96, cpu_percent: 20, file_handles: 48, processes: 24 };
const TIME: Duration = Duration::from_secs(30);
const MOST_SAID: usize = 64 * 1024;
/// Its installation.
const NOBODY: Uuid = Uuid::nil();

/// What is really there to be got at.
struct Bait {
    ground: tempfile::TempDir,
    tcp: TcpListener,
    udp: UdpSocket,
    named: UnixListener,
    attempts: Attempts,
}

/// What came of one canary.
struct Found {
    outcome: Outcome,
    group: Option<Group>,
    kills: u64,
    throttled: u64,
    /// Somebody was heard.
    heard: bool,
}

impl Common {
    /// Tries the walls out, and holds plugins in by the highest that hold.
    pub(super) async fn examine(&self) -> SandboxReport {
        let mut verdict = (Walls::None, SandboxReport::UNTESTED);
        let tried =
            if self.allowed { &[Walls::Namespaces, Walls::Rules, Walls::None][..] } else { &[Walls::None] };
        for walls in tried {
            match self.try_out(*walls).await {
                Ok(report) => {
                    let holds = report.missing(false).is_empty();
                    if holds || *walls == Walls::None {
                        verdict = (*walls, report);
                        break;
                    }
                    tracing::warn!(?walls, ?report, "a kind of sandbox does not hold on this machine");
                }
                Err(why) => tracing::warn!(?walls, %why, "a kind of sandbox could not be tried out"),
            }
        }
        verdict.1.checked_at = Some(self.clock.now());
        *self.walls() = verdict;
        verdict.1
    }

    async fn try_out(&self, walls: Walls) -> io::Result<SandboxReport> {
        let bait = Bait::laid(&self.state)?;
        let control = bait.attempts.made();
        bait.heard()?;
        let id = InstanceId(Uuid::from_bytes(random().map_err(io::Error::other)?));
        let order = self.canary(walls, id)?;
        let found = self.send(&order, &bait, id).await;
        let directory = self.private(id);
        // Nobody misses it.
        let _ = fs::remove_dir_all(directory);
        Ok(judged(walls, &control, &found?, bait.attempts.handles))
    }

    fn canary(&self, walls: Walls, id: InstanceId) -> io::Result<Order> {
        let private = self.private(id);
        fs::create_dir_all(private.join("tmp"))?;
        let executable = self.nursery.executable();
        let is_own = walls != Walls::None && rustix::process::geteuid().is_root();
        let user = is_own.then(|| self.users.user(NOBODY)).transpose()?;
        let group = self.groups.as_ref().map(|groups| groups.make(&id.to_string(), &LIMITS)).transpose()?;
        if let Some(group) = &group {
            group.bound_cpu(LIMITS.cpu_percent)?;
        }
        let arguments = self.nursery.arguments().iter();
        Ok(Order {
            program: executable.to_owned(),
            arguments: arguments.map(|argument| argument.to_string_lossy().into_owned()).collect(),
            environment: [(super::kin::MARK.to_owned(), self.mark(id))].into(),
            cwd: PathBuf::from("/"),
            walls,
            user,
            groups: group.iter().flat_map(Group::doors).collect(),
            network: false,
            readable: vec![as_it_is(executable)?],
            writable: vec![as_it_is(&private)?],
            temporary: private.join("tmp"),
            caps: Caps {
                address_space: None,
                file_size: 1024 * 1024,
                open_files: u64::from(LIMITS.file_handles),
                processes: user.is_some().then(|| u64::from(LIMITS.processes)),
            },
            parent: std::process::id(),
        })
    }

    async fn send(&self, order: &Order, bait: &Bait, id: InstanceId) -> io::Result<Found> {
        let group = self.groups.as_ref().map(|groups| groups.make(&id.to_string(), &LIMITS)).transpose()?;
        let family = Family { group: group.clone(), mark: self.mark(id), ..Family::default() };
        let said = match self.nursery.start(order).await {
            Ok(mut running) => {
                let request = Request::Escape(bait.attempts.clone()).bytes()?;
                let talk = async {
                    running.tell(&request).await?;
                    let mut said = Vec::new();
                    loop {
                        running.stdout.readable().await?;
                        let mut bytes = [0; 4096];
                        match running.stdout.try_read(&mut bytes) {
                            Ok(0) => break,
                            Ok(count) if said.len() < MOST_SAID => said.extend_from_slice(&bytes[..count]),
                            Ok(_) => {}
                            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                            Err(error) => return Err(error),
                        }
                    }
                    ended(&mut running.child).await;
                    Ok(String::from_utf8_lossy(&said).into_owned())
                };
                timeout(TIME, talk).await.unwrap_or_else(|_elapsed| Err(io::ErrorKind::TimedOut.into()))
            }
            Err(refused) => Err(io::Error::other(refused)),
        };
        let (kills, throttled) =
            group.as_ref().map(|group| (group.kills(), group.throttled())).unwrap_or_default();
        let (left, held) = (group.clone(), family);
        let cleared = tokio::task::spawn_blocking(move || {
            super::kin::end(&held);
            left.is_none_or(|group| group.remove())
        });
        if !cleared.await.unwrap_or(false) {
            tracing::warn!("the control groups of the canary could not be removed");
        }
        let outcome = canary::heard(&said?).ok_or_else(|| io::Error::other("the canary said nothing"))?;
        Ok(Found { outcome, group, kills, throttled, heard: bait.heard()? })
    }
}

impl Bait {
    /// Everybody on the machine may have it; only walls stand in the way.
    fn laid(state: &Path) -> io::Result<Self> {
        // What a killed run has left goes with the next one.
        let place = state.join("canary");
        fs::create_dir_all(&place)?;
        fs::set_permissions(&place, fs::Permissions::from_mode(0o711))?;
        for left in fs::read_dir(&place)?.flatten() {
            let _in_use = fs::remove_dir_all(left.path());
        }
        let ground = tempfile::tempdir_in(&place)?;
        fs::set_permissions(ground.path(), fs::Permissions::from_mode(0o777))?;
        let (secret, elsewhere) = (ground.path().join("secret"), ground.path().join("elsewhere"));
        fs::write(&secret, b"secret")?;
        let name = format!("plugyard-{}", hex::encode(random::<8>().map_err(io::Error::other)?));
        let named = std::os::unix::net::SocketAddr::from_abstract_name(&name)?;
        let (tcp, udp) = (TcpListener::bind("127.0.0.1:0")?, UdpSocket::bind("127.0.0.1:0")?);
        let named = UnixListener::bind_addr(&named)?;
        tcp.set_nonblocking(true)?;
        udp.set_nonblocking(true)?;
        named.set_nonblocking(true)?;
        let attempts = Attempts {
            secret,
            elsewhere,
            tcp: tcp.local_addr()?,
            udp: udp.local_addr()?,
            name,
            host: std::process::id(),
            handles: 100,
            threads: 60,
            memory: 256 * 1024 * 1024,
        };
        Ok(Self { ground, tcp, udp, named, attempts })
    }

    /// Whether anybody has come, or left something, since the last time.
    fn heard(&self) -> io::Result<bool> {
        let came = std::iter::from_fn(|| self.tcp.accept().ok()).count()
            + std::iter::from_fn(|| self.udp.recv(&mut [0; 8]).ok()).count()
            + std::iter::from_fn(|| self.named.accept().ok()).count();
        let left = self.ground.path().join("elsewhere");
        let has_left = left.exists();
        if has_left {
            fs::remove_file(left)?;
        }
        Ok(came > 0 || has_left)
    }
}

/// A control is enforced when all that it is to prevent succeeds out here and fails in there.
fn judged(walls: Walls, control: &Outcome, found: &Found, handles: usize) -> SandboxReport {
    let inside = &found.outcome.succeeded;
    let prevented = |names: &[&str]| {
        let works_here = names.iter().all(|name| control.succeeded.get(*name) == Some(&true));
        let fails_there = names.iter().all(|name| inside.get(*name) == Some(&false));
        match (works_here, fails_there) {
            (true, true) if !found.heard => Control::Enforced,
            (false, true) => Control::Unknown,
            (true, true) | (_, false) => Control::Unavailable,
        }
    };
    let has_rights =
        ["is root", "became root", "made a namespace"].iter().any(|name| inside.get(*name) != Some(&false));
    let reads_others =
        inside.get("read an environment") != Some(&false) || inside.get("signalled the host") != Some(&false);
    let bounded = |most: u32, got: usize, wanted: usize| {
        if wanted > most as usize && got < wanted { Control::Enforced } else { Control::Unavailable }
    };
    SandboxReport {
        tier: match walls {
            Walls::None => Tier::None,
            Walls::Rules => Tier::Rules,
            Walls::Namespaces if rustix::process::geteuid().is_root() => Tier::Users,
            Walls::Namespaces => Tier::Namespaces,
        },
        filesystem: prevented(&["read a file of the host", "wrote outside"]),
        network: prevented(&["reached a TCP listener", "sent a datagram", "reached an abstract socket"]),
        privileges: if has_rights || reads_others { Control::Unavailable } else { Control::Enforced },
        memory: if found.group.is_some() && found.kills > 0 && !found.outcome.survived {
            Control::Enforced
        } else {
            Control::Watchdog
        },
        cpu: if found.throttled > 0 { Control::Enforced } else { Control::Measured },
        file_handles: bounded(LIMITS.file_handles, found.outcome.handles, handles.min(control.handles)),
        processes: bounded(LIMITS.processes, found.outcome.threads, control.threads),
        checked_at: None,
    }
}
