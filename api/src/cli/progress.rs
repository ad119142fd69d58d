//! How far the work is: a bar on a terminal, plain lines elsewhere. Always on standard error.

use std::{
    io::{IsTerminal as _, Write as _},
    sync::{Mutex, PoisonError},
};

use application::repackaging::{Progress, Step};
use domain::task::Phase;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

const POINTS_BETWEEN_LINES: u8 = 10;

/// Where the progress of all jobs of one command is shown.
#[derive(Default)]
pub(super) struct Screen {
    bars: Option<MultiProgress>,
}

impl Screen {
    pub(super) fn new() -> Self {
        Self { bars: std::io::stderr().is_terminal().then(MultiProgress::new) }
    }

    /// `label` tells several jobs apart; empty for the only one.
    pub(super) fn job(&self, label: &str) -> Shown {
        let Some(bars) = &self.bars else {
            return Shown::Lines { label: label.to_owned(), last: Mutex::default() };
        };
        let bar = bars.add(ProgressBar::new(100));
        if let Ok(style) = ProgressStyle::with_template("{bar:32} {pos:>3}%  {prefix}{msg}") {
            bar.set_style(style);
        }
        bar.set_prefix(prefix(label));
        Shown::Bar(bar)
    }
}

/// Progress towards one result, or towards all results of one input.
pub(super) enum Shown {
    Bar(ProgressBar),
    Lines { label: String, last: Mutex<Option<(Phase, u8)>> },
}

impl Shown {
    /// Makes room for other output.
    pub(super) fn finish(&self) {
        match self {
            Self::Bar(bar) => bar.finish_and_clear(),
            Self::Lines { .. } => {}
        }
    }
}

impl Progress for Shown {
    fn report(&self, step: Step<'_>) {
        match self {
            Self::Bar(bar) => {
                bar.set_position(step.percent.into());
                bar.set_message(with_bytes(&step));
            }
            Self::Lines { label, last } => {
                let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
                if worth_a_line(*last, &step) {
                    *last = Some((step.phase, step.percent));
                    let (percent, prefix, message) = (step.percent, prefix(label), step.message);
                    // When nobody reads, there is nobody to tell.
                    let _ = writeln!(std::io::stderr(), "{percent:>3}%  {prefix}{message}");
                }
            }
        }
    }
}

fn prefix(label: &str) -> String {
    if label.is_empty() { String::new() } else { format!("{label}: ") }
}

fn worth_a_line(last: Option<(Phase, u8)>, step: &Step<'_>) -> bool {
    last.is_none_or(|(phase, percent)| {
        phase != step.phase || step.percent >= percent.saturating_add(POINTS_BETWEEN_LINES)
    })
}

fn with_bytes(step: &Step<'_>) -> String {
    match step.bytes {
        Some((done, Some(all))) if all > 0 => {
            format!("{} ({} of {} MB)", step.message, mega(done), mega(all))
        }
        Some((done, None)) if done > 0 => format!("{} ({} MB)", step.message, mega(done)),
        Some(_) | None => step.message.to_owned(),
    }
}

fn mega(bytes: u64) -> u64 {
    bytes.div_ceil(1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(phase: Phase, percent: u8) -> Step<'static> {
        Step::at(phase, percent, "x", None)
    }

    #[test]
    fn a_line_is_written_per_phase_and_every_ten_points() {
        let mut last = None;
        let mut lines = 0;
        for percent in 30..=85 {
            let step = step(Phase::Wheels, percent);
            if worth_a_line(last, &step) {
                last = Some((step.phase, step.percent));
                lines += 1;
            }
        }
        assert_eq!(lines, 6);
        assert!(worth_a_line(last, &step(Phase::Packing, 85)));
    }

    #[test]
    fn bytes_stand_behind_the_message_where_they_are_known() {
        let bytes = |done, all| with_bytes(&Step::between(Phase::Wheels, (30, 85), done, all, "x"));
        assert_eq!(bytes(1_500_000, Some(3_000_000)), "x (2 of 3 MB)");
        assert_eq!(bytes(1, None), "x (1 MB)");
        assert_eq!(bytes(0, None), "x");
    }
}
