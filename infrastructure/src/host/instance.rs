//! One instance as everybody sees it: what is known of it, and the way to whoever looks after it.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::AtomicU64},
    time::Duration,
};

use application::ports::{
    hosting::{
        Call, CallFault, Check, Configured, Counters, Delivery, Happening, Health, InstanceId, Launch, Level,
        PluginError, Snapshot, StartFault, Started, State, Stop,
    },
    vault::Secret,
};
use chrono::{DateTime, Utc};
use serde_json::{Map, Value};
use tokio::{
    sync::{Semaphore, mpsc, oneshot},
    time::Instant,
};

use super::{
    channel::Number,
    figures::{Figures, Look},
    journal::{Batch, Journal, Moment},
    kin::{Family, Process},
    redact::Redactor,
    supervisor::Common,
};

mod actor;
mod health;
mod life;
mod outbox;
mod stopping;

pub(super) use actor::attend;

/// Calls under way at a time.
pub(super) const MOST_CALLS: usize = 64;
/// Wishes that wait for the instance to look at them; calls are fewer already.
const MOST_WISHES: usize = 512;

/// What is wanted of an instance.
pub(super) enum Wish {
    Call {
        number: Number,
        call: Call,
        answer: oneshot::Sender<Answer>,
    },
    Forget(Number),
    Deliver(Delivery),
    Configure {
        number: Number,
        changed: Secret<Map<String, Value>>,
        answer: oneshot::Sender<Answer>,
    },
    Permit(std::collections::BTreeSet<String>),
    Probe(oneshot::Sender<Health>),
    Stop {
        how: Stop,
        done: oneshot::Sender<()>,
    },
    Restart {
        how: Stop,
        started: oneshot::Sender<Result<Started, StartFault>>,
    },
    /// It breaks a limit that the host watches.
    Kill(application::ports::hosting::Exit),
}

pub(super) type Answer = Result<Result<Value, PluginError>, CallFault>;

pub(super) struct Instance {
    pub(super) id: InstanceId,
    pub(super) launch: Mutex<Launch>,
    pub(super) wishes: mpsc::Sender<Wish>,
    pub(super) calls: Semaphore,
    pub(super) numbers: AtomicU64,
    seen: Mutex<Seen>,
}

/// What is known of it.
pub(super) struct Seen {
    pub(super) state: State,
    pub(super) health: Health,
    pub(super) checks: Vec<Check>,
    pub(super) family: Option<Family>,
    pub(super) ready_at: Option<Instant>,
    pub(super) started_at: DateTime<Utc>,
    pub(super) restarts: u32,
    pub(super) counters: Counters,
    pub(super) look: Look,
    pub(super) looked_at: Option<Instant>,
    pub(super) cpu_percent: f64,
    /// Since when it uses far more than its share.
    pub(super) over_cpu: Option<Instant>,
    pub(super) journal: Journal,
    pub(super) figures: Figures,
    pub(super) sandboxed: bool,
    pub(super) why: Option<String>,
}

impl Instance {
    pub(super) fn new(launch: Launch, common: &Common) -> (Arc<Self>, mpsc::Receiver<Wish>) {
        let (wishes, wanted) = mpsc::channel(MOST_WISHES);
        let at = common.clock.now();
        let seen = Seen {
            state: State::Stopped,
            health: Health::Unknown,
            checks: Vec::new(),
            family: None,
            ready_at: None,
            started_at: at,
            restarts: 0,
            counters: Counters::default(),
            look: Look::default(),
            looked_at: None,
            cpu_percent: 0.0,
            over_cpu: None,
            journal: Journal::new(Redactor::new(&launch.secrets), Instant::now()),
            figures: Figures::since(at),
            sandboxed: false,
            why: None,
        };
        let instance = Self {
            id: launch.instance,
            launch: Mutex::new(launch),
            wishes,
            calls: Semaphore::new(MOST_CALLS),
            numbers: AtomicU64::new(1),
            seen: Mutex::new(seen),
        };
        (Arc::new(instance), wanted)
    }

    pub(super) fn seen(&self) -> MutexGuard<'_, Seen> {
        // Nothing in there is left half-done by a panic that would matter more than going on.
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn launch(&self) -> MutexGuard<'_, Launch> {
        self.launch.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn state(&self) -> State {
        self.seen().state
    }

    pub(super) fn snapshot(&self) -> Snapshot {
        let seen = self.seen();
        let (log_lines, log_dropped) = seen.journal.counts();
        let in_flight = MOST_CALLS.saturating_sub(self.calls.available_permits());
        Snapshot {
            state: seen.state,
            health: seen.health,
            checks: seen.checks.clone(),
            process: seen.family.as_ref().and_then(|family| family.first).map(|first: Process| first.id),
            uptime: seen.ready_at.map_or(Duration::ZERO, |at| at.elapsed()),
            restarts: seen.restarts,
            counters: Counters {
                in_flight: u32::try_from(in_flight).unwrap_or(u32::MAX),
                log_lines,
                log_dropped,
                ..seen.counters
            },
            rss: seen.look.memory,
            cpu_percent: seen.cpu_percent,
            file_handles: seen.look.handles,
            processes: seen.look.processes,
            sandboxed: seen.sandboxed,
            why: seen.why.clone(),
        }
    }

    /// Tells the change, if it is one.
    pub(super) fn turn(&self, common: &Common, to: State, ending: Ending) {
        let from = {
            let mut seen = self.seen();
            let from = std::mem::replace(&mut seen.state, to);
            if to != State::Running {
                seen.ready_at = None;
            }
            if from == to {
                return;
            }
            from
        };
        let Ending { exit, stderr, wait } = ending;
        let stderr = self.clean(stderr);
        common.tell(self.id, Happening::State { from, to, exit, stderr, wait });
    }

    pub(super) fn write(&self, common: &Common, level: Level, text: &str, metadata: Map<String, Value>) {
        let moment = Moment { at: common.clock.now(), now: Instant::now() };
        let full = self.seen().journal.write(moment, level, text, metadata);
        if full {
            self.hand_out(common);
        }
    }

    /// Gives the lines so far to whoever keeps them.
    pub(super) fn hand_out(&self, common: &Common) {
        let batch: Option<Batch> = self.seen().journal.batch(common.clock.now());
        if let Some((lines, dropped)) = batch {
            common.tell(self.id, Happening::Logged { lines, dropped });
        }
    }

    /// What a plugin says, without what nobody may know.
    pub(super) fn clean(&self, text: String) -> String {
        self.seen().journal.redactor().clean(text)
    }

    pub(super) fn configured(answer: Answer) -> Result<Configured, CallFault> {
        Ok(match answer? {
            Ok(said) if said["restart_required"] == true => Configured::RestartRequired,
            Ok(_) => Configured::Applied,
            // It does not know the question, so it cannot be told while it runs.
            Err(error) if error.code == -32601 => Configured::RestartRequired,
            Err(error) => Configured::Refused(error.message),
        })
    }
}

/// Why it is in the state that it is in.
#[derive(Default)]
pub(super) struct Ending {
    pub(super) exit: Option<application::ports::hosting::Exit>,
    pub(super) stderr: String,
    pub(super) wait: Option<Duration>,
}
