//! One life of a plugin: a process, its channel and everything that is waited for, from the order to the end of the
//! last process of its family. One loop, in which nothing ever waits for the plugin alone.

use std::{collections::HashMap, io, time::Duration};

use application::ports::hosting::{
    Ask, CallFault, Denied, Exit, Happening, Health, Level, Limits, Reported, StartFault, Started, State,
};
use serde_json::{Map, Value};
use tokio::{
    sync::{OwnedSemaphorePermit, mpsc, oneshot},
    time::{Instant, sleep_until},
};

use super::{
    Answer, Ending, Wish,
    actor::{Attendance, refuse},
    health::{Due, Watch},
    outbox::Outbox,
    stopping::{After, KILL, Leaving, Step},
};
use crate::host::{
    channel::{Channel, Effect, Number},
    errors::Errors,
    figures::Look,
    journal::Journal,
    kin::Family,
    order::Walls,
    process::{Running, ended},
    supervisor::Prepared,
};

/// How a life ended.
pub(super) enum End {
    NotStarted(StartFault),
    /// By itself, or by the host for a reason.
    Ended { exit: Exit, stderr: String, ran: Duration },
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
    let prepared = match attendance.common.prepare(&launch).await {
        Ok(prepared) => prepared,
        Err(fault) => return End::NotStarted(fault),
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
                let _ = attendance.waiter.replace(started).map(|waiter| waiter.send(Err(StartFault::Stopped)));
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

    fn wish(&mut self, wish: Wish) {
        match wish {
            Wish::Call { number, call, answer } => {
                if self.ready.is_none() || self.leaving.is_some() {
                    let _ = answer.send(Err(CallFault::NotRunning));
                } else if self.outbox.is_full() {
                    let _ = answer.send(Err(CallFault::Busy));
                } else if let Some(effects) = self.channel.call(number, &call) {
                    self.waiting.insert(number, answer);
                    self.apply(effects);
                } else {
                    let _ = answer.send(Err(CallFault::TooLarge));
                }
            }
            Wish::Configure { number, changed, answer } => {
                if let Some(effects) = self.channel.configure(number, changed.reveal()) {
                    self.waiting.insert(number, answer);
                    self.apply(effects);
                } else {
                    let _ = answer.send(Ok(Ok(serde_json::json!({"restart_required": true}))));
                }
            }
            Wish::Forget(number) => {
                self.waiting.remove(&number);
                let effects = self.channel.forget(number);
                self.apply(effects);
            }
            Wish::Deliver(event) => {
                if !self.outbox.is_full() {
                    let effects = self.channel.deliver(&event);
                    self.apply(effects);
                }
            }
            Wish::Permit(granted) => {
                let effects = self.channel.permit(&granted);
                self.apply(effects);
            }
            Wish::Probe(answer) => self.probe(answer),
            Wish::Stop { how, done } => self.leave_as(how, After::Stopped(done)),
            Wish::Restart { how, started } => self.leave_as(how, After::Restart(started)),
            Wish::Kill(exit) => self.kill(Some(exit)),
        }
    }

    fn probe(&mut self, answer: oneshot::Sender<Health>) {
        let effects = self.channel.examine();
        if effects.is_empty() {
            self.watch.due(Instant::now());
            self.judge();
            let _ = answer.send(self.attendance.instance.seen().health);
        } else {
            self.probes.push(answer);
            self.watch.asked(Instant::now());
            self.apply(effects);
        }
    }

    fn apply(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            self.one(effect);
        }
        self.tell();
    }

    fn one(&mut self, effect: Effect) {
        match effect {
            Effect::Send(bytes) => self.outbox.push(bytes),
            Effect::Ready(capabilities) => self.greeted(capabilities),
            Effect::Refused(why) => self.give_up(StartFault::Refused(why)),
            Effect::Impostor(why) => self.give_up(StartFault::Impostor(why)),
            Effect::Answered(number, answer) => match self.waiting.remove(&number) {
                // Whoever stopped waiting has counted it already.
                Some(waiting) => drop(waiting.send(Ok(answer))),
                None => self.attendance.instance.seen().counters.late += 1,
            },
            Effect::Healthy(checks) => self.alive(Some(checks)),
            Effect::Heartbeat => self.alive(None),
            Effect::Log(level, text, metadata) => self.write(level, &text, metadata),
            Effect::Asked(number, ask) => self.asked(number, ask),
            Effect::Reported(custom) => {
                let reported = Happening::Reported(Reported { custom });
                self.attendance.common.tell(self.attendance.instance.id, reported);
            }
            Effect::Late => self.attendance.instance.seen().counters.late += 1,
            Effect::Broken(why) => {
                self.write(Level::Error, &format!("the plugin broke its protocol: {why}"), Map::new());
                self.give_up(StartFault::Broken(why));
            }
        }
    }

