//! The whole job against the download step of the newest `pip` alone, on real plugins made on the spot.

mod line;
mod peer;
mod server;
mod workload;

use std::{ffi::OsString, path::Path, time::Duration};

use plugyard_tests::{Cli, X86_64, binary};

use crate::{
    cost::{self, Spent},
    figures::{median, median_seconds},
    table::{Table, Target},
};

use peer::Peer;
use workload::Workload;

const ROUNDS: usize = 3;
const WARM_ROUNDS: usize = 5;

pub(crate) async fn measure() -> Table {
    let mut table = Table::default();
    let peer = Peer::newest();
    table.fact("the baseline", peer.versions());
    let (middle, large) = (Workload::middle(&peer), Workload::large(&peer));
    cold(&peer, &middle, &mut table).await;
    warm(&large, &mut table).await;
    line::second_target("of compiled wheels", &large, &mut table).await;
    line::second_target("of pure wheels for the most part", &Workload::pure(&peer), &mut table).await;
    server::ten_at_once(&middle, &mut table).await;
    server::shared_fetches(&mut table).await;
    table
}

/// Empty caches on both sides, one after the other, round by round.
async fn cold(peer: &Peer, workload: &Workload, table: &mut Table) {
    let (mut ours, mut pips, mut bare_pips) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let ground = binary::ground();
        ours.push(repackage(ground.path(), workload, X86_64).await);
        pips.push(peer.download(workload, &[]).await);
        bare_pips.push(peer.download(workload, &["--no-deps"]).await);
    }
    let wheels = workload.wheels();
    for (kind, theirs, judged) in [("pip download", pips, true), ("pip download --no-deps", bare_pips, false)]
    {
        let ratio = |value: fn(&Spent) -> f64| {
            median(
                &ours.iter().zip(&theirs).map(|(our, their)| value(our) / value(their)).collect::<Vec<_>>(),
            )
        };
        let (wall, cpu) = (ratio(|spent| spent.wall.as_secs_f64()), ratio(|spent| spent.cpu));
        let took =
            |spent: &[Spent], value: fn(&Spent) -> f64| median(&spent.iter().map(value).collect::<Vec<_>>());
        let shown = |value: fn(&Spent) -> f64| {
            format!("({:.2} s : {:.2} s)", took(&ours, value), took(&theirs, value))
        };
        let (walls, cpus) = (shown(|spent| spent.wall.as_secs_f64()), shown(|spent| spent.cpu));
        if judged {
            table.judge(
                format!("cold job, {wheels} wheels, wall"),
                wall,
                format!("of {kind} {walls}"),
                Target::AtMost(0.125),
            );
            table.judge(
                format!("cold job, {wheels} wheels, CPU"),
                cpu,
                format!("of {kind} {cpus}"),
                Target::AtMost(1.0 / 7.0),
            );
        } else {
            table.fact(
                format!("  the same against {kind}"),
                format!("wall {wall:.2} {walls}, CPU {cpu:.2} {cpus}"),
            );
        }
    }
}

async fn warm(workload: &Workload, table: &mut Table) {
    let ground = binary::ground();
    repackage(ground.path(), workload, X86_64).await;
    let mut runs = Vec::new();
    for _ in 0..WARM_ROUNDS {
        runs.push(repackage(ground.path(), workload, X86_64).await);
    }
    let walls: Vec<Duration> = runs.iter().map(|spent| spent.wall).collect();
    let cpu = median(&runs.iter().map(|spent| spent.cpu).collect::<Vec<_>>());
    let measure = format!("warm job, {} wheels, wall", workload.wheels());
    table.judge(measure, median_seconds(&walls), format!("s (CPU {cpu:.2} s)"), Target::AtMost(0.3));
}

/// One run of the command line; the ground keeps the caches.
async fn repackage(ground: &Path, workload: &Workload, platform: &str) -> Spent {
    repackage_with(ground, workload, platform, |cli| cli, |_| {}).await
}

/// The same with more settings, and a look at each result.
async fn repackage_with(
    ground: &Path,
    workload: &Workload,
    platform: &str,
    set: impl FnOnce(Cli) -> Cli,
    mut look: impl FnMut(&Path),
) -> Spent {
    let package = ground.join("cwd").join(workload.plugin.file_name());
    std::fs::write(&package, workload.plugin.bytes()).unwrap();
    let arguments: [OsString; 4] =
        ["repackage".into(), package.clone().into(), "--platform".into(), platform.into()];
    let cli = allowed().into_iter().fold(Cli::on(ground), |cli, (name, value)| cli.set(name, &value));
    let (ran, spent) = cost::of(set(cli).args(arguments).run()).await;
    for result in ran.expect(0).paths() {
        let result = ground.join("cwd").join(result);
        look(&result);
        std::fs::remove_file(result).unwrap();
    }
    spent
}

/// What the operator's own environment allows to be fetched from: an index may live at a private address.
fn allowed() -> Option<(&'static str, String)> {
    let name = "PLUGYARD_FETCH_ALLOW";
    Some((name, format!("127.0.0.0/8,{}", std::env::var_os(name)?.into_string().ok()?)))
}
