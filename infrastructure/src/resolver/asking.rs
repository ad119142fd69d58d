//! One call of uv: on a file that we wrote, with nothing of the environment, and with an answer that is taken apart
//! before anybody sees it.

use std::{
    collections::BTreeSet,
    fs,
    io::Read as _,
    path::{Path, PathBuf},
    time::Duration,
};

use application::{failure::Failure, ports::packaging::Requirement};
use domain::values::{Arch, Floor, Os, Target};

use super::not_reachable;
use crate::{
    uv::{
        Interpreter,
        run::{Call, Ended, NoEnd},
        unavailable,
    },
    wheels::{normalised, sources::IndexPolicy},
};

const TIME: Duration = Duration::from_mins(2);
/// More than any answer has.
const LARGEST: u64 = 16 * 1024 * 1024;
/// Each is looked up; more of them do not make a refusal any clearer.
const MOST_NAMED: usize = 100;
/// As uv calls the operator's index.
const INDEX: &str = "plugyard";

/// Everything a call needs but the names it leaves out.
pub(super) struct Question<'a> {
    pub(super) uv: PathBuf,
    pub(super) attendant: Option<&'a Path>,
    pub(super) python: Interpreter,
    /// Empty but for what is written here.
    pub(super) directory: &'a Path,
    pub(super) cache: PathBuf,
    pub(super) index: &'a IndexPolicy,
    pub(super) network: Vec<(String, String)>,
    pub(super) lines: &'a [Requirement],
    pub(super) target: Target,
    /// Holds wheels that were built here, if any were.
    pub(super) links: Option<PathBuf>,
}

/// What came of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Said {
    Pylock(String),
    NoSolution {
        reason: String,
        /// Projects that uv found no wheel of, with the version if it names a single one.
        unwheeled: BTreeSet<(String, Option<String>)>,
    },
}

impl Question<'_> {
    /// The same for other lines, as if the target were the newest system of its kind.
    pub(super) fn on_newest<'q>(&'q self, lines: &'q [Requirement]) -> Question<'q> {
        let floor = match self.target.os {
            Os::Linux => Floor { major: 2, minor: 99 },
            Os::Macos => Floor { major: 99, minor: 0 },
        };
        Question {
            uv: self.uv.clone(),
            python: self.python.clone(),
            cache: self.cache.clone(),
            network: self.network.clone(),
            links: self.links.clone(),
            lines,
            target: Target { floor, ..self.target },
            ..*self
        }
    }

    /// As if nobody wanted `without`.
    pub(super) async fn ask(&self, without: &BTreeSet<&str>) -> Result<Said, Failure> {
        let (input, output) = (self.directory.join("in.txt"), self.directory.join("pylock.toml"));
        let lines: Vec<&str> = self.lines.iter().map(|line| line.text.as_str()).collect();
        fs::write(&input, lines.join("\n") + "\n").map_err(crate::disk::failure)?;
        // uv would prefer the versions of an earlier answer. There is none the first time.
        let _ = fs::remove_file(&output);
        let mut call = self.call();
        if !without.is_empty() {
            let excluded = self.directory.join("without.txt");
            let lines: Vec<String> =
                without.iter().map(|name| format!("{name} ; python_version < '0'\n")).collect();
            fs::write(&excluded, lines.concat()).map_err(crate::disk::failure)?;
            call = call.args(["--overrides", "without.txt"]);
        }
        match call.run().await {
            Ok(ended) if ended.status.success() => Ok(Said::Pylock(read(&output)?)),
            Ok(ended) => judged(&ended),
            Err(NoEnd::TookTooLong) => {
                tracing::warn!("uv took too long");
                Err(not_reachable())
            }
            Err(error @ NoEnd::NotStarted(_)) => {
                tracing::error!(%error, "uv");
                Err(unavailable())
            }
        }
    }

    fn call(&self) -> Call {
        let mut call = Call::new(&self.uv, self.directory, TIME)
            .attended(self.attendant)
            .args(["pip", "compile", "in.txt", "--quiet", "--no-config", "--no-header", "--no-annotate"])
            .args(["--no-progress", "--color", "never", "--format", "pylock.toml"])
            .args(["--output-file", "pylock.toml", "--generate-hashes", "--no-sources"])
            .args(["--only-binary", ":all:", "--index-strategy", "first-index"])
            .args(["--keyring-provider", "disabled", "--no-python-downloads", "--python"])
            .args([&self.python.path])
            .args(["--python-version", &self.target.python.to_string()])
            .args(["--python-platform", &platform(self.target), "--cache-dir"])
            .args([&self.cache])
            .envs([("HOME", self.directory.as_os_str()), ("PATH", "".as_ref())])
            .envs(self.network.iter().map(|(name, value)| (name.as_str(), value)))
            .envs([("UV_SYSTEM_CERTS", "true")]);
        if let Some(index) = self.index.index() {
            call = call.args(["--default-index", &format!("{INDEX}={index}")]);
            if let Some(credential) = self.index.credential(index) {
                let name = INDEX.to_ascii_uppercase();
                let password = credential.password.clone().unwrap_or_default();
                call = call.envs([
                    (format!("UV_INDEX_{name}_USERNAME"), credential.user.clone()),
                    (format!("UV_INDEX_{name}_PASSWORD"), password),
                ]);
            }
        }
        if let Some(links) = &self.links {
            call = call.args(["--find-links".as_ref(), links.as_os_str()]);
        }
        if self.target.os == Os::Macos {
            call = call.envs([("MACOSX_DEPLOYMENT_TARGET", self.target.floor.to_string())]);
        }
        call
    }
}

