//! Why packages cannot be in a result, told for all of them at once.

use application::failure::{Failure, Reason};
use domain::values::{Floor, Os, Target};

use super::{labels::Label, tags::TagOrder};

/// More than any real package has; a hostile one must not write a book.
const MOST_TOLD: usize = 200;

/// At most ten of them.
pub(crate) fn listed(names: &[&str]) -> String {
    let more = if names.len() > 10 { " and others" } else { "" };
    format!("{}{more}", names[..names.len().min(10)].join(", "))
}

/// Why a package cannot be in the result.
pub(crate) struct Offence {
    /// The normalised name.
    pub(crate) package: String,
    pub(crate) text: String,
    pub(crate) reason: Reason,
}

impl Offence {
    pub(crate) fn no_wheel(text: String) -> Self {
        Self { package: String::new(), reason: Reason::NoWheel, text }
    }

    pub(crate) fn source(text: String) -> Self {
        Self { package: String::new(), reason: Reason::SourceForbidden, text }
    }

    pub(crate) fn mismatch(text: String) -> Self {
        Self { package: String::new(), reason: Reason::WheelMismatch, text }
    }

    pub(crate) fn invalid(text: String) -> Self {
        Self { package: String::new(), reason: Reason::LockInvalid, text }
    }
}

pub(crate) fn report(offences: &[Offence]) -> Failure {
    let worst = [Reason::LockInvalid, Reason::WheelMismatch, Reason::SourceForbidden, Reason::NoWheel]
        .into_iter()
        .find(|reason| offences.iter().any(|offence| offence.reason == *reason));
    let refused: Vec<&str> = offences.iter().map(|offence| offence.package.as_str()).collect();
    tracing::debug!(?refused, "packages without a usable wheel");
    let mut texts: Vec<&str> = offences.iter().map(|offence| offence.text.as_str()).collect();
    let more = format!("{} more like these", texts.len().saturating_sub(MOST_TOLD));
    if texts.len() > MOST_TOLD {
        texts.truncate(MOST_TOLD);
        texts.push(&more);
    }
    Failure::permanent(worst.unwrap_or(Reason::NoWheel), texts.join(". "))
}

/// What to say when wheels exist and none fits: the oldest system for which one would.
pub(crate) fn misfit<'a>(
    named: &str,
    candidates: impl Iterator<Item = (&'a str, usize)> + Clone,
    target: Target,
) -> String {
    let system = match target.os {
        Os::Linux => "glibc",
        Os::Macos => "macOS",
    };
    let any = TagOrder::without_floor(&target);
    let nearest = candidates
        .clone()
        .filter_map(|(name, _)| {
            let label = Label::read(name)?;
            any.best(&label)?;
            Some((any.floor(&label)?, label.compressed()))
        })
        .min();
    let Some((floor, tags)) = nearest else {
        let mut tags: Vec<String> =
            candidates.filter_map(|(name, _)| Some(Label::read(name)?.compressed())).collect();
        tags.sort();
        let shown = listed(&tags.iter().map(String::as_str).collect::<Vec<_>>());
        return format!(
            "{named} has no wheel for {target} and Python {} (it has {shown})",
            target.python.short()
        );
    };
    let hint = if floor <= usual_floor(target.os) { " (use strict=false)" } else { "" };
    format!("{named} has no wheel for {target}; it needs {system} {floor} or newer{hint} [{tags}]")
}

/// What a documented platform name means unless the operator says otherwise.
fn usual_floor(os: Os) -> Floor {
    match os {
        Os::Linux => Floor { major: 2, minor: 39 },
        Os::Macos => Floor { major: 14, minor: 0 },
    }
}
