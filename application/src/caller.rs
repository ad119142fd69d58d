//! On whose behalf a command is given.

use domain::values::{Dialect, Metadata};
use serde_json::Value;

use crate::commands::Once;

/// Who asks, and under which idempotency key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    pub dialect: Dialect,
    pub metadata: Metadata,
    /// The caller's key and the hash of its request.
    pub once: Option<(String, [u8; 32])>,
}

impl Caller {
    /// How the log remembers the request, with what a repeat is answered; none without a key.
    pub fn once(&self, operation: &str, response: Value) -> Option<Once> {
        let (key, request_hash) = self.once.clone()?;
        // The anonymous have no name of their own: one must not be answered with what another was.
        let who = match (&self.metadata.actor_ip_hash, self.metadata.actor_principal.as_str()) {
            (Some(address), "anonymous") => format!("anonymous@{address}"),
            (_, principal) => principal.to_owned(),
        };
        let scope = format!("{who}:{operation}");
        Some(Once { scope, key, request_hash, response })
    }
}
