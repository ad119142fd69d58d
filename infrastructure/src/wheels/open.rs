//! What a package without a usable lock asks for: the dependencies of `pyproject.toml`, which the installing daemon
//! prefers, else those of `requirements.txt`.

use application::{
    failure::{Failure, Reason},
    ports::packaging::{DependencySource, Note, Plan, Requirements as Wanted},
};
use domain::values::Target;
use pep440_rs::{Version, VersionSpecifiers};

use super::{
    normalised,
    offences::{Offence, report},
    project::PyProject,
    requirements::Requirements,
    select::nothing,
};

pub(super) struct Open<'a> {
    pub(super) pyproject: Option<&'a PyProject>,
    pub(super) requirements: Option<&'a str>,
}

impl Open<'_> {
    /// `why` the lock was not used.
    ///
    /// # Errors
    /// `RequirementUnsupported`, `SourceForbidden` for all dependencies that come from elsewhere, `NoSolution` for
    /// another Python.
    pub(super) fn plan(&self, target: Target, why: &str) -> Result<Plan, Failure> {
        let declared = self.pyproject.map(PyProject::dependencies).unwrap_or_default();
        let (source, file, found) = if declared.is_empty() {
            let found = self.requirements.map_or_else(|| Ok(Requirements::default()), Requirements::read)?;
            (DependencySource::Requirements, "requirements.txt", found)
        } else {
            check_direct(declared)?;
            (DependencySource::Pyproject, "pyproject.toml", Requirements::of_project(declared)?)
        };
        if found.lines.is_empty() {
            return Ok(Plan::Selected(nothing()));
        }
        self.check_origins(&found)?;
        self.check_python(target)?;
        let why = if why == "there is none" {
            format!("There is no uv.lock; the versions were chosen from {file}.")
        } else {
            format!("uv.lock was not used: {why}. The versions were chosen from {file}.")
        };
        Ok(Plan::Open(Wanted { source, lines: found.lines, notes: vec![Note::new("no_lock", why)] }))
    }

    fn check_origins(&self, found: &Requirements) -> Result<(), Failure> {
        let Some(pyproject) = self.pyproject else { return Ok(()) };
        let elsewhere: Vec<Offence> = found
            .pins
            .keys()
            .filter_map(|name| {
                let text = format!("{name} {}", pyproject.origin_of(name)?);
                Some(Offence { package: name.clone(), ..Offence::source(text) })
            })
            .collect();
        if elsewhere.is_empty() { Ok(()) } else { Err(report(&elsewhere)) }
    }

    fn check_python(&self, target: Target) -> Result<(), Failure> {
        let Some(wanted) = self.pyproject.and_then(PyProject::requires_python) else { return Ok(()) };
        let shown: String = wanted.escape_debug().take(60).collect();
        let refused = |text: String| Failure::permanent(Reason::NoSolution, text);
        let (Ok(specifiers), Ok(own)) =
            (wanted.parse::<VersionSpecifiers>(), target.python.to_string().parse::<Version>())
        else {
            return Err(refused(format!("The requires-python of pyproject.toml is not readable: {shown}")));
        };
        if specifiers.contains(&own) {
            return Ok(());
        }
        let text = format!("pyproject.toml asks for Python {shown}, the target has {}", target.python);
        Err(refused(text))
    }
}

/// `name @ URL`, told for all of them at once.
fn check_direct(declared: &[String]) -> Result<(), Failure> {
    let elsewhere: Vec<Offence> = declared
        .iter()
        .filter_map(|line| {
            let (name, url) = line.split_once('@')?;
            let name = name.split('[').next().unwrap_or_default().trim();
            let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
            let is_plain = !name.is_empty() && name.len() <= 128 && name.chars().all(is_name);
            let text = if url.trim_start().starts_with("git+") {
                "comes from git; git sources are disabled"
            } else {
                "comes from a URL; only wheels from an index are allowed"
            };
            is_plain.then(|| Offence::source(format!("{} {text}", normalised(name))))
        })
        .collect();
    if elsewhere.is_empty() { Ok(()) } else { Err(report(&elsewhere)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(pyproject: &str, requirements: Option<&str>, why: &str) -> Result<Plan, Failure> {
        let target = serde_json::from_value(
            serde_json::json!({"os": "linux", "arch": "x86_64", "floor": "2.39", "python": "3.12.3"}),
        );
        let pyproject = PyProject::read(pyproject);
        Open { pyproject: pyproject.as_ref(), requirements }.plan(target.unwrap(), why)
    }

    fn asked(plan: Result<Plan, Failure>) -> (DependencySource, Vec<String>, String) {
        let Plan::Open(wanted) = plan.unwrap() else { panic!("nothing is left open") };
        let lines = wanted.lines.into_iter().map(|line| line.text).collect();
        (wanted.source, lines, wanted.notes[0].text.clone())
    }

    #[test]
    fn the_project_comes_before_the_requirements_unless_it_declares_elsewhere() {
        let (source, lines, note) =
            asked(plan("[project]\ndependencies = ['A_b>=1']", Some("c"), "there is none"));
        assert_eq!((source, lines), (DependencySource::Pyproject, vec!["a-b>=1".to_owned()]));
        assert_eq!(note, "There is no uv.lock; the versions were chosen from pyproject.toml.");
        let (source, lines, note) =
            asked(plan("[project]\ndynamic = ['dependencies']", Some("c==1"), "its version is not 1"));
        assert_eq!((source, lines), (DependencySource::Requirements, vec!["c==1".to_owned()]));
        let text =
            "uv.lock was not used: its version is not 1. The versions were chosen from requirements.txt.";
        assert_eq!(note, text);
    }

    #[test]
    fn nothing_declared_is_found_out() {
        for (pyproject, requirements) in [
            ("", None),
            ("", Some("# only\n\n--no-index\n--find-links=./wheels/\n")),
            ("[project]\nname='x'\nrequires-python = '>=3.99'", Some("")),
        ] {
            let Plan::Selected(selection) = plan(pyproject, requirements, "there is none").unwrap() else {
                panic!("{requirements:?}")
            };
            assert_eq!(selection.source, DependencySource::Nothing);
        }
    }

    #[test]
    fn every_dependency_from_elsewhere_is_named_at_once() {
        let failure = plan(
            "[project]\ndependencies = ['a', 'b', 'c']\n[tool.uv.sources]\n\
             a = { git = 'https://secret' }\nb = { path = '../secret' }\n",
            None,
            "",
        )
        .unwrap_err();
        assert_eq!(failure.reason, Reason::SourceForbidden);
        assert_eq!(
            failure.message,
            "a comes from git; git sources are disabled. b comes from a local path; only wheels are allowed"
        );
        let direct = "[project]\ndependencies = ['A @ git+https://secret', 'b[x] @ https://secret']";
        assert_eq!(
            plan(direct, None, "").unwrap_err().message,
            "a comes from git; git sources are disabled. b comes from a URL; only wheels from an index are allowed"
        );
    }

    #[test]
    fn another_python_is_told() {
        let text = "[project]\nrequires-python = '>=3.13'\ndependencies = ['a']";
        let failure = plan(text, None, "").unwrap_err();
        assert_eq!(failure.message, "pyproject.toml asks for Python >=3.13, the target has 3.12.3");
        assert_eq!(failure.reason, Reason::NoSolution);
    }
}
