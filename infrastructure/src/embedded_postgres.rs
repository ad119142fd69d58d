//! A private PostgreSQL cluster inside the data directory, for whoever has set no `DATABASE_URL`.
//!
//! One process owns the cluster, by a file lock that dies with it: it starts the server, or takes over one that a
//! killed owner left running, and stops it at the end. Everybody else on the same data directory just connects.
//! Reachable through a Unix socket in a directory of mode 0700 only. PostgreSQL refuses to run as root, so as root
//! the server runs as an unprivileged user.

mod binaries;
mod server;
mod user;

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use sqlx::{ConnectOptions, Connection, postgres::PgConnectOptions};
use tokio::time::Instant;

use binaries::Binaries;
use server::Server;
use user::User;

/// How long a server that another process is starting may take.
const START_LIMIT: Duration = Duration::from_secs(30);

/// A running cluster; [`EmbeddedPostgres::stop`] ends it if this process owns it.
#[derive(Debug)]
pub struct EmbeddedPostgres {
    options: PgConnectOptions,
    place: Place,
    owned: Option<(Server, File)>,
}

/// Where the cluster lives.
#[derive(Debug)]
struct Place {
    home: PathBuf,
    sockets: PathBuf,
}

impl Place {
    fn start(&self) -> Result<Server, Error> {
        let binaries = Binaries::find(&self.home.join("data"))?;
        let user = User::for_server()?;
        Server::start(&binaries, user.as_ref(), &self.home, &self.sockets)
    }

    /// Starts or takes over the server, and waits until it answers.
    async fn run(&self, options: &PgConnectOptions) -> Result<Server, Error> {
        let mut server = self.start()?;
        if let Err(error) = server.answers(options).await {
            // A server that was taken over may have been on its way out.
            if !server.has_ended() {
                return Err(error);
            }
            server = self.start()?;
            server.answers(options).await?;
        }
        Ok(server)
    }
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(
        "PostgreSQL is not installed: install it (Debian: apt-get install postgresql, macOS: brew install \
         postgresql) or set DATABASE_URL"
    )]
    NotInstalled,
    #[error("the cluster in {0} was made by PostgreSQL {1}, which is not installed any more")]
    OtherVersion(PathBuf, String),
    #[error("{0} cannot be used for PostgreSQL: {1}")]
    Directory(PathBuf, #[source] io::Error),
    #[error(
        "the user {user}, as whom PostgreSQL must run here, cannot reach {path}: choose another data directory"
    )]
    Unreachable { user: String, path: PathBuf },
    #[error(
        "running as root needs an unprivileged user (postgres or nobody) for PostgreSQL, and there is none"
    )]
    NoUser,
    #[error("PostgreSQL did not start: {0}")]
    NotStarted(String),
}

impl EmbeddedPostgres {
    /// Finds, initialises and starts the cluster as needed; returns when it answers.
    pub async fn start(data_dir: &Path) -> Result<Self, Error> {
        let home = data_dir.join("postgres");
        std::fs::create_dir_all(&home).map_err(|error| Error::Directory(home.clone(), error))?;
        let home = home.canonicalize().map_err(|error| Error::Directory(home, error))?;
        let sockets = socket_directory(&home);
        let options = PgConnectOptions::new_without_pgpass()
            .host(&sockets.to_string_lossy())
            .port(server::PORT)
            .username("plugyard")
            .database("plugyard");
        let lock = own_or_answered(&home, &options).await?;
        let place = Place { home, sockets };
        let Some(lock) = lock else { return Ok(Self { options, place, owned: None }) };
        let server = place.run(&options).await?;
        Ok(Self { options, place, owned: Some((server, lock)) })
    }

    pub fn options(&self) -> &PgConnectOptions {
        &self.options
    }

    /// Keeps the cluster running: starts an owned server again if it has ended by itself, and takes over a cluster
    /// whose owner is gone.
    pub async fn revive(&mut self) -> Result<(), Error> {
        if let Some((server, _)) = &mut self.owned {
            if !server.has_ended() {
                return Ok(());
            }
            tracing::warn!("PostgreSQL has ended; starting it again");
            *server = self.place.start()?;
            return server.answers(&self.options).await;
        }
        let Some(lock) = try_lock(&self.place.home)? else { return Ok(()) };
        tracing::warn!("the owner of PostgreSQL is gone; taking over");
        self.owned = Some((self.place.run(&self.options).await?, lock));
        Ok(())
    }

    /// Stops an owned server and waits for it; the lock goes last.
    pub async fn stop(&mut self) {
        if let Some((server, lock)) = self.owned.take() {
            server.stop().await;
            drop(lock);
        }
    }
}

/// The socket's path must fit into 107 bytes on every system.
fn socket_directory(home: &Path) -> PathBuf {
    use sha2::{Digest, Sha256};
    let inside = home.join("run");
    if inside.as_os_str().len() <= 80 {
        return inside;
    }
    let name = hex::encode(&Sha256::digest(home.as_os_str().as_encoded_bytes())[..8]);
    // The same for every process, whatever its own idea of a temporary directory.
    Path::new("/tmp").join(format!("plugyard-{name}"))
}

fn try_lock(home: &Path) -> Result<Option<File>, Error> {
    let path = home.join("owner.lock");
    let file = File::create(&path).map_err(|error| Error::Directory(path.clone(), error))?;
    match rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Some(file)),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
        Err(error) => Err(Error::Directory(path, error.into())),
    }
}

/// The lock, or nothing when another owner's server answers. That owner may still be starting it, or on its way out.
async fn own_or_answered(home: &Path, options: &PgConnectOptions) -> Result<Option<File>, Error> {
    let began = Instant::now();
    loop {
        if let Some(lock) = try_lock(home)? {
            return Ok(Some(lock));
        }
        match options.connect().await {
            Ok(connection) => {
                let _ = connection.close().await;
                return Ok(None);
            }
            Err(error) if began.elapsed() > START_LIMIT => return Err(Error::NotStarted(error.to_string())),
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_comes_while_the_last_owner_stops_waits_and_owns_it_then() {
        let home = tempfile::tempdir().unwrap();
        let last = try_lock(home.path()).unwrap().unwrap();
        let nowhere = PgConnectOptions::new_without_pgpass().host("/nowhere");
        let next = own_or_answered(home.path(), &nowhere);
        let ends = async {
            tokio::time::sleep(Duration::from_millis(100)).await;
            drop(last);
        };
        let (owned, ()) = tokio::join!(next, ends);
        assert!(owned.unwrap().is_some());
    }
}
