//! Memory: of a job whose wheels total 3 GB, and of a server with nothing to do.

use std::{path::Path, time::Duration};

use plugyard_tests::{
    Files, Lock, Locked, Plugin, Sample, Wheel, X86_64, Yard, binary, process::descendants, sha256, wheel,
};

use crate::{
    cost::memory,
    table::{Table, Target},
};

const WHEELS: usize = 12;
const WHEEL_BYTES: usize = 256 << 20;
/// After this long without work a server has given back what it will give back.
const CALM: Duration = Duration::from_secs(5);

pub(crate) async fn measure() -> Table {
    let mut table = Table::default();
    large_job(&mut table).await;
    large_task(&mut table).await;
    idle_server(&mut table).await;
    table
}

async fn large_job(table: &mut Table) {
    let (ground, files) = (binary::ground(), Files::start());
    let plugin = large_plugin(&files, ground.path());
    std::fs::write(ground.path().join("cwd/large.difypkg"), plugin.bytes()).unwrap();
    let mut command = tokio::process::Command::new(binary::plugyard());
    command.args(["repackage", "large.difypkg", "--platform", X86_64]).current_dir(ground.path().join("cwd"));
    command.env_clear().envs(binary::environment(ground.path())).env("PLUGYARD_FETCH_ALLOW", "127.0.0.0/8");
    let mut job = command.kill_on_drop(true).spawn().expect("the binary starts");
    let main = job.id().expect("it runs");
    let (mut of_main, mut of_largest) = (0.0_f64, 0.0_f64);
    let status = loop {
        if let Some(status) = job.try_wait().unwrap() {
            break status;
        }
        of_main = of_main.max(memory(main, "VmHWM").unwrap_or_default());
        let children = descendants(main).into_iter().filter_map(|child| memory(child.id, "VmHWM"));
        of_largest = children.fold(of_largest.max(of_main), f64::max);
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    assert!(status.success(), "the large job ends well");
    let target = Target::AtMost(150.0);
    table.judge("3 GB of wheels, peak of the main process", of_main, "MiB", target);
    table.judge("3 GB of wheels, peak of the largest process", of_largest, "MiB", target);
}

/// The same through a server: what the server itself grows by, and what it has with the processes it starts.
async fn large_task(table: &mut Table) {
    let (yard, files, disk) = (Yard::start().await, Files::start(), tempfile::tempdir().unwrap());
    let plugin = large_plugin(&files, disk.path());
    yard.ready().await;
    yard.completed(&yard.upload(&Plugin::new("warm-up"), X86_64).await).await;
    tokio::time::sleep(CALM).await;
    let server = yard.server().process_id();
    let own = || memory(server, "VmRSS").unwrap_or_default();
    let (own_idle, all_idle) = (own(), resident(&yard));
    let id = yard.upload(&plugin, X86_64).await;
    let (mut own_most, mut all_most) = (own_idle, all_idle);
    let record = loop {
        (own_most, all_most) = (own_most.max(own()), all_most.max(resident(&yard)));
        let record = yard.task(&id).await;
        if ["completed", "failed"].contains(&record["status"].as_str().unwrap_or_default()) {
            break record;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    assert_eq!(record["status"], "completed", "{record}");
    let target = Target::AtMost(64.0);
    table.judge("3 GB of wheels, growth of the server", own_most - own_idle, "MiB over idle", target);
    table.judge("3 GB of wheels, growth with its children", all_most - all_idle, "MiB over idle", target);
}

/// Twelve wheels of 256 MiB that lie on disk, so that serving them costs no memory either.
fn large_plugin(files: &Files, root: &Path) -> Plugin {
    let served = root.join("served");
    std::fs::create_dir(&served).unwrap();
    let lock = (0..WHEELS).fold(Lock::new("large"), |lock, number| {
        let name = format!("large{number}");
        let wheel = Wheel::tagged(&name, "1.0.0", wheel::LINUX_X86_64).filler(WHEEL_BYTES);
        let (bytes, path) = (wheel.bytes(), served.join(wheel.file_name()));
        std::fs::write(&path, &bytes).unwrap();
        let url = files.put_file(&format!("/packages/{}", wheel.file_name()), &path);
        let source = format!("{{ registry = \"{}\" }}", files.url("/simple"));
        lock.with(Locked::new(&name, "1.0.0").source(&source).file(&url, &bytes))
    });
    Plugin::locked(&lock)
}

async fn idle_server(table: &mut Table) {
    let yard = Yard::start().await;
    yard.ready().await;
    tokio::time::sleep(CALM).await;
    let at_first = resident(&yard);
    let sample = Sample::sized("traffic", 4 << 20);
    for number in 0..20 {
        let plugin = sample.plugin.clone().file("number.txt", number.to_string());
        let id = yard.upload(&plugin, X86_64).await;
        yard.completed(&id).await;
        assert!(sha256(&yard.download(&id).await).len() == 64);
    }
    yard.settle().await;
    tokio::time::sleep(CALM).await;
    let target = Target::AtMost(40.0);
    table.judge("idle server after its start", at_first, "MiB (aim 15)", target);
    table.judge("idle server after 20 tasks", resident(&yard), "MiB (aim 15)", target);
}

/// Of the server and whatever it keeps running.
fn resident(yard: &Yard) -> f64 {
    let server = yard.server().process_id();
    let all = descendants(server).into_iter().map(|process| process.id).chain([server]);
    all.filter_map(|process| memory(process, "VmRSS")).sum()
}
