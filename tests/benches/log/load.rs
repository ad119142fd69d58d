//! Commands as the product gives them: load, decide, append one event of about 400 bytes.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use application::commands::Commands;
use domain::{
    recorded::Cursor,
    task::{Fault, Loss, RepackageOptions, Source, Task, TaskCommand, TaskKind, TaskRequested},
    values::{Dialect, Metadata, Platform, Suffix, TargetOptions, TaskId},
};
use infrastructure::event_log::LogCommands;
use tokio::task::JoinSet;
use uuid::Uuid;

use super::ground::{Ground, Node};
use crate::{cost, figures::count};

/// What one event cost in one round.
#[derive(Debug, Clone, Copy)]
pub(super) struct Round {
    /// Events a second.
    pub(super) rate: f64,
    pub(super) statements: f64,
    pub(super) flushes: f64,
    pub(super) client_cpu: f64,
    pub(super) server_cpu: f64,
}

/// Tasks that lose one attempt after the other: a command, an event, without end.
#[derive(Clone)]
pub(super) struct Load {
    streams: Arc<Vec<(TaskId, AtomicU32)>>,
    warm: bool,
}

impl Load {
    /// Every stream is visited before the clock runs.
    pub(super) fn warm(streams: usize) -> Self {
        Self { warm: true, ..Self::cold(streams) }
    }

    pub(super) fn cold(streams: usize) -> Self {
        let streams = (0..streams).map(|_| (TaskId(Uuid::new_v4()), AtomicU32::new(0))).collect();
        Self { streams: Arc::new(streams), warm: false }
    }

    /// Requests every task.
    pub(super) async fn begin(&self, ground: &Ground) {
        let node = ground.node();
        let request = |(id, _): &(TaskId, AtomicU32)| {
            let (tasks, id) = (node.tasks.clone(), *id);
            async move { tasks.execute(&id.to_string(), request(id), by()).await.unwrap() }
        };
        for some in self.streams.chunks(500) {
            futures::future::join_all(some.iter().map(request)).await;
        }
        node.end().await;
    }

    /// One round on a node of its own.
    pub(super) async fn run(&self, ground: &Ground, concurrent: usize, length: Duration) -> Round {
        let flushed_before = ground.flushes().await;
        let node = ground.node();
        let before = if self.warm { self.streams.len() } else { concurrent };
        self.drive(&node, concurrent, Until::Commands(before)).await;
        let (client, server) = (cost::own(), cost::postgres());
        let begun = Instant::now();
        let done = count(self.drive(&node, concurrent, Until::Time(begun + length)).await);
        let rate = done / begun.elapsed().as_secs_f64();
        let (client_cpu, server_cpu) = (cost::own() - client, cost::postgres() - server);
        let (statements, events) = node.appended();
        node.end().await;
        let flushes = ground.flushes().await - flushed_before;
        let per_event = |n: u64| count(usize::try_from(n).unwrap()) / count(usize::try_from(events).unwrap());
        Round {
            rate,
            statements: per_event(statements),
            flushes: per_event(u64::try_from(flushes).unwrap()),
            client_cpu: client_cpu / done,
            server_cpu: server_cpu / done,
        }
    }

    /// Keeps so many commands in flight, each on streams of its own; returns how many were accepted.
    pub(super) async fn drive(&self, node: &Node, concurrent: usize, until: Until) -> usize {
        let mut callers = JoinSet::new();
        for caller in 0..concurrent {
            let (load, tasks) = (self.clone(), node.tasks.clone());
            callers.spawn(async move { load.call(&tasks, caller, concurrent, until).await });
        }
        callers.join_all().await.into_iter().sum()
    }

    async fn call(&self, tasks: &LogCommands<Task>, caller: usize, concurrent: usize, until: Until) -> usize {
        let mut done = 0;
        for n in (caller..self.streams.len()).step_by(concurrent).cycle() {
            if until.is_over(done * concurrent + caller) {
                break;
            }
            self.next(tasks, n).await;
            done += 1;
        }
        done
    }

    /// The next event on a stream, by its number.
    pub(super) async fn next(&self, tasks: &LogCommands<Task>, stream: usize) -> Cursor {
        let (id, attempts) = &self.streams[stream % self.streams.len()];
        let attempt = attempts.fetch_add(1, Ordering::Relaxed) + 1;
        tasks.execute(&id.to_string(), lose(attempt), by()).await.unwrap().expect("an event")
    }
}

#[derive(Clone, Copy)]
pub(super) enum Until {
    Commands(usize),
    Time(Instant),
}

impl Until {
    fn is_over(self, commands: usize) -> bool {
        match self {
            Self::Commands(all) => commands >= all,
            Self::Time(end) => Instant::now() >= end,
        }
    }
}

/// Payload and metadata of one event, as they are stored.
pub(super) fn row() -> (String, String) {
    let task = Task::default();
    let mut queued = task.clone();
    for event in task.decide(request(TaskId(Uuid::nil()))).unwrap() {
        cqrs_es::Aggregate::apply(&mut queued, event);
    }
    let event = queued.decide(lose(1)).unwrap().remove(0);
    (serde_json::to_string(&event).unwrap(), serde_json::to_string(&by()).unwrap())
}

fn by() -> Metadata {
    let story = "0198c0de-0000-7000-8000-000000000000";
    Metadata::of_process("bench", story.to_owned(), story.to_owned())
}

fn lose(attempt: u32) -> TaskCommand {
    let message = "The worker gave the task back because its node was told to stop. ".repeat(5);
    TaskCommand::LoseAttempt {
        attempt,
        reason: Loss::Released,
        fault: Some(Fault { code: "INTERRUPTED".to_owned(), message }),
        retry_in_ms: 0,
    }
}

fn request(id: TaskId) -> TaskCommand {
    let target = serde_json::json!({"os": "linux", "arch": "x86_64", "floor": "2.39", "python": "3.12.3"});
    TaskCommand::Request(TaskRequested {
        task_uid: id,
        kind: TaskKind::Repackage,
        label: "x".to_owned(),
        subject: Source::Url("https://example.com/x.difypkg".to_owned()),
        original_filename: "x.difypkg".to_owned(),
        options: RepackageOptions {
            platform: Platform::host(),
            target: serde_json::from_value(target).unwrap(),
            asked: TargetOptions::default(),
            suffix: Suffix::default(),
            combined_with: Vec::new(),
            verify_install: false,
            refresh: false,
        },
        dialect: Dialect::Dify,
        tenant: "default".to_owned(),
        group: None,
    })
}
