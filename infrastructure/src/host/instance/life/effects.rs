//! What is wanted of a plugin, and what it does and says.

use application::ports::hosting::{
    Ask, CallFault, Capabilities, Check, Denied, Exit, Happening, Health, Level, Reported, StartFault,
    Started, State,
};
use serde_json::{Map, Value, json};
use tokio::{sync::oneshot, time::Instant};

use super::{
    super::{Ending, Wish, health::Due, stopping::After},
    Life, MOST_ASKED,
};
use crate::host::{
    channel::{Effect, Number},
    figures::Look,
    journal::Journal,
};

impl Life<'_> {
    pub(super) fn wish(&mut self, wish: Wish) {
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
                    let _ = answer.send(Ok(Ok(json!({"restart_required": true}))));
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

    pub(super) fn probe(&mut self, answer: oneshot::Sender<Health>) {
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

    pub(super) fn apply(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            self.one(effect);
        }
        self.tell();
    }

    pub(super) fn one(&mut self, effect: Effect) {
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
            Effect::Reported(custom) => self.reports(custom),
            Effect::Late => self.attendance.instance.seen().counters.late += 1,
            Effect::Broken(why) => {
                self.write(Level::Error, &format!("the plugin broke its protocol: {why}"), Map::new());
                self.give_up(StartFault::Broken(why));
            }
        }
    }

    pub(super) fn greeted(&mut self, capabilities: Capabilities) {
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

    pub(super) fn alive(&mut self, checks: Option<Vec<Check>>) {
        self.watch.heard(Instant::now(), checks);
        self.judge();
        let health = self.attendance.instance.seen().health;
        for probe in self.probes.drain(..) {
            let _ = probe.send(health);
        }
    }

    pub(super) fn asked(&mut self, number: Number, ask: Ask) {
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

    pub(super) fn write(&mut self, level: Level, text: &str, metadata: Map<String, Value>) {
        self.attendance.instance.write(&self.attendance.common, level, text, metadata);
        self.flush.get_or_insert_with(|| Instant::now() + Journal::PATIENCE);
    }

    pub(super) fn look_after(&mut self, now: Instant) {
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
    pub(super) fn judge(&mut self) {
        if self.ready.is_none() {
            return;
        }
        let instance = &self.attendance.instance;
        let (health, checks) = {
            let mut seen = instance.seen();
            let (look, fails): (Look, bool) = (seen.look, seen.figures.fails_often());
            let (health, mut checks) = self.watch.verdict(look, &self.limits, fails);
            for check in &mut checks {
                check.message = seen.journal.redactor().clean(std::mem::take(&mut check.message));
            }
            seen.health = health;
            seen.checks.clone_from(&checks);
            (health, checks)
        };
        // Somebody who changes all the time is told of now and then.
        let (from, at) = self.told;
        if from != health && (from == Health::Unknown || at.elapsed() >= Journal::PATIENCE) {
            self.told = (health, Instant::now());
            self.attendance.common.tell(instance.id, Happening::Health { from, to: health, checks });
        }
    }

    /// Gathered for a second: a plugin may report as often as it likes.
    fn reports(&mut self, custom: Vec<(String, f64)>) {
        const MOST: usize = 64;
        for (name, value) in custom {
            if self.reported.len() < MOST || self.reported.contains_key(&name) {
                self.reported.insert(name, value);
            }
        }
        self.flush.get_or_insert_with(|| Instant::now() + Journal::PATIENCE);
    }

    pub(super) fn report(&mut self) {
        if !self.reported.is_empty() {
            let custom = std::mem::take(&mut self.reported).into_iter().collect();
            let reported = Happening::Reported(Reported { custom });
            self.attendance.common.tell(self.attendance.instance.id, reported);
        }
    }
}
