//! `plugyard package`: what the catalogue holds, and what an operator does with it.

use std::io::Write as _;

use anyhow::Context as _;
use application::{
    identity::Identity,
    principal::Principal,
    publishing::{Asker, Change, personal_publisher},
    queries::catalogue::{Find, Order, PluginView, Sort},
};
use domain::values::Dialect;
use serde_json::Value;

use super::table::{aligned, plain};
use crate::{
    packages_api::{Place, body},
    services::Cataloguing,
    settings::{PackageCommand, PackageName, Settings},
    wiring::{Cataloguer, by_command, with_catalogue},
};

const AT_A_TIME: u32 = 100;

pub(crate) async fn run(settings: &Settings, command: PackageCommand) -> anyhow::Result<()> {
    with_catalogue(
        settings,
        true,
        async |Cataloguer { cataloguing, identity, .. }: &Cataloguer| match command {
            PackageCommand::List { dialect, publisher, json, .. } => {
                let views = match (dialect, publisher) {
                    (Some(Place(dialect)), _) => shown(cataloguing, dialect).await?,
                    (None, Some(publisher)) => of_publisher(cataloguing, &publisher).await?,
                    (None, None) => quarantined(cataloguing).await?,
                };
                list(&views, json)
            }
            PackageCommand::Show { package } => {
                writeln!(std::io::stdout(), "{:#}", body::package(&found(cataloguing, &package).await?))?;
                Ok(())
            }
            command @ (PackageCommand::Yank { .. }
            | PackageCommand::Unyank { .. }
            | PackageCommand::Deprecate { .. }
            | PackageCommand::Undeprecate { .. }
            | PackageCommand::Remove { .. }
            | PackageCommand::Transfer { .. }
            | PackageCommand::Verify { .. }
            | PackageCommand::Unverify { .. }
            | PackageCommand::Feature { .. }
            | PackageCommand::Unfeature { .. }
            | PackageCommand::Quarantine { .. }
            | PackageCommand::Clear { .. }) => change(cataloguing, identity, command).await,
        },
    )
    .await
}

async fn shown(cataloguing: &Cataloguing, dialect: Dialect) -> anyhow::Result<Vec<PluginView>> {
    let mut views = Vec::new();
    loop {
        let find = Find {
            order: Order { by: Sort::Name, descending: false },
            offset: views.len() as u64,
            limit: AT_A_TIME,
            whole: true,
            ..Find::in_dialect(dialect)
        };
        let page = cataloguing.catalogue.find(&find).await?.plugins;
        let is_last = page.len() < AT_A_TIME as usize;
        views.extend(page);
        if is_last {
            return Ok(views);
        }
    }
}

async fn of_publisher(cataloguing: &Cataloguing, name: &str) -> anyhow::Result<Vec<PluginView>> {
    let mut views = Vec::new();
    for plugin in cataloguing.catalogue.of_publisher(name).await? {
        views.extend(cataloguing.catalogue.current(plugin).await?);
    }
    Ok(views)
}

async fn quarantined(cataloguing: &Cataloguing) -> anyhow::Result<Vec<PluginView>> {
    let mut views: Vec<PluginView> = Vec::new();
    for (plugin, ..) in cataloguing.catalogue.quarantined().await? {
        if views.iter().all(|view| view.id != plugin) {
            views.extend(cataloguing.catalogue.current(plugin).await?);
        }
    }
    Ok(views)
}

fn list(views: &[PluginView], as_json: bool) -> anyhow::Result<()> {
    let text = if as_json {
        format!("{:#}\n", views.iter().map(body::package).collect::<Value>())
    } else {
        let mut rows =
            vec![["ID", "PUBLISHER", "NAME", "LATEST", "LISTED", "DOWNLOADS", "STATE"].map(str::to_owned)];
        rows.extend(views.iter().map(row));
        aligned(&rows.iter().map(|row| &row[..]).collect::<Vec<_>>())
    };
    std::io::stdout().write_all(text.as_bytes())?;
    Ok(())
}

fn row(view: &PluginView) -> [String; 7] {
    let listed: Vec<&str> = view.listed.iter().map(|dialect| dialect.as_str()).collect();
    [
        view.id.to_string(),
        view.publisher.clone(),
        view.name.clone(),
        view.latest().map_or_else(|| "-".to_owned(), |release| release.version.to_string()),
        if listed.is_empty() { "-".to_owned() } else { listed.join(",") },
        view.counted.downloads.to_string(),
        plain(&state(view)),
    ]
}

fn state(view: &PluginView) -> String {
    let held = view.releases.iter().find_map(|release| {
        release.quarantine.as_ref().map(|reason| format!("{} in quarantine: {reason}", release.version))
    });
    if let Some(reason) = &view.removed {
        return format!("removed: {reason}");
    }
    if let Some(reason) = &view.quarantine {
        return format!("in quarantine: {reason}");
    }
    if let Some(held) = held {
        return held;
    }
    match &view.deprecated {
        Some(deprecation) => format!("deprecated: {}", deprecation.reason),
        None if view.verified.is_some() => "verified".to_owned(),
        None => "-".to_owned(),
    }
}

async fn found(cataloguing: &Cataloguing, package: &PackageName) -> anyhow::Result<PluginView> {
    let found = cataloguing.catalogue.plugin(&package.0).await?;
    let current = match found {
        Some(view) => cataloguing.catalogue.current(view.id).await?,
        None => None,
    };
    current.with_context(|| format!("there is no package {}", plain(&package.told())))
}

async fn change(
    cataloguing: &Cataloguing,
    identity: &Identity,
    command: PackageCommand,
) -> anyhow::Result<()> {
    let Some((package, change)) = asked(identity, command).await? else { return Ok(()) };
    let view = found(cataloguing, &package).await?;
    let by = Asker { principal: &Principal::bootstrap(), caller: by_command() };
    let changed = cataloguing.publishing.change(view.id, change, by).await?;
    let told = if changed.is_some() { "is changed" } else { "was like that before" };
    writeln!(std::io::stdout(), "{}/{} {told}", view.publisher, view.name)?;
    Ok(())
}

/// None: nothing is to be changed.
async fn asked(
    identity: &Identity,
    command: PackageCommand,
) -> anyhow::Result<Option<(PackageName, Change)>> {
    use PackageCommand as C;
    Ok(Some(match command {
        C::List { .. } | C::Show { .. } => return Ok(None),
        C::Yank { package, version, reason } => (package, Change::Yank { version, reason }),
        C::Unyank { package, version } => (package, Change::Unyank { version }),
        C::Deprecate { package, reason, replacement } => (package, Change::Deprecate { reason, replacement }),
        C::Undeprecate { package } => (package, Change::Undeprecate),
        C::Remove { package, version: Some(version), reason } => {
            (package, Change::RemoveRelease { version, reason })
        }
        C::Remove { package, version: None, reason } => (package, Change::Remove { reason }),
        C::Transfer { package, to, publisher } => {
            let to_owner = identity.account(&to, &by_command()).await?;
            let to_publisher = match publisher {
                Some(publisher) => publisher,
                None => personal_publisher(Some(to_owner))?,
            };
            (package, Change::Transfer { to_owner, to_publisher })
        }
        C::Verify { package, method, evidence } => (package, Change::Verify { method, evidence }),
        C::Unverify { package, reason } => (package, Change::Unverify { reason }),
        C::Feature { package } => (package, Change::Feature),
        C::Unfeature { package } => (package, Change::Unfeature),
        C::Quarantine { package, version, reason } => (package, Change::Quarantine { version, reason }),
        C::Clear { package, version, evidence } => (package, Change::Clear { version, evidence }),
    }))
}
