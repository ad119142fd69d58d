//! `plugyard publish`: one package into the catalogue of the settings, with or without a server beside it.

use std::{io::Write as _, path::Path};

use anyhow::{Context as _, bail, ensure};
use application::{
    identity::{AccountName, Identity},
    policy::Standing,
    principal::{Principal, Proof},
    publishing::{Asker, Expects, Order, PublishOutcome, Published},
    repackaging::LARGEST_PACKAGE,
};
use domain::values::Role;
use tempfile::TempPath;

use super::table::plain;
use crate::{
    packages_api::{Place, body, formats},
    settings::{PublishArguments, Settings},
    wiring::{Cataloguer, by_command, with_catalogue},
};

pub(crate) async fn run(settings: &Settings, arguments: PublishArguments) -> anyhow::Result<()> {
    let file = copied(&arguments.file, &settings.uploads_dir())?;
    with_catalogue(settings, true, async |Cataloguer { cataloguing, identity, .. }: &Cataloguer| {
        let principal = match &arguments.account {
            Some(name) => somebody(identity, name).await?,
            None => Principal::bootstrap(),
        };
        let by = Asker { principal: &principal, caller: by_command() };
        let published = cataloguing.publishing.publish(&file, order(&arguments), by).await?;
        tell(&published, arguments.json)
    })
    .await
}

fn order(arguments: &PublishArguments) -> Order {
    let first = arguments.dialects.first();
    Order {
        formats: first.map(|Place(dialect)| formats(*dialect)).unwrap_or_default(),
        dialects: arguments.dialects.iter().map(|Place(dialect)| *dialect).collect(),
        name: None,
        version: None,
        publisher: arguments.publisher.clone(),
        repository: None,
        changelog: arguments.changelog.clone(),
        expects: Expects::Any,
        dry_run: arguments.dry_run,
    }
}

/// Whoever has this name, as a publisher.
async fn somebody(identity: &Identity, name: &AccountName) -> anyhow::Result<Principal> {
    let account = identity.account(name, &by_command()).await?;
    Ok(Principal {
        proof: Proof::Token,
        standing: Standing::Publisher,
        scopes: Role::Publisher.scopes(),
        account: Some(account),
        ..Principal::bootstrap()
    })
}

/// What is stored must not change with a file that belongs to somebody.
fn copied(file: &Path, uploads: &Path) -> anyhow::Result<TempPath> {
    let told = || format!("{} cannot be read", plain(&file.to_string_lossy()));
    let about = std::fs::metadata(file).with_context(told)?;
    ensure!(about.is_file(), "{} is no file", plain(&file.to_string_lossy()));
    if about.len() > LARGEST_PACKAGE {
        bail!("A package has at most {} MB", LARGEST_PACKAGE / (1024 * 1024));
    }
    std::fs::create_dir_all(uploads).context("the data directory cannot be written")?;
    let copy = tempfile::Builder::new().prefix("package-").tempfile_in(uploads);
    let copy = copy.context("the data directory cannot be written")?.into_temp_path();
    std::fs::copy(file, &copy).with_context(told)?;
    Ok(copy)
}

fn tell(published: &Published, as_json: bool) -> anyhow::Result<()> {
    if as_json {
        writeln!(std::io::stdout(), "{:#}", body::published(published))?;
        return Ok(());
    }
    let Published { publisher, name, version, .. } = published;
    let told = match published.outcome {
        PublishOutcome::NewPlugin => "is published; it is new",
        PublishOutcome::NewVersion => "is published",
        PublishOutcome::Unchanged => "was there already",
        PublishOutcome::WouldPublish => "would be published",
    };
    writeln!(std::io::stdout(), "{publisher}/{name} {version} {told} ({})", published.plugin)?;
    if let Some(reason) = &published.quarantine {
        // When nobody reads, there is nobody to tell.
        let _ = writeln!(std::io::stderr(), "It is in quarantine: {}", plain(reason));
    }
    Ok(())
}