    fn greeted(&mut self, capabilities: application::ports::hosting::Capabilities) {
        if self.ready.is_some() || self.leaving.is_some() {
            return;
        }
        let now = Instant::now();
        self.ready = Some(now);
        self.permit = None;
        self.watch.heard(now, None);
        let sandboxed = {
            let mut seen = self.attendance.instance.seen();
            seen.ready_at = Some(now);
            seen.why = None;
            seen.health = Health::Healthy;
            seen.sandboxed
        };
        let bounded = self.family.group.as_ref().map(|group| group.bound_cpu(self.limits.cpu_percent));
        if let Some(Err(error)) = bounded {
            tracing::warn!(%error, "a plugin's share of the processor could not be bounded");
        }
        self.attendance.turn(State::Running, Ending::default());
        if let Some(waiter) = self.attendance.waiter.take() {
            let process = self.running.process.id;
            let started = Started { process, after: now - self.begun, sandboxed, capabilities };
            // Whoever wanted it may have gone; it runs all the same.
            let _ = waiter.send(Ok(started));
        }
    }

    fn alive(&mut self, checks: Option<Vec<application::ports::hosting::Check>>) {
        self.watch.heard(Instant::now(), checks);
        self.judge();
        let health = self.attendance.instance.seen().health;
        for probe in self.probes.drain(..) {
            let _ = probe.send(health);
        }
    }

    fn asked(&mut self, number: Number, ask: Ask) {
        if self.asking >= MOST_ASKED {
            let busy = Err(Denied::Unavailable("Too many calls under way".to_owned()));
            let effects = self.channel.answer(number, busy);
            for effect in effects {
                self.one(effect);
            }
            return;
        }
        self.asking += 1;
        let (common, id) = (self.attendance.common.clone(), self.attendance.instance.id);
        let answers = self.answers.0.clone();
        self.attendance.common.tasks.spawn(async move {
            let answer = common.broker.asked(id, ask).await;
            // The plugin may have ended meanwhile.
            let _ = answers.send((number, answer));
        });
    }

    fn write(&mut self, level: Level, text: &str, metadata: Map<String, Value>) {
        self.attendance.instance.write(&self.attendance.common, level, text, metadata);
        self.flush.get_or_insert_with(|| Instant::now() + Journal::PATIENCE);
    }

    fn look_after(&mut self, now: Instant) {
        match self.watch.due(now) {
            Due::Nothing => {}
            Due::Ask => {
                let effects = self.channel.examine();
                if !effects.is_empty() {
                    self.watch.asked(now);
                }
                self.apply(effects);
            }
            Due::Kill => {
                self.kill(Some(Exit::Unresponsive));
                return;
            }
        }
        self.judge();
    }

    /// Puts together how it is, and tells when that has changed.
    fn judge(&mut self) {
        if self.ready.is_none() {
            return;
        }
        let instance = &self.attendance.instance;
        let (from, to, checks) = {
            let mut seen = instance.seen();
            let (look, fails): (Look, bool) = (seen.look, seen.figures.fails_often());
            let (health, mut checks) = self.watch.verdict(look, &self.limits, fails);
            for check in &mut checks {
                check.message = seen.journal.redactor().clean(std::mem::take(&mut check.message));
            }
            let from = std::mem::replace(&mut seen.health, health);
            seen.checks.clone_from(&checks);
            (from, health, checks)
        };
        if from != to {
            self.attendance.common.tell(instance.id, Happening::Health { from, to, checks });
        }
    }
}

