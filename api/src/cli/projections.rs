//! `plugyard projections`: the same answers as the admin API, as JSON.

use std::io::Write as _;

use crate::{
    settings::{ProjectionsCommand, Settings},
    wiring,
};

pub(crate) async fn run(settings: &Settings, command: ProjectionsCommand) -> anyhow::Result<()> {
    let projections = wiring::build_projections(settings).await?;
    let answer = match command {
        ProjectionsCommand::List => projections.list().await?,
        ProjectionsCommand::Rebuild { name } => projections.rebuild(&name).await?,
        ProjectionsCommand::Retry { name } => projections.retry(&name).await?,
    };
    writeln!(std::io::stdout(), "{answer:#}")?;
    Ok(())
}
