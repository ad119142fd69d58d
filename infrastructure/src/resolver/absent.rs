//! For where nothing shall be chosen.

use application::{
    failure::Failure,
    ports::packaging::{Requirements, Resolution, Resolver, Selection},
};
use async_trait::async_trait;
use domain::values::Target;
use tokio_util::sync::CancellationToken;

use crate::uv::unavailable;

/// Refuses every package without a usable lock.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoResolver;

#[async_trait]
impl Resolver for NoResolver {
    fn name(&self) -> String {
        "none".to_owned()
    }

    async fn resolve(
        &self,
        _: &Requirements,
        _: &Target,
        _: &CancellationToken,
    ) -> Result<Resolution, Failure> {
        Err(unavailable())
    }

    async fn select(
        &self,
        _: &Requirements,
        _: Resolution,
        _: &Target,
        _: &CancellationToken,
    ) -> Result<Selection, Failure> {
        Err(unavailable())
    }
}