/// uv's own name; for a floor in between the next lower one.
fn platform(target: Target) -> String {
    let machine = match target.arch {
        Arch::X86_64 => "x86_64",
        Arch::Aarch64 => "aarch64",
    };
    if target.os == Os::Macos {
        return format!("{machine}-apple-darwin");
    }
    let newest = Floor { major: 2, minor: 40 };
    let minor = match target.floor.min(newest).minor {
        minor @ 31.. => minor,
        28..=30 => 28,
        _ => 17,
    };
    format!("{machine}-manylinux_2_{minor}")
}

fn read(output: &Path) -> Result<String, Failure> {
    let mut text = String::new();
    let file = fs::File::open(output).map_err(crate::disk::failure)?;
    file.take(LARGEST).read_to_string(&mut text).map_err(crate::disk::failure)?;
    Ok(text)
}

fn judged(ended: &Ended) -> Result<Said, Failure> {
    let said = &ended.err;
    tracing::debug!(status = ?ended.status, said, "uv");
    let holds = |words: &[&str]| words.iter().any(|word| said.contains(word));
    let refused = ["401 Unauthorized", "403 Forbidden", "407 Proxy"];
    let network = ["Failed to fetch", "error sending request", "Request failed", "Could not connect"];
    match ended.status.code() {
        Some(1) if holds(&refused) => {
            tracing::error!("the package index refuses this server: look at its credentials");
            Err(not_reachable())
        }
        Some(1) => Ok(Said::NoSolution { reason: reason(said), unwheeled: unwheeled(said) }),
        Some(2) if holds(&network) || holds(&refused) => Err(not_reachable()),
        code => {
            let told: String = said.chars().take(2_000).collect();
            tracing::error!(code, said = told, "uv cannot be used");
            Err(unavailable())
        }
    }
}

