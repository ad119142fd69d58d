//! What plugins say and how they do: history with an end, and the rows it is read by, written together. Not a
//! subscription: nothing else follows from it, and it is made again by nobody.

mod keeping;
mod reader;

use application::{
    error::Error,
    ports::telemetry::{Observed, Telemetry},
};
use async_trait::async_trait;
use domain::values::InstallationId;
use sqlx::PgPool;

use crate::reading::unavailable;

/// Writes on one pool, reads on the other.
#[derive(Debug, Clone)]
pub struct PgTelemetry {
    writes: PgPool,
    reads: PgPool,
}

impl PgTelemetry {
    pub fn new(writes: PgPool, reads: PgPool) -> Self {
        Self { writes, reads }
    }
}

#[async_trait]
impl Telemetry for PgTelemetry {
    async fn keep(&self, observed: &[(InstallationId, Observed)]) -> Result<(), Error> {
        keeping::keep(&self.writes, observed).await.map_err(unavailable)
    }
}
