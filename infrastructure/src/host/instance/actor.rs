//! Whoever looks after one instance: life after life, until it is stopped for good. Nobody else starts or ends it.

use std::{ops::ControlFlow, sync::Arc, time::Duration};

use application::ports::hosting::{CallFault, Exit, Health, Level, StartFault, Started, State};
use serde_json::Map;
use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, sleep_until},
};

use super::{
    Ending, Instance, Wish,
    life::{self, End},
};
use crate::{
    host::{backoff::Backoff, supervisor::Common},
    system::random,
};

/// Somebody who waits until it is ready.
pub(super) type Waiter = oneshot::Sender<Result<Started, StartFault>>;

pub(in crate::host) struct Attendance {
    pub(super) common: Arc<Common>,
    pub(super) instance: Arc<Instance>,
    pub(super) wishes: mpsc::Receiver<Wish>,
    pub(super) waiter: Option<Waiter>,
    backoff: Backoff,
}

/// Returns when the instance is stopped, or has never become ready.
pub(in crate::host) async fn attend(
    common: Arc<Common>,
    instance: Arc<Instance>,
    wishes: mpsc::Receiver<Wish>,
    waiter: Waiter,
) {
    let waiter = Some(waiter);
    let mut attendance = Attendance { common, instance, wishes, waiter, backoff: Backoff::default() };
    let mut is_first = true;
    loop {
        let end = life::live(&mut attendance).await;
        let next = attendance.after(end, is_first).await;
        is_first = false;
        if next.is_break() {
            break;
        }
        attendance.instance.seen().restarts += 1;
    }
    attendance.instance.hand_out(&attendance.common);
}

impl Attendance {
    pub(super) fn turn(&self, to: State, ending: Ending) {
        self.instance.turn(&self.common, to, ending);
    }

    async fn after(&mut self, end: End, is_first: bool) -> ControlFlow<()> {
        self.instance.hand_out(&self.common);
        match end {
            End::Stopped(done) => {
                self.turn(State::Stopped, Ending::default());
                // Whoever wanted it may have gone.
                let _ = done.map(|done| done.send(()));
                ControlFlow::Break(())
            }
            End::Restart(waiter) => {
                self.backoff = Backoff::default();
                self.waiter = Some(waiter);
                ControlFlow::Continue(())
            }
            End::NotStarted(fault) => self.not_started(fault, is_first).await,
            End::Ended { exit, stderr, ran } => {
                self.instance.write(
                    &self.common,
                    Level::Error,
                    &format!("the plugin ended: {exit}"),
                    Map::new(),
                );
                self.crashed(Some(exit), stderr, ran).await
            }
        }
    }

    async fn not_started(&mut self, fault: StartFault, is_first: bool) -> ControlFlow<()> {
        let why = self.instance.clean(fault.to_string());
        let fault = self.cleaned(fault);
        let (exit, stderr) = match &fault {
            StartFault::Exited { exit, stderr } => (Some(*exit), stderr.clone()),
            StartFault::TimedOut { stderr, .. } => (None, stderr.clone()),
            StartFault::Refused(_)
            | StartFault::Impostor(_)
            | StartFault::Broken(_)
            | StartFault::NoSandbox { .. }
            | StartFault::NotMade(_)
            | StartFault::Stopped
            | StartFault::AlreadyRunning
            | StartFault::Unknown => (None, String::new()),
        };
        self.instance.write(&self.common, Level::Error, &why, Map::new());
        self.instance.seen().why = Some(why);
        let Some(waiter) = self.waiter.take() else {
            return self.crashed(exit, stderr, Duration::ZERO).await;
        };
        self.turn(State::Failed, Ending { exit, stderr, wait: None });
        let _ = waiter.send(Err(fault));
        if is_first { ControlFlow::Break(()) } else { self.wait(None).await }
    }

    /// What a plugin said is told to people, who may not know everything.
    fn cleaned(&self, fault: StartFault) -> StartFault {
        let clean = |text: String| self.instance.clean(text);
        match fault {
            StartFault::Exited { exit, stderr } => StartFault::Exited { exit, stderr: clean(stderr) },
            StartFault::TimedOut { after, stderr } => StartFault::TimedOut { after, stderr: clean(stderr) },
            StartFault::Refused(said) => StartFault::Refused(clean(said)),
            StartFault::Impostor(said) => StartFault::Impostor(clean(said)),
            StartFault::Broken(said) => StartFault::Broken(clean(said)),
            other @ (StartFault::NoSandbox { .. }
            | StartFault::NotMade(_)
            | StartFault::Stopped
            | StartFault::AlreadyRunning
            | StartFault::Unknown) => other,
        }
    }

    async fn crashed(&mut self, exit: Option<Exit>, stderr: String, ran: Duration) -> ControlFlow<()> {
        // Without randomness all wait alike, which is no reason not to start.
        let chance = random::<1>().map_or(0.5, |[byte]| f64::from(byte) / 255.0);
        let wait = self.backoff.crashed(Instant::now(), ran, chance);
        let to = if wait.is_some() { State::Waiting } else { State::Failed };
        if let Some(exit) = exit {
            self.instance.seen().why = Some(format!("The plugin ended: {exit}"));
        }
        self.turn(to, Ending { exit, stderr, wait });
        self.wait(wait).await
    }

    /// Until it is to be started again; for good where no time is said.
    async fn wait(&mut self, wait: Option<Duration>) -> ControlFlow<()> {
        let until = wait.map(|wait| Instant::now() + wait);
        loop {
            let elapsed = async {
                match until {
                    Some(until) => sleep_until(until).await,
                    None => std::future::pending().await,
                }
            };
            let wish = tokio::select! {
                () = elapsed => return ControlFlow::Continue(()),
                wish = self.wishes.recv() => wish,
            };
            match wish {
                None => return ControlFlow::Break(()),
                Some(Wish::Stop { done, .. }) => {
                    self.turn(State::Stopped, Ending::default());
                    let _ = done.send(());
                    return ControlFlow::Break(());
                }
                Some(Wish::Restart { started, .. }) => {
                    self.backoff = Backoff::default();
                    self.waiter = Some(started);
                    return ControlFlow::Continue(());
                }
                Some(other) => refuse(other),
            }
        }
    }
}

/// There is nobody to ask.
pub(super) fn refuse(wish: Wish) {
    match wish {
        // Whoever wanted it may have gone.
        Wish::Call { answer, .. } | Wish::Configure { answer, .. } => {
            let _ = answer.send(Err(CallFault::NotRunning));
        }
        Wish::Probe(answer) => {
            let _ = answer.send(Health::Unknown);
        }
        Wish::Stop { done, .. } => {
            let _ = done.send(());
        }
        Wish::Restart { started, .. } => {
            let _ = started.send(Err(StartFault::Stopped));
        }
        Wish::Forget(_) | Wish::Deliver(_) | Wish::Permit(_) | Wish::Kill(_) => {}
    }
}
