//! How an instance is, from what it says, from whether it says anything, and from what the host sees of it.

use std::time::Duration;

use application::ports::hosting::{Check, CheckStatus, Health, Limits};
use tokio::time::Instant;

use super::super::figures::Look;

pub(super) const EVERY: Duration = Duration::from_secs(10);
const LIMIT: Duration = Duration::from_secs(3);
const UNHEALTHY: u32 = 3;
const GONE: u32 = 6;

/// The rule of one life.
#[derive(Debug)]
pub(super) struct Watch {
    next: Instant,
    /// Until when an answer is waited for.
    awaited: Option<Instant>,
    missed: u32,
    beat: Option<Beat>,
    said: Vec<Check>,
}

/// For plugins that tell by themselves that they are there.
#[derive(Debug)]
struct Beat {
    every: Duration,
    last: Instant,
}

/// What is to be done now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Due {
    Nothing,
    Ask,
    /// It has been silent for too long.
    Kill,
}

impl Watch {
    pub(super) fn new(now: Instant, beat: Option<Duration>) -> Self {
        let beat = beat.map(|every| Beat { every, last: now });
        Self { next: now + EVERY, awaited: None, missed: 0, beat, said: Vec::new() }
    }

    /// When to look again.
    pub(super) fn next(&self) -> Instant {
        self.awaited.map_or(self.next, |awaited| awaited.min(self.next))
    }

    pub(super) fn due(&mut self, now: Instant) -> Due {
        if self.awaited.is_some_and(|awaited| awaited <= now) {
            self.awaited = None;
            self.missed += 1;
        }
        if let Some(beat) = &self.beat {
            // The heart of such a plugin beats every few seconds: 6 beats are 3 misses, 12 are 6.
            let silent = now.saturating_duration_since(beat.last).as_secs_f64() / beat.every.as_secs_f64();
            self.missed = match silent {
                ..=6.0 => 0,
                ..=12.0 => UNHEALTHY,
                _ => GONE,
            };
        }
        if self.missed >= GONE {
            return Due::Kill;
        }
        if self.next > now {
            return Due::Nothing;
        }
        self.next = now + EVERY;
        Due::Ask
    }

    /// It was asked, and has so long.
    pub(super) fn asked(&mut self, now: Instant) {
        self.awaited = Some(now + LIMIT);
    }

    pub(super) fn heard(&mut self, now: Instant, said: Option<Vec<Check>>) {
        self.awaited = None;
        self.missed = 0;
        if let Some(beat) = &mut self.beat {
            beat.last = now;
        }
        if let Some(said) = said {
            self.said = said;
        }
    }

    /// All of it together.
    pub(super) fn verdict(&self, look: Look, limits: &Limits, fails_often: bool) -> (Health, Vec<Check>) {
        let mut checks = vec![Check {
            name: "answers".to_owned(),
            status: match self.missed {
                0 => CheckStatus::Pass,
                1..UNHEALTHY => CheckStatus::Warning,
                UNHEALTHY.. => CheckStatus::Fail,
            },
            message: if self.missed == 0 {
                String::new()
            } else {
                format!("{} times without an answer", self.missed)
            },
        }];
        let memory = look.memory / (1024 * 1024);
        checks.push(within("memory", memory, u64::from(limits.memory_mb), "MiB"));
        checks.push(within("file_handles", u64::from(look.handles), u64::from(limits.file_handles), "open"));
        let status = if fails_often { CheckStatus::Warning } else { CheckStatus::Pass };
        let message = if fails_often { "half of the calls fail".to_owned() } else { String::new() };
        checks.push(Check { name: "error_rate".to_owned(), status, message });
        checks.extend(self.said.iter().cloned());
        let worst = checks.iter().map(|check| check.status).max();
        let health = match worst {
            Some(CheckStatus::Fail) => Health::Unhealthy,
            Some(CheckStatus::Warning) => Health::Warning,
            Some(CheckStatus::Pass) | None => Health::Healthy,
        };
        (health, checks)
    }
}

fn within(name: &str, used: u64, most: u64, unit: &str) -> Check {
    let status = if used * 10 > most * 9 { CheckStatus::Warning } else { CheckStatus::Pass };
    Check { name: name.to_owned(), status, message: format!("{used} of {most} {unit}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn health(watch: &Watch) -> Health {
        watch.verdict(Look::default(), &Limits::default(), false).0
    }

    #[tokio::test]
    async fn three_silences_are_a_bad_sign_and_six_the_end() {
        let mut now = Instant::now();
        let mut watch = Watch::new(now, None);
        for missed in 1..=6 {
            now = watch.next();
            assert_eq!(watch.due(now), Due::Ask);
            watch.asked(now);
            now = watch.next();
            let expected = if missed == 6 { Due::Kill } else { Due::Nothing };
            assert_eq!(watch.due(now), expected);
            let expected = if missed < 3 { Health::Warning } else { Health::Unhealthy };
            assert_eq!(health(&watch), expected, "{missed}");
        }
    }

    #[tokio::test]
    async fn an_answer_makes_up_for_all_silences() {
        let mut now = Instant::now();
        let mut watch = Watch::new(now, None);
        for _ in 0..5 {
            now = watch.next();
            watch.due(now);
            watch.asked(now);
            now = watch.next();
            watch.due(now);
        }
        watch.heard(now, Some(Vec::new()));
        assert_eq!(health(&watch), Health::Healthy);
    }

    #[tokio::test]
    async fn a_heart_that_stops_is_heard() {
        let now = Instant::now();
        let mut watch = Watch::new(now, Some(Duration::from_secs(3)));
        let after = |seconds| now + Duration::from_secs(seconds);
        assert_eq!(watch.due(after(17)), Due::Ask);
        assert_eq!(health(&watch), Health::Healthy);
        watch.due(after(20));
        assert_eq!(health(&watch), Health::Unhealthy);
        watch.heard(after(21), None);
        watch.due(after(22));
        assert_eq!(health(&watch), Health::Healthy);
        assert_eq!(watch.due(after(58)), Due::Kill);
    }

    #[tokio::test]
    async fn what_is_near_its_limit_is_a_warning() {
        let watch = Watch::new(Instant::now(), None);
        let limits = Limits { memory_mb: 100, ..Limits::default() };
        let look = Look { memory: 95 * 1024 * 1024, ..Look::default() };
        let (health, checks) = watch.verdict(look, &limits, false);
        assert_eq!((health, checks[1].message.as_str()), (Health::Warning, "95 of 100 MiB"));
        assert_eq!(watch.verdict(Look::default(), &limits, true).0, Health::Warning);
    }
}
