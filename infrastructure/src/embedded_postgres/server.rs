//! The server process of the private cluster: made, started, taken over, stopped.

use std::{
    io,
    os::unix::{
        fs::{DirBuilderExt, MetadataExt, PermissionsExt},
        process::CommandExt,
    },
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use sqlx::{ConnectOptions, Connection, Executor, postgres::PgConnectOptions};
use tokio::time::Instant;

use super::{Error, START_LIMIT, binaries::Binaries, user::User};

/// Names the socket file; no port is opened.
pub(super) const PORT: u16 = 5432;
const STOP_LIMIT: Duration = Duration::from_secs(10);

/// Beside the durable defaults: few connections, little memory, and limits on whoever holds the horizon.
const SETTINGS: [&str; 13] = [
    "listen_addresses=",
    "fsync=on",
    "full_page_writes=on",
    "synchronous_commit=on",
    "max_connections=64",
    "max_prepared_transactions=0",
    "shared_buffers=64MB",
    "jit=off",
    "wal_level=replica",
    "max_wal_size=1GB",
    "idle_in_transaction_session_timeout=30s",
    "unix_socket_permissions=0700",
    "log_min_messages=warning",
];

#[derive(Debug)]
pub(super) struct Server {
    pid: rustix::process::Pid,
    /// `None` for a server that a killed owner left running.
    child: Option<Child>,
}

impl Server {
    pub(super) fn start(
        binaries: &Binaries,
        user: Option<&User>,
        home: &Path,
        sockets: &Path,
    ) -> Result<Self, Error> {
        prepare(user, home, sockets)?;
        let data = home.join("data");
        if !data.join("PG_VERSION").exists() {
            initialise(binaries, user, home, &data)?;
        }
        if let Some(pid) = left_running(&data, sockets) {
            return Ok(Self { pid, child: None });
        }
        let log = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(home.join("log"))
            .map_err(|error| Error::Directory(home.to_owned(), error))?;
        let mut command = Command::new(binaries.path("postgres"));
        command.arg("-D").arg(&data).arg("-k").arg(sockets).arg("-p").arg(PORT.to_string());
        for setting in SETTINGS {
            command.arg("-c").arg(setting);
        }
        // A group of its own: an interrupt of the terminal is ours to handle, the server is stopped afterwards.
        command.process_group(0).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        as_user(user, &mut command);
        let child = command.spawn().map_err(|error| Error::NotStarted(error.to_string()))?;
        let pid = rustix::process::Pid::from_child(&child);
        Ok(Self { pid, child: Some(child) })
    }

    /// Waits until the server answers, and makes the database the first time.
    pub(super) async fn answers(&self, options: &PgConnectOptions) -> Result<(), Error> {
        let began = Instant::now();
        let maintenance = options.clone().database("postgres");
        loop {
            let error = match options.connect().await {
                Ok(connection) => {
                    let _ = connection.close().await;
                    return Ok(());
                }
                Err(error) => error,
            };
            if is_missing_database(&error)
                && let Ok(mut connection) = maintenance.connect().await
            {
                // Lost races show as the database being there at the next look.
                let _ = connection.execute("create database plugyard").await;
                let _ = connection.close().await;
                continue;
            }
            if began.elapsed() > START_LIMIT || !is_alive(self.pid) {
                return Err(Error::NotStarted(error.to_string()));
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Fast shutdown: open transactions are rolled back, everything acknowledged is on disk.
    pub(super) async fn stop(mut self) {
        self.ask_to_stop();
        let began = Instant::now();
        while began.elapsed() < STOP_LIMIT {
            if self.has_ended() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        tracing::warn!("PostgreSQL is still stopping");
    }

    fn ask_to_stop(&self) {
        let _ = rustix::process::kill_process(self.pid, rustix::process::Signal::INT);
    }

    pub(super) fn has_ended(&mut self) -> bool {
        match &mut self.child {
            Some(child) => !matches!(child.try_wait(), Ok(None)),
            None => !is_alive(self.pid),
        }
    }
}

/// An owner that goes without stopping its server, as a panicking one does, still takes it along.
impl Drop for Server {
    fn drop(&mut self) {
        if !self.has_ended() {
            self.ask_to_stop();
        }
    }
}

fn prepare(user: Option<&User>, home: &Path, sockets: &Path) -> Result<(), Error> {
    let failed = |error: io::Error| Error::Directory(home.to_owned(), error);
    match std::fs::DirBuilder::new().mode(0o700).create(sockets) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(failed(error)),
        Ok(()) | Err(_) => {}
    }
    // In a directory where everybody may write, somebody may have been there first.
    let there = std::fs::symlink_metadata(sockets).map_err(failed)?;
    let ours = rustix::process::geteuid().as_raw();
    if !there.is_dir() || !(there.uid() == ours || user.is_some_and(|user| user.is(there.uid()))) {
        return Err(Error::Directory(sockets.to_owned(), io::Error::other("it belongs to somebody else")));
    }
    let mode = |path: &Path, mode| std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode));
    mode(sockets, 0o700).map_err(failed)?;
    let Some(user) = user else { return mode(home, 0o700).map_err(failed) };
    // The server's user must get through the data directory, which is ours; not through what lies above it.
    mode(home, 0o700).map_err(failed)?;
    if let Some(data_dir) = home.parent() {
        let now = std::fs::metadata(data_dir).map_err(failed)?.permissions().mode();
        mode(data_dir, now | 0o001).map_err(failed)?;
    }
    user.own(home).map_err(failed)?;
    user.own(sockets).map_err(failed)?;
    user.can_reach(home)
}

/// In a directory of another name, renamed when complete: an interrupted run leaves no half cluster.
fn initialise(binaries: &Binaries, user: Option<&User>, home: &Path, data: &Path) -> Result<(), Error> {
    let failed = |error: io::Error| Error::Directory(home.to_owned(), error);
    let fresh = home.join("data.new");
    if fresh.exists() {
        std::fs::remove_dir_all(&fresh).map_err(failed)?;
    }
    let mut command = Command::new(binaries.path("initdb"));
    command
        .arg("-D")
        .arg(&fresh)
        .args(["-U", "plugyard", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-instructions"])
        .stdin(Stdio::null())
        .current_dir("/");
    as_user(user, &mut command);
    let output = command.output().map_err(failed)?;
    if !output.status.success() {
        return Err(Error::NotStarted(String::from_utf8_lossy(&output.stderr).trim().to_owned()));
    }
    std::fs::rename(&fresh, data).map_err(failed)
}

fn as_user(user: Option<&User>, command: &mut Command) {
    if let Some(user) = user {
        user.run(command);
    }
}

/// The first line of `postmaster.pid`, if that process is alive and a PostgreSQL server.
fn left_running(data: &Path, sockets: &Path) -> Option<rustix::process::Pid> {
    let text = std::fs::read_to_string(data.join("postmaster.pid")).ok()?;
    let pid = rustix::process::Pid::from_raw(text.lines().next()?.trim().parse().ok()?)?;
    // The number may belong to another process by now; a server works in its data directory. Where there is no
    // /proc, it must at least answer on the socket.
    let directory = std::fs::read_link(format!("/proc/{}/cwd", pid.as_raw_nonzero()));
    let socket = sockets.join(format!(".s.PGSQL.{PORT}"));
    let is_server = match directory {
        Ok(directory) => directory == data,
        Err(_) => std::os::unix::net::UnixStream::connect(socket).is_ok(),
    };
    (is_server && is_alive(pid)).then_some(pid)
}

fn is_alive(pid: rustix::process::Pid) -> bool {
    rustix::process::test_kill_process(pid).is_ok()
}

fn is_missing_database(error: &sqlx::Error) -> bool {
    error.as_database_error().and_then(sqlx::error::DatabaseError::code).is_some_and(|code| code == "3D000")
}
