//! What uv does not say of the versions it chose: which are yanked, and which are older than need be because of the
//! target's system.

use std::{collections::BTreeSet, time::Duration};

use application::ports::packaging::{Note, Requirements, Sdist, Wheel};
use futures::{FutureExt, StreamExt, stream};
use pep440_rs::Version;
use tokio_util::sync::CancellationToken;

use super::{
    UvResolver,
    asking::{Question, Said},
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
    /// A newer version would fit a newer system; whether anybody would choose it there is not known from a page.
    is_behind: bool,
}

impl UvResolver {
    /// What cannot be learned is not said.
    pub(super) async fn provenance(
        &self,
        question: &Question<'_>,
        wanted: &Requirements,
        wheels: &[Wheel],
        sdists: &[Sdist],
    ) -> Vec<Note> {
        let Some(index) = self.pages.index(question).await else { return Vec::new() };
        let mut asking = Vec::with_capacity(wheels.len());
        for wheel in wheels {
            asking.push(learned(index, wheel, question).boxed());
        }
        let learned = stream::iter(asking).buffer_unordered(PAGES).take_until(tokio::time::sleep(TIME));
        let learned: Vec<Learned> = learned.collect().await;
        let yanked: BTreeSet<&str> = learned.iter().filter_map(|learned| learned.yanked.as_deref()).collect();
        let older = if learned.iter().any(|learned| learned.is_behind) {
            self.older(question, wanted, wheels, sdists).await
        } else {
            Vec::new()
        };
        let note = |kind, text: &str, names: Vec<&str>| {
            (!names.is_empty()).then(|| Note::new(kind, format!("{text}: {}.", listed(&names))))
        };
        let older = older.iter().map(String::as_str).collect();
        let withdrawn = "Withdrawn by their authors (yanked), and chosen nevertheless";
        let behind = "Older versions were chosen, because newer ones need a newer system";
        note("yanked", withdrawn, yanked.into_iter().collect())
            .into_iter()
            .chain(note("older_versions", behind, older))
            .collect()
    }

    /// What the newest system would have had instead.
    async fn older(
        &self,
        question: &Question<'_>,
        wanted: &Requirements,
        wheels: &[Wheel],
        sdists: &[Sdist],
    ) -> Vec<String> {
        let newest = question.on_newest(question.lines);
        let Ok(Said::Pylock(pylock)) = newest.ask(&BTreeSet::new()).await else { return Vec::new() };
        let cancel = CancellationToken::new();
        let answer = self.read(wanted, pylock, sdists.to_vec(), &newest.target, &cancel).await;
        let newer = answer.map(|answer| answer.wheels).unwrap_or_default();
        wheels.iter().filter_map(|wheel| held_back(wheel, &newer, question)).collect()
    }
}

fn held_back(wheel: &Wheel, newer: &[Wheel], question: &Question<'_>) -> Option<String> {
    let other = newer.iter().find(|newer| newer.name == wheel.name)?;
    let floor = other.floor.filter(|floor| *floor > question.target.floor)?;
    let is_newer = other.version.parse::<Version>().ok()? > wheel.version.parse().ok()?;
    is_newer.then(|| format!("{} {} ({} needs {floor})", wheel.name, wheel.version, other.version))
}

async fn learned(index: &SimpleIndex, wheel: &Wheel, question: &Question<'_>) -> Learned {
    let Ok(Some(files)) = index.project(&wheel.name).await else { return Learned::default() };
    let releases = Releases::of(&wheel.name, files);
    let wish = Wish::of(&wheel.name, question.lines, question.target);
    Learned {
        yanked: releases.is_yanked(&wheel.file_name).then(|| format!("{} {}", wheel.name, wheel.version)),
        is_behind: releases.is_behind(&wheel.version, &wish, question.target),
    }
}
