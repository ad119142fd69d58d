//! What plugins keep with their host.

use async_trait::async_trait;
use domain::values::InstallationId;
use serde_json::Value;

use crate::error::Error;

/// Of one installation in all.
pub const MOST_BYTES: u64 = 16 * 1024 * 1024;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Put {
    Kept,
    /// It would be more than [`MOST_BYTES`].
    Full,
}

#[async_trait]
pub trait PluginStorage: Send + Sync {
    async fn get(&self, of: InstallationId, key: &str) -> Result<Option<Value>, Error>;

    async fn put(&self, of: InstallationId, key: &str, value: &Value) -> Result<Put, Error>;

    /// False when there was none.
    async fn delete(&self, of: InstallationId, key: &str) -> Result<bool, Error>;

    /// In their order.
    async fn keys(&self, of: InstallationId, prefix: &str, most: u32) -> Result<Vec<String>, Error>;

    /// All of it.
    async fn clear(&self, of: InstallationId) -> Result<(), Error>;
}
