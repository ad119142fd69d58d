//! The figures the product promises, measured and printed as one table: `cargo bench -p plugyard-tests`, with words
//! after `--` to pick areas (`log`, `selection`, `job`, `memory`, `server`, `edge`,
//! `catalogue`).
//!
//! Figures are ratios against a baseline of the same run, medians of interleaved rounds, because absolute times
//! say more about the machine than about the product. It informs: a missed target is a line in the table, and only
//! a run that broke ends with an error. Needs PostgreSQL with `pgbench`, Python 3, and for `job` the package index.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a benchmark talks to a terminal, and a panic is how it learns that its ground gave way"
)]

mod catalogue;
mod cost;
mod edge;
mod figures;
mod job;
mod log;
mod memory;
mod selection;
mod server;
mod table;

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    process::{Command, ExitCode},
};

use table::Table;

const AREAS: [&str; 7] = ["log", "selection", "job", "memory", "server", "edge", "catalogue"];

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let asked = |area: &&str| words.is_empty() || words.iter().any(|word| word == area);
    let chosen: Vec<&str> = AREAS.into_iter().filter(asked).collect();
    if chosen.iter().any(|area| !["log", "selection"].contains(area)) {
        build_the_product();
    }
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let mut table = Table::default();
    let mut broken = chosen.is_empty();
    for area in chosen {
        eprintln!("{area} ...");
        let measured = catch_unwind(AssertUnwindSafe(|| runtime.block_on(measure(area))));
        broken |= measured.is_err();
        table.append(measured.unwrap_or_else(|_| Table::broken(area)));
    }
    println!("{table}");
    if broken { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

async fn measure(area: &str) -> Table {
    match area {
        "log" => log::measure().await,
        "selection" => selection::measure(),
        "job" => job::measure().await,
        "memory" => memory::measure().await,
        "edge" => edge::measure().await,
        "catalogue" => catalogue::measure().await,
        _ => server::measure().await,
    }
}

/// The release binary lands where the support library looks for it, unless `PLUGYARD_BIN` names another.
fn build_the_product() {
    if std::env::var_os("PLUGYARD_BIN").is_some() {
        return;
    }
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo).args(["build", "--release", "-p", "plugyard"]).status();
    assert!(built.is_ok_and(|status| status.success()), "the product does not build");
}