/// One short sentence without addresses: of what uv says, the causes, not the hints.
fn reason(said: &str) -> String {
    let causes = said.split("\nhint:").next().unwrap_or_default();
    let begin = ["cause:", "╰─▶"].into_iter().find_map(|mark| Some(causes.find(mark)? + mark.len()));
    let mut told = String::new();
    for word in causes[begin.unwrap_or(0)..].split_whitespace().filter(|word| *word != "cause:") {
        if told.len() + word.len() > 600 {
            told.push_str(" ...");
            break;
        }
        if !told.is_empty() {
            told.push(' ');
        }
        let is_plain = word.chars().all(|c| !c.is_control() && !matches!(c, '/' | '\\' | '@'));
        told.push_str(if is_plain { word } else { "..." });
    }
    told.trim_end_matches('.').to_owned()
}

fn unwheeled(said: &str) -> BTreeSet<(String, Option<String>)> {
    let marks = ["Wheels are required for `", "wheels for `", "Wheels are available for `"];
    let named = marks.iter().flat_map(|mark| said.split(mark).skip(1));
    named
        .filter_map(|rest| {
            let name = rest.split('`').next()?;
            let is_plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
            let is_name = !name.is_empty() && name.len() <= 128 && name.bytes().all(is_plain);
            is_name.then(|| (normalised(name), version_in(said, name)))
        })
        .take(MOST_NAMED)
        .collect()
}

/// Of `name==1.4.0 has no usable wheels`.
fn version_in(said: &str, name: &str) -> Option<String> {
    let words: Vec<&str> = said.split_whitespace().collect();
    let exact = words.windows(3).find_map(|three| {
        let version = three[0].strip_prefix(name)?.strip_prefix("==")?;
        (three[1] == "has" && three[2] == "no").then_some(version)
    })?;
    (exact.len() <= 64 && exact.parse::<pep440_rs::Version>().is_ok()).then(|| exact.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(os: &str, floor: &str) -> Target {
        let target = serde_json::json!({"os": os, "arch": "aarch64", "floor": floor, "python": "3.12.3"});
        serde_json::from_value(target).unwrap()
    }

    #[test]
    fn a_floor_in_between_takes_the_next_lower_name() {
        for (floor, name) in [
            ("2.12", "aarch64-manylinux_2_17"),
            ("2.17", "aarch64-manylinux_2_17"),
            ("2.27", "aarch64-manylinux_2_17"),
            ("2.30", "aarch64-manylinux_2_28"),
            ("2.31", "aarch64-manylinux_2_31"),
            ("2.39", "aarch64-manylinux_2_39"),
            ("2.55", "aarch64-manylinux_2_40"),
        ] {
            assert_eq!(platform(target("linux", floor)), name);
        }
        assert_eq!(platform(target("macos", "14.0")), "aarch64-apple-darwin");
    }

    const SAID: &str = "error: No solution found when resolving dependencies\n  cause: Because wikipedia==1.4.0 \
        has no usable wheels and you require wikipedia==1.4.0,\n     we can conclude that https://me:pw@h/simple \
        and /nowhere/x are unsatisfiable.\n\nhint: Wheels are required for `wikipedia` because building from source \
        is disabled\n\nhint: Wheels are available for `pywin32` (v312) on the following platforms: `win32`\n";

    #[test]
    fn the_reason_is_short_and_holds_no_address() {
        assert_eq!(
            reason(SAID),
            "Because wikipedia==1.4.0 has no usable wheels and you require wikipedia==1.4.0, we can conclude \
             that ... and ... are unsatisfiable"
        );
        assert!(reason(&format!("cause: {}", "word ".repeat(10_000))).len() < 700);
        assert_eq!(reason("× No solution found:\n╰─▶ Because a is bad.\n"), "Because a is bad");
    }

    #[test]
    fn projects_without_a_wheel_are_found_in_the_hints() {
        let found: Vec<_> = unwheeled(SAID).into_iter().collect();
        let expected = [("pywin32".to_owned(), None), ("wikipedia".to_owned(), Some("1.4.0".to_owned()))];
        assert_eq!(found, expected);
        assert!(unwheeled("Wheels are required for `../x`, wheels for `").is_empty());
    }
}
