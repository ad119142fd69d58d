//! The server: how soon it is ready, and how soon a socket shows what was stored.

use std::time::{Duration, Instant};

use infrastructure::embedded_postgres::EmbeddedPostgres;
use plugyard_tests::{
    Act, Plan, Plugin, Sample, Socket, Upload, X86_64, Yard, binary, waiting::seconds, yard::task_id,
};
use serde_json::{Value, json};

use crate::{
    figures::{median_seconds, percentile},
    table::{Table, Target},
};

const STARTS: usize = 5;
const TASKS: usize = 120;

pub(crate) async fn measure() -> Table {
    let mut table = Table::default();
    second_start(&mut table).await;
    ready(Plan::default().embedded(), "start to ready, its own cluster", &mut table).await;
    ready(Plan::default(), "start to ready, DATABASE_URL", &mut table).await;
    frames(&mut table).await;
    table
}

/// PostgreSQL alone.
async fn second_start(table: &mut Table) {
    let ground = binary::ground();
    let data = ground.path().join("data");
    EmbeddedPostgres::start(&data).await.unwrap().stop().await;
    let mut times = Vec::new();
    for _ in 0..STARTS {
        let begun = Instant::now();
        let mut postgres = EmbeddedPostgres::start(&data).await.unwrap();
        times.push(begun.elapsed());
        postgres.stop().await;
    }
    let unit = "s, median of 5";
    table.judge("embedded PostgreSQL, second start", median_seconds(&times), unit, Target::AtMost(1.0));
}

async fn ready(plan: Plan, measure: &str, table: &mut Table) {
    let mut yard = plan.start().await;
    yard.ready().await;
    let mut times = Vec::new();
    for _ in 0..STARTS {
        yard.terminate();
        let begun = Instant::now();
        yard.restart().await;
        yard.ready().await;
        times.push(begun.elapsed());
    }
    table.judge(measure, median_seconds(&times), "s, median of 5", Target::AtMost(1.5));
    yard.terminate();
}

/// Tasks that cannot go on, each with a socket; then every one is cancelled.
async fn frames(table: &mut Table) {
    let (yard, sample) = (Yard::start().await, Sample::new("watched"));
    for wheel in [&sample.alpha, &sample.beta, &sample.gamma[0]] {
        sample.files.always(&Sample::wheel_path(wheel), Act::Stall(10));
    }
    let (mut first, mut lasts, mut watched) = (Vec::new(), Vec::new(), Vec::new());
    for number in 0..TASKS {
        let id = create(&yard, &sample.plugin, number).await;
        let stored = Instant::now();
        let mut socket = yard.socket(&id).await;
        socket.frame().await;
        first.push(milliseconds(stored.elapsed()));
        watched.push((id, socket));
    }
    for (id, socket) in watched {
        let seen = tokio::task::JoinSet::from_iter([ended(socket)]);
        yard.post(&format!("/api/v1/tasks/{id}/cancel"), &json!({})).await.expect(200);
        let stored = Instant::now();
        let seen = seen.join_all().await.remove(0);
        lasts.push(milliseconds(seen.saturating_duration_since(stored)));
    }
    for (measure, times) in
        [("created to first WebSocket frame", first), ("cancelled to WebSocket frame", lasts)]
    {
        let unit = format!("ms, median {:.1} ({TASKS} sockets)", percentile(&times, 50.0));
        table.judge(format!("{measure}, p99"), percentile(&times, 99.0), unit, Target::AtMost(100.0));
    }
    sample.files.release();
}

/// Each a different package, so that none waits for an equal one.
async fn create(yard: &Yard, plugin: &Plugin, number: usize) -> String {
    let plugin = plugin.clone().file("number.txt", number.to_string());
    let answer = yard.try_upload(Upload::of(&plugin).field("platform", X86_64)).await;
    task_id(&answer.expect(200).json())
}

/// When the socket told of the end.
async fn ended(mut socket: Socket) -> Instant {
    let over = |record: &Value| record["status"] == "failed" || record["status"] == "completed";
    let told = async {
        while !over(&socket.frame().await) {}
        Instant::now()
    };
    tokio::time::timeout(seconds(30), told).await.expect("the socket tells of the end")
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
