//! Choosing versions for packages without a usable lock.

use application::{
    failure::{Failure, Reason},
    ports::packaging::{Requirements, Resolution, Resolver, Selection},
};
use async_trait::async_trait;
use domain::values::Target;
use tokio_util::sync::CancellationToken;

pub mod index;

fn not_reachable() -> Failure {
    Failure::transient(Reason::IndexUnavailable, "Package index not reachable")
}

/// There is nothing here that could choose.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoResolver;

fn unavailable() -> Failure {
    Failure::permanent(
        Reason::ResolverUnavailable,
        "This package has no usable uv.lock and the resolver is not available on this server",
    )
}

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
