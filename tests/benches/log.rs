//! The event log: appending against bare inserts of the same size, and how soon readers see it.

mod baseline;
mod ground;
mod latency;
mod load;
mod waits;

use std::time::Duration;

use crate::{
    figures::{median, whole},
    table::{Table, Target},
};

use ground::Ground;
use load::{Load, Round};

const ROUNDS: usize = 3;
const LENGTH: Duration = Duration::from_secs(2);
const CONCURRENT: [usize; 3] = [8, 32, 512];
/// Far more than can be in flight, and fewer than the writer keeps folded.
const WARM_STREAMS: usize = 1024;
/// Twice as many as it keeps folded, visited in turn: every command has to load.
const COLD_STREAMS: usize = 8192;

pub(crate) async fn measure() -> Table {
    let ground = Ground::new().await;
    let (warm, cold) = (Load::warm(WARM_STREAMS), Load::cold(COLD_STREAMS));
    warm.begin(&ground).await;
    cold.begin(&ground).await;
    let mut table = Table::default();
    ground.rest().await;
    latency::measure(&ground, &warm, "on a calm database", &mut table).await;
    let mut rounds: Vec<[Vec<Round>; 3]> = CONCURRENT.map(|_| <[Vec<Round>; 3]>::default()).into();
    for _ in 0..ROUNDS {
        for (concurrent, [bare, held, loaded]) in CONCURRENT.into_iter().zip(&mut rounds) {
            bare.push(baseline::run(&ground, concurrent.min(32), LENGTH).await);
            held.push(warm.run(&ground, concurrent, LENGTH).await);
            loaded.push(cold.run(&ground, concurrent, LENGTH).await);
        }
    }
    for (concurrent, [bare, held, loaded]) in CONCURRENT.into_iter().zip(&rounds) {
        let target = Target::AtLeast(match concurrent {
            8 => 0.8,
            32 => 1.5,
            _ => 5.0,
        });
        for (kind, ours) in [("in memory", held), ("loaded", loaded)] {
            let ratios: Vec<f64> = ours.iter().zip(bare).map(|(ours, bare)| ours.rate / bare.rate).collect();
            let rate = |rounds: &[Round]| whole(of(rounds, |round| round.rate));
            let unit = format!("of bare inserts ({}/s : {}/s)", rate(ours), rate(bare));
            table.judge(format!("append, {concurrent} at once, {kind}"), median(&ratios), unit, target);
        }
        for (kind, rounds) in [("bare inserts", bare), ("in memory", held), ("loaded", loaded)] {
            table.fact(format!("  {concurrent} at once, {kind}: per event"), costs(rounds));
        }
    }
    for (what, share) in waits::during(&ground, &warm, 32, LENGTH).await {
        table.fact(format!("  32 at once, in memory: a connection of the writer: {what}"), share);
    }
    latency::measure(&ground, &warm, "right after these rounds", &mut table).await;
    table
}

fn costs(rounds: &[Round]) -> String {
    let statements = of(rounds, |round| round.statements);
    let flushes = of(rounds, |round| round.flushes);
    let client = of(rounds, |round| round.client_cpu) * 1e6;
    let server = of(rounds, |round| round.server_cpu) * 1e6;
    format!(
        "{statements:.3} statements, {flushes:.3} flushes, CPU {client:.0} us here + {server:.0} us in PostgreSQL"
    )
}

fn of(rounds: &[Round], value: impl Fn(&Round) -> f64) -> f64 {
    median(&rounds.iter().map(value).collect::<Vec<_>>())
}
