//! One thing that happened, in words.

use application::queries::activity::{ActivityKind, ActivityView};
use chrono::{DateTime, SecondsFormat, Utc};

use crate::links::Links;

pub(super) struct Entry {
    /// For ever the same.
    pub(super) id: String,
    pub(super) title: String,
    pub(super) text: String,
    pub(super) author: String,
    pub(super) address: String,
    pub(super) kind: ActivityKind,
    pub(super) at: DateTime<Utc>,
}

impl Entry {
    pub(super) fn of(view: &ActivityView, links: &Links) -> Self {
        let title = clean(&title(view));
        let text = view.text.as_deref().map(clean).filter(|text| !text.trim().is_empty());
        Self {
            id: format!("urn:uuid:{}", view.id),
            text: text.unwrap_or_else(|| title.clone()),
            title,
            author: clean(&view.publisher),
            address: links.root(&format!("/packages/{}/feed.atom", view.plugin)),
            kind: view.kind,
            at: view.at,
        }
    }

    pub(super) fn kind(&self) -> &'static str {
        match self.kind {
            ActivityKind::Registered => "registered",
            ActivityKind::Released => "released",
            ActivityKind::Yanked => "yanked",
            ActivityKind::Unyanked => "unyanked",
            ActivityKind::Deprecated => "deprecated",
            ActivityKind::Verified => "verified",
            ActivityKind::Removed => "removed",
            ActivityKind::Milestone => "milestone",
        }
    }
}

fn title(view: &ActivityView) -> String {
    let shown = if view.display_name.is_empty() { &view.name } else { &view.display_name };
    let version = view.version.as_deref().unwrap_or_default();
    match view.kind {
        ActivityKind::Registered => format!("{shown} is new"),
        ActivityKind::Released => format!("{shown} {version} was released"),
        ActivityKind::Yanked => format!("{shown} {version} was yanked"),
        ActivityKind::Unyanked => format!("{shown} {version} is offered again"),
        ActivityKind::Deprecated => format!("{shown} is deprecated"),
        ActivityKind::Verified => format!("{shown} is verified"),
        ActivityKind::Removed if version.is_empty() => format!("{shown} was removed"),
        ActivityKind::Removed => format!("{shown} {version} was removed"),
        ActivityKind::Milestone => format!("{shown} has reached a milestone"),
    }
}

/// XML 1.0 cannot hold other characters, escaped or not.
pub(super) fn clean(text: &str) -> String {
    let is_fit = |c: &char| {
        matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
            && !('\u{7f}'..='\u{9f}').contains(c)
    };
    text.chars().filter(is_fit).collect()
}

pub(super) fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}
