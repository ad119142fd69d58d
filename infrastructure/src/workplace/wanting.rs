//! What a plugin needs to run: its lock, its project or its requirements, read by the same grammar as everywhere.
//! Runs in the child process.

use std::{
    fs::File,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use application::{
    failure::{Failure, Reason},
    ports::packaging::Plan,
};
use domain::values::Target;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    archive::limits::Limits,
    disk,
    wheels::{
        requirements::Requirements,
        select::{Declared, select},
        sources::IndexPolicy,
    },
};

/// What every plugin of `LangBot` is started by.
const LANGBOT_SDK: &str = "langbot-plugin";

#[derive(Debug, Serialize, Deserialize)]
pub struct Request {
    pub code: PathBuf,
    pub wish: Wish,
    pub target: Target,
    pub index: IndexPolicy,
}

/// Where it is said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Wish {
    Dify {
        /// It brings wheels, and a requirements file for them.
        packed: bool,
    },
    Langbot,
    /// Names and ranges (PEP 440), of the manifest.
    Native(Vec<(String, String)>),
}

/// # Errors
/// `RequirementUnsupported`, `ManifestInvalid`, and what reading a lock fails with.
pub fn run(request: &Request) -> Result<Plan, Failure> {
    let text = |name: &str, cap| read(&request.code.join(name), name, cap);
    let requirements = match &request.wish {
        Wish::Native(packages) => Some(of_manifest(packages)?),
        Wish::Langbot => {
            let text = text("requirements.txt", Limits::LBPKG.text)?.unwrap_or_default();
            Some(with_sdk(text)?)
        }
        Wish::Dify { .. } => text("requirements.txt", Limits::PACKAGE.text)?,
    };
    let reads_project = match &request.wish {
        Wish::Dify { packed } => !(*packed && requirements.is_some()),
        Wish::Langbot | Wish::Native(_) => false,
    };
    let (mut lock, mut pyproject) = (None, None);
    if reads_project {
        lock = text("uv.lock", Limits::PACKAGE.lock)?;
        pyproject = text("pyproject.toml", Limits::PACKAGE.text)?;
    }
    let declared = Declared {
        lock: lock.as_deref(),
        pyproject: pyproject.as_deref(),
        requirements: requirements.as_deref(),
    };
    let mut plans = select(declared, &[request.target], &request.index);
    plans.pop().unwrap_or_else(|| Err(Failure::internal()))
}

/// Unless it is asked for already.
fn with_sdk(text: String) -> Result<String, Failure> {
    let is_asked = Requirements::read(&text)?.pins.contains_key(LANGBOT_SDK);
    Ok(if is_asked { text } else { format!("{text}\n{LANGBOT_SDK}\n") })
}

/// One line each; what would be more than that is refused.
fn of_manifest(packages: &[(String, String)]) -> Result<String, Failure> {
    let mut lines = String::new();
    for (name, range) in packages {
        let line = format!("{name}{}", specifier(range));
        let is_one =
            Requirements::read(&line).is_ok_and(|read| read.lines.len() == 1) && !line.contains('\n');
        if !is_one {
            let shown: String = name.escape_debug().take(60).collect();
            let text = format!(
                "manifest.json: dependencies.packages.{shown} is not readable; write a range as Python does, such \
                 as >=1.2,<2"
            );
            return Err(Failure::permanent(Reason::ManifestInvalid, text));
        }
        lines.push_str(&line);
        lines.push('\n');
    }
    Ok(lines)
}

/// A version alone is that version.
fn specifier(range: &str) -> String {
    match range.trim() {
        "" | "*" => String::new(),
        exact if exact.starts_with(|c: char| c.is_ascii_digit()) => format!("=={exact}"),
        range => range.to_owned(),
    }
}

/// `dependencies.packages` of a manifest: a map of ranges, or a list of requirements.
pub(super) fn packages(manifest: &Value) -> Vec<(String, String)> {
    let said = &manifest["dependencies"]["packages"];
    let range = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mapped = said.as_object().into_iter().flatten();
    let mapped = mapped.map(|(name, value)| (name.clone(), range(value)));
    let listed = said.as_array().into_iter().flatten().map(|item| match item.as_str() {
        Some(text) => (text.to_owned(), String::new()),
        None => (range(&item["name"]), range(&item["version"])),
    });
    mapped.chain(listed).collect()
}

