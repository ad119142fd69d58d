//! `plugyard publisher`: what an operator says of publishers.

use std::io::Write as _;

use application::{principal::Principal, publishing::Asker};

use crate::{
    settings::{PublisherCommand, Settings},
    wiring::{Cataloguer, by_command, with_catalogue},
};

pub(crate) async fn run(settings: &Settings, command: PublisherCommand) -> anyhow::Result<()> {
    let PublisherCommand::Verify { name, method, evidence } = command;
    with_catalogue(settings, true, async |Cataloguer { cataloguing, .. }: &Cataloguer| {
        let by = Asker { principal: &Principal::bootstrap(), caller: by_command() };
        let changed = cataloguing.publishing.verify_publisher(&name, method, evidence, by).await?;
        let told = if changed.is_some() {
            "is verified, and so is what it has published"
        } else {
            "was verified before"
        };
        writeln!(std::io::stdout(), "{name} {told}")?;
        Ok(())
    })
    .await
}
