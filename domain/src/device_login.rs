//! A login that a device asks for and somebody approves elsewhere, by the code that the device shows (RFC 8628).
//!
//! Guards: approved once, before its end; what was approved is given to the device that asked, once. Neither of its
//! codes is ever here: of the device's there is the SHA-256, and the user's is in the id of the stream alone.

mod event;

pub use event::{DeviceGrant, DeviceLoginEvent, DeviceLoginRequested};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::values::{Digest, KeyId};

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum DeviceLogin {
    /// Never asked for, or over.
    #[default]
    Absent,
    Waiting {
        device_sha256: Digest,
        expires_at: DateTime<Utc>,
    },
    Approved {
        device_sha256: Digest,
        expires_at: DateTime<Utc>,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeviceLoginCommand {
    Request(DeviceLoginRequested),
    Approve { grant: DeviceGrant, at: DateTime<Utc> },
    Redeem { device_sha256: Digest, key: KeyId, at: DateTime<Utc> },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DeviceLoginError {
    /// Whatever is missing, over, or another device's: all alike.
    #[error("No device waits with this code: it is mistyped, used or expired")]
    Unknown,
    #[error("This code is in use")]
    Taken,
    #[error("This code was approved already")]
    AlreadyApproved,
    #[error("This code is not approved yet")]
    Waiting,
}

impl DeviceLogin {
    /// The rules, one line per command.
    pub fn decide(&self, command: DeviceLoginCommand) -> Result<Vec<DeviceLoginEvent>, DeviceLoginError> {
        match command {
            DeviceLoginCommand::Request(requested) => self.request(requested),
            DeviceLoginCommand::Approve { grant, at } => self.approve(grant, at),
            DeviceLoginCommand::Redeem { device_sha256, key, at } => self.redeem(&device_sha256, key, at),
        }
    }

    /// There are fewer codes for people than there will be logins: one that nobody can use any more is free.
    fn request(&self, requested: DeviceLoginRequested) -> Result<Vec<DeviceLoginEvent>, DeviceLoginError> {
        match self {
            Self::Waiting { expires_at, .. } | Self::Approved { expires_at, .. }
                if requested.at < *expires_at =>
            {
                Err(DeviceLoginError::Taken)
            }
            Self::Absent | Self::Waiting { .. } | Self::Approved { .. } => {
                Ok(vec![DeviceLoginEvent::DeviceLoginRequested(requested)])
            }
        }
    }

    fn approve(
        &self,
        grant: DeviceGrant,
        at: DateTime<Utc>,
    ) -> Result<Vec<DeviceLoginEvent>, DeviceLoginError> {
        match self {
            Self::Waiting { expires_at, .. } if at < *expires_at => {
                Ok(vec![DeviceLoginEvent::DeviceLoginApproved(grant)])
            }
            Self::Approved { expires_at, .. } if at < *expires_at => Err(DeviceLoginError::AlreadyApproved),
            Self::Absent | Self::Waiting { .. } | Self::Approved { .. } => Err(DeviceLoginError::Unknown),
        }
    }

    fn redeem(
        &self,
        device: &Digest,
        key_uid: KeyId,
        at: DateTime<Utc>,
    ) -> Result<Vec<DeviceLoginEvent>, DeviceLoginError> {
        match self {
            Self::Approved { device_sha256, expires_at } if device_sha256 == device && at < *expires_at => {
                Ok(vec![DeviceLoginEvent::DeviceLoginRedeemed { key_uid }])
            }
            Self::Waiting { device_sha256, expires_at } if device_sha256 == device && at < *expires_at => {
                Err(DeviceLoginError::Waiting)
            }
            Self::Absent | Self::Waiting { .. } | Self::Approved { .. } => Err(DeviceLoginError::Unknown),
        }
    }
}

aggregate!(DeviceLogin, "device_login", DeviceLoginCommand, DeviceLoginEvent, DeviceLoginError);

impl DeviceLogin {
    fn evolve(&mut self, event: DeviceLoginEvent) {
        match event {
            DeviceLoginEvent::DeviceLoginRequested(requested) => {
                let (device_sha256, expires_at) = (requested.device_sha256, requested.expires_at);
                *self = Self::Waiting { device_sha256, expires_at };
            }
            DeviceLoginEvent::DeviceLoginApproved(_) => {
                if let Self::Waiting { device_sha256, expires_at } = std::mem::take(self) {
                    *self = Self::Approved { device_sha256, expires_at };
                }
            }
            DeviceLoginEvent::DeviceLoginRedeemed { .. } => *self = Self::Absent,
        }
    }
}

#[cfg(test)]
mod tests;