/// None: there is no such file. Our own child has unpacked it: it is no link.
fn read(path: &Path, name: &str, cap: u64) -> Result<Option<String>, Failure> {
    let file = match File::open(path) {
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        opened => opened.map_err(disk::failure)?,
    };
    if file.metadata().is_ok_and(|data| data.is_dir()) {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    file.take(cap + 1).read_to_end(&mut bytes).map_err(disk::failure)?;
    if bytes.len() as u64 > cap {
        return Err(Limits::too_large(format!("'{name}' is larger than {} KB", cap / 1024)));
    }
    let text = String::from_utf8_lossy(&bytes);
    Ok(Some(text.strip_prefix('\u{feff}').unwrap_or(&text).to_owned()))
}

#[cfg(test)]
mod tests {
    use application::ports::packaging::DependencySource;
    use serde_json::json;

    use super::*;

    fn plan(files: &[(&str, &str)], wish: Wish) -> Result<Plan, Failure> {
        let code = tempfile::tempdir().unwrap();
        for (name, text) in files {
            std::fs::write(code.path().join(name), text).unwrap();
        }
        let target = json!({"os": "linux", "arch": "x86_64", "floor": "2.36", "python": "3.12.3"});
        let target = serde_json::from_value(target).unwrap();
        let index = IndexPolicy::new(None, Vec::new(), false);
        run(&Request { code: code.path().to_owned(), wish, target, index })
    }

    fn lines(plan: Result<Plan, Failure>) -> Vec<String> {
        match plan.unwrap() {
            Plan::Open(wanted) => wanted.lines.into_iter().map(|line| line.text).collect(),
            Plan::Selected(selection) => {
                assert_eq!(selection.source, DependencySource::Nothing);
                Vec::new()
            }
        }
    }

    #[test]
    fn a_package_that_brings_wheels_goes_by_its_requirements_and_others_by_their_project() {
        let files = [
            ("requirements.txt", "--no-index\n--find-links=./wheels/\nb==1\n"),
            ("pyproject.toml", "[project]\nname = 'x'\ndependencies = ['a>=2']\n"),
        ];
        assert_eq!(lines(plan(&files, Wish::Dify { packed: true })), ["b==1"]);
        assert_eq!(lines(plan(&files, Wish::Dify { packed: false })), ["a>=2"]);
        assert!(lines(plan(&[], Wish::Dify { packed: false })).is_empty());
    }

    #[test]
    fn every_plugin_of_langbot_needs_the_sdk_once() {
        assert_eq!(lines(plan(&[], Wish::Langbot)), ["langbot-plugin"]);
        let own = [("requirements.txt", "LangBot_Plugin==0.3.1\nhttpx")];
        assert_eq!(lines(plan(&own, Wish::Langbot)), ["langbot-plugin==0.3.1", "httpx"]);
        let hostile = [("requirements.txt", "--index-url https://elsewhere.example\n")];
        assert_eq!(plan(&hostile, Wish::Langbot).unwrap_err().reason, Reason::RequirementUnsupported);
    }

    #[test]
    fn a_manifest_names_packages_with_ranges_of_python() {
        let manifest = json!({"dependencies": {"packages": {"PyJWT": ">=2.0.0", "a": "*", "b": "1.2"}}});
        let wish = Wish::Native(packages(&manifest));
        assert_eq!(lines(plan(&[], wish)), ["pyjwt>=2.0.0", "a", "b==1.2"]);
        let manifest = json!({"dependencies": {"packages": ["a>=1", {"name": "b", "version": "~=2.1"}]}});
        assert_eq!(lines(plan(&[], Wish::Native(packages(&manifest)))), ["a>=1", "b~=2.1"]);
        assert!(packages(&json!({"dependencies": {"auth": "^1.0"}})).is_empty());
        for (name, range) in
            [("a", "^1.2"), ("a\nb", ""), ("-r x", ""), ("a @ https://x.example", ""), ("", "")]
        {
            let failure = plan(&[], Wish::Native(vec![(name.to_owned(), range.to_owned())])).unwrap_err();
            assert_eq!(failure.reason, Reason::ManifestInvalid, "{name:?} {range:?}");
        }
    }
}
