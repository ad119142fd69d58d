//! Making a virtual environment: uv in the sandbox, without a network, from wheels alone and a list that we wrote. What
//! it made belongs to nobody then, and is made ours.

use std::{
    fs, io,
    os::unix::fs::{PermissionsExt as _, lchown},
    path::{Path, PathBuf},
    time::Duration,
};

use application::failure::{Failure, Reason};
use tokio_util::sync::CancellationToken;

use super::layout::{Layout, Staged};
use crate::{
    builder::{
        inside::{Inside, Order},
        said::last_words,
        tools::{Python, UV},
    },
    disk,
    sandbox::{Ended, Fault, Sandbox, Shown},
};

/// As the daemon of Dify has it.
const TIME: Duration = Duration::from_mins(15);
const WANTED: &str = "wanted.txt";
/// Where the wheels are inside.
const WHEELS: &str = "/sandbox/wheels";

pub(super) struct Making<'a> {
    pub(super) sandbox: &'a Sandbox,
    pub(super) layout: &'a Layout,
    pub(super) python: &'a Python,
    pub(super) uv: &'a Path,
    pub(super) cancel: &'a CancellationToken,
}

/// What goes in.
pub(super) struct Content<'a> {
    /// Requirements, in our own words.
    pub(super) lines: &'a [String],
    /// The lines are everything, dependencies included.
    pub(super) is_whole: bool,
    pub(super) wheels: &'a Path,
}

/// Why there is none.
pub(super) enum NoEnvironment {
    /// The wheels are not those that are needed; in uv's words.
    Unfit(String),
    Failed(Failure),
}

impl From<io::Error> for NoEnvironment {
    fn from(error: io::Error) -> Self {
        Self::Failed(disk::failure(error))
    }
}

/// A finished one, still where it was made.
pub(super) struct Made(Staged);

impl Made {
    pub(super) fn path(&self) -> PathBuf {
        self.0.path().join("env")
    }
}

impl Making<'_> {
    pub(super) async fn make(&self, content: &Content<'_>) -> Result<Made, NoEnvironment> {
        let job = Staged::new(self.layout, "environment", 0o700)?;
        fs::write(job.path().join(WANTED), content.lines.join("\n") + "\n")?;
        // Scripts that find their interpreter wherever the environment will stand.
        let script = format!(
            "{UV} venv --quiet --relocatable --python \"$1\" /job/env && shift && exec {UV} pip install \
             --quiet --no-index --find-links {WHEELS} --python /job/env/bin/python -r /job/{WANTED} \"$@\""
        );
        let python = self.python.path.to_string_lossy();
        let mut arguments = vec![python.as_ref()];
        arguments.extend(content.is_whole.then_some("--no-deps"));
        let wheels = Shown { outside: content.wheels.to_owned(), inside: WHEELS.into() };
        let order = Order { shown: vec![wheels], ..Order::script(script, &arguments, TIME) };
        let (sandbox, python, uv, cancel) = (self.sandbox, self.python, self.uv, self.cancel);
        let outcome = Inside { sandbox, python, uv, job: job.path(), cancel }.run(order).await;
        let outcome = outcome.map_err(|fault| NoEnvironment::Failed(faulty(fault)))?;
        let failed = |reason, text: &str| Err(NoEnvironment::Failed(Failure::permanent(reason, text)));
        match outcome.ended {
            Ended::Code(0) => {}
            Ended::OutOfTime => {
                return failed(
                    Reason::Internal,
                    "Installing the plugin's packages took more than 15 minutes",
                );
            }
            Ended::OutOfDisk | Ended::OutOfMemory => {
                return failed(
                    Reason::PackageTooLarge,
                    "The plugin's packages are too large to be installed",
                );
            }
            Ended::Code(_) | Ended::Signal(_) | Ended::Enough if is_full(&outcome.output) => {
                return Err(NoEnvironment::Failed(disk::failure(io::ErrorKind::StorageFull.into())));
            }
            Ended::Code(_) | Ended::Signal(_) | Ended::Enough => {
                tracing::info!(output = outcome.output, "an environment could not be made");
                return Err(NoEnvironment::Unfit(last_words(&outcome.output)));
            }
        }
        let made = Made(job);
        let (environment, python) = (made.path(), self.python.path.clone());
        let taken = tokio::task::spawn_blocking(move || {
            take_over(&environment)?;
            check_interpreter(&environment, &python)
        })
        .await;
        taken.map_err(|_stopped| NoEnvironment::Failed(Failure::internal()))??;
        Ok(made)
    }
}

