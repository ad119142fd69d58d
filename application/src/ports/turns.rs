//! Work that one node at a time does.

use std::any::Any;

use async_trait::async_trait;

use crate::error::Error;

#[async_trait]
pub trait Turns: Send + Sync {
    /// None: another one, on whatever node, has it.
    async fn take(&self, what: &str) -> Result<Option<Turn>, Error>;
}

/// Over when it is dropped, and when its process is.
pub struct Turn {
    _held: Box<dyn Any + Send + Sync>,
}

impl Turn {
    pub fn new(held: impl Any + Send + Sync) -> Self {
        Self { _held: Box::new(held) }
    }
}
