//! Which Python a release runs on: the one that its wheels are made for, else the one that its manifest names, and only
//! if this machine has it.

use std::{collections::HashMap, fs, io, path::Path};

use application::failure::{Failure, Reason};
use domain::{
    installation::{InstalledRelease, Runtime},
    values::{Floor, PythonVersion, Target},
};
use pep440_rs::{Version, VersionSpecifiers};

use super::LocalWorkplace;
use crate::{
    builder::{Host, tools::Python},
    wheels::{labels::Label, normalised, tags::TagOrder},
};

/// Of CPython 3; those that are not there yet included.
const MINORS: std::ops::RangeInclusive<u8> = 8..=40;

/// The wheels that a package brings along, by their names.
#[derive(Debug, Default)]
pub(super) struct Packed {
    pub(super) names: Vec<String>,
}

impl Packed {
    pub(super) fn read(directory: &Path) -> io::Result<Self> {
        let entries = match fs::read_dir(directory) {
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return Ok(Self::default());
            }
            entries => entries?,
        };
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry?;
            if let Ok(name) = entry.file_name().into_string()
                && entry.file_type()?.is_file()
                && Label::read(&name).is_some()
            {
                names.push(name);
            }
        }
        names.sort();
        Ok(Self { names })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Those that every project that runs on this machine at all has a wheel for.
    fn minors(&self) -> Vec<u8> {
        let mut all: Vec<u8> = MINORS.collect();
        let mut projects: HashMap<String, Vec<Label<'_>>> = HashMap::new();
        for label in self.names.iter().filter_map(|name| Label::read(name)) {
            projects.entry(normalised(label.project)).or_default().push(label);
        }
        let orders: HashMap<u8, TagOrder> = MINORS.map(|minor| (minor, order(minor))).collect();
        for labels in projects.values() {
            let fits = |minor: &u8| labels.iter().any(|label| orders[minor].best(label).is_some());
            let own: Vec<u8> = MINORS.filter(fits).collect();
            if !own.is_empty() {
                all.retain(|minor| own.contains(minor));
            }
        }
        all
    }
}

fn order(minor: u8) -> TagOrder {
    let host = Host::this();
    let python = PythonVersion { minor, patch: 0 };
    TagOrder::without_floor(&Target {
        os: host.os,
        arch: host.arch,
        floor: Floor { major: 2, minor: 17 },
        python,
    })
}

impl LocalWorkplace {
    /// # Errors
    /// Permanent, naming the version that is wanted and the one that there is.
    pub(super) async fn interpreter(
        &self,
        release: &InstalledRelease,
        packed: &Packed,
    ) -> Result<(Python, Target), Failure> {
        let stated = Stated::of(release);
        let minors = packed.minors();
        let wanted = chosen(&minors, &stated);
        let python = self.parts.tools.python(wanted).await.ok_or_else(|| {
            let text = "There is no Python on this server; PLUGYARD_PYTHON names one";
            Failure::permanent(Reason::ResolverUnavailable, text)
        })?;
        let refused = |wants: String| {
            let text = format!(
                "{wants}, and this server has Python 3.{}; PLUGYARD_PYTHON names another one",
                python.minor
            );
            Err(Failure::permanent(Reason::NoSolution, text))
        };
        if !minors.is_empty() && !minors.contains(&python.minor) {
            return refused(format!("The wheels of the package are for Python 3.{wanted}"));
        }
        let target = self.machines.target(&python).await?;
        match &stated {
            Stated::Range(text, range) if !contains(range, target.python) => {
                refused(format!("The plugin asks for Python {text}"))
            }
            Stated::Range(..) | Stated::Minor(_) => Ok((python, target)),
        }
    }
}

/// What the manifest says.
#[derive(Debug, PartialEq, Eq)]
enum Stated {
    /// To be preferred.
    Minor(u8),
    /// To be kept to.
    Range(String, VersionSpecifiers),
}

impl Stated {
    fn of(release: &InstalledRelease) -> Self {
        let manifest = &release.manifest;
        let said = match release.runtime {
            Runtime::Dify => &manifest["meta"]["runner"]["version"],
            Runtime::Native if manifest["runtime"]["version"].is_string() => &manifest["runtime"]["version"],
            Runtime::Native => &manifest["python_version"],
            Runtime::Langbot => return Self::usual(),
        };
        let said = said.as_str().unwrap_or_default().trim();
        match (said.parse::<PythonVersion>(), said.parse::<VersionSpecifiers>()) {
            (Ok(version), _) => Self::Minor(version.minor),
            (Err(_), Ok(range)) if !said.is_empty() => Self::Range(range.to_string(), range),
            (Err(_), _) => Self::usual(),
        }
    }

    fn usual() -> Self {
        Self::Minor(PythonVersion::default().minor)
    }

    fn admits(&self, minor: u8) -> bool {
        match self {
            Self::Minor(stated) => *stated == minor,
            Self::Range(_, range) => contains(range, PythonVersion { minor, patch: 99 }),
        }
    }
}

fn contains(range: &VersionSpecifiers, version: PythonVersion) -> bool {
    version.to_string().parse::<Version>().is_ok_and(|version| range.contains(&version))
}

/// Of those that there are wheels for: the stated one, the usual one, the newest one.
fn chosen(minors: &[u8], stated: &Stated) -> u8 {
    let usual = PythonVersion::default().minor;
    let newest_first = || minors.iter().rev().copied();
    let admitted = || newest_first().filter(|minor| stated.admits(*minor));
    let found = admitted().find(|minor| *minor == usual).or_else(|| admitted().next());
    let otherwise = || newest_first().find(|minor| *minor == usual).or_else(|| newest_first().next());
    found.or_else(otherwise).unwrap_or(usual)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packed(names: &[String]) -> Packed {
        Packed { names: names.to_vec() }
    }

    fn native(minor: u8) -> String {
        let machine = if cfg!(target_arch = "aarch64") { "aarch64" } else { "x86_64" };
        let platform = format!("manylinux_2_17_{machine}");
        format!("fast-1.0-cp3{minor}-cp3{minor}-{platform}.whl")
    }

    #[test]
    fn the_wheels_decide_which_python_it_is() {
        let pure = "plain-1.0-py3-none-any.whl".to_owned();
        let elsewhere = "only-1.0-cp312-cp312-win_amd64.whl".to_owned();
        let minors = |names: &[String]| packed(names).minors();
        assert_eq!(minors(std::slice::from_ref(&pure)), MINORS.collect::<Vec<_>>());
        if cfg!(target_os = "linux") {
            assert_eq!(minors(&[pure.clone(), native(11), native(12)]), [11, 12]);
            assert_eq!(minors(&[native(11), elsewhere, pure]), [11], "what runs nowhere here says nothing");
        }
    }

    #[test]
    fn the_stated_one_comes_first_where_there_are_wheels_for_it() {
        let range = |text: &str| Stated::Range(text.to_owned(), text.parse().unwrap());
        for (minors, stated, wanted) in [
            (&[10, 11, 12, 13][..], Stated::Minor(11), 11),
            (&[10, 11, 12, 13], Stated::Minor(9), 12),
            (&[10, 11], Stated::Minor(12), 11),
            (&[11, 12, 13], range(">=3.10"), 12),
            (&[11, 12, 13], range(">=3.13"), 13),
            (&[11, 12, 13], range("<3.12"), 11),
            (&[], Stated::Minor(12), 12),
        ] {
            assert_eq!(chosen(minors, &stated), wanted, "{minors:?} {stated:?}");
        }
    }
}