fn is_full(output: &str) -> bool {
    output.contains("(os error 28)") || output.contains("(os error 122)")
}

fn faulty(fault: Fault) -> Failure {
    match fault {
        Fault::Cancelled => Failure::cancelled(),
        Fault::Unavailable(why) => {
            let text = format!(
                "The plugin's packages cannot be installed: the sandbox does not work on this server ({why})"
            );
            Failure::permanent(Reason::Internal, text)
        }
    }
}

/// What starts the plugin is the Python that it was made with, and no file of a wheel.
fn check_interpreter(environment: &Path, python: &Path) -> Result<(), NoEnvironment> {
    let own = environment.join("bin/python");
    if own.is_symlink() && own.canonicalize()? == python.canonicalize()? {
        return Ok(());
    }
    let text = "A package that the plugin needs puts itself in the place of Python";
    Err(NoEnvironment::Failed(Failure::permanent(Reason::PackageUnsafePath, text)))
}

/// Everything is ours and can be read by everybody. Nobody is at work in there any more.
fn take_over(environment: &Path) -> io::Result<()> {
    let user = rustix::process::geteuid();
    let group = rustix::process::getegid();
    let mut left = vec![environment.to_owned()];
    while let Some(path) = left.pop() {
        let data = fs::symlink_metadata(&path)?;
        if user.is_root() {
            lchown(&path, Some(user.as_raw()), Some(group.as_raw()))?;
        }
        if data.is_symlink() {
            continue;
        }
        let runs = data.is_dir() || data.permissions().mode() & 0o100 != 0;
        fs::set_permissions(&path, fs::Permissions::from_mode(if runs { 0o755 } else { 0o644 }))?;
        if data.is_dir() {
            for entry in fs::read_dir(&path)? {
                left.push(entry?.path());
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn only_the_python_that_it_was_made_with_starts_a_plugin() {
        let ground = tempfile::tempdir().unwrap();
        let at = |name: &str| ground.path().join(name);
        fs::create_dir_all(at("env/bin")).unwrap();
        for name in ["python3.12", "other"] {
            fs::write(at(name), b"").unwrap();
        }
        symlink("python3.12", at("python")).unwrap();
        let is_taken = || check_interpreter(&at("env"), &at("python")).is_ok();
        let put = |to: &str| {
            let _ = fs::remove_file(at("env/bin/python"));
            symlink(at(to), at("env/bin/python")).unwrap();
        };
        put("python3.12");
        assert!(is_taken());
        for wrong in ["other", "nowhere"] {
            put(wrong);
            assert!(!is_taken(), "{wrong}");
        }
        fs::remove_file(at("env/bin/python")).unwrap();
        assert!(!is_taken(), "none");
        fs::write(at("env/bin/python"), b"").unwrap();
        assert!(!is_taken(), "a file of its own");
    }

    #[test]
    fn what_was_made_belongs_to_us_and_can_be_read_by_everybody() {
        let ground = tempfile::tempdir().unwrap();
        let at = |name: &str| ground.path().join(name);
        fs::create_dir_all(at("env/lib")).unwrap();
        fs::write(at("env/lib/a.py"), b"").unwrap();
        fs::write(at("env/run"), b"").unwrap();
        fs::write(at("outside"), b"").unwrap();
        symlink(at("outside"), at("env/link")).unwrap();
        let set = |name: &str, mode| fs::set_permissions(at(name), fs::Permissions::from_mode(mode)).unwrap();
        set("env/lib/a.py", 0o600);
        set("env/run", 0o4777);
        set("outside", 0o600);
        set("env", 0o700);
        take_over(&at("env")).unwrap();
        let modes = ["env", "env/lib", "env/lib/a.py", "env/run", "outside"]
            .map(|name| fs::metadata(at(name)).unwrap().permissions().mode() & 0o7777);
        assert_eq!(modes, [0o755, 0o755, 0o644, 0o755, 0o600]);
    }
}
