//! Keeping what plugins say and how they do.

use async_trait::async_trait;
use domain::values::InstallationId;

use super::hosting::{LogLine, Sample};
use crate::error::Error;

/// What is kept of one installation.
#[derive(Debug, Clone, PartialEq)]
pub enum Observed {
    Lines {
        lines: Vec<LogLine>,
        /// Lines before these that nobody will see.
        dropped: u64,
    },
    Sample(Box<Sample>),
}

#[async_trait]
pub trait Telemetry: Send + Sync {
    /// All of it or nothing; what was kept is shown at once.
    async fn keep(&self, observed: &[(InstallationId, Observed)]) -> Result<(), Error>;
}
