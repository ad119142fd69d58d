//! Environments of installed plugins, made for real: uv and a Python of this machine in the sandbox, wheels of ours.
//! This program is its own launcher and its own child, which no test harness can be. Words after `--` pick tests.
//! Without a uv, a Python or a sandbox nothing is tried, and it says so.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "these are tests, which the lints do not see without a harness"
)]

mod environments;
mod ground;

use std::process::ExitCode;

use infrastructure::{
    isolation::{CHILD_ARGUMENT, serve_child},
    sandbox::{LAUNCHER_ARGUMENT, serve_launcher},
};

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.first().map(String::as_str) {
        Some(CHILD_ARGUMENT) => serve_child(),
        Some(LAUNCHER_ARGUMENT) => serve_launcher(),
        Some(_) | None => run(&words),
    }
}

/// A failed one ends the program with its panic.
fn run(words: &[String]) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let Some(tools) = runtime.block_on(ground::tools()) else {
        println!("no uv, no Python or no sandbox on this machine: no environment was made");
        return ExitCode::SUCCESS;
    };
    let picked: Vec<&String> = words.iter().filter(|word| !word.starts_with('-')).collect();
    for (name, test) in environments::ALL {
        if picked.is_empty() || picked.iter().any(|word| name.contains(word.as_str())) {
            runtime.block_on(test(&tools));
            println!("test {name} ... ok");
        }
    }
    ExitCode::SUCCESS
}
