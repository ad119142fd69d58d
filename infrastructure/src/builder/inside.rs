//! uv and a Python at work in the sandbox, offline: of this machine there is nothing inside but the two of them.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Duration,
};

use tokio_util::sync::CancellationToken;

use super::tools::{Python, UV};
use crate::sandbox::{Caps, Fault, JOB, Outcome, Sandbox, Shown, Spec, Watch};

const GIB: u64 = 1024 * 1024 * 1024;

pub(crate) struct Inside<'a> {
    pub(crate) sandbox: &'a Sandbox,
    pub(crate) python: &'a Python,
    pub(crate) uv: &'a Path,
    /// The one directory that is written to.
    pub(crate) job: &'a Path,
    pub(crate) cancel: &'a CancellationToken,
}

/// What is run.
#[derive(Default)]
pub(crate) struct Order<'a> {
    pub(crate) program: PathBuf,
    pub(crate) arguments: Vec<String>,
    /// Below the job directory.
    pub(crate) cwd: &'a str,
    pub(crate) environment: &'a [(&'a str, &'a str)],
    pub(crate) shown: Vec<Shown>,
    pub(crate) time: Duration,
    /// As in [`Watch`].
    pub(crate) until: Option<&'a mut (dyn FnMut(&str) -> bool + Send)>,
}

impl Order<'_> {
    /// A script of the shell, with its arguments from `$1` on.
    pub(crate) fn script(text: String, arguments: &[&str], time: Duration) -> Self {
        let mut all = vec!["-c".to_owned(), text, "sh".to_owned()];
        all.extend(arguments.iter().map(|&argument| argument.to_owned()));
        Self { program: "/bin/sh".into(), arguments: all, time, ..Self::default() }
    }
}

impl Inside<'_> {
    /// # Errors
    /// [`Fault`]; nothing is left running in any case.
    pub(crate) async fn run(&self, order: Order<'_>) -> Result<Outcome, Fault> {
        let mut shown = self.python.shown();
        shown.push(Shown { outside: self.uv.to_owned(), inside: UV.into() });
        shown.extend(order.shown);
        let alone = [
            ("UV_CACHE_DIR", "/job/cache"),
            ("UV_OFFLINE", "1"),
            ("UV_PYTHON_DOWNLOADS", "never"),
            ("UV_NO_CONFIG", "1"),
            ("LC_ALL", "C.UTF-8"),
        ];
        let environment = alone.iter().chain(order.environment);
        let environment: BTreeMap<String, String> =
            environment.map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
        let spec = Spec {
            program: order.program,
            arguments: order.arguments,
            environment,
            cwd: Path::new(JOB).join(order.cwd),
            directory: self.job.to_owned(),
            shown,
            input: String::new(),
            caps: Caps { file_size: 16 * GIB, disk: 32 * GIB, address_space: 16 * GIB, ..Caps::default() },
        };
        self.sandbox.run(&spec, Watch { time: order.time, until: order.until }, self.cancel).await
    }
}
