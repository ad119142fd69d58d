//! `plugyard projections`: the same answers as the admin API, as JSON.

use std::io::Write as _;

use application::signal::Signal;

use crate::{
    admin::Projections as _,
    settings::{ProjectionsCommand, Settings},
    wiring::{self, Operator},
};

pub(crate) async fn run(settings: &Settings, command: ProjectionsCommand) -> anyhow::Result<()> {
    let database = wiring::open_database(settings).await?;
    let operator = Operator::new(database.pools.clone(), projections::all(), Signal::default());
    let answer = match command {
        ProjectionsCommand::List => operator.list().await,
        ProjectionsCommand::Rebuild { name } => operator.rebuild(&name).await,
        ProjectionsCommand::Retry { name } => operator.retry(&name).await,
    };
    database.close().await;
    writeln!(std::io::stdout(), "{:#}", answer?)?;
    Ok(())
}
