//! The second target of a plugin on a line of stated width: what counts there is which bytes travel again.

use std::{collections::BTreeMap, fs, path::Path};

use plugyard_tests::{AARCH64, Cli, Files, Unpacked, X86_64, binary};

use super::{ROUNDS, repackage_with, workload::Workload};
use crate::{
    figures::{count, median},
    table::{Table, Target},
};

/// Megabits a second.
const LINE: u32 = 100;

pub(super) async fn second_target(what: &str, workload: &Workload, table: &mut Table) {
    let wheels = fetched(workload).await;
    let (mut ratios, mut seconds, mut bytes) = (Vec::new(), Vec::new(), (0, 0));
    for _ in 0..ROUNDS {
        let (ground, files) = (binary::ground(), Files::behind(LINE));
        for (path, wheel) in &wheels {
            files.put(path, wheel.clone());
        }
        let local = |cli: Cli| {
            cli.set("PLUGYARD_INDEX_FILES", &files.url("/")).set("PLUGYARD_INDEX_FILES_ONLY", "true")
        };
        let first = repackage_with(ground.path(), workload, X86_64, local, |_| {}).await.wall.as_secs_f64();
        let sent = files.sent();
        let second = repackage_with(ground.path(), workload, AARCH64, local, |_| {}).await.wall.as_secs_f64();
        bytes = (sent, files.sent() - sent);
        ratios.push(second / first);
        seconds.push(second);
    }
    let unit = format!("of the first target ({:.2} s at {LINE} Mbit/s)", median(&seconds));
    table.judge(
        format!("second target of a plugin {what}, wall"),
        median(&ratios),
        unit,
        Target::AtMost(0.6),
    );
    table.fact("  bytes it fetches", format!("{:.2} of the first target's", count(bytes.1) / count(bytes.0)));
}

/// The wheels of both targets by the paths that the lock names.
async fn fetched(workload: &Workload) -> BTreeMap<String, Vec<u8>> {
    let lock = String::from_utf8_lossy(workload.plugin.content("uv.lock")).into_owned();
    let path_of = |file: &str| {
        let mut urls = lock.split('"').filter(|text| text.contains("/packages/"));
        let url = urls.find(|url| url.rsplit('/').next() == Some(file)).expect("a wheel of the lock");
        format!("/packages/{}", url.split_once("/packages/").unwrap().1)
    };
    let (ground, mut wheels) = (binary::ground(), BTreeMap::new());
    for platform in [X86_64, AARCH64] {
        let keep = |result: &Path| {
            let unpacked = Unpacked::read(&fs::read(result).unwrap());
            for file in unpacked.wheels() {
                wheels.insert(path_of(file), unpacked.content(&format!("wheels/{file}")).to_vec());
            }
        };
        repackage_with(ground.path(), workload, platform, |cli| cli, keep).await;
    }
    wheels
}
