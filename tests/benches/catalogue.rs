//! The catalogue, with as many plugins as `PLUGYARD_BENCH_PLUGINS` says (100,000, which have about 300,000 releases;
//! several sizes by commas show how figures grow): lists, details and searches against the same SQL driven by
//! `pgbench`, what an answer costs that was made before, how soon a publication shows, how fast the read model is made
//! again from the log.

mod bare;
mod client;
mod publishing;
mod requests;
mod statements;

use std::time::Instant;

use plugyard_tests::{Cluster, Database, Plan, Yard, waiting::seconds};
use serde_json::Value;

use self::client::{Connection, load};
use crate::{
    figures::{count, median, whole},
    table::{Table, Target},
};

const CLIENTS: usize = 16;
const REQUESTS: usize = 4_000;
/// Requests whose SQL is driven by pgbench.
const SAMPLES: usize = 48;
const PGBENCH_SECONDS: u64 = 10;
const ROUNDS: usize = 5;
const CACHED: usize = 20_000;

pub(crate) async fn measure() -> Table {
    let mut table = Table::default();
    let ground = Ground::new().await;
    let mut there = 0;
    for (nth, size) in sizes().into_iter().enumerate() {
        let yard = ground.grown(&mut there, size, nth, &mut table).await;
        let mut at = |what: &str| format!("{what}, {} plugins", whole(count(size)));
        ground.reads(&yard, &mut at, &mut table).await;
        cached(&yard, &mut at, &mut table).await;
        publishing::measure(&yard, &at("published to visible, p99"), &mut table).await;
        rebuilt(&yard, &at("catalogue made again"), &mut table).await;
    }
    table
}

fn sizes() -> Vec<usize> {
    let said = std::env::var_os("PLUGYARD_BENCH_PLUGINS").and_then(|sizes| sizes.into_string().ok());
    let said = said.unwrap_or_else(|| "100000".to_owned());
    said.split(',').map(|size| size.trim().parse().expect("numbers of plugins, by commas")).collect()
}

struct Ground {
    cluster: Cluster,
    database: Database,
}

impl Ground {
    async fn new() -> Self {
        let cluster = Cluster::start();
        let database = cluster.database().await;
        Self { cluster, database }
    }

    /// A server over so many plugins; those that are missing are written first, with nobody else at work.
    async fn grown(&self, there: &mut usize, size: usize, nth: usize, table: &mut Table) -> Yard {
        let mut yard = Plan::default().database(&self.database).start().await;
        yard.terminate();
        let (more, seed) = (size.saturating_sub(*there).to_string(), (nth + 1).to_string());
        let command = yard.cli().args(["seed", "--json", "--synthetic", &more, "--seed", &seed]);
        let begun = Instant::now();
        let told = command.spawn().ended_within(seconds(7_200)).await.expect(0).json();
        *there = size;
        let figure = format!(
            "{} a second ({} events, {} releases; shown after {:.0} s)",
            whole(told["events_per_second"].as_f64().unwrap_or_default()),
            whole(told["events"].as_f64().unwrap_or_default()),
            whole(told["releases"].as_f64().unwrap_or_default()),
            begun.elapsed().as_secs_f64(),
        );
        table.fact(format!("events written by commands, {} more plugins", whole(count(size))), figure);
        self.database.execute("vacuum analyze").await.expect("the owner");
        self.database.execute("checkpoint").await.expect("a superuser");
        yard.restart().await;
        yard.ready().await;
        yard
    }

    async fn reads(&self, yard: &Yard, at: &mut impl FnMut(&str) -> String, table: &mut Table) {
        let details = self.details().await;
        let kinds = [
            ("list", requests::lists(REQUESTS)),
            ("details", details),
            ("search", requests::searches(REQUESTS)),
        ];
        for (kind, paths) in kinds {
            let own = asked(yard, CLIENTS, paths.clone()).await;
            let baseline = self.baseline(yard, &paths).await;
            let p99 = own.percentile(99.0);
            let unit = format!(
                "x the same SQL by pgbench ({p99:.1} ms : {baseline:.1} ms; median {:.1} ms, {} a second)",
                own.percentile(50.0),
                whole(own.rate())
            );
            let measure = at(&format!("{kind}, p99 of {CLIENTS} clients"));
            table.judge(measure, p99 / baseline, unit, Target::AtMost(2.0));
            if kind == "search" {
                table.judge(at("search, p99"), p99, "ms", Target::AtMost(25.0));
            }
        }
    }

