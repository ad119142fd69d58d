//! One life of a plugin: a process, its channel and everything that is waited for, from the order to the end of the
//! last process of its family. One loop, in which nothing ever waits for the plugin alone.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use application::ports::hosting::{Denied, Exit, Health, Limits, StartFault, State};
use serde_json::{Map, Value};
use tokio::{
    sync::{OwnedSemaphorePermit, mpsc, oneshot},
    time::{Instant, sleep_until},
};

use super::{
    Answer, Ending, Wish,
    actor::{Attendance, refuse},
    health::Watch,
    outbox::Outbox,
    stopping::Leaving,
};
use crate::host::{
    channel::{Channel, Number},
    errors::Errors,
    kin::Family,
    order::Walls,
    process::{Running, ended},
    supervisor::Prepared,
};

mod effects;
mod leaving;
mod pipes;

/// How a life ended.
pub(super) enum End {
    NotStarted(StartFault),
    /// By itself, or by the host for a reason.
    Ended {
        exit: Exit,
        stderr: String,
        ran: Duration,
    },
    Stopped(Option<oneshot::Sender<()>>),
    Restart(super::actor::Waiter),
}

/// What the plugin may want of the host at a time.
const MOST_ASKED: usize = 64;
const CHUNK: usize = 16 * 1024;

struct Life<'a> {
    attendance: &'a mut Attendance,
    running: Running,
    channel: Box<dyn Channel>,
    family: Family,
    limits: Limits,
    outbox: Outbox,
    errors: Errors,
    waiting: HashMap<Number, oneshot::Sender<Answer>>,
    probes: Vec<oneshot::Sender<Health>>,
    asking: usize,
    answers: (mpsc::UnboundedSender<Answered>, mpsc::UnboundedReceiver<Answered>),
    watch: Watch,
    /// Held until it is ready: not everybody starts at once.
    permit: Option<OwnedSemaphorePermit>,
    begun: Instant,
    patience: Duration,
    ready: Option<Instant>,
    flush: Option<Instant>,
    /// Figures that are still to be told.
    reported: BTreeMap<String, f64>,
    /// What was last said of its health, and when.
    told: (Health, Instant),
    leaving: Option<Leaving>,
    /// Why it is being ended, where that is not its own doing.
    reason: Option<Exit>,
    fault: Option<StartFault>,
    /// When it is killed, if it has not ended by then.
    doom: Option<Instant>,
    stdout_open: bool,
    stderr_open: bool,
    kills_before: u64,
}

/// What the loop woke up for.
enum Turn {
    Wish(Option<Wish>),
    Stdout,
    Stderr,
    Stdin,
    Answered(Option<Answered>),
    Time,
    Ended(Option<Exit>),
}

type Answered = (Number, Result<Value, Denied>);

/// From a start to the end of everything that came of it.
pub(super) async fn live(attendance: &mut Attendance) -> End {
    attendance.turn(State::Starting, Ending::default());
    let permit = match permit(attendance).await {
        Ok(permit) => permit,
        Err(end) => return end,
    };
    attendance.instance.seen().started_at = attendance.common.clock.now();
    let launch = attendance.instance.launch().clone();
    let prepared = match attendance.common.prepare(&launch) {
        Ok(prepared) => prepared,
        Err(fault) => {
            attendance.common.clear(&launch, Family::default()).await;
            return End::NotStarted(fault);
        }
    };
    let limits = launch.limits;
    let begun = Instant::now();
    let running = match attendance.common.nursery.start(&prepared.order).await {
        Ok(running) => running,
        Err(refused) => {
            tracing::warn!(instance = %launch.instance, %refused, "a plugin was not launched");
            attendance.common.clear(&launch, prepared.family).await;
            return End::NotStarted(StartFault::NotMade(refused.step));
        }
    };
    let mut life = Life::begin(attendance, prepared, running, limits, permit, begun);
    let exit = life.run().await;
    let end = life.end(exit);
    let family = std::mem::take(&mut life.family);
    let common = life.attendance.common.clone();
    drop(life);
    common.clear(&launch, family).await;
    end
}

/// Stopping comes before starting.
async fn permit(attendance: &mut Attendance) -> Result<OwnedSemaphorePermit, End> {
    loop {
        let launches = attendance.common.launches.clone();
        let wish = tokio::select! {
            permit = launches.acquire_owned() => {
                return permit.map_err(|_closed| End::NotStarted(StartFault::Stopped));
            }
            wish = attendance.wishes.recv() => wish,
        };
        match wish {
            None => return Err(End::Stopped(None)),
            Some(Wish::Stop { done, .. }) => {
                let _ = attendance.waiter.take().map(|waiter| waiter.send(Err(StartFault::Stopped)));
                return Err(End::Stopped(Some(done)));
            }
            Some(Wish::Restart { started, .. }) => {
                let _ =
                    attendance.waiter.replace(started).map(|waiter| waiter.send(Err(StartFault::Stopped)));
            }
            Some(other) => refuse(other),
        }
    }
}

