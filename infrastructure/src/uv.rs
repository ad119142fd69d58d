//! The pinned uv and a Python for it. Nothing of either is needed before a package without a usable lock comes;
//! then uv is brought once, checked against its pin, and kept in the data directory for every process.

use std::{
    collections::HashMap,
    ffi::OsString,
    io,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use application::failure::{Failure, Reason};
use domain::values::Digest;

use crate::{archive::read::file_sha256, resolver::index::SimpleIndex};

mod attended;
mod interpreter;
mod pins;
mod provision;
pub(crate) mod run;

pub use attended::{ATTENDANT_ARGUMENT, serve_attendant};
pub use interpreter::Interpreter;
use pins::Pin;
pub use pins::VERSION;
use run::Call;

/// Where the operator has these tools, and what they are given to run.
#[derive(Clone)]
pub struct Tools {
    /// A uv to use instead of the pinned one.
    pub uv: Option<PathBuf>,
    /// A Python to try before those of the search path.
    pub python: Option<PathBuf>,
    /// This program, whose `main` calls [`serve_attendant`] for [`ATTENDANT_ARGUMENT`].
    pub attendant: Option<PathBuf>,
    /// Holds the uv that was fetched; made when it is needed.
    pub directory: PathBuf,
    /// What pip reads: search path, home, proxies, certificates, its own settings. May hold credentials.
    pub environment: Vec<(String, String)>,
}

/// What is known of the tools so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Status {
    /// Its version; `None` when there is none and none can be fetched.
    pub uv: Option<String>,
    /// Not here yet: it is fetched on first need.
    pub to_be_fetched: bool,
    pub python: Option<String>,
}

/// See the module.
pub struct Uv {
    tools: Tools,
    index: Option<SimpleIndex>,
    pin: Option<Pin>,
    version: String,
    /// Known to be what it should be.
    program: tokio::sync::Mutex<Option<PathBuf>>,
    pythons: Mutex<HashMap<Option<u8>, Interpreter>>,
    status: Mutex<Status>,
}

impl Uv {
    /// Asks a given uv for its version; does nothing else. `index`: the operator's, the first place to fetch from.
    pub fn new(tools: Tools, index: Option<SimpleIndex>) -> Self {
        let version = match &tools.uv {
            Some(given) => provision::version_of(given).unwrap_or_else(|| {
                tracing::warn!("PLUGYARD_UV does not say its version; nothing can be resolved with it");
                "unknown".to_owned()
            }),
            None => VERSION.to_owned(),
        };
        Self {
            tools,
            index,
            pin: pins::of_host(),
            version,
            program: tokio::sync::Mutex::default(),
            pythons: Mutex::default(),
            status: Mutex::default(),
        }
    }

    /// Of the uv that [`Self::ready`] answers.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The path of a uv that is what it should be; fetches it when it is needed for the first time.
    ///
    /// # Errors
    /// `ResolverUnavailable`; the log says why.
    pub async fn ready(&self) -> Result<PathBuf, Failure> {
        let mut program = self.program.lock().await;
        if let Some(known) = program.as_ref().filter(|known| known.is_file()) {
            return Ok(known.clone());
        }
        *program = None;
        let found = self.find().await.inspect_err(|_| self.note(|status| status.uv = None))?;
        self.note(|status| {
            status.uv = Some(self.version.clone());
            status.to_be_fetched = false;
        });
        *program = Some(found.clone());
        Ok(found)
    }

    async fn find(&self) -> Result<PathBuf, Failure> {
        if let Some(given) = &self.tools.uv {
            return if self.version == "unknown" { Err(unavailable()) } else { Ok(given.clone()) };
        }
        let pin = self.pin.ok_or_else(|| {
            tracing::error!("there is no uv for this system; name one by PLUGYARD_UV");
            unavailable()
        })?;
        let place = self.place(pin);
        if is_whole(&place, pin).await {
            return Ok(place);
        }
        provision::Provision { uv: self, pin, place: &place }.run().await?;
        if is_whole(&place, pin).await {
            return Ok(place);
        }
        tracing::error!("uv was fetched and is not what it should be");
        Err(unavailable())
    }

