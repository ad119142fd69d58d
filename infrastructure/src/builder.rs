//! Building wheels from source, in a sandbox.

use application::{
    failure::{Failure, Reason},
    ports::packaging::{Builder, Sdist, Wheel},
};
use async_trait::async_trait;
use domain::values::Target;
use tokio_util::sync::CancellationToken;

/// Building is off.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoBuilder;

#[async_trait]
impl Builder for NoBuilder {
    async fn build(&self, sdist: &Sdist, _: &Target, _: &CancellationToken) -> Result<Wheel, Failure> {
        Err(Failure::permanent(
            Reason::NoWheel,
            format!("{} {} has no wheel; building is disabled on this server", sdist.name, sdist.version),
        ))
    }
}
