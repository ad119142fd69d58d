//! Logins of devices, as they stand at the moment of the question: a device that polls is told of an approval at once.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::{
    device_login::{DeviceGrant, DeviceLoginEvent},
    values::{DeviceLoginId, Digest},
};

use crate::error::Error;

#[async_trait]
pub trait DeviceLoginQueries: Send + Sync {
    /// Expired ones too; none that is over.
    async fn device_login(&self, id: DeviceLoginId) -> Result<Option<DeviceLoginView>, Error>;
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceLoginView {
    pub device_sha256: Digest,
    pub expires_at: DateTime<Utc>,
    /// None: nobody has approved it yet.
    pub grant: Option<DeviceGrant>,
}

impl DeviceLoginView {
    /// How one event changes what is seen.
    pub fn after(view: Option<Self>, event: &DeviceLoginEvent) -> Option<Self> {
        match event {
            DeviceLoginEvent::DeviceLoginRequested(requested) => Some(Self {
                device_sha256: requested.device_sha256.clone(),
                expires_at: requested.expires_at,
                grant: None,
            }),
            DeviceLoginEvent::DeviceLoginApproved(grant) => {
                view.map(|view| Self { grant: Some(grant.clone()), ..view })
            }
            DeviceLoginEvent::DeviceLoginRedeemed { .. } => None,
        }
    }
}