impl<'a> Life<'a> {
    fn begin(
        attendance: &'a mut Attendance,
        prepared: Prepared,
        running: Running,
        limits: Limits,
        permit: OwnedSemaphorePermit,
        begun: Instant,
    ) -> Self {
        let family = Family { first: Some(running.process), ..prepared.family };
        let kills_before = family.group.as_ref().map_or(0, super::super::cgroups::Group::kills);
        {
            let mut seen = attendance.instance.seen();
            seen.family = Some(family.clone());
            seen.sandboxed = prepared.order.walls != Walls::None;
            seen.looked_at = None;
            seen.health = Health::Unknown;
            seen.checks = Vec::new();
        }
        Self {
            attendance,
            running,
            channel: prepared.plan.channel,
            family,
            limits,
            outbox: Outbox::default(),
            errors: Errors::default(),
            waiting: HashMap::new(),
            probes: Vec::new(),
            asking: 0,
            answers: mpsc::unbounded_channel(),
            watch: Watch::new(begun, prepared.plan.beat),
            permit: Some(permit),
            begun,
            patience: prepared.plan.ready_within,
            ready: None,
            flush: None,
            reported: BTreeMap::new(),
            told: (Health::Unknown, begun),
            leaving: None,
            reason: None,
            fault: None,
            doom: None,
            stdout_open: true,
            stderr_open: true,
            kills_before,
        }
    }

    /// Until the process is gone.
    async fn run(&mut self) -> Option<Exit> {
        let opening = self.channel.open();
        self.apply(opening);
        loop {
            let (due, has_more) = (self.due(), !self.outbox.is_empty());
            let Running { child, stdin, stdout, stderr, .. } = &mut self.running;
            let writable = async {
                match stdin {
                    Some(stdin) if has_more => stdin.writable().await,
                    _ => std::future::pending().await,
                }
            };
            let turn = tokio::select! {
                wish = self.attendance.wishes.recv() => Turn::Wish(wish),
                _ = stdout.readable(), if self.stdout_open => Turn::Stdout,
                _ = stderr.readable(), if self.stderr_open => Turn::Stderr,
                _ = writable => Turn::Stdin,
                answered = self.answers.1.recv() => Turn::Answered(answered),
                () = sleep_until(due) => Turn::Time,
                exit = ended(child) => Turn::Ended(exit),
            };
            match turn {
                Turn::Wish(Some(wish)) => self.wish(wish),
                Turn::Wish(None) => self.kill(None),
                Turn::Stdout => self.hear(),
                Turn::Stderr => self.hear_errors(),
                Turn::Stdin => self.tell(),
                Turn::Answered(Some((number, answer))) => {
                    self.asking -= 1;
                    let effects = self.channel.answer(number, answer);
                    self.apply(effects);
                }
                Turn::Answered(None) => {}
                Turn::Time => self.time(),
                Turn::Ended(exit) => {
                    self.last();
                    return exit;
                }
            }
        }
    }
}

impl Life<'_> {
    /// When there is something to do although nobody said anything.
    fn due(&self) -> Instant {
        let moments = [
            (self.ready.is_none() && self.leaving.is_none()).then(|| self.begun + self.patience),
            (self.ready.is_some() && self.leaving.is_none()).then(|| self.watch.next()),
            self.leaving.as_ref().map(|leaving| leaving.until),
            self.flush,
            self.doom,
        ];
        // Something far away, when there is nothing.
        moments.into_iter().flatten().min().unwrap_or_else(|| Instant::now() + Duration::from_hours(1))
    }

    fn time(&mut self) {
        let now = Instant::now();
        if self.flush.is_some_and(|flush| flush <= now) {
            self.flush = None;
            if let Some((level, text)) = self.errors.rest() {
                self.write(level, &text, Map::new());
                self.flush = None;
            }
            self.attendance.instance.hand_out(&self.attendance.common);
            self.report();
        }
        if self.doom.is_some_and(|doom| doom <= now) {
            self.doom = None;
            self.kill(Some(Exit::Broken));
        }
        if let Some(until) = self.leaving.as_ref().map(|leaving| leaving.until) {
            if until <= now {
                self.leave(now);
            }
        } else if self.ready.is_some() {
            self.look_after(now);
        } else if self.begun + self.patience <= now {
            self.give_up(StartFault::TimedOut { after: self.patience, stderr: String::new() });
        }
    }
}
