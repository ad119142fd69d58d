//! `plugyard secrets`: which master key wraps what, and changing it.

use std::{
    io::{IsTerminal as _, Write as _},
    process::ExitCode,
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use infrastructure::{
    database::Database,
    vault::{Keyring, Rotated, Wrapping, rotate, wrappings},
};
use serde_json::{Value, json};

use crate::{
    settings::{SecretsCommand, Settings},
    wiring,
};

/// What is over sooner needs no bar.
const LONG: Duration = Duration::from_secs(1);

/// Exit 1: something is wrapped with a key that is not here.
pub(crate) async fn run(settings: &Settings, command: SecretsCommand) -> anyhow::Result<ExitCode> {
    let database = wiring::open_database(settings).await?;
    let done = in_database(settings, &database, command).await;
    database.close().await;
    done
}

async fn in_database(
    settings: &Settings,
    database: &Database,
    command: SecretsCommand,
) -> anyhow::Result<ExitCode> {
    let keyring = wiring::keyring(settings)?;
    match command {
        SecretsCommand::Status { json } => {
            let wrappings = wrappings(&database.pools.reads, &keyring).await?;
            let told = if json {
                format!("{:#}", body(&keyring, &wrappings))
            } else {
                sentences(&keyring, &wrappings)
            };
            writeln!(std::io::stdout(), "{told}")?;
            let all_known = wrappings.iter().all(|wrapping| wrapping.known);
            Ok(if all_known { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
        SecretsCommand::Rotate => {
            let bar = Bar::new();
            let rotated = rotate(&database.pools, keyring, |done, all| bar.show(done, all)).await;
            bar.0.finish_and_clear();
            let hint =
                if settings.keyring.is_some() { "\nPLUGYARD_SECRET_KEY_PREVIOUS may go now" } else { "" };
            writeln!(std::io::stdout(), "{}{hint}", told(&rotated?))?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn told(Rotated { master, keys, resumed }: &Rotated) -> String {
    let how = if *resumed { "; a rotation that was cut short is complete now" } else { "" };
    let keys = if *keys == 1 { "1 data key".to_owned() } else { format!("{keys} data keys") };
    format!(
        "{keys} wrapped anew with the master key {master}{how}\n\
         Backups of the database from before need the old master key"
    )
}

fn body(keyring: &Keyring, wrappings: &[Wrapping]) -> Value {
    let rows: Vec<_> = wrappings
        .iter()
        .map(|Wrapping { master, keys, known }| json!({"id": master, "data_keys": keys, "known": known}))
        .collect();
    json!({"known": keyring.ids(), "wrapping": rows})
}

fn sentences(keyring: &Keyring, wrappings: &[Wrapping]) -> String {
    let mut lines: Vec<String> = wrappings
        .iter()
        .map(|Wrapping { master, keys, known }| {
            let note = if *known { "" } else { "  not here: these cannot be opened" };
            format!("{master}  wraps {keys}{note}")
        })
        .collect();
    let idle = keyring.ids().into_iter().filter(|id| wrappings.iter().all(|wrapping| wrapping.master != *id));
    lines.extend(idle.map(|id| format!("{id}  wraps 0")));
    lines.join("\n")
}

/// On a terminal alone, and only for what takes long.
struct Bar(ProgressBar, Instant);

impl Bar {
    fn new() -> Self {
        let bar = ProgressBar::hidden();
        if let Ok(style) = ProgressStyle::with_template("{bar:32} {pos} of {len} data keys") {
            bar.set_style(style);
        }
        Self(bar, Instant::now())
    }

    fn show(&self, done: u64, all: u64) {
        if self.0.is_hidden() && self.1.elapsed() > LONG && std::io::stderr().is_terminal() {
            self.0.set_draw_target(ProgressDrawTarget::stderr());
        }
        self.0.set_length(all);
        self.0.set_position(done);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_names_keys_that_are_missing_and_keys_that_wrap_nothing() {
        let keyring = Keyring::given("07".repeat(32).parse().unwrap(), None);
        let keyring = keyring.unwrap();
        let missing = Wrapping { master: "00ff00ff00ff00ff".to_owned(), keys: 3, known: false };
        let told = sentences(&keyring, &[missing]);
        let own = &keyring.ids()[0];
        assert_eq!(
            told,
            format!("00ff00ff00ff00ff  wraps 3  not here: these cannot be opened\n{own}  wraps 0")
        );
        assert!(!told.contains("0707"), "{told}");
    }

    #[test]
    fn a_rotation_says_what_it_did() {
        let rotated = |keys, resumed| told(&Rotated { master: "ab".to_owned(), keys, resumed });
        assert!(rotated(1, false).starts_with("1 data key wrapped anew with the master key ab\n"));
        assert!(rotated(2, true).contains("2 data keys") && rotated(2, true).contains("cut short"));
    }
}
