//! `plugyard seed`: the demonstration catalogue, or any number of plugins that nobody made, through the commands that
//! everybody uses. A second run changes nothing.

mod catalogue;
mod loading;
mod package;
mod synthetic;
mod tarball;
mod yaml;

use std::{io::Write as _, time::Instant};

use anyhow::Context as _;
use serde_json::{Value, json};

use self::loading::Loading;
use crate::{
    cli::counted::Counted,
    settings::{SeedArguments, Settings},
    wiring::{Cataloguer, with_catalogue},
};

/// What a run has added.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Done {
    plugins: u64,
    releases: u64,
    reviews: u64,
    /// Releases that were there.
    unchanged: u64,
}

pub(crate) async fn run(settings: &Settings, arguments: SeedArguments) -> anyhow::Result<()> {
    let follows = arguments.synthetic.is_none();
    with_catalogue(settings, follows, async |yard: &Cataloguer| {
        let begun = Instant::now();
        let done = match arguments.synthetic {
            Some(count) => synthetic::write(yard, count, arguments.seed).await?,
            None => demonstration(yard).await?,
        };
        let told = Told { done, events: yard.events(), seconds: begun.elapsed().as_secs_f64() };
        read_models(yard, told.events).await?;
        let text = if arguments.json { format!("{:#}", told.as_json()) } else { told.as_text() };
        writeln!(std::io::stdout(), "{text}")?;
        Ok(())
    })
    .await
}

/// Until they show everything.
async fn read_models(yard: &Cataloguer, events: u64) -> anyhow::Result<()> {
    let events = usize::try_from(events)?;
    let progress = Counted::new(events, "events that the read models show");
    yard.shown(|left| progress.reached(events.saturating_sub(usize::try_from(left).unwrap_or(events))))
        .await?;
    progress.finish();
    Ok(())
}

async fn demonstration(yard: &Cataloguer) -> anyhow::Result<Done> {
    let directory = tempfile::tempdir().context("no directory to make packages in")?;
    Loading { yard, directory: directory.path() }.load(&catalogue::demonstration()?).await
}

/// A run as people and scripts are told of it.
struct Told {
    done: Done,
    events: u64,
    seconds: f64,
}

impl Told {
    fn as_json(&self) -> Value {
        let Done { plugins, releases, reviews, unchanged } = self.done;
        json!({
            "plugins": plugins,
            "releases": releases,
            "reviews": reviews,
            "unchanged_releases": unchanged,
            "events": self.events,
            "seconds": (self.seconds * 1e3).round() / 1e3,
            "events_per_second": self.rate().round(),
        })
    }

    fn as_text(&self) -> String {
        if self.events == 0 {
            return format!("Nothing changed: all {} releases are there already", self.done.unchanged);
        }
        let Done { plugins, releases, reviews, unchanged } = self.done;
        let unchanged =
            if unchanged > 0 { format!(", {unchanged} releases as they were") } else { String::new() };
        format!(
            "{plugins} plugins, {releases} releases, {reviews} reviews{unchanged}: {} events in {:.1} s, {:.0} a second",
            self.events,
            self.seconds,
            self.rate()
        )
    }

    #[expect(clippy::cast_precision_loss, reason = "nobody seeds 2^52 events")]
    fn rate(&self) -> f64 {
        self.events as f64 / self.seconds.max(1e-3)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_that_wrote_nothing_says_so() {
        let done = Done { unchanged: 7, ..Done::default() };
        let told = Told { done, events: 0, seconds: 0.1 };
        assert_eq!(told.as_text(), "Nothing changed: all 7 releases are there already");
        assert_eq!(told.as_json()["events"], 0);
        let told = Told {
            done: Done { plugins: 2, releases: 3, reviews: 1, unchanged: 1 },
            events: 20,
            seconds: 2.0,
        };
        assert!(told.as_text().ends_with("1 releases as they were: 20 events in 2.0 s, 10 a second"));
    }
}
