//! When a changed view is shown: at once if its status is another, else at most four times a second.

use std::time::Duration;

use application::queries::tasks::TaskView;
use tokio::time::Instant;

use super::body::status_word;

const BETWEEN: Duration = Duration::from_millis(250);

/// Of one socket.
#[derive(Debug)]
pub(super) struct Pace {
    shown_at: Instant,
    status: &'static str,
    waiting: bool,
}

impl Pace {
    /// After the first frame.
    pub(super) fn new(view: &TaskView) -> Self {
        Self { shown_at: Instant::now(), status: status_word(view), waiting: false }
    }

    /// When the changed view is to be shown.
    pub(super) fn changed(&mut self, view: &TaskView) {
        self.waiting = true;
        if view.status.is_final() || status_word(view) != self.status {
            // Due already.
            self.shown_at = Instant::now() - BETWEEN;
        }
    }

    pub(super) fn due(&self) -> Option<Instant> {
        self.waiting.then(|| self.shown_at + BETWEEN)
    }

    pub(super) fn shown(&mut self, view: &TaskView) {
        *self = Self::new(view);
    }
}

#[cfg(test)]
mod tests {
    use application::queries::tasks::TaskStatus;
    use domain::task::Phase;

    use super::*;
    use crate::fakes::queued_view;

    fn at(percent: u8) -> TaskView {
        TaskView { status: TaskStatus::Running, phase: Some(Phase::Wheels), percent, ..queued_view() }
    }

    #[tokio::test(start_paused = true)]
    async fn progress_is_shown_four_times_a_second() {
        tokio::time::advance(Duration::from_secs(10)).await;
        let mut pace = Pace::new(&at(30));
        assert_eq!(pace.due(), None);
        pace.changed(&at(31));
        pace.changed(&at(32));
        assert_eq!(pace.due(), Some(Instant::now() + BETWEEN), "two changes wait for one frame");
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(pace.due().unwrap() <= Instant::now());
        pace.shown(&at(32));
        assert_eq!(pace.due(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_new_status_is_shown_at_once() {
        tokio::time::advance(Duration::from_secs(10)).await;
        let mut pace = Pace::new(&queued_view());
        pace.changed(&at(30));
        assert!(pace.due().unwrap() <= Instant::now());
        pace.shown(&at(30));
        let ended = TaskView { status: TaskStatus::Failed, ..at(30) };
        pace.changed(&ended);
        assert!(pace.due().unwrap() <= Instant::now());
    }
}
