//! Ten equal jobs at once through the server.

use std::{
    collections::BTreeSet,
    convert::Infallible,
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use futures::future::join_all;
use plugyard_tests::{Files, Lock, Plan, Plugin, Wheel, X86_64, Yard, waiting::seconds};
use serde_json::Value;

use super::{allowed, workload::Workload};
use crate::{
    figures::count,
    table::{Table, Target},
};

const JOBS: usize = 10;

/// Real wheels, each server new: one job alone, then ten.
pub(super) async fn ten_at_once(workload: &Workload, table: &mut Table) {
    let (one, ten) = (took(&workload.plugin, 1).await, took(&workload.plugin, JOBS).await);
    table.fact(
        "ten equal jobs at once, wall",
        format!("{:.2} of one job ({ten:.2} s : {one:.2} s)", ten / one),
    );
}

async fn took(plugin: &Plugin, jobs: usize) -> f64 {
    let plan = allowed().into_iter().fold(Plan::default(), |plan, (name, value)| plan.set(name, &value));
    let yard = plan.start().await;
    let begun = Instant::now();
    finish(&yard, plugin, jobs).await;
    begun.elapsed().as_secs_f64()
}

/// Synthetic wheels, because only a server of our own can count.
pub(super) async fn shared_fetches(table: &mut Table) {
    let files = Files::start();
    let wheels: Vec<Wheel> =
        (0..40).map(|n| Wheel::pure(&format!("shared{n}"), "1.0.0").filler(256 << 10)).collect();
    let plugin = Plugin::locked(&Lock::of("shared", &files, &wheels));
    let (yard, mut packing) = (Yard::start().await, BTreeSet::new());
    let reports = tokio::select! {
        reports = finish(&yard, &plugin, JOBS) => reports,
        never = packages_below(yard.data_dir().join("work"), &mut packing) => match never {},
    };
    let fetches = count(files.count_below("/packages/")) / count(wheels.len());
    table.judge("ten equal jobs at once, fetches", fetches, "per wheel", Target::AtMost(1.0));
    // Counted on the disk. What the jobs say must agree: one that shares a result packs for no time.
    let said = reports.iter().filter(|report| report["timings"]["pack_ms"] != 0).count();
    let unit = format!("times (say the reports: {said})");
    table.judge("ten equal jobs at once, packed", count(packing.len()), unit, Target::AtMost(1.0));
}

/// Collects the directories in which packages are written.
async fn packages_below(work: PathBuf, found: &mut BTreeSet<PathBuf>) -> Infallible {
    loop {
        look(&work, found);
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

fn look(directory: &Path, found: &mut BTreeSet<PathBuf>) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let name = entry.file_name();
        if name.to_string_lossy().starts_with("output.difypkg") {
            found.insert(directory.to_owned());
        } else if name != "wheels" && entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            look(&entry.path(), found);
        }
    }
}

/// Answers the reports.
async fn finish(yard: &Yard, plugin: &Plugin, jobs: usize) -> Vec<Value> {
    let ids = join_all((0..jobs).map(|_| yard.upload(plugin, X86_64))).await;
    for record in join_all(ids.iter().map(|id| yard.finished_within(id, seconds(120)))).await {
        assert_eq!(record["status"], "completed", "{record}");
    }
    join_all(ids.iter().map(|id| yard.report(id))).await
}
