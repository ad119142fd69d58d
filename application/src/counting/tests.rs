use std::{
    collections::{HashMap, HashSet},
    convert::Infallible,
    sync::Mutex,
};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::{download_log::RecordDownloads, recorded::Cursor, values::Metadata};
use futures::future::join_all;
use serde_json::Value;
use tokio::task::JoinSet;
use uuid::Uuid;

use super::*;
use crate::commands::{CommandError, Once, Outcome};

const PLUGIN: &str = "123e4567-e89b-42d3-a456-426614174000";

/// A log that takes a moment, allows no two appends to a stream at once, and fails as often as it is told.
#[derive(Default)]
struct Log {
    streams: Mutex<HashMap<String, Vec<DownloadRecorded>>>,
    writing: Mutex<HashSet<String>>,
    keys: Mutex<HashSet<String>>,
    metadata: Mutex<Vec<Metadata>>,
    appends: Mutex<usize>,
    faults: Mutex<Vec<CommandError<Infallible>>>,
    /// The next append ends in a panic.
    breaks: Mutex<bool>,
}

impl Log {
    fn counted(&self) -> usize {
        self.streams.lock().unwrap().values().map(Vec::len).sum()
    }

    fn all(&self) -> Vec<DownloadRecorded> {
        self.streams.lock().unwrap().values().flatten().cloned().collect()
    }
}

#[async_trait]
impl Commands<DownloadLog> for Log {
    async fn execute(
        &self,
        _: &str,
        _: RecordDownloads,
        _: Metadata,
    ) -> Result<Option<Cursor>, CommandError<Infallible>> {
        Err(CommandError::Unavailable)
    }

    async fn execute_once(
        &self,
        id: &str,
        command: RecordDownloads,
        by: Metadata,
        once: Once,
    ) -> Result<Outcome, CommandError<Infallible>> {
        assert!(self.writing.lock().unwrap().insert(id.to_owned()), "two appends to one stream at once");
        tokio::time::sleep(Duration::from_millis(5)).await;
        self.writing.lock().unwrap().remove(id);
        let breaks = std::mem::take(&mut *self.breaks.lock().unwrap());
        assert!(!breaks, "told to break");
        let fault = self.faults.lock().unwrap().pop();
        if let Some(fault @ CommandError::Contended) = fault {
            return Err(fault);
        }
        if !self.keys.lock().unwrap().insert(once.key) {
            return Ok(Outcome::Repeated(Value::Null));
        }
        *self.appends.lock().unwrap() += 1;
        self.metadata.lock().unwrap().push(by);
        self.streams.lock().unwrap().entry(id.to_owned()).or_default().extend(command.0);
        // Stored, and the answer lost.
        fault.map_or(Ok(Outcome::Written(Some(Cursor::default()))), Err)
    }

    async fn answered(&self, _: &Once) -> Result<Option<Value>, CommandError<Infallible>> {
        Ok(None)
    }
}

/// Says what was waited for.
#[derive(Default)]
struct Waited(Mutex<Vec<String>>);

#[async_trait]
impl Freshness for Waited {
    async fn reached(&self, read_model: &str, _: Cursor) -> bool {
        self.0.lock().unwrap().push(read_model.to_owned());
        true
    }

    async fn lag(&self, _: &str) -> u64 {
        0
    }

    async fn has_all_before(&self, _: &str, _: Duration) -> bool {
        true
    }
}

struct Fixed(Mutex<DateTime<Utc>>);

impl Clock for Fixed {
    fn now(&self) -> DateTime<Utc> {
        *self.0.lock().unwrap()
    }
}

impl Ids for Fixed {
    fn secret(&self) -> Uuid {
        Uuid::new_v4()
    }
}

struct Scene {
    log: Arc<Log>,
    waited: Arc<Waited>,
    clock: Arc<Fixed>,
    counting: Counting,
    _running: JoinSet<()>,
}

fn scene(faults: &[CommandError<Infallible>]) -> Scene {
    let log = Arc::new(Log { faults: Mutex::new(faults.to_vec()), ..Log::default() });
    let waited = Arc::new(Waited::default());
    let clock = Arc::new(Fixed(Mutex::new("2026-11-20T12:00:00Z".parse().unwrap())));
    let key = Secret::from([7; 32]);
    let (counting, recording) = Counting::new(log.clone(), waited.clone(), clock.clone(), clock.clone(), key);
    let mut running = JoinSet::new();
    running.spawn(recording);
    Scene { log, waited, clock, counting, _running: running }
}

fn fetched() -> Fetched {
    Fetched {
        plugin: PLUGIN.parse().unwrap(),
        version: "1.0.0".to_owned(),
        dialect: Dialect::Dify,
        channel: Channel::Download,
        client: Some(format!("curl/8\r\n{}", "x".repeat(100))),
    }
}

fn caller(principal: &str, address: Option<&str>) -> Caller {
    let actor = domain::values::Actor {
        principal: principal.to_owned(),
        dialect: Dialect::Dify,
        ip_hash: address.map(str::to_owned),
    };
    Caller { dialect: Dialect::Dify, metadata: Metadata::of_request(&actor, "r-1"), once: None }
}

