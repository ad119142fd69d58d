//! Fetching uv: its wheel by name and sha256 from the operator's index, else by pip with pip's own settings. Only
//! the program is unpacked, and it appears under its final name whole or not at all, whoever else does the same.

use std::{
    fs::{self, File},
    io::{self, Read},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use application::failure::Failure;
use domain::values::Digest;
use tempfile::TempDir;

use super::{Call, Pin, Uv, VERSION, disk, pins::MEMBER, unavailable};
use crate::archive::read::file_sha256;

/// More than any wheel of it has.
const LARGEST: u64 = 128 * 1024 * 1024;
const PIP_TIME: Duration = Duration::from_mins(10);

pub(super) struct Provision<'a> {
    pub(super) uv: &'a Uv,
    pub(super) pin: Pin,
    pub(super) place: &'a Path,
}

impl Provision<'_> {
    pub(super) async fn run(&self) -> Result<(), Failure> {
        let home = self.place.parent().ok_or_else(unavailable)?;
        fs::create_dir_all(home).map_err(|error| disk(&error))?;
        let work = tempfile::Builder::new().prefix("new-").tempdir_in(home).map_err(|error| disk(&error))?;
        tracing::info!(version = VERSION, "fetching uv, which chooses versions for packages without a lock");
        let wheel = match self.by_index(&work).await {
            Some(wheel) => wheel,
            None => self.by_pip(&work).await.ok_or_else(|| {
                tracing::error!("uv could not be fetched; name one by PLUGYARD_UV");
                unavailable()
            })?,
        };
        let (pin, place) = (self.pin, self.place.to_owned());
        let unpacked =
            tokio::task::spawn_blocking(move || unpack(&wheel, pin, &work.path().join("uv"), &place)).await;
        unpacked.unwrap_or_else(|fault| Err(io::Error::other(fault))).map_err(|error| disk(&error))?;
        tracing::info!(version = VERSION, "uv is ready");
        Ok(())
    }

    async fn by_index(&self, work: &TempDir) -> Option<PathBuf> {
        let index = self.uv.index.as_ref()?;
        let files = index.project("uv").await.ok().flatten()?;
        let file = files.into_iter().find(|file| file.file_name == self.pin.file_name)?;
        let into = work.path().join(self.pin.file_name);
        match index.download(&file.url, &into, LARGEST).await {
            Ok(received) if is_pinned(&received.sha256, self.pin) => Some(into),
            Ok(_) => {
                tracing::warn!("the package index has another uv under the pinned name");
                None
            }
            Err(fault) => {
                tracing::warn!(?fault, "the package index does not give uv");
                None
            }
        }
    }

    /// pip checks the sha256; so does whoever unpacks.
    async fn by_pip(&self, work: &TempDir) -> Option<PathBuf> {
        let python = self.uv.interpreter(None).await?.path;
        let python = self.with_pip(python, work).await?;
        let wanted = work.path().join("uv.txt");
        fs::write(&wanted, format!("uv=={VERSION} --hash=sha256:{}\n", self.pin.wheel)).ok()?;
        let download = self.python(&python, work).args(["-m", "pip", "download", "--quiet", "--no-input"]);
        let download = download.args(["--disable-pip-version-check", "--no-cache-dir", "--no-deps"]);
        let download = download.args(["--only-binary", ":all:", "--require-hashes"]);
        let download = download.args(["--platform", self.pin.platform, "--dest"]).args([work.path()]);
        let ended = download.args(["--requirement"]).args([&wanted]).run().await;
        match ended {
            Ok(ended) if ended.status.success() => {}
            Ok(ended) => {
                tracing::warn!(status = ?ended.status, "pip does not give uv");
                tracing::debug!(said = ended.err, "pip");
                return None;
            }
            Err(error) => {
                tracing::warn!(%error, "pip does not give uv");
                return None;
            }
        }
        Some(work.path().join(self.pin.file_name)).filter(|wheel| wheel.is_file())
    }

    /// The interpreter, or one of its virtual environments: some systems ship Python without pip.
    async fn with_pip(&self, python: PathBuf, work: &TempDir) -> Option<PathBuf> {
        let has_pip = self.python(&python, work).args(["-m", "pip", "--version"]).run().await;
        if has_pip.is_ok_and(|ended| ended.status.success()) {
            return Some(python);
        }
        let made = self.python(&python, work).args(["-m", "venv", "venv"]).run().await;
        let has_venv = made.is_ok_and(|ended| ended.status.success());
        if !has_venv {
            tracing::warn!("this Python has neither pip nor venv");
        }
        has_venv.then(|| work.path().join("venv/bin/python"))
    }

    fn python(&self, python: &Path, work: &TempDir) -> Call {
        let environment = &self.uv.tools.environment;
        let value =
            |wanted: &str| environment.iter().find(|(name, _)| name == wanted).map(|(_, value)| value);
        // pip asks every rustc it finds for its version, and that may write into the home directory.
        let call = Call::new(python, work.path(), PIP_TIME)
            .attended(self.uv.attendant())
            .envs(environment.iter().cloned())
            .envs([("PATH", "/usr/bin:/bin")]);
        // An older pip does not look there by itself.
        match (value("PIP_CERT").or(value("REQUESTS_CA_BUNDLE")), value("SSL_CERT_FILE")) {
            (None, Some(roots)) => call.envs([("PIP_CERT", roots)]),
            (Some(_), _) | (None, None) => call,
        }
    }
}

fn is_pinned(sha256: &Digest, pin: Pin) -> bool {
    pin.wheel.parse::<Digest>().is_ok_and(|wanted| *sha256 == wanted)
}

fn unpack(wheel: &Path, pin: Pin, part: &Path, place: &Path) -> io::Result<()> {
    let found = file_sha256(wheel).map_err(io::Error::other)?;
    if !is_pinned(&found, pin) {
        return Err(io::Error::other("the wheel of uv is not the pinned one"));
    }
    let mut archive = zip::ZipArchive::new(File::open(wheel)?).map_err(io::Error::other)?;
    let member = archive.by_name(MEMBER).map_err(io::Error::other)?;
    let mut file = File::options().write(true).create_new(true).mode(0o755).open(part)?;
    io::copy(&mut member.take(LARGEST), &mut file)?;
    // Whatever the process masks.
    file.set_permissions(fs::Permissions::from_mode(0o755))?;
    file.sync_all()?;
    drop(file);
    fs::rename(part, place)?;
    let home = place.parent().unwrap_or(place);
    File::open(home)?.sync_all()
}

/// What `uv --version` says; waits five seconds at most.
pub(super) fn version_of(program: &Path) -> Option<String> {
    let mut command = Command::new(program);
    command.arg("--version").env_clear();
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut started = command.spawn();
    for _ in 0..20 {
        // As in every start: somebody else's child may hold the file open for a moment.
        if !started.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::ExecutableFileBusy) {
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
        started = command.spawn();
    }
    let mut child = started.ok()?;
    let late = Instant::now() + Duration::from_secs(5);
    while child.try_wait().ok()?.is_none() {
        if Instant::now() > late {
            // It may have ended in between.
            let _ = child.kill();
            let _ = child.wait();
            return None;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    let mut said = String::new();
    child.stdout.take()?.take(1024).read_to_string(&mut said).ok()?;
    let version = said.trim().strip_prefix("uv ")?.split(' ').next()?.to_owned();
    version.parse::<pep440_rs::Version>().ok().map(|_| version)
}
