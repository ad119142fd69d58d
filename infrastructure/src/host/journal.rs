//! The lines of one instance: as many as are looked at live, the rest in batches for whoever keeps them. A plugin
//! that talks too much loses lines, which are counted; nobody who reads can make it wait.

use std::{collections::VecDeque, time::Duration};

use application::ports::hosting::{Level, LogLine, Tail};
use chrono::{DateTime, Utc};
use serde_json::{Map, Value};
use tokio::time::Instant;

use super::{channel::plain, redact::Redactor};

const KEPT: usize = 1000;
const KEPT_BYTES: usize = 2 * 1024 * 1024;
const LONGEST: usize = 16 * 1024;
const RATE: f64 = 200.0;
const BURST: f64 = 2000.0;
const BATCH: usize = 200;
const BATCH_BYTES: usize = 48 * 1024;
const MOST_METADATA: usize = 4096;

pub(super) struct Journal {
    redactor: Redactor,
    kept: VecDeque<LogLine>,
    kept_bytes: usize,
    unsent: Vec<LogLine>,
    unsent_bytes: usize,
    number: u64,
    tokens: f64,
    filled: Instant,
    dropped: u64,
    /// Since the last warning about it.
    unsaid: u64,
    /// Since the last batch.
    untold: u64,
}

/// Lines for whoever keeps them, and how many before them nobody will see.
pub(super) type Batch = (Vec<LogLine>, u64);

impl Journal {
    pub(super) fn new(redactor: Redactor, now: Instant) -> Self {
        Self {
            redactor,
            kept: VecDeque::new(),
            kept_bytes: 0,
            unsent: Vec::new(),
            unsent_bytes: 0,
            number: 0,
            tokens: BURST,
            filled: now,
            dropped: 0,
            unsaid: 0,
            untold: 0,
        }
    }

    pub(super) fn redactor(&mut self) -> &mut Redactor {
        &mut self.redactor
    }

    /// Whether a batch is full.
    pub(super) fn write(
        &mut self,
        moment: Moment,
        level: Level,
        text: &str,
        metadata: Map<String, Value>,
    ) -> bool {
        self.refill(moment.now);
        // Debugging gives way first, then what is only told; warnings and errors may overdraw.
        let needed = match level {
            Level::Debug => BURST / 4.0,
            Level::Info => 1.0,
            Level::Warning | Level::Error => 1.0 - BURST / 2.0,
        };
        if self.tokens < needed {
            self.dropped += 1;
            self.unsaid += 1;
            self.untold += 1;
            return false;
        }
        self.tokens -= 1.0;
        if self.unsaid > 0 {
            let told =
                format!("{} lines were dropped: the plugin logs too much", std::mem::take(&mut self.unsaid));
            self.push(moment.at, Level::Warning, told, Map::new());
        }
        let text = plain(&self.redactor.clean(text.to_owned()), LONGEST);
        let metadata = self.harmless(metadata);
        self.push(moment.at, level, text, metadata);
        self.is_full()
    }

    fn harmless(&self, metadata: Map<String, Value>) -> Map<String, Value> {
        if metadata.is_empty() {
            return metadata;
        }
        let text = Value::Object(metadata).to_string();
        if text.len() > MOST_METADATA {
            return Map::from_iter([("cut".to_owned(), Value::from(true))]);
        }
        // What a database cannot hold comes as an escape in the text; it is escaped once more.
        let text = text.replace("\\u0000", "\\\\u0000");
        match serde_json::from_str(&text).map(|value| self.redactor.clean_value(value)) {
            Ok(Value::Object(metadata)) => metadata,
            Ok(_) | Err(_) => Map::new(),
        }
    }

