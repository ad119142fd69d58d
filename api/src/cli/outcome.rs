//! What became of the packages asked for, as people and scripts are told.

use std::{
    io::{self, Write},
    path::PathBuf,
};

use application::failure::Failure;
use domain::{
    task::{Note, Report},
    values::Platform,
};
use serde_json::{Value, json};

use super::table;
use crate::report;

/// The kind of note that says how trying out went.
const TRIED: &str = "verified_install";

/// Every result that was asked for, in that order.
pub(super) struct Outcome(pub(super) Vec<Told>);

/// One of them: a finished package, or why there is none.
#[derive(Clone)]
pub(super) struct Told {
    /// None for the only one.
    pub(super) input: Option<String>,
    /// Several for a combined package.
    pub(super) platforms: Vec<Platform>,
    pub(super) result: Result<(PathBuf, Report), Failure>,
}

impl Outcome {
    /// A package that was tried out and does not work is none.
    pub(super) fn is_complete(&self) -> bool {
        let works = |(_, report): &(PathBuf, Report)| report.verified_install != Some(false);
        self.0.iter().all(|told| told.result.as_ref().is_ok_and(works))
    }

    /// Results on standard output, everything else on standard error.
    pub(super) fn tell(&self, as_json: bool) -> io::Result<()> {
        let (mut out, mut err) = (io::stdout().lock(), io::stderr().lock());
        let failures = self.distinct_failures();
        for (about, failure) in &failures {
            writeln!(err, "error: {about}{failure} ({})", failure.reason)?;
        }
        for (told, _, report) in self.made().filter(|(_, _, report)| report.verified_install == Some(false)) {
            for note in report.notes.iter().filter(|note| note.kind == TRIED) {
                writeln!(err, "error: {}{}", self.about(told), note.text)?;
            }
        }
        if as_json {
            writeln!(out, "{:#}", self.as_json())?;
            return out.flush();
        }
        for (about, note) in self.distinct_notes() {
            writeln!(err, "note: {about}{}", note.text)?;
            for line in &note.lines {
                writeln!(err, "      {line}")?;
            }
        }
        // One sentence about everything needs no table.
        if self.0.len() > 1 && (failures.len() != 1 || self.made().count() > 0) {
            write!(err, "{}", table::of(&self.0))?;
        }
        self.tell_paths(&mut out)
    }

    /// Before the rest could be finished.
    pub(super) fn tell_finished(&self, as_json: bool) -> io::Result<()> {
        let mut out = io::stdout().lock();
        if as_json && self.made().count() > 0 {
            writeln!(out, "{:#}", self.as_json())?;
            return out.flush();
        }
        self.tell_paths(&mut out)
    }

    fn tell_paths(&self, out: &mut impl Write) -> io::Result<()> {
        for (_, path, _) in self.made() {
            writeln!(out, "{}", path.display())?;
        }
        out.flush()
    }

    /// Nothing, where there is only one result.
    fn about(&self, told: &Told) -> String {
        if self.0.len() == 1 { String::new() } else { format!("{}: ", told.name()) }
    }

    fn made(&self) -> impl Iterator<Item = (&Told, &PathBuf, &Report)> {
        self.0.iter().filter_map(|told| told.result.as_ref().ok().map(|(path, report)| (told, path, report)))
    }

    /// An input that is refused as a whole is refused once, for no platform in particular.
    pub(super) fn distinct_failures(&self) -> Vec<(String, &Failure)> {
        let of_one_input = self.0.chunk_by(|one, other| one.input == other.input);
        of_one_input.flat_map(failures_of_one_input).collect()
    }

    /// What is true of every result is said once, and of none in particular.
    fn distinct_notes(&self) -> Vec<(String, &Note)> {
        let mut notes: Vec<(Vec<String>, &Note)> = Vec::new();
        for (told, _, report) in self.made() {
            let is_told = |note: &&Note| note.kind != TRIED || report.verified_install != Some(false);
            for note in report.notes.iter().filter(is_told) {
                match notes.iter_mut().find(|(_, known)| *known == note) {
                    Some((about, _)) => about.push(told.name()),
                    None => notes.push((vec![told.name()], note)),
                }
            }
        }
        let all = self.made().count();
        let about = |names: Vec<String>| {
            if names.len() == all { String::new() } else { format!("{}: ", names.join(", ")) }
        };
        notes.into_iter().map(|(names, note)| (about(names), note)).collect()
    }

    pub(super) fn as_json(&self) -> Value {
        let result = |(told, path, facts): (&Told, &PathBuf, &Report)| {
            let mut body = report::body(facts);
            told.name_in(&mut body);
            body["path"] = path.to_string_lossy().into();
            body["size"] = facts.output_bytes.into();
            body
        };
        let failure = |told: &Told| {
            let failure = told.result.as_ref().err()?;
            let mut body = json!({"error": failure.message, "reason": failure.reason});
            told.name_in(&mut body);
            Some(body)
        };
        json!({
            "results": self.made().map(result).collect::<Vec<_>>(),
            "failed": self.0.iter().filter_map(failure).collect::<Vec<_>>(),
        })
    }
}

fn failures_of_one_input(results: &[Told]) -> Vec<(String, &Failure)> {
    let failures: Vec<_> =
        results.iter().filter_map(|told| told.result.as_ref().err().map(|failure| (told, failure))).collect();
    match failures.split_first() {
        Some(((told, first), others))
            if failures.len() == results.len() && others.iter().all(|(_, other)| other == first) =>
        {
            let input = told.input.as_ref().map(|input| format!("{}: ", table::plain(input)));
            vec![(input.unwrap_or_default(), *first)]
        }
        Some(_) | None => {
            failures.into_iter().map(|(told, failure)| (format!("{}: ", told.name()), failure)).collect()
        }
    }
}

impl Told {
    /// Several platforms in one word.
    pub(super) fn platform(&self) -> String {
        self.platforms.iter().map(Platform::word).collect::<Vec<_>>().join("+")
    }

    fn name(&self) -> String {
        match &self.input {
            Some(input) => format!("{}, {}", table::plain(input), self.platform()),
            None => self.platform(),
        }
    }

    fn name_in(&self, body: &mut Value) {
        if let Some(input) = &self.input {
            body["input"] = input.as_str().into();
        }
        body["platform"] = json!(self.platforms.first());
        if self.platforms.len() > 1 {
            body["platforms"] = json!(self.platforms);
        }
    }
}
