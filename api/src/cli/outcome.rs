//! What became of the packages asked for, as people and scripts are told.

use std::{io::Write as _, path::PathBuf};

use application::failure::Failure;
use domain::{task::Report, values::Platform};
use serde_json::{Value, json};

use crate::report;

#[derive(Default)]
pub(super) struct Outcome {
    pub(super) made: Vec<(Platform, PathBuf, Report)>,
    pub(super) failed: Vec<(Platform, Failure)>,
}

/// The empty platform by a word that fits into a file name.
pub(super) fn word(platform: &Platform) -> &str {
    if platform.as_str().is_empty() { "host" } else { platform.as_str() }
}

impl Outcome {
    /// Results on standard output, everything else on standard error.
    pub(super) fn tell(&self, as_json: bool) -> std::io::Result<()> {
        let (mut out, mut err) = (std::io::stdout().lock(), std::io::stderr().lock());
        for (platform, failure) in self.distinct_failures() {
            let about = platform.map(|platform| format!("{}: ", word(platform))).unwrap_or_default();
            writeln!(err, "error: {about}{failure} ({})", failure.reason)?;
        }
        if as_json {
            writeln!(out, "{:#}", self.as_json())?;
            return out.flush();
        }
        for (_, path, report) in &self.made {
            for note in &report.notes {
                writeln!(err, "note: {}", note.text)?;
                for line in &note.lines {
                    writeln!(err, "      {line}")?;
                }
            }
            writeln!(out, "{}", path.display())?;
        }
        out.flush()
    }

    /// A package that is refused as a whole is refused once, for no platform in particular.
    pub(super) fn distinct_failures(&self) -> Vec<(Option<&Platform>, &Failure)> {
        match self.failed.split_first() {
            Some(((_, first), others))
                if self.made.is_empty() && others.iter().all(|(_, other)| other == first) =>
            {
                vec![(None, first)]
            }
            Some(_) | None => {
                self.failed.iter().map(|(platform, failure)| (Some(platform), failure)).collect()
            }
        }
    }

    pub(super) fn as_json(&self) -> Value {
        let result = |(platform, path, facts): &(Platform, PathBuf, Report)| {
            let mut body = report::body(facts);
            body["platform"] = platform.as_str().into();
            body["path"] = path.to_string_lossy().into();
            body["size"] = facts.output_bytes.into();
            body
        };
        let failure = |(platform, failure): &(Platform, Failure)| json!({"platform": platform, "error": failure.message, "reason": failure.reason});
        json!({
            "results": self.made.iter().map(result).collect::<Vec<_>>(),
            "failed": self.failed.iter().map(failure).collect::<Vec<_>>(),
        })
    }
}
