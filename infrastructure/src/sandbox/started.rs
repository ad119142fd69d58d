//! A process that the sandbox started: which part it plays is in the one line on its standard input.

use std::{
    error::Error,
    io::{self, BufRead as _, Read as _, Write as _},
    process::ExitCode,
    thread,
};

use super::{Report, Request, canary};

const LONGEST_REQUEST: u64 = 1024 * 1024;

/// Plays its part. To be called before any thread is started.
pub fn serve_launcher() -> ExitCode {
    let served = read().and_then(|request| match request {
        Request::Escape(attempts) => canary::try_to_escape(&attempts),
        #[cfg(target_os = "linux")]
        Request::Launch(spec) => told(super::launcher::launch(*spec)),
        #[cfg(target_os = "linux")]
        Request::Enter(entry) => told(super::inside::enter(*entry)),
        #[cfg(not(target_os = "linux"))]
        Request::Launch(_) | Request::Enter(_) => told(Err(Refused::new("namespaces", "not Linux"))),
    });
    if served.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn read() -> io::Result<Request> {
    let mut line = String::new();
    io::stdin().lock().take(LONGEST_REQUEST).read_line(&mut line)?;
    Ok(serde_json::from_str(&line)?)
}

/// A step that failed.
pub(crate) struct Refused {
    pub(crate) step: &'static str,
    pub(crate) cause: String,
}

impl Refused {
    pub(crate) fn new(step: &'static str, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { step, cause: cause.into().to_string() }
    }
}

fn told(outcome: Result<Option<Report>, Refused>) -> io::Result<()> {
    let report = match outcome {
        Ok(None) => return Ok(()),
        Ok(Some(report)) => report,
        Err(Refused { step, cause }) => Report::Refused { step: step.to_owned(), cause },
    };
    let mut line = serde_json::to_vec(&report)?;
    line.push(b'\n');
    io::stderr().lock().write_all(&line)
}

/// Whoever started us keeps our standard input open for as long as it wants the result.
#[cfg(target_os = "linux")]
pub(super) fn end_with_parent() -> io::Result<()> {
    let watch = || {
        let mut rest = [0; 64];
        while matches!(io::stdin().read(&mut rest), Ok(1..)) {}
        std::process::exit(1);
    };
    thread::Builder::new().stack_size(64 * 1024).spawn(watch).map(drop)
}