    fn place(&self, pin: Pin) -> PathBuf {
        self.tools.directory.join(format!("uv-{VERSION}-{}", &pin.wheel[..12])).join("uv")
    }

    /// A Python that runs: with `minor`, rather that one; else the first of the candidates.
    pub async fn interpreter(&self, minor: Option<u8>) -> Option<Interpreter> {
        let known = self.pythons.lock().unwrap_or_else(PoisonError::into_inner).get(&minor).cloned();
        if known.as_ref().is_some_and(|known| known.path.is_file()) {
            return known;
        }
        let search = self.tools.environment.iter().find(|(name, _)| name == "PATH");
        let search = search.map(|(_, value)| OsString::from(value)).unwrap_or_default();
        let mut best: Option<Interpreter> = None;
        for candidate in interpreter::candidates(self.tools.python.as_deref(), minor, &search) {
            let environment = self.search_environment();
            let Some(found) = interpreter::probe(&candidate, &environment, Path::new("/")).await else {
                tracing::debug!(candidate = %candidate.display(), "no interpreter");
                continue;
            };
            let fits = minor.is_none_or(|minor| found.version.minor == minor);
            if fits || best.is_none() {
                best = Some(found);
            }
            if fits {
                break;
            }
        }
        self.note(|status| status.python = best.as_ref().map(|python| python.version.to_string()));
        if let Some(best) = &best {
            self.pythons.lock().unwrap_or_else(PoisonError::into_inner).insert(minor, best.clone());
        }
        best
    }

    /// Looks what there is without fetching anything. For the start of a service.
    pub async fn probe(&self) {
        let python = self.interpreter(None).await;
        let here = match (&self.tools.uv, self.pin) {
            (Some(_), _) => self.version != "unknown",
            (None, Some(pin)) => self.place(pin).is_file(),
            (None, None) => false,
        };
        let fetchable = self.tools.uv.is_none() && self.pin.is_some();
        let fetchable = fetchable && (self.index.is_some() || python.is_some());
        self.note(|status| {
            status.uv = (here || fetchable).then(|| self.version.clone());
            status.to_be_fetched = !here && fetchable;
        });
    }

    pub fn status(&self) -> Status {
        self.status.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn note(&self, change: impl FnOnce(&mut Status)) {
        change(&mut self.status.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// The file at the path of this program may have been replaced by now; this link leads to the one that runs.
    pub(crate) fn attendant(&self) -> Option<&Path> {
        let own = Path::new("/proc/self/exe");
        self.tools.attendant.as_deref().map(|named| if own.exists() { own } else { named })
    }

    /// What uv itself may know: how to get out, and whom to trust.
    pub(crate) fn network_environment(&self) -> Vec<(String, String)> {
        let known = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR"];
        self.environment(|name| known.contains(&name.to_ascii_uppercase().as_str()))
    }

    fn search_environment(&self) -> Vec<(String, String)> {
        self.environment(|name| matches!(name, "PATH" | "HOME" | "PYENV_ROOT" | "PYENV_VERSION"))
    }

    fn environment(&self, wanted: impl Fn(&str) -> bool) -> Vec<(String, String)> {
        self.tools.environment.iter().filter(|(name, _)| wanted(name)).cloned().collect()
    }
}

/// The exact text of the reference: whoever repackages cannot change more about it.
pub(crate) fn unavailable() -> Failure {
    Failure::permanent(
        Reason::ResolverUnavailable,
        "This package has no usable uv.lock and the resolver is not available on this server",
    )
}

async fn is_whole(program: &Path, pin: Pin) -> bool {
    let (program, wanted) = (program.to_owned(), pin.program.parse::<Digest>());
    program.is_file()
        && tokio::task::spawn_blocking(move || {
            file_sha256(&program).is_ok_and(|found| wanted.is_ok_and(|wanted| found == wanted))
        })
        .await
        .unwrap_or(false)
}

fn disk(error: &io::Error) -> Failure {
    tracing::error!(%error, "the directory of the tools cannot be used");
    unavailable()
}

#[cfg(test)]
mod tests;
