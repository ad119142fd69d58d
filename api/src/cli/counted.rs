//! Progress of work that can be counted: a bar on a terminal, a line every tenth elsewhere. Always on standard error.

use std::{
    io::{IsTerminal as _, Write as _},
    sync::atomic::{AtomicUsize, Ordering},
};

use indicatif::{ProgressBar, ProgressStyle};

const LINES: usize = 10;

pub(super) struct Counted {
    what: &'static str,
    total: usize,
    done: AtomicUsize,
    bar: Option<ProgressBar>,
}

impl Counted {
    pub(super) fn new(total: usize, what: &'static str) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new(total as u64);
            if let Ok(style) = ProgressStyle::with_template("{bar:32} {pos}/{len}  {prefix}: {msg}  {eta}") {
                bar.set_style(style);
            }
            bar.set_prefix(what);
            bar
        });
        Self { what, total, done: AtomicUsize::new(0), bar }
    }

    /// One more has begun.
    pub(super) fn at(&self, message: &str) {
        let done = self.done.fetch_add(1, Ordering::Relaxed) + 1;
        self.show(done - 1, done, message);
    }

    /// So many are done.
    pub(super) fn reached(&self, done: usize) {
        let before = self.done.swap(done, Ordering::Relaxed);
        if before != done {
            self.show(before, done, "");
        }
    }

    fn show(&self, before: usize, done: usize, message: &str) {
        match &self.bar {
            Some(bar) => {
                bar.set_position(done as u64);
                bar.set_message(message.to_owned());
            }
            None if is_worth_a_line(before, done, self.total) => {
                // When nobody reads, there is nobody to tell.
                let _ = writeln!(std::io::stderr(), "{}: {done} of {}", self.what, self.total);
            }
            None => {}
        }
    }

    /// Makes room for other output.
    pub(super) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn is_worth_a_line(before: usize, done: usize, total: usize) -> bool {
    let tenth = (total / LINES).max(1);
    done == total || done / tenth > before / tenth
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_about_ten_lines_however_much_there_is() {
        for total in [10, 105, 100_000] {
            let lines = (1..=total).filter(|done| is_worth_a_line(done - 1, *done, total)).count();
            assert!((10..=11).contains(&lines), "{total}: {lines}");
        }
    }
}
