//! `plugyard publisher`: what an operator says of publishers, and does with them.

use std::io::Write as _;

use application::{principal::Principal, publishing::Asker};
use domain::{publisher::PublisherProfile, recorded::Cursor};

use crate::{
    packages_api::body,
    settings::{PublisherCommand, Settings},
    wiring::{Cataloguer, by_command, with_catalogue},
};

pub(crate) async fn run(settings: &Settings, command: PublisherCommand) -> anyhow::Result<()> {
    with_catalogue(settings, true, async |cataloguer: &Cataloguer| {
        let told = told(cataloguer, command).await?;
        writeln!(std::io::stdout(), "{told}")?;
        Ok(())
    })
    .await
}

async fn told(cataloguer: &Cataloguer, command: PublisherCommand) -> anyhow::Result<String> {
    let Cataloguer { cataloguing, identity, .. } = cataloguer;
    let (publishing, operator) = (&cataloguing.publishing, Principal::bootstrap());
    let by = Asker { principal: &operator, caller: by_command() };
    let which = |changed: Option<Cursor>, done: &'static str, before: &'static str| {
        if changed.is_some() { done } else { before }
    };
    Ok(match command {
        PublisherCommand::Verify { name, method, evidence } => {
            let changed = publishing.verify_publisher(&name, method, evidence, by).await?;
            let done = "is verified, and so is what it has published";
            format!("{name} {}", which(changed, done, "was verified before"))
        }
        PublisherCommand::Unverify { name, reason } => {
            let changed = publishing.unverify_publisher(&name, reason, by).await?;
            let done = "is not verified any more, nor what was verified with it";
            format!("{name} {}", which(changed, done, "was not verified"))
        }
        PublisherCommand::Transfer { name, to } => {
            let owner = identity.account(&to, &by.caller).await?;
            let changed = publishing.transfer_publisher(&name, owner, by).await?;
            let (done, before) = ("belongs to", "belonged before to");
            format!("{name} {} {}", which(changed, done, before), to.as_str())
        }
        PublisherCommand::Describe { name, display_name, email, url } => {
            let profile = PublisherProfile { display_name, email, url };
            publishing.describe_publisher(&name, profile, by).await?;
            format!("{name} is described")
        }
        PublisherCommand::Show { name } => {
            let view = publishing.own_publisher(&name, &operator).await?;
            serde_json::to_string_pretty(&body::publisher(&view))?
        }
    })
}
