//! The description of the API, without a server.

use std::{io::Write as _, process::ExitCode};

use crate::description;

pub(crate) fn run() -> anyhow::Result<ExitCode> {
    let document = description::document()?;
    writeln!(std::io::stdout(), "{document:#}")?;
    Ok(ExitCode::SUCCESS)
}
