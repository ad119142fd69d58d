//! `plugyard repository`: catalogues elsewhere that are shown here too, on the database of the settings, with or without
//! a server beside it.

use std::{
    io::{IsTerminal as _, Write as _},
    sync::atomic::{AtomicU64, Ordering},
};

use application::{
    principal::Principal,
    queries::repositories::RepositoryView,
    syncing::{Depth, MARKETPLACE, Syncing},
};
use domain::repository::RepositoryAdded;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;

use super::{
    table::{aligned, plain},
    token::moment,
};
use crate::{
    repositories_api::{shown, told},
    settings::{RepositoryCommand, Settings},
    wiring::{by_command, with_repositories},
};

/// Listings between two lines, where there is no terminal.
const BETWEEN_LINES: u64 = 500;

pub(crate) async fn run(settings: &Settings, command: RepositoryCommand) -> anyhow::Result<()> {
    with_repositories(settings, async |syncing: &Syncing| match command {
        RepositoryCommand::List { json } => list(syncing, json).await,
        RepositoryCommand::Add { name, url, description, nexus } => {
            let kind = if nexus { "nexus" } else { MARKETPLACE }.to_owned();
            let repository = RepositoryAdded { name: name.clone(), url, description, kind };
            syncing.add(repository, &Principal::bootstrap(), by_command().metadata).await?;
            say(&format!("{} is added", plain(&name)))
        }
        RepositoryCommand::Enable { name } => {
            syncing.enable(&name, &Principal::bootstrap(), by_command().metadata).await?;
            say(&format!("{} is enabled", plain(&name)))
        }
        RepositoryCommand::Disable { name, reason } => {
            syncing.disable(&name, reason, &Principal::bootstrap(), by_command().metadata).await?;
            say(&format!("{} is disabled: what it lists is hidden", plain(&name)))
        }
        RepositoryCommand::Sync { name, whole, json } => sync(syncing, &name, whole, json).await,
    })
    .await
}

fn say(text: &str) -> anyhow::Result<()> {
    Ok(writeln!(std::io::stdout(), "{text}")?)
}

async fn list(syncing: &Syncing, as_json: bool) -> anyhow::Result<()> {
    let all = syncing.all().await?;
    if as_json {
        return say(&format!("{:#}", all.iter().map(shown).collect::<Value>()));
    }
    let mut rows = vec![["NAME", "KIND", "STATE", "PLUGINS", "READ", "ADDRESS"].map(str::to_owned)];
    rows.extend(all.iter().map(row));
    let text = aligned(&rows.iter().map(|row| &row[..]).collect::<Vec<_>>());
    std::io::stdout().write_all(text.as_bytes())?;
    Ok(())
}

fn row(view: &RepositoryView) -> [String; 6] {
    let state = match (view.enabled, view.is_failing()) {
        (false, _) => "disabled",
        (true, true) => "failing",
        (true, false) => "enabled",
    };
    [
        view.name.clone(),
        view.kind.clone(),
        state.to_owned(),
        view.plugins.to_string(),
        view.synced_at.map_or_else(|| "never".to_owned(), moment),
        plain(&view.url),
    ]
}

async fn sync(syncing: &Syncing, name: &str, whole: bool, as_json: bool) -> anyhow::Result<()> {
    let depth = if whole { Depth::Everything } else { Depth::AsDue };
    let bar = std::io::stderr().is_terminal().then(bar);
    let last = AtomicU64::new(0);
    let on_listings = |read: u64, total: u64| match &bar {
        Some(bar) => {
            bar.set_length(total);
            bar.set_position(read);
        }
        None if read >= last.load(Ordering::Relaxed) + BETWEEN_LINES => {
            last.store(read, Ordering::Relaxed);
            // When nobody reads, there is nobody to tell.
            let _ = writeln!(std::io::stderr(), "{read} of {total} listings read");
        }
        None => {}
    };
    let synced = syncing.sync(name, depth, &by_command().metadata, &on_listings).await;
    if let Some(bar) = &bar {
        bar.finish_and_clear();
    }
    let synced = synced?;
    if as_json {
        return say(&format!("{:#}", told(&synced)));
    }
    let (added, updated, removed) = (synced.added, synced.updated, synced.removed);
    let read = if synced.whole { "everything" } else { "what is newer" };
    say(&format!("{}: {read} is read; {added} added, {updated} updated, {removed} removed", plain(name)))
}

fn bar() -> ProgressBar {
    let bar = ProgressBar::new(0);
    if let Ok(style) = ProgressStyle::with_template("{bar:32} {pos}/{len} listings") {
        bar.set_style(style);
    }
    bar
}
