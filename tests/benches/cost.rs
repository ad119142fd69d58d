//! What work costs: wall time, and processor seconds from `/proc` (in ticks of 10 ms).

use std::{
    fs,
    time::{Duration, Instant},
};

use plugyard_tests::process::descendants;

#[derive(Debug, Clone, Copy)]
pub(crate) struct Spent {
    pub(crate) wall: Duration,
    /// User and system time of the children that ended meanwhile, and of theirs.
    pub(crate) cpu: f64,
}

/// Runs work that happens in child processes and waits for them.
pub(crate) async fn of<T>(work: impl Future<Output = T>) -> (T, Spent) {
    let (begun, before) = (Instant::now(), ended_children());
    let done = work.await;
    (done, Spent { wall: begun.elapsed(), cpu: ended_children() - before })
}

/// User and system seconds of this process.
pub(crate) fn own() -> f64 {
    Times::of("self").map_or(0.0, |times| times.own)
}

/// User and system seconds of another process; nothing once it has gone.
pub(crate) fn of_process(process: u32) -> f64 {
    Times::of(&process.to_string()).map_or(0.0, |times| times.own)
}

/// The same of all children of this process that have ended and been waited for.
pub(crate) fn ended_children() -> f64 {
    Times::of("self").map_or(0.0, |times| times.children)
}

/// The same of every PostgreSQL below this process, ended backends included.
pub(crate) fn postgres() -> f64 {
    let below = descendants(std::process::id());
    let all = below.iter().filter_map(|process| Times::of(&process.id.to_string()));
    all.filter(|times| times.name == "postgres").map(|times| times.own + times.children).sum()
}

/// Memory in MiB by the field of `/proc/<id>/status`; nothing once the process has gone.
pub(crate) fn memory(process: u32, field: &str) -> Option<f64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with(field))?;
    Some(line.split_whitespace().nth(1)?.parse::<f64>().ok()? / 1024.0)
}

struct Times {
    name: String,
    own: f64,
    children: f64,
}

impl Times {
    fn of(process: &str) -> Option<Self> {
        let text = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
        let (head, rest) = text.rsplit_once(')')?;
        let fields: Vec<&str> = rest.split_whitespace().collect();
        let ticks = |n: usize| fields.get(n).and_then(|ticks| ticks.parse::<f64>().ok()).unwrap_or_default();
        Some(Self {
            name: head.split_once('(')?.1.to_owned(),
            own: (ticks(11) + ticks(12)) / 100.0,
            children: (ticks(13) + ticks(14)) / 100.0,
        })
    }
}
