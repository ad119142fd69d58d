//! What the host itself measures of an instance, in windows; latencies in buckets that can be added up, so that
//! windows can be merged and a percentile still be told.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use application::ports::hosting::Sample;
use chrono::{DateTime, Utc};
use sha2::{Digest as _, Sha256};

const SMALLEST_MS: f64 = 0.05;
const GROWTH: f64 = 1.05;
const LAST_BUCKET: f64 = 511.0;
const MOST_CALLERS: usize = 1000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Ok,
    Error,
    TimedOut,
}

/// One look at the processes.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Look {
    pub(super) memory: u64,
    /// Since the first process of the instance started.
    pub(super) cpu: Duration,
    pub(super) handles: u32,
    pub(super) processes: u32,
}

#[derive(Debug)]
pub(super) struct Figures {
    since: DateTime<Utc>,
    requests: u64,
    ok: u64,
    errors: u64,
    timeouts: u64,
    latency: BTreeMap<u16, u32>,
    latency_sum: Duration,
    looks: u64,
    memory_sum: u64,
    memory_max: u64,
    handles_max: u32,
    cpu: Duration,
    callers: BTreeSet<u64>,
    more_callers: bool,
    /// Memory that was last told of; an idle plugin that has not changed is not told of again.
    told: Option<u64>,
}

impl Figures {
    pub(super) fn since(since: DateTime<Utc>) -> Self {
        Self {
            since,
            requests: 0,
            ok: 0,
            errors: 0,
            timeouts: 0,
            latency: BTreeMap::new(),
            latency_sum: Duration::ZERO,
            looks: 0,
            memory_sum: 0,
            memory_max: 0,
            handles_max: 0,
            cpu: Duration::ZERO,
            callers: BTreeSet::new(),
            more_callers: false,
            told: None,
        }
    }

    pub(super) fn called(&mut self, outcome: Outcome, took: Duration, caller: Option<&str>) {
        self.requests += 1;
        match outcome {
            Outcome::Ok => self.ok += 1,
            Outcome::Error => self.errors += 1,
            Outcome::TimedOut => self.timeouts += 1,
        }
        *self.latency.entry(bucket(took)).or_default() += 1;
        self.latency_sum += took;
        if let Some(caller) = caller {
            self.met(caller);
        }
    }

    fn met(&mut self, caller: &str) {
        let digest = Sha256::digest(caller);
        let number = digest.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte));
        if self.callers.contains(&number) {
            return;
        }
        if self.callers.len() < MOST_CALLERS {
            self.callers.insert(number);
        } else {
            self.more_callers = true;
        }
    }

    /// `used`: of the processor since the look before.
    pub(super) fn looked(&mut self, look: Look, used: Duration) {
        self.looks += 1;
        self.memory_sum += look.memory;
        self.memory_max = self.memory_max.max(look.memory);
        self.handles_max = self.handles_max.max(look.handles);
        self.cpu += used;
    }

    /// Too few of the calls of this window went well.
    pub(super) fn fails_often(&self) -> bool {
        self.requests >= 10 && self.ok * 2 < self.requests
    }

    /// The window that ends now; `None` for one in which nothing happened that was not told before.
    pub(super) fn take(&mut self, now: DateTime<Utc>) -> Option<Sample> {
        let memory = self.memory_sum.checked_div(self.looks).unwrap_or_default();
        let is_still = self.told.is_some_and(|told| told.abs_diff(memory) * 20 <= told);
        let told = if self.requests == 0 && is_still { self.told } else { Some(memory) };
        let window = std::mem::replace(self, Self { told, ..Self::since(now) });
        if window.requests == 0 && (is_still || window.looks == 0) {
            return None;
        }
        Some(Sample {
            window_start: window.since,
            window: (now - window.since).to_std().unwrap_or_default(),
            requests: window.requests,
            ok: window.ok,
            errors: window.errors,
            timeouts: window.timeouts,
            latency: window.latency.into_iter().collect(),
            latency_sum: window.latency_sum,
            rss_max: window.memory_max,
            rss_mean: memory,
            cpu: window.cpu,
            file_handles_max: window.handles_max,
            callers: window.callers.into_iter().collect(),
            more_callers: window.more_callers,
        })
    }
}

/// The first whose end is not below it.
fn bucket(took: Duration) -> u16 {
    let milliseconds = took.as_secs_f64() * 1000.0;
    let number = ((milliseconds / SMALLEST_MS).ln() / GROWTH.ln()).ceil().clamp(0.0, LAST_BUCKET);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to 0..=511")]
    let number = number as u16;
    number
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_latency_falls_into_the_bucket_that_ends_above_it_and_begins_within_a_twentieth_below() {
        for micros in [1, 49, 50, 51, 160, 999, 10_000, 1_234_567, 30_000_000] {
            let end = SMALLEST_MS * GROWTH.powi(i32::from(bucket(Duration::from_micros(micros))));
            let took = f64::from(u32::try_from(micros).unwrap()) / 1000.0;
            assert!(end * 1.000_001 >= took, "{micros}");
            assert!(micros <= 50 || end / GROWTH <= took * 1.000_001, "{micros}");
        }
        assert_eq!(bucket(Duration::MAX), 511);
    }

    #[test]
    fn a_window_says_what_happened_in_it_and_an_idle_one_nothing() {
        let at = |second| DateTime::from_timestamp(second, 0).unwrap();
        let mut figures = Figures::since(at(0));
        figures.called(Outcome::Ok, Duration::from_millis(1), Some("user:a"));
        figures.called(Outcome::TimedOut, Duration::from_secs(1), Some("user:a"));
        figures.called(Outcome::Error, Duration::from_millis(1), Some("user:b"));
        let look = Look { memory: 1000, handles: 5, ..Look::default() };
        figures.looked(look, Duration::from_millis(30));
        figures.looked(Look { memory: 3000, ..look }, Duration::from_millis(20));
        let sample = figures.take(at(60)).unwrap();
        assert_eq!((sample.requests, sample.ok, sample.errors, sample.timeouts), (3, 1, 1, 1));
        assert_eq!((sample.rss_max, sample.rss_mean, sample.file_handles_max), (3000, 2000, 5));
        assert_eq!((sample.cpu, sample.window), (Duration::from_millis(50), Duration::from_mins(1)));
        assert_eq!(sample.latency.iter().map(|(_, count)| count).sum::<u32>(), 3);
        assert_eq!((sample.callers.len(), sample.more_callers), (2, false));
        figures.looked(Look { memory: 2010, ..look }, Duration::ZERO);
        assert_eq!(figures.take(at(120)), None, "idle and as before");
        figures.looked(Look { memory: 9000, ..look }, Duration::ZERO);
        assert_eq!(figures.take(at(180)).unwrap().rss_mean, 9000);
    }

    #[test]
    fn of_many_callers_a_thousand_are_named() {
        let mut figures = Figures::since(DateTime::UNIX_EPOCH);
        for number in 0..1500 {
            figures.called(Outcome::Ok, Duration::ZERO, Some(&format!("user:{number}")));
        }
        let sample = figures.take(DateTime::UNIX_EPOCH).unwrap();
        assert_eq!((sample.callers.len(), sample.more_callers), (1000, true));
    }
}
