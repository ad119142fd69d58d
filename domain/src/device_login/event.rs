//! What happened to a device's login. Variants and fields are only ever added.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::values::{AccountId, Dialect, Digest, KeyId, Role, Scope};

/// Stored as one flat object with the member `type`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub enum DeviceLoginEvent {
    DeviceLoginRequested(DeviceLoginRequested),
    DeviceLoginApproved(DeviceGrant),
    DeviceLoginRedeemed { key_uid: KeyId },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceLoginRequested {
    /// Of the code that the device keeps to itself.
    pub device_sha256: Digest,
    /// Where what it gets is good.
    pub dialect: Dialect,
    pub at: DateTime<Utc>,
    /// Of the codes.
    pub expires_at: DateTime<Utc>,
}

/// What the device gets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceGrant {
    /// Whom it speaks for.
    pub account_uid: AccountId,
    pub role: Role,
    pub scopes: BTreeSet<Scope>,
    /// The key that approved it, which must still be good; none: a password did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by_key: Option<KeyId>,
    /// When it ends.
    pub ends_at: DateTime<Utc>,
}

impl DeviceLoginEvent {
    /// Every type of this stream that the product knows.
    pub const TYPES: &'static [&'static str] =
        &["DeviceLoginRequested", "DeviceLoginApproved", "DeviceLoginRedeemed"];

    pub fn name(&self) -> &'static str {
        match self {
            Self::DeviceLoginRequested(_) => "DeviceLoginRequested",
            Self::DeviceLoginApproved(_) => "DeviceLoginApproved",
            Self::DeviceLoginRedeemed { .. } => "DeviceLoginRedeemed",
        }
    }
}

domain_event!(DeviceLoginEvent);
