//! News of the catalogue goes to the operator's hook.
//!
//! What there is to tell stands in an outbox, written together with the checkpoint of its projection. A notice is
//! claimed, judged by what the plugin is now, put into words, posted and closed. Nobody is told of what is not shown;
//! what was held back is told when it is cleared. A hook that is busy or down is tried again with growing pauses, for a
//! day. A process that is killed between the post and its closing posts again: at least once, and hardly ever twice.

use std::{sync::Arc, time::Duration};

use domain::values::Dialect;
use tracing::{debug, warn};

use crate::{
    error::Error,
    ports::notices::{Fate, Hook, News, Notice, Notices, Posted},
    queries::catalogue::{CatalogueQueries, PluginView},
    signal::Signal,
};

/// What is due later becomes due without a hint.
const AT_LEAST_EVERY: Duration = Duration::from_secs(5);
const LONGEST_PAUSE: Duration = Duration::from_mins(10);
/// What a hook may ask us to wait.
const LONGEST_WISH: Duration = Duration::from_hours(1);
const LONGEST_NAME: usize = 200;

pub struct PostNotices {
    pub notices: Arc<dyn Notices>,
    pub hook: Arc<dyn Hook>,
    pub catalogue: Arc<dyn CatalogueQueries>,
    pub projected: Signal,
}

impl PostNotices {
    pub async fn run(self) {
        let mut projected = self.projected.waiter();
        loop {
            match self.post().await {
                Ok(false) => {}
                Ok(true) => continue,
                Err(error) => warn!(%error, "news could not be looked for"),
            }
            // Whichever comes first.
            let _ = tokio::time::timeout(AT_LEAST_EVERY, projected.raised()).await;
        }
    }

    /// Whether there was anything.
    pub async fn post(&self) -> Result<bool, Error> {
        let Some(notice) = self.notices.claim().await? else { return Ok(false) };
        let fate = self.fate(&notice).await?;
        debug!(notice = notice.id, ?fate, "news");
        self.notices.settle(&notice, fate).await?;
        Ok(true)
    }

    async fn fate(&self, notice: &Notice) -> Result<Fate, Error> {
        let plugin = self.catalogue.current(notice.plugin).await?;
        let Some(text) = plugin.and_then(|plugin| told(&plugin, &notice.news)) else {
            return Ok(Fate::Withheld);
        };
        Ok(match self.hook.post(&text).await {
            Posted::Done => Fate::Posted,
            Posted::Later(wish) => Fate::Later(wish.unwrap_or_else(|| pause(notice.tries)).min(LONGEST_WISH)),
            Posted::Refused => Fate::GivenUp,
        })
    }
}

fn pause(tries: u32) -> Duration {
    Duration::from_secs(1 << tries.min(10)).min(LONGEST_PAUSE)
}

/// In words; none: nobody is to be told. Packages and releases are told of where Inkdrop lists them.
fn told(plugin: &PluginView, news: &News) -> Option<String> {
    let shown_in = |dialect: &Dialect| plugin.is_visible(*dialect);
    let name = || {
        let display = Some(&plugin.description.display_name).filter(|name| !name.is_empty());
        format!("**{}** ({})", plain(display.unwrap_or(&plugin.name)), plain(&plugin.name))
    };
    match news {
        News::Package => {
            plugin.is_visible(Dialect::Inkdrop).then_some(())?;
            let version = &plugin.latest()?.version;
            Some(format!("New package: {} {}", name(), plain(&version.to_string())))
        }
        News::Release(version) => {
            plugin.is_visible(Dialect::Inkdrop).then_some(())?;
            plugin.release(version)?;
            Some(format!("New release: {} {}", name(), plain(version)))
        }
        News::Milestone(number) => {
            plugin.listed.iter().any(shown_in).then_some(())?;
            Some(format!("{} has passed {number} downloads", name()))
        }
    }
}

/// Names are other people's: what marks up, mentions or links does nothing, and there are no lines but one.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len() * 2);
    for c in text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(LONGEST_NAME) {
        if c.is_ascii_punctuation() && !matches!(c, '.' | ',' | '\'' | '"') {
            plain.push('\\');
        }
        plain.push(c);
        // A mention or an address that is cut in two is none.
        if matches!(c, '@' | '#' | ':' | '<') {
            plain.push('\u{200b}');
        }
    }
    plain
}

#[cfg(test)]
mod tests;
