//! The ways out of a life.

use application::ports::hosting::{Exit, StartFault, State, Stop};
use tokio::time::Instant;

use super::{
    super::{
        Ending,
        stopping::{After, KILL, Leaving, Step},
    },
    End, Life,
};
use crate::host::cgroups::Group;

impl Life<'_> {
    pub(super) fn leave_as(&mut self, how: Stop, after: After) {
        let now = Instant::now();
        if let Some(waiter) = self.attendance.waiter.take() {
            let _ = waiter.send(Err(StartFault::Stopped));
        }
        match &mut self.leaving {
            None => {
                self.attendance.turn(State::Stopping, Ending::default());
                let killed = !how.graceful;
                self.leaving = Some(Leaving::begin(now, how, after));
                if killed {
                    self.running.kill();
                } else if self.ready.is_none() || self.waiting.is_empty() {
                    self.leave(now);
                }
            }
            Some(leaving) => {
                leaving.after.push(after);
                if !how.graceful && leaving.step != Step::Killed {
                    leaving.killed(now);
                    self.running.kill();
                }
            }
        }
    }

    /// The next step.
    pub(super) fn leave(&mut self, now: Instant) {
        let Some(leaving) = &mut self.leaving else { return };
        match leaving.step {
            Step::Draining => {
                let left = leaving.until.saturating_duration_since(now);
                let farewell = self.channel.close(u64::try_from(left.as_millis()).unwrap_or(u64::MAX));
                leaving.told(now, farewell.heeded);
                self.outbox.push(farewell.send);
                self.outbox.closing = farewell.close;
                self.tell();
            }
            Step::Told => {
                leaving.signalled(now);
                self.running.terminate();
            }
            Step::Signalled | Step::Killed => {
                leaving.killed(now);
                self.running.kill();
            }
        }
    }

    /// It cannot go on. Before it was ready this is why it was not started.
    pub(super) fn give_up(&mut self, fault: StartFault) {
        if self.ready.is_none() {
            self.fault.get_or_insert(fault);
        }
        self.kill(Some(Exit::Broken));
    }

    pub(super) fn kill(&mut self, reason: Option<Exit>) {
        if let Some(reason) = reason {
            self.reason.get_or_insert(reason);
        }
        self.doom = Some(Instant::now() + KILL);
        self.running.kill();
    }

    pub(super) fn end(&mut self, exit: Option<Exit>) -> End {
        let out_of_memory =
            self.family.group.as_ref().is_some_and(|group: &Group| group.kills() > self.kills_before);
        let exit = match (self.reason, exit) {
            (Some(reason), _) => reason,
            (None, Some(Exit::Signal(9))) if out_of_memory => Exit::OutOfMemory,
            (None, exit) => exit.unwrap_or(Exit::Signal(9)),
        };
        let stderr = self.errors.last_words();
        self.attendance.instance.seen().family = None;
        if let Some(leaving) = self.leaving.take() {
            let mut end = End::Stopped(None);
            for after in leaving.after {
                // Stopping is stronger than starting again; all who wait are told.
                end = match (end, after) {
                    (End::Stopped(Some(first)), After::Stopped(done)) => {
                        let _ = first.send(());
                        End::Stopped(Some(done))
                    }
                    (_, After::Stopped(done)) => End::Stopped(Some(done)),
                    (End::Stopped(None), After::Restart(waiter)) => End::Restart(waiter),
                    (end, After::Restart(waiter)) => {
                        let _ = waiter.send(Err(StartFault::Stopped));
                        end
                    }
                };
            }
            return end;
        }
        match (self.ready, self.fault.take()) {
            (Some(ready), _) => End::Ended { exit, stderr, ran: ready.elapsed() },
            (None, Some(StartFault::TimedOut { after, .. })) => {
                End::NotStarted(StartFault::TimedOut { after, stderr })
            }
            (None, Some(fault)) => End::NotStarted(fault),
            (None, None) => End::NotStarted(StartFault::Exited { exit, stderr }),
        }
    }
}