    fn refill(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.filled);
        self.filled = now;
        self.tokens = (self.tokens + passed.as_secs_f64() * RATE).min(BURST);
    }

    fn push(&mut self, at: DateTime<Utc>, level: Level, text: String, metadata: Map<String, Value>) {
        self.number += 1;
        let line = LogLine { number: self.number, at, level, text, metadata };
        self.unsent_bytes += size(&line);
        self.unsent.push(line.clone());
        self.kept_bytes += size(&line);
        self.kept.push_back(line);
        while self.kept.len() > KEPT || self.kept_bytes > KEPT_BYTES {
            let Some(old) = self.kept.pop_front() else { break };
            self.kept_bytes -= size(&old);
        }
    }

    fn is_full(&self) -> bool {
        self.unsent.len() + 1 >= BATCH || self.unsent_bytes + LONGEST + MOST_METADATA > BATCH_BYTES
    }

    pub(super) fn has_unsent(&self) -> bool {
        !self.unsent.is_empty() || self.untold > 0
    }

    /// What was not handed out yet. `last`: nothing will follow, so what was dropped is said now.
    pub(super) fn batch(&mut self, at: DateTime<Utc>) -> Option<Batch> {
        if self.unsaid > 0 {
            let told =
                format!("{} lines were dropped: the plugin logs too much", std::mem::take(&mut self.unsaid));
            self.push(at, Level::Warning, told, Map::new());
        }
        if !self.has_unsent() {
            return None;
        }
        self.unsent_bytes = 0;
        Some((std::mem::take(&mut self.unsent), std::mem::take(&mut self.untold)))
    }

    pub(super) fn tail(&self, after: u64) -> Tail {
        let lines = self.kept.iter().filter(|line| line.number > after).cloned().collect();
        Tail { lines, next: self.number }
    }

    /// Lines that were taken, and those that were not.
    pub(super) fn counts(&self) -> (u64, u64) {
        (self.number, self.dropped)
    }

    /// How long lines may lie before they are handed out.
    pub(super) const PATIENCE: Duration = Duration::from_secs(1);
}

fn size(line: &LogLine) -> usize {
    let metadata =
        if line.metadata.is_empty() { 0 } else { Value::from(line.metadata.clone()).to_string().len() };
    line.text.len() + metadata
}

/// One moment by both clocks: the one that is told, and the one that does not jump.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    pub(super) at: DateTime<Utc>,
    pub(super) now: Instant,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn journal(now: Instant) -> Journal {
        Journal::new(Redactor::new(&["hunter22".to_owned().into()]), now)
    }

    fn moment(now: Instant) -> Moment {
        Moment { at: DateTime::UNIX_EPOCH, now }
    }

    #[tokio::test]
    async fn a_flood_is_bounded_and_what_is_lost_is_counted_exactly() {
        let now = Instant::now();
        let mut journal = journal(now);
        let (mut taken, mut dropped) = (0, 0);
        for number in 0..100_000 {
            let full = journal.write(moment(now), Level::Info, &format!("line {number}"), Map::new());
            if full || number == 99_999 {
                let (lines, lost) = journal.batch(DateTime::UNIX_EPOCH).unwrap();
                assert!(lines.len() <= 200);
                taken += lines.iter().filter(|line| line.text.starts_with("line ")).count() as u64;
                dropped += lost;
            }
        }
        assert_eq!((taken, dropped), (2000, 98_000));
        assert_eq!(journal.counts().1, 98_000);
        let tail = journal.tail(0);
        assert!(tail.lines.len() <= KEPT);
        assert_eq!(tail.lines.last().unwrap().text, "98000 lines were dropped: the plugin logs too much");
    }

    #[tokio::test]
    async fn debugging_gives_way_first_and_errors_last() {
        let now = Instant::now();
        let mut journal = journal(now);
        let taken = |journal: &mut Journal, level| {
            let before = journal.counts().0;
            for _ in 0..5000 {
                journal.write(moment(now), level, "x", Map::new());
            }
            journal.counts().0 - before
        };
        assert_eq!(taken(&mut journal, Level::Debug), 1501);
        assert_eq!(taken(&mut journal, Level::Info), 499 + 1);
        assert_eq!(taken(&mut journal, Level::Error), 1000 + 1);
        let later = now + Duration::from_secs(10);
        assert!(!journal.write(moment(later), Level::Info, "again", Map::new()) || journal.has_unsent());
        assert_eq!(journal.tail(0).lines.last().unwrap().text, "again");
    }

    #[tokio::test]
    async fn a_line_is_cut_cleaned_and_numbered() {
        let now = Instant::now();
        let mut journal = journal(now);
        let metadata = Map::from_iter([("token".to_owned(), json!("hunter22\0"))]);
        journal.write(moment(now), Level::Info, "is \u{1b}hunter22", metadata);
        journal.write(moment(now), Level::Info, &"x".repeat(100_000), Map::new());
        let (lines, _) = journal.batch(DateTime::UNIX_EPOCH).unwrap();
        assert_eq!((lines[0].number, lines[0].text.as_str()), (1, "is \\u{1b}***"));
        assert_eq!(lines[0].metadata["token"], "***\\u0000");
        assert!(lines[1].text.len() <= LONGEST && lines[1].text.ends_with("[cut]"));
        assert_eq!(journal.tail(1).lines.len(), 1);
        assert_eq!(journal.batch(DateTime::UNIX_EPOCH), None);
    }
}
