//! The id of a login that a device asks for: made with a secret from the code that its user is shown, so that the code
//! leads to the login and nothing leads back.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DeviceLoginId(pub Uuid);

/// The text is not a hyphenated UUID.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the id of a device's login is a UUID")]
pub struct InvalidDeviceLoginId;

impl fmt::Display for DeviceLoginId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for DeviceLoginId {
    type Err = InvalidDeviceLoginId;

    /// Only the hyphenated form: one login has one spelling.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match Uuid::parse_str(text) {
            Ok(id) if text.len() == 36 => Ok(Self(id)),
            Ok(_) | Err(_) => Err(InvalidDeviceLoginId),
        }
    }
}