#[tokio::test]
async fn a_crowd_for_one_plugin_is_counted_one_by_one_in_a_few_appends() {
    let scene = scene(&[]);
    let someone = caller("anonymous", Some("address"));
    join_all((0..500).map(|_| scene.counting.count(fetched(), &someone))).await;
    assert_eq!(scene.log.counted(), 500);
    let appends = *scene.log.appends.lock().unwrap();
    assert!(appends <= 10, "{appends} appends");
}

#[tokio::test]
async fn a_count_is_shown_by_the_reads_that_follow_it() {
    let scene = scene(&[]);
    scene.counting.count(fetched(), &caller("anonymous", None)).await;
    let mut waited = scene.waited.0.lock().unwrap().clone();
    waited.sort();
    assert_eq!(waited, [catalogue::READ_MODEL, downloads::READ_MODEL]);
}

#[tokio::test(start_paused = true)]
async fn lost_races_and_lost_answers_neither_lose_nor_double_a_count() {
    let scene = scene(&[CommandError::Unavailable, CommandError::Contended, CommandError::Contended]);
    scene.counting.count(fetched(), &caller("anonymous", None)).await;
    assert_eq!(scene.log.counted(), 1);
    assert_eq!(scene.log.keys.lock().unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_download_waits_two_seconds_for_its_count_and_no_longer() {
    let scene = scene(&vec![CommandError::Contended; 1000]);
    let began = tokio::time::Instant::now();
    scene.counting.count(fetched(), &caller("anonymous", None)).await;
    assert_eq!(began.elapsed().as_secs(), 2);
}

#[tokio::test]
async fn a_stream_whose_append_ended_in_a_panic_takes_the_next_count() {
    let scene = scene(&[]);
    *scene.log.breaks.lock().unwrap() = true;
    let someone = caller("anonymous", None);
    scene.counting.count(fetched(), &someone).await;
    assert_eq!(scene.log.counted(), 0);
    scene.counting.count(fetched(), &someone).await;
    assert_eq!(scene.log.counted(), 1);
}

#[tokio::test]
async fn of_one_piece_of_work_and_of_one_caller_a_day_one_is_counted() {
    let scene = scene(&[]);
    let (ann, bob) = (caller("ann", None), caller("bob", None));
    join_all((0..20).map(|_| scene.counting.count_for("task 1", fetched(), &ann))).await;
    scene.counting.count_for("task 1", fetched(), &bob).await;
    assert_eq!(scene.log.counted(), 1);
    scene.counting.count_for("task 2", fetched(), &ann).await;
    assert_eq!(scene.log.counted(), 2);
    for caller in [&ann, &ann, &bob, &ann] {
        scene.counting.count_daily(fetched(), caller).await;
    }
    assert_eq!(scene.log.counted(), 4);
    *scene.clock.0.lock().unwrap() += chrono::TimeDelta::days(1);
    let other = Fetched { plugin: "223e4567-e89b-42d3-a456-426614174000".parse().unwrap(), ..fetched() };
    for fetched in [fetched(), other, fetched()] {
        scene.counting.count_daily(fetched, &ann).await;
    }
    assert_eq!(scene.log.counted(), 6);
    scene.counting.count(fetched(), &ann).await;
    assert_eq!(scene.log.counted(), 7, "downloads are counted as before");
}

#[tokio::test]
async fn downloaders_are_told_apart_for_one_day_and_one_plugin_and_named_nowhere() {
    let scene = scene(&[]);
    let (ann, bob) = (caller("account-of-ann", Some("home")), caller("anonymous", Some("home")));
    let other = Fetched { plugin: "223e4567-e89b-42d3-a456-426614174000".parse().unwrap(), ..fetched() };
    for (fetched, caller) in [(fetched(), &ann), (fetched(), &ann), (fetched(), &bob), (other, &ann)] {
        scene.counting.count(fetched, caller).await;
    }
    *scene.clock.0.lock().unwrap() += chrono::TimeDelta::days(1);
    scene.counting.count(fetched(), &ann).await;
    scene.counting.count(fetched(), &caller("anonymous", None)).await;
    let all = scene.log.all();
    let hashes: HashSet<_> = all.iter().map(|one| one.downloader.clone()).collect();
    assert_eq!(hashes.len(), 5, "ann and bob on one day, ann elsewhere, ann tomorrow, nobody: {hashes:?}");
    let written = format!("{all:?} {:?}", scene.log.metadata.lock().unwrap());
    assert!(!written.contains("account-of-ann") && !written.contains("home"), "{written}");
}

#[tokio::test]
async fn what_a_client_calls_itself_is_cut_and_printable() {
    let scene = scene(&[]);
    scene.counting.count(fetched(), &caller("anonymous", None)).await;
    let client = scene.log.all()[0].client.clone().unwrap();
    assert_eq!(client, format!("curl/8{}", "x".repeat(58)));
}
