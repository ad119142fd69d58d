//! plugyard: a service and a command that repackage plugins so that they install offline.

mod address;
mod admin;
mod arrival;
mod asker;
mod backstage;
mod charging;
mod cli;
mod conditional;
mod connection;
mod consistency;
mod cors;
mod credential;
mod crossroads;
mod crowd;
mod description;
mod dify;
mod difymarket;
#[cfg(test)]
mod fakes;
mod feeds;
mod fields;
mod file_response;
mod guard;
mod health;
mod identity_api;
mod inkdrop;
mod langbot;
mod limits;
mod links;
mod mount;
mod nexus;
mod operations;
mod package_bytes;
mod package_downloads;
mod package_form;
mod package_url;
mod packages_api;
mod picture;
mod proving;
mod refusal;
mod report;
mod repositories_api;
mod router;
mod security;
mod serve;
mod served_blobs;
mod services;
mod settings;
mod shutdown;
mod socket_caller;
mod sockets;
mod space;
mod stale;
mod telemetry;
mod validated;
mod voice;
mod wiring;
mod work;
mod yard;

use std::{io::Write as _, process::ExitCode, time::Duration};

use anyhow::Context as _;
use tracing::Level;

use crate::settings::{Command, Settings};

fn main() -> ExitCode {
    run().unwrap_or_else(|error| {
        // When nobody reads standard error, nobody can be told.
        let _ = writeln!(std::io::stderr(), "plugyard: {}", told(&error));
        ExitCode::FAILURE
    })
}

fn run() -> anyhow::Result<ExitCode> {
    let (options, environment, command) = settings::of_process();
    // Its environment is empty on purpose: there are no settings to read.
    if let Command::Isolated { .. } = command {
        return Ok(infrastructure::isolation::serve_child());
    }
    if let Command::Sandboxed { .. } = command {
        return Ok(infrastructure::sandbox::serve_launcher());
    }
    if let Command::Plugin { .. } = command {
        return Ok(become_plugin());
    }
    if let Command::Attended { arguments } = &command {
        return Ok(infrastructure::uv::serve_attendant(arguments));
    }
    if let Command::Openapi = command {
        return cli::openapi::run();
    }
    let settings = Settings::new(options, &environment)?;
    let usual = if matches!(command, Command::Serve { .. }) { Level::INFO } else { Level::ERROR };
    telemetry::log_to_stderr(settings.log.unwrap_or(usual));
    let threads = std::thread::available_parallelism().map_or(2, |count| count.get().clamp(2, 4));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads)
        .enable_all()
        .build()
        .context("no threads to work with")?;
    let code = runtime.block_on(dispatch(&settings, command));
    // What still blocks a thread cannot be waited for.
    runtime.shutdown_timeout(Duration::from_secs(1));
    code
}

#[cfg(target_os = "linux")]
fn become_plugin() -> ExitCode {
    infrastructure::host::serve_launcher()
}

/// Nothing holds a plugin in here.
#[cfg(not(target_os = "linux"))]
fn become_plugin() -> ExitCode {
    ExitCode::FAILURE
}

/// The chain of causes, each sentence once: some errors repeat their cause in their own words.
fn told(error: &anyhow::Error) -> String {
    error.chain().map(ToString::to_string).fold(String::new(), |told, cause| {
        if told.is_empty() {
            cause
        } else if told.contains(&cause) {
            told
        } else {
            format!("{told}: {cause}")
        }
    })
}

async fn dispatch(settings: &Settings, command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Serve { .. } => serve::run(settings).await?,
        Command::Repackage(arguments) => return cli::repackage::run(settings, arguments).await,
        Command::Migrate { new_epoch } => wiring::migrate(settings, new_epoch).await?,
        Command::Projections { command } => cli::projections::run(settings, command).await?,
        Command::Events { command } => return cli::events::run(settings, command).await,
        Command::Token { command } => cli::token::run(settings, command).await?,
        Command::User { command } => cli::user::run(settings, command).await?,
        Command::Publish(arguments) => cli::publish::run(settings, arguments).await?,
        Command::Package { command } => cli::package::run(settings, command).await?,
        Command::Publisher { command } => cli::publisher::run(settings, command).await?,
        Command::Repository { command } => cli::repository::run(settings, command).await?,
        Command::Seed(arguments) => cli::seed::run(settings, arguments).await?,
        Command::Policy { json } => cli::policy::run(json)?,
        Command::Sign { command } => return cli::sign::run(command).await,
        Command::Secrets { command } => return cli::secrets::run(settings, command).await,
        Command::Openapi => return cli::openapi::run(),
        Command::Isolated { .. } => return Ok(infrastructure::isolation::serve_child()),
        Command::Sandboxed { .. } => return Ok(infrastructure::sandbox::serve_launcher()),
        Command::Plugin { .. } => return Ok(become_plugin()),
        Command::Attended { arguments } => return Ok(infrastructure::uv::serve_attendant(&arguments)),
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sentence_of_an_error_is_told_once() {
        let refused = || anyhow::anyhow!("Connection refused").context("no database: Connection refused");
        assert_eq!(told(&refused()), "no database: Connection refused");
        assert_eq!(told(&refused().context("cannot serve")), "cannot serve: no database: Connection refused");
        let repeated = refused().context("no database: Connection refused");
        assert_eq!(told(&repeated), "no database: Connection refused");
    }
}
