//! The catalogue: how fast lists, details and searches answer with many clients, and how fast it is made again from the
//! log. The log is filled by SQL; the words of its plugins are as unevenly common as words are.

mod shelf;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use application::queries::catalogue::{CatalogueQueries, Find, Order, Sort, Which};
use domain::values::Dialect;
use infrastructure::subscription::{Projection, first_generation, rebuild};
use plugyard_tests::python::succeeds;
use projections::PgCatalogue;

use crate::{
    figures::{count, percentile, whole},
    log::ground::Ground,
    table::{Table, Target},
};

const PLUGINS: usize = 100_000;
const CLIENTS: usize = 16;
const LENGTH: Duration = Duration::from_secs(5);

pub(crate) async fn measure() -> Table {
    let ground = Ground::new().await;
    let mut table = Table::default();
    shelf::fill(&ground, PLUGINS).await;
    remake(&ground, &mut table).await;
    ground.database.execute("vacuum analyze").await.unwrap();
    let node = ground.node();
    let catalogue = Arc::new(PgCatalogue::new(node.pools.reads.clone()));
    for (what, baseline) in [
        ("list", Some(shelf::LIST)),
        ("details", Some(shelf::DETAILS)),
        ("search", None),
        ("common words", None),
    ] {
        let ours = ask(&catalogue, what).await;
        table
            .fact(format!("{what}, {CLIENTS} clients: median"), format!("{:.1} ms", percentile(&ours, 50.0)));
        let p99 = percentile(&ours, 99.0);
        match baseline {
            Some(sql) => {
                let bare = percentile(&bare(&ground, sql).await, 99.0);
                let unit = format!("of pgbench ({p99:.1} ms : {bare:.1} ms)");
                table.judge(format!("{what}: p99"), p99 / bare, unit, Target::AtMost(2.0));
            }
            None => table.judge(format!("{what}: p99"), p99, "ms", Target::AtMost(25.0)),
        }
    }
    drop(catalogue);
    node.end().await;
    table
}

async fn remake(ground: &Ground, table: &mut Table) {
    let all = projections::all();
    let catalogue: &dyn Projection =
        all.iter().find(|one| one.name() == "catalogue").expect("a catalogue").as_ref();
    let mut owner = ground.owner().await;
    first_generation(&mut owner, catalogue).await.unwrap();
    // As if the live one had followed so far: what is measured is making the next one.
    ground.database.execute(shelf::FOLLOWED).await.unwrap();
    let begun = Instant::now();
    let rebuilt = rebuild(&mut owner, catalogue, |_| {}).await.unwrap();
    let rate = count(usize::try_from(rebuilt.events).unwrap()) / begun.elapsed().as_secs_f64();
    let unit = format!("events a second, {} of them", whole(count(usize::try_from(rebuilt.events).unwrap())));
    table.judge("rebuilding the catalogue", rate, unit, Target::AtLeast(50_000.0));
}

/// Milliseconds of every answer.
async fn ask(catalogue: &Arc<PgCatalogue>, what: &'static str) -> Vec<f64> {
    let until = Instant::now() + LENGTH;
    let clients: Vec<_> = (0..CLIENTS)
        .map(|client| {
            let catalogue = catalogue.clone();
            tokio::spawn(async move {
                let mut times = Vec::new();
                for turn in (client..).step_by(CLIENTS) {
                    let begun = Instant::now();
                    if begun >= until {
                        break;
                    }
                    one(&catalogue, what, turn).await;
                    times.push(begun.elapsed().as_secs_f64() * 1e3);
                }
                times
            })
        })
        .collect();
    let mut times = Vec::new();
    for client in clients {
        times.extend(client.await.unwrap());
    }
    times
}

async fn one(catalogue: &PgCatalogue, what: &str, turn: usize) {
    let spread = turn.wrapping_mul(7_919);
    let text = match what {
        "details" => {
            let number = u64::try_from(1 + spread % PLUGINS).unwrap();
            assert!(catalogue.plugin(&Which::Number(number)).await.unwrap().is_some());
            return;
        }
        "list" => None,
        "search" => Some(format!("{} {}", shelf::word(spread % 1_500), shelf::word(spread / 3 % 1_900))),
        _ => Some(shelf::word(spread % 40)),
    };
    let by = if text.is_some() { Sort::Relevance } else { Sort::Downloads };
    let order = Order { by, descending: true };
    let offset = if text.is_some() { 0 } else { u64::try_from(20 * (spread % 50)).unwrap() };
    let find = Find { text, order, offset, ..Find::in_dialect(Dialect::Backstage) };
    catalogue.find(&find).await.unwrap();
}

/// The same by pgbench: milliseconds of every transaction.
async fn bare(ground: &Ground, sql: &str) -> Vec<f64> {
    let directory = tempfile::tempdir().unwrap();
    let sql = sql.replace("PLUGINS", &PLUGINS.to_string());
    std::fs::write(directory.path().join("script"), sql).unwrap();
    let mut pgbench = ground.cluster.client("pgbench");
    pgbench.current_dir(directory.path());
    pgbench.args(["-n", "-M", "prepared", "-j", "2", "-l"]);
    pgbench.args(["-c", &CLIENTS.to_string(), "-T", &LENGTH.as_secs().to_string()]);
    pgbench.args(["-f", "script", &ground.database.url]);
    tokio::task::spawn_blocking(move || succeeds(&mut pgbench)).await.unwrap();
    let logs = std::fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().path());
    let logs = logs.filter(|path| path.file_name().is_some_and(|name| name != "script"));
    let lines = logs.flat_map(|path| {
        let text = std::fs::read_to_string(path).unwrap();
        text.lines().map(str::to_owned).collect::<Vec<_>>()
    });
    lines.filter_map(|line| line.split(' ').nth(2)?.parse::<f64>().ok()).map(|micros| micros / 1e3).collect()
}