    /// Details of plugins from everywhere, each once.
    async fn details(&self) -> Vec<String> {
        let query = format!(
            "select '/api/marketplace/v1/plugins/plugin_' || (e.payload->>'number')
               from es.events e
               join es.events l on l.aggregate_type = 'plugin' and l.aggregate_id = e.aggregate_id
                and l.event_type = 'PluginListed' and l.payload->>'dialect' = 'backstage'
              where e.aggregate_type = 'plugin' and e.event_type = 'PluginRegistered'
              order by md5(e.aggregate_id) limit {REQUESTS}"
        );
        self.database.texts(&query).await
    }

    /// The p99 of the SQL of some of these requests, in milliseconds.
    async fn baseline(&self, yard: &Yard, paths: &[String]) -> f64 {
        statements::overhear(&self.database).await;
        // It has no answers from before.
        let mut listened = yard.twin().await;
        let address = address(&listened);
        let (cluster, step) = (&self.cluster, (paths.len() / SAMPLES).max(1));
        let samples: Vec<_> = paths.iter().step_by(step).take(SAMPLES).collect();
        let requests =
            samples.iter().map(|path| statements::statements(cluster, &address, path)).collect::<Vec<_>>();
        listened.terminate();
        statements::overhear_no_more(&self.database).await;
        statements::pgbench(cluster, &self.database, CLIENTS, PGBENCH_SECONDS, &requests).await
    }
}

fn address(yard: &Yard) -> String {
    yard.base().strip_prefix("http://").expect("an address").to_owned()
}

async fn asked(yard: &Yard, clients: usize, paths: Vec<String>) -> client::Load {
    let address = address(yard);
    tokio::task::spawn_blocking(move || load(&address, clients, &paths)).await.expect("the clients end")
}

/// An answer that was made before, against a handler that does nothing but answer with the same JSON.
async fn cached(yard: &Yard, at: &mut impl FnMut(&str) -> String, table: &mut Table) {
    let list = yard.get("/api/marketplace/v1/plugins?limit=1").await.expect(200).json();
    let id = list["data"][0]["id"].as_str().expect("a plugin").to_owned();
    let path = format!("/api/marketplace/v1/plugins/{id}");
    let body: Value = yard.get(&path).await.expect(200).json();
    let bare = bare::Bare::start(body).await;
    let (address, other, paths) = (address(yard), bare.address(), vec![path; CACHED]);
    let rounds = tokio::task::spawn_blocking(move || {
        let round = |_| (load(&address, CLIENTS, &paths).rate(), load(&other, CLIENTS, &paths).rate());
        (0..ROUNDS).map(round).collect::<Vec<_>>()
    });
    let rounds = rounds.await.expect("the rounds end");
    let ratios: Vec<f64> = rounds.iter().map(|(own, bare)| own / bare).collect();
    let of = |rates: Vec<f64>| whole(median(&rates));
    let unit = format!(
        "x a bare handler's rate ({} : {} a second), median of {ROUNDS} rounds",
        of(rounds.iter().map(|(own, _)| *own).collect()),
        of(rounds.iter().map(|(_, bare)| *bare).collect())
    );
    table.judge(at("details that were asked for before"), median(&ratios), unit, Target::AtLeast(0.5));
}

/// The whole command, its start included.
async fn rebuilt(yard: &Yard, measure: &str, table: &mut Table) {
    let begun = Instant::now();
    let command = yard.cli().args(["projections", "rebuild", "catalogue"]);
    let told = command.spawn().ended_within(seconds(3_600)).await.expect(0).json();
    let took = begun.elapsed().as_secs_f64();
    let events = told["events"].as_f64().expect("a number");
    assert_eq!(told["same_as_before"], true, "{told}");
    let unit = format!("events a second ({} in {took:.1} s)", whole(events));
    table.judge(measure, events / took, unit, Target::AtLeast(50_000.0));
}

/// Whether a path answers 200 by now.
fn answers(connection: &mut Connection, path: &str) -> bool {
    connection.ask(path).0 == 200
}
