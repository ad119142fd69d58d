//! What this machine is to wheels: the target of whatever is installed on it with one of its interpreters.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use application::failure::{Failure, Reason};
use domain::values::{Floor, Os, PythonVersion, Target};

use crate::{
    builder::{Host, tools::Python},
    uv::run::Call,
};

/// Nothing of any environment takes part.
const ASK: &str = "import os, platform, sys\n\
                   libc = getattr(os, 'confstr_names', {}).get('CS_GNU_LIBC_VERSION')\n\
                   floor = platform.mac_ver()[0] or (os.confstr(libc) if libc else '') or ''\n\
                   print('%d.%d.%d' % sys.version_info[:3], floor.split(' ')[-1])\n";
/// A system that does not say how new it is gets the oldest wheels.
const OLDEST: Floor = Floor { major: 2, minor: 17 };

#[derive(Debug, Default)]
pub(super) struct Machines(Mutex<HashMap<PathBuf, Target>>);

impl Machines {
    /// # Errors
    /// When the interpreter does not run.
    pub(super) async fn target(&self, python: &Python) -> Result<Target, Failure> {
        if let Some(known) = self.known(&python.path) {
            return Ok(known);
        }
        let call = Call::new(&python.path, Path::new("/"), Duration::from_secs(10));
        let said = match call.args(["-I", "-S", "-c", ASK]).run().await {
            Ok(ended) if ended.status.success() => ended.out,
            Ok(_) | Err(_) => String::new(),
        };
        let target = read(&said).ok_or_else(|| {
            let text = format!("The Python 3.{} of this server does not run", python.minor);
            Failure::permanent(Reason::ResolverUnavailable, text)
        })?;
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(python.path.clone(), target);
        Ok(target)
    }

    fn known(&self, path: &Path) -> Option<Target> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(path).copied()
    }
}

fn read(said: &str) -> Option<Target> {
    let (version, floor) = said.trim_end_matches('\n').split_once(' ')?;
    let python: PythonVersion = version.parse().ok()?;
    let host = Host::this();
    let floor = match host.os {
        Os::Linux => floor.parse().unwrap_or(OLDEST),
        Os::Macos => {
            let parts: Vec<&str> = floor.split('.').take(2).collect();
            parts.join(".").parse().ok()?
        }
    };
    Some(Target { os: host.os, arch: host.arch, floor, python })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_interpreter_says_is_a_target() {
        let target = read("3.12.1 2.36\n").unwrap();
        assert_eq!((target.python.to_string(), target.floor.to_string()), ("3.12.1".into(), "2.36".into()));
        assert_eq!(read("3.11.0 \n").map(|target| target.floor), Some(OLDEST), "no glibc");
        assert_eq!((read("2.7.18 2.36\n"), read("")), (None, None));
    }
}