/// What goes in and out.
impl Life<'_> {
    fn hear(&mut self) {
        let mut bytes = [0; CHUNK];
        match self.running.stdout.try_read(&mut bytes) {
            Ok(0) => self.deaf(),
            Ok(count) => {
                let effects = self.channel.hear(&bytes[..count]);
                self.apply(effects);
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(_broken) => self.deaf(),
        }
    }

    /// Nothing will come any more: nobody waits until their time is up, and a process that is left has ended soon.
    fn deaf(&mut self) {
        const SOON: Duration = Duration::from_secs(2);
        self.stdout_open = false;
        self.abandon();
        if self.leaving.is_none() {
            self.doom.get_or_insert_with(|| Instant::now() + SOON);
        }
    }

    fn abandon(&mut self) {
        for (_, waiting) in self.waiting.drain() {
            let _ = waiting.send(Err(CallFault::Died));
        }
        self.probes.clear();
    }

    fn hear_errors(&mut self) {
        let mut bytes = [0; CHUNK];
        match self.running.stderr.try_read(&mut bytes) {
            Ok(count @ 1..) => {
                for (level, text) in self.errors.feed(&bytes[..count]) {
                    self.write(level, &text, Map::new());
                }
                if self.errors.has_rest() {
                    self.flush.get_or_insert_with(|| Instant::now() + Journal::PATIENCE);
                }
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Ok(_) | Err(_) => self.stderr_open = false,
        }
    }

    fn tell(&mut self) {
        if let Some(stdin) = &self.running.stdin {
            if self.outbox.send(stdin).is_err() {
                self.outbox.clear();
                self.running.stdin = None;
            } else if self.outbox.closing && self.outbox.is_empty() {
                self.running.stdin = None;
            }
        } else {
            self.outbox.clear();
        }
        if let Some(leaving) = &mut self.leaving
            && leaving.step == Step::Draining
            && self.waiting.is_empty()
        {
            leaving.until = Instant::now();
        }
    }

    /// What was still in the pipes. Somebody of the family may hold them open, so there is no end to wait for.
    fn last(&mut self) {
        const MOST: usize = 256;
        for _ in 0..MOST {
            let mut bytes = [0; CHUNK];
            match self.running.stdout.try_read(&mut bytes) {
                Ok(count @ 1..) => {
                    for effect in self.channel.hear(&bytes[..count]) {
                        if matches!(effect, Effect::Answered(..) | Effect::Log(..) | Effect::Refused(_) | Effect::Impostor(_)) {
                            self.one(effect);
                        }
                    }
                }
                Ok(_) | Err(_) => break,
            }
        }
        for _ in 0..MOST {
            if !self.stderr_open {
                break;
            }
            let mut bytes = [0; CHUNK];
            match self.running.stderr.try_read(&mut bytes) {
                Ok(count @ 1..) => {
                    for (level, text) in self.errors.feed(&bytes[..count]) {
                        self.write(level, &text, Map::new());
                    }
                }
                Ok(_) | Err(_) => break,
            }
        }
        for (level, text) in self.errors.end() {
            self.write(level, &text, Map::new());
        }
        self.abandon();
    }
}

/// The ways out.
impl Life<'_> {
    fn leave_as(&mut self, how: application::ports::hosting::Stop, after: After) {
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
    fn leave(&mut self, now: Instant) {
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
    fn give_up(&mut self, fault: StartFault) {
        if self.ready.is_none() {
            self.fault.get_or_insert(fault);
        }
        self.kill(Some(Exit::Broken));
    }

    fn kill(&mut self, reason: Option<Exit>) {
        if let Some(reason) = reason {
            self.reason.get_or_insert(reason);
        }
        self.doom = Some(Instant::now() + KILL);
        self.running.kill();
    }

    fn end(&mut self, exit: Option<Exit>) -> End {
        let out_of_memory = self.family.group.as_ref().is_some_and(|group| group.kills() > self.kills_before);
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
            (None, Some(StartFault::TimedOut { after, .. })) => End::NotStarted(StartFault::TimedOut { after, stderr }),
            (None, Some(fault)) => End::NotStarted(fault),
            (None, None) => End::NotStarted(StartFault::Exited { exit, stderr }),
        }
    }
}
