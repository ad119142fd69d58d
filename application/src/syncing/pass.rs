//! One reading of a repository: which pages it needs, and what in them differs from what is known. Pure.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use chrono::{DateTime, Duration, SecondsFormat, Utc};
use domain::repository::{Listing, MOST_LISTINGS};

use super::{Depth, Synced};
use crate::{
    failure::{Failure, Reason},
    ports::marketplace::Changes,
    queries::listings::Taken,
};

/// Names in one question.
pub(super) const AT_ONCE: usize = 100;
const MOST_PAGES: u32 = 2_000;
/// Text of the listings in one event, in bytes.
const LARGEST_EVENT: usize = 1024 * 1024;
const LONGEST_README: usize = 32 * 1024;

/// Where the next pass begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// The newest change that was seen.
    newest: Option<DateTime<Utc>>,
    /// When everything was read.
    whole_at: DateTime<Utc>,
}

impl Place {
    /// None for what this build did not write: everything is read then.
    pub(super) fn read(text: &str) -> Option<Self> {
        let (newest, whole_at) = text.split_once(' ')?;
        let time = |text: &str| Some(DateTime::parse_from_rfc3339(text).ok()?.to_utc());
        Some(Self { newest: time(newest), whole_at: time(whole_at)? })
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |time: DateTime<Utc>| time.to_rfc3339_opts(SecondsFormat::AutoSi, true);
        write!(f, "{} {}", self.newest.map_or_else(|| "-".to_owned(), text), text(self.whole_at))
    }
}

pub(super) struct Pass {
    known: BTreeMap<String, Taken>,
    /// None: everything is read.
    since: Option<DateTime<Utc>>,
    place: Place,
    now: DateTime<Utc>,
    page: u32,
    seen: BTreeSet<String>,
    unreadable: u64,
    total: u64,
    is_over: bool,
    outcome: Synced,
}

pub(super) fn id(listing: &Listing) -> String {
    format!("{}/{}", listing.author, listing.name)
}

/// What only a question for the plugin itself tells.
pub(super) fn complete(card: &mut Listing, details: &Listing) {
    card.created_at = card.created_at.or(details.created_at);
    card.repository = card.repository.take().or_else(|| details.repository.clone());
    let readme = card.readme.take().or_else(|| details.readme.clone());
    card.readme = readme.map(|mut text| {
        text.truncate(text.floor_char_boundary(LONGEST_README));
        text
    });
}

/// As few events as hold them.
pub(super) fn events(changed: Vec<Listing>) -> Vec<Vec<Listing>> {
    let mut events: Vec<Vec<Listing>> = Vec::new();
    let mut size = 0;
    for listing in changed {
        let more = weight(&listing);
        match events.last_mut() {
            Some(last) if last.len() < MOST_LISTINGS && size + more <= LARGEST_EVENT => last.push(listing),
            Some(_) | None => {
                events.push(vec![listing]);
                size = 0;
            }
        }
        size += more;
    }
    events
}

fn weight(listing: &Listing) -> usize {
    let texts = listing.labels.values().chain(listing.briefs.values()).chain(&listing.tags);
    texts.map(String::len).sum::<usize>()
        + listing.description.len()
        + listing.readme.as_ref().map_or(0, String::len)
        + 512
}

impl Pass {
    pub(super) fn new(
        known: BTreeMap<String, Taken>,
        place: Option<Place>,
        depth: Depth,
        now: DateTime<Utc>,
    ) -> Self {
        let recent = place.filter(|place| place.whole_at > now - Duration::days(1));
        let since = recent.filter(|_| depth == Depth::AsDue).and_then(|place| place.newest);
        let newest = place.and_then(|place| place.newest);
        let whole_at = if since.is_some() { place.map_or(now, |place| place.whole_at) } else { now };
        let outcome = Synced { whole: since.is_none(), pages: 0, added: 0, updated: 0, removed: 0 };
        Self {
            known,
            since,
            place: Place { newest, whole_at },
            now,
            page: 0,
            seen: BTreeSet::new(),
            unreadable: 0,
            total: 0,
            is_over: false,
            outcome,
        }
    }

    pub(super) fn next_page(&self) -> Option<u32> {
        (!self.is_over && self.page < MOST_PAGES).then_some(self.page + 1)
    }

    /// What of this page is new or different.
    ///
    /// # Errors
    /// When it lists nothing although it did: that is more likely a fault than the truth.
    pub(super) fn take(&mut self, changes: Changes) -> Result<Vec<Listing>, Failure> {
        let Changes { listings, unreadable, total } = changes;
        if total == 0 && !self.known.is_empty() {
            let text = "The marketplace lists nothing any more; what was known stays";
            return Err(Failure::transient(Reason::MarketplaceUnavailable, text));
        }
        self.page += 1;
        (self.total, self.unreadable) = (total, self.unreadable + unreadable);
        let is_last = listings.is_empty() && unreadable == 0;
        let times = listings.iter().filter_map(|listing| listing.updated_at);
        let reached = self.since.is_some_and(|since| times.clone().any(|time| time < since));
        // A time that has not come would hide everything until then.
        let newest = times.filter(|time| *time <= self.now).max();
        self.place.newest = self.place.newest.max(newest);
        let mut news = Vec::new();
        for listing in listings {
            let id = id(&listing);
            if !self.seen.insert(id.clone()) {
                continue;
            }
            match self.known.get(&id) {
                None => self.outcome.added += 1,
                Some(taken) if is_other(taken, &listing, self.now) => self.outcome.updated += 1,
                Some(_) => continue,
            }
            news.push(listing);
        }
        self.is_over = is_last || reached || self.read() >= total;
        Ok(news)
    }

    pub(super) fn read(&self) -> u64 {
        self.seen.len() as u64 + self.unreadable
    }

    pub(super) fn total(&self) -> u64 {
        self.total
    }

    /// What was known and was not seen, after everything was.
    pub(super) fn missing(&self) -> Vec<String> {
        if !self.outcome.whole || !self.is_over {
            return Vec::new();
        }
        self.known.keys().filter(|id| !self.seen.contains(*id)).cloned().collect()
    }

    pub(super) fn gone(&mut self, gone: &[String]) {
        self.outcome.removed += gone.len() as u64;
    }

    pub(super) fn outcome(&self) -> Synced {
        Synced { pages: self.page, ..self.outcome.clone() }
    }

    pub(super) fn place(&self) -> Place {
        self.place
    }
}

/// A counter alone is news once a day, and only when it has grown by a hundredth.
fn is_other(taken: &Taken, listing: &Listing, now: DateTime<Utc>) -> bool {
    let known = &taken.listing;
    let card = |listing: &Listing| Listing {
        created_at: None,
        readme: None,
        repository: None,
        download_count: 0,
        ..listing.clone()
    };
    let counted = known.download_count.abs_diff(listing.download_count);
    let is_much = counted > 0 && counted >= known.download_count / 100;
    card(known) != card(listing) || (is_much && taken.at + Duration::hours(23) < now)
}

#[cfg(test)]
mod tests;
