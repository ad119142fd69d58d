//! One build: a directory, and what is run in the sandbox with it. What comes out of there is hostile: links are not
//! followed, and everything is read up to a cap.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use application::failure::{Failure, Reason};
use serde::{Deserialize, de::DeserializeOwned};
use tokio_util::sync::CancellationToken;

use super::{
    backend::Backend,
    said::last_words,
    tools::{Python, UV},
};
use crate::{
    disk,
    sandbox::{Caps, Ended, Fault, Outcome, Sandbox, Shown, Spec, Watch},
};

const UNPACK: &str = include_str!("unpack.py");
const HOOK: &str = include_str!("hook.py");
/// What one step may take.
const TIME: Duration = Duration::from_mins(10);
const LONGEST_RESULT: u64 = 1024 * 1024;
const LARGEST_WHEEL: u64 = 512 * 1024 * 1024;
/// 1980-01-01: the first date that a ZIP file can hold.
const EPOCH: &str = "315532800";

pub(super) struct Workshop<'a> {
    pub(super) sandbox: &'a Sandbox,
    pub(super) python: &'a Python,
    /// Named in every failure.
    pub(super) named: &'a str,
    pub(super) version: &'a str,
    /// Empty at first. Nothing is put into it once third-party code has run in it: there may be links.
    pub(super) job: PathBuf,
    pub(super) cancel: &'a CancellationToken,
}

/// What a source archive holds, as our own script saw it.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Unpacked {
    pub(super) refused: Option<String>,
    #[serde(default)]
    root: PathBuf,
    pub(super) pyproject: Option<String>,
    /// The commit that the archive says it was made of.
    pub(super) commit: Option<String>,
    /// `glibc 2.36`.
    pub(super) libc: Option<String>,
}

