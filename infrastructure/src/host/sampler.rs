//! Looks at what runs: how much memory, processor and descriptors. One task for all, by numbers that are known; what
//! the kernel does not bound is bounded from here.

use std::{collections::BTreeSet, sync::Weak, time::Duration};

use application::ports::hosting::{Exit, Happening, Level, State};
use serde_json::Map;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::{
    cgroups::Group,
    figures::Look,
    instance::{Instance, Wish},
    kin::{self, Family, Process, Seen},
    supervisor::Common,
};

/// Of an instance that nothing else bounds.
const TICK: Duration = Duration::from_secs(1);
/// In ticks: how often the others are looked at, and samples told.
const SELDOM: u64 = 10;
const SAMPLE: u64 = 60;
/// How long a plugin may use more than twice its share where only we can stop it.
const LONG: Duration = Duration::from_secs(30);

/// Ends with the host.
pub(super) async fn sample(host: Weak<Common>, ending: CancellationToken) {
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut tick = 0_u64;
    loop {
        tokio::select! {
            () = ending.cancelled() => return,
            _ = ticks.tick() => {}
        }
        let Some(common) = host.upgrade() else { return };
        tick += 1;
        for instance in common.all() {
            // Not all in the same moment, and each in its own again and again.
            let turn = tick + instance.id.0.as_u64_pair().1 % SAMPLE;
            let is_new = instance.seen().looked_at.is_none();
            if is_new || !common.bounds_memory() || turn.is_multiple_of(SELDOM) {
                look(&common, &instance).await;
            }
            if turn.is_multiple_of(SAMPLE) {
                let sample = instance.seen().figures.take(common.clock.now());
                if let Some(sample) = sample.filter(|_| instance.state() == State::Running) {
                    common.tell(instance.id, Happening::Measured(Box::new(sample)));
                }
            }
        }
    }
}

async fn look(common: &Common, instance: &Instance) {
    let Some(family) = instance.seen().family.clone() else { return };
    let limits = instance.launch().limits;
    let most = u64::from(limits.memory_mb) * 1024 * 1024;
    let (look, known) = take(&family, most);
    let now = Instant::now();
    let over_cpu = {
        let mut seen = instance.seen();
        if let Some(family) = &mut seen.family {
            family.known = known;
        }
        let used = look.cpu.saturating_sub(seen.look.cpu);
        let is_first = seen.looked_at.is_none();
        let passed = seen.looked_at.replace(now).map_or(TICK, |at| now - at);
        let used = if is_first { Duration::ZERO } else { used };
        seen.cpu_percent = 100.0 * used.as_secs_f64() / passed.as_secs_f64().max(0.001);
        seen.look = look;
        seen.figures.looked(look, used);
        let is_over = !common.bounds_cpu()
            && seen.ready_at.is_some()
            && seen.cpu_percent > 2.0 * f64::from(limits.cpu_percent);
        match (is_over, seen.over_cpu) {
            (false, _) => {
                seen.over_cpu = None;
                false
            }
            (true, None) => {
                seen.over_cpu = Some(now);
                false
            }
            (true, Some(since)) => now - since >= LONG,
        }
    };
    let over_memory = !common.bounds_memory() && look.memory > most;
    let breach = match (over_memory, over_cpu) {
        (true, _) => Exit::OutOfMemory,
        (false, true) => Exit::OutOfCpu,
        (false, false) => return,
    };
    instance.write(common, Level::Error, &format!("the plugin is over its limit: {breach}"), Map::new());
    // It is gone already when nobody takes it.
    let _ = instance.wishes.send(Wish::Kill(breach)).await;
}

/// `most`: up to there it is enough to know that it is no more.
fn take(family: &Family, most: u64) -> (Look, BTreeSet<Process>) {
    let Some(first) = family.first else { return (Look::default(), BTreeSet::new()) };
    let mut seen = kin::tree(first);
    // Who left the tree is still counted.
    let lost = family.known.iter().filter(|known| !seen.iter().any(|one| one.process == **known));
    let lost: Vec<_> =
        lost.filter_map(|known| kin::see(known.id).filter(|one| one.process == *known)).collect();
    seen.extend(lost);
    let ticks: u64 = seen.iter().map(|one| one.cpu).sum();
    let look = Look {
        memory: family.group.as_ref().and_then(Group::resident).unwrap_or_else(|| memory(&seen, most)),
        cpu: Duration::from_millis(ticks * 1000 / rustix::param::clock_ticks_per_second().max(1)),
        handles: kin::handles(first.id),
        processes: u32::try_from(seen.len()).unwrap_or(u32::MAX),
    };
    (look, seen.into_iter().map(|one| one.process).collect())
}

/// What processes have in common is counted once for each of them, which is put right only where it matters.
fn memory(seen: &[Seen], most: u64) -> u64 {
    let bytes = |one: &Seen| one.pages * rustix::param::page_size() as u64;
    let sum: u64 = seen.iter().map(bytes).sum();
    if sum <= most || seen.len() < 2 {
        return sum;
    }
    seen.iter().map(|one| kin::share(one.process.id).unwrap_or_else(|| bytes(one))).sum()
}
