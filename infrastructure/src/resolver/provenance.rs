//! What the index knows of the chosen versions and uv does not say: which are yanked, and which are older than need
//! be because of the target's system.

use std::time::Duration;

use application::ports::packaging::{Note, Requirement, Wheel};
use domain::values::Target;
use futures::{FutureExt, StreamExt, stream};

use super::{
    index::SimpleIndex,
    releases::{Releases, Wish},
};
use crate::wheels::offences::listed;

/// Pages at a time; the largest have a few MiB.
const PAGES: usize = 6;
/// Nobody waits longer for a note.
const TIME: Duration = Duration::from_mins(1);

#[derive(Debug, Default)]
struct Learned {
    yanked: Option<String>,
    older: Option<String>,
}

/// What cannot be learned is not said.
pub(super) async fn notes(
    pages: &SimpleIndex,
    wheels: &[Wheel],
    lines: &[Requirement],
    target: Target,
) -> Vec<Note> {
    let mut asking = Vec::with_capacity(wheels.len());
    for wheel in wheels {
        asking.push(learned(pages, wheel, lines, target).boxed());
    }
    let learned = stream::iter(asking).buffer_unordered(PAGES).take_until(tokio::time::sleep(TIME));
    let learned: Vec<Learned> = learned.collect().await;
    let mut yanked: Vec<&str> = learned.iter().filter_map(|learned| learned.yanked.as_deref()).collect();
    let mut older: Vec<&str> = learned.iter().filter_map(|learned| learned.older.as_deref()).collect();
    yanked.sort_unstable();
    older.sort_unstable();
    let mut notes = Vec::new();
    if !yanked.is_empty() {
        let text =
            format!("Withdrawn by their authors (yanked), and chosen nevertheless: {}.", listed(&yanked));
        notes.push(Note::new("yanked", text));
    }
    if !older.is_empty() {
        let text = format!(
            "Older versions were chosen, because newer ones need a newer system: {}.",
            listed(&older)
        );
        notes.push(Note::new("older_versions", text));
    }
    notes
}

async fn learned(pages: &SimpleIndex, wheel: &Wheel, lines: &[Requirement], target: Target) -> Learned {
    let Ok(Some(files)) = pages.project(&wheel.name).await else { return Learned::default() };
    let releases = Releases::of(&wheel.name, files);
    let named = format!("{} {}", wheel.name, wheel.version);
    let newer = releases.newer(&wheel.version, &Wish::of(&wheel.name, lines, target), target);
    Learned {
        yanked: releases.is_yanked(&wheel.file_name).then(|| named.clone()),
        older: newer.map(|(version, floor)| format!("{named} ({version} needs {floor})")),
    }
}