impl Workshop<'_> {
    pub(super) fn failed(&self, why: impl std::fmt::Display) -> Failure {
        Failure::permanent(Reason::BuildFailed, format!("{} could not be built: {why}", self.named))
    }

    /// Nothing of the archive itself is run.
    pub(super) async fn unpack(
        &self,
        archive: &Path,
        subdirectory: Option<&str>,
    ) -> Result<Unpacked, Failure> {
        self.bring(archive, "archive").await?;
        let script = ["-I", "-S", "-c", UNPACK, "/job/archive", "/job/source", "/job/unpacked.json"];
        let mut arguments = script.map(str::to_owned).to_vec();
        arguments.push(subdirectory.unwrap_or_default().to_owned());
        let outcome = self.run(&self.python.path, arguments, "/job".into(), Vec::new()).await?;
        if outcome.ended != Ended::Code(0) {
            return Err(self.failed(self.told(&outcome)));
        }
        let unpacked: Unpacked = self.result("unpacked.json")?;
        match &unpacked.refused {
            Some(refused) => Err(self.failed(format!("its source archive is refused: {refused}"))),
            None => Ok(unpacked),
        }
    }

    /// A copy: it will belong to another user, and files of the cache must not.
    async fn bring(&self, file: &Path, name: &str) -> Result<(), Failure> {
        tokio::fs::copy(file, self.job.join(name)).await.map(drop).map_err(disk::failure)
    }

    async fn bring_all(&self, wheels: &Path) -> Result<(), Failure> {
        fs::create_dir_all(self.job.join("wheels")).map_err(disk::failure)?;
        for entry in fs::read_dir(wheels).map_err(disk::failure)? {
            let entry = entry.map_err(disk::failure)?;
            self.bring(&entry.path(), &format!("wheels/{}", entry.file_name().to_string_lossy())).await?;
        }
        Ok(())
    }

    /// Makes the environment that the backend runs in, of wheels alone.
    pub(super) async fn furnish(
        &self,
        uv: Option<PathBuf>,
        wheels: &Path,
        pins: &[String],
    ) -> Result<(), Failure> {
        let python = self.python.path.to_string_lossy().into_owned();
        let (program, arguments, shown) = match uv {
            None => {
                let plain = ["-I", "-m", "venv", "--without-pip", "--clear", "/job/env"];
                (self.python.path.clone(), plain.map(str::to_owned).to_vec(), Vec::new())
            }
            Some(uv) => {
                let script = format!(
                    "{UV} venv --clear --offline --no-config --python \"$1\" /job/env && shift && exec {UV} pip \
                     install --offline --no-config --no-index --find-links /job/wheels --no-deps --python \
                     /job/env/bin/python \"$@\""
                );
                let mut arguments = vec!["-c".to_owned(), script, "sh".to_owned(), python];
                arguments.extend_from_slice(pins);
                self.bring_all(wheels).await?;
                ("/bin/sh".into(), arguments, vec![Shown { outside: uv, inside: UV.into() }])
            }
        };
        let outcome = self.run(&program, arguments, "/job".into(), shown).await?;
        if outcome.ended == Ended::Code(0) {
            return Ok(());
        }
        Err(self.failed(format!("its build tools do not install: {}", self.told(&outcome))))
    }

    /// What else the backend wants to have installed; here, code of the package runs.
    pub(super) async fn wants(&self, from: &Unpacked, backend: &Backend) -> Result<Vec<String>, Failure> {
        self.hook("requires", from, backend).await
    }

    /// Answers the name of the wheel.
    pub(super) async fn build(&self, from: &Unpacked, backend: &Backend) -> Result<String, Failure> {
        self.hook("wheel", from, backend).await
    }

    async fn hook<T: DeserializeOwned>(
        &self,
        hook: &str,
        from: &Unpacked,
        backend: &Backend,
    ) -> Result<T, Failure> {
        let beside = serde_json::to_string(&backend.beside).map_err(|_never| Failure::internal())?;
        let arguments = ["-c", HOOK, hook, &backend.name, &beside, "/job/result.json"];
        let arguments = arguments.map(str::to_owned).to_vec();
        let _ = fs::remove_file(self.job.join("result.json"));
        let outcome =
            self.run(Path::new("/job/env/bin/python"), arguments, from.root.clone(), Vec::new()).await?;
        if outcome.ended == Ended::Code(0) {
            return self.result("result.json");
        }
        Err(self.failed(self.told(&outcome)))
    }

    async fn run(
        &self,
        program: &Path,
        arguments: Vec<String>,
        cwd: PathBuf,
        mut shown: Vec<Shown>,
    ) -> Result<Outcome, Failure> {
        shown.extend(self.python.shown());
        let environment = [
            ("SOURCE_DATE_EPOCH", EPOCH),
            ("PYTHONHASHSEED", "0"),
            ("PYTHONDONTWRITEBYTECODE", "1"),
            ("PYTHONUNBUFFERED", "1"),
            ("PATH", "/job/env/bin:/usr/local/bin:/usr/bin:/bin"),
            ("VIRTUAL_ENV", "/job/env"),
            ("UV_CACHE_DIR", "/job/uv"),
            ("UV_LINK_MODE", "copy"),
            ("UV_PYTHON_DOWNLOADS", "never"),
            ("LC_ALL", "C.UTF-8"),
            // An archive holds no history to count versions in.
            ("SETUPTOOLS_SCM_PRETEND_VERSION", self.version),
        ];
        let spec = Spec {
            program: program.to_owned(),
            arguments,
            environment: environment.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
            cwd,
            directory: self.job.clone(),
            shown,
            input: String::new(),
            caps: Caps::default(),
        };
        let watch = Watch { time: TIME, until: None };
        self.sandbox.run(&spec, watch, self.cancel).await.map_err(|fault| match fault {
            Fault::Cancelled => Failure::cancelled(),
            Fault::Unavailable(why) => {
                self.failed(format!("the sandbox does not work on this server ({why})"))
            }
        })
    }

    fn told(&self, outcome: &Outcome) -> String {
        tracing::info!(what = self.named, ended = ?outcome.ended, output = outcome.output, "a build failed");
        match outcome.ended {
            Ended::OutOfTime => format!("it took more than {} minutes", TIME.as_secs() / 60),
            Ended::OutOfDisk => "it wants too much disk space".to_owned(),
            Ended::OutOfMemory => "it wants too much memory".to_owned(),
            Ended::Code(_) | Ended::Signal(_) | Ended::Enough => match last_words(&outcome.output) {
                words if words.is_empty() => "it ended without a word".to_owned(),
                words => words,
            },
        }
    }

    fn result<T: DeserializeOwned>(&self, name: &str) -> Result<T, Failure> {
        let read = || -> io::Result<T> {
            let mut text = Vec::new();
            plain_file(&self.job.join(name))?.take(LONGEST_RESULT).read_to_end(&mut text)?;
            Ok(serde_json::from_slice(&text)?)
        };
        read().map_err(|error| {
            tracing::info!(what = self.named, %error, "a build left no result");
            self.failed("it left no result")
        })
    }

    /// A copy of the wheel of that name, out of everybody's reach.
    pub(super) async fn take(&self, name: &str, to: &Path) -> Result<(), Failure> {
        let out = self.job.join("out");
        let is_plain = Path::new(name).file_name().is_some_and(|file| file == name)
            && fs::symlink_metadata(&out).is_ok_and(|data| data.is_dir());
        let found = if is_plain { plain_file(&out.join(name)).ok() } else { None };
        let from = found.ok_or_else(|| self.failed("it left no wheel"))?;
        let mut into = File::create(to).map_err(disk::failure)?;
        let copying =
            tokio::task::spawn_blocking(move || io::copy(&mut from.take(LARGEST_WHEEL + 1), &mut into));
        let size = copying.await.map_err(|_stopped| Failure::internal())?.map_err(disk::failure)?;
        if size > LARGEST_WHEEL { Err(self.failed("its wheel is larger than 512 MB")) } else { Ok(()) }
    }
}

/// No link, no pipe, no device.
fn plain_file(path: &Path) -> io::Result<File> {
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    let flags = i32::try_from(flags.bits()).unwrap_or_default();
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::ErrorKind::InvalidInput.into()) }
}
