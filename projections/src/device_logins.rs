//! Logins of devices: no read model, but the one stream, because what is asked about it must be of this moment and is
//! over in minutes.

use application::{
    error::Error,
    queries::device_logins::{DeviceLoginQueries, DeviceLoginView},
};
use async_trait::async_trait;
use cqrs_es::Aggregate as _;
use domain::{device_login::DeviceLogin, recorded::Event, values::DeviceLoginId};
use sqlx::PgPool;

use crate::{
    per_stream::{Folded, stream},
    reading::unavailable,
};

#[derive(Debug, Clone)]
pub struct PgDeviceLogins {
    pool: PgPool,
}

impl PgDeviceLogins {
    pub fn new(pool: PgPool) -> Self {
        Self { pool }
    }
}

#[async_trait]
impl DeviceLoginQueries for PgDeviceLogins {
    async fn device_login(&self, id: DeviceLoginId) -> Result<Option<DeviceLoginView>, Error> {
        let folded = stream(&self.pool, DeviceLogin::TYPE, id, |view, recorded| match &recorded.event {
            Event::DeviceLogin(_, event) => DeviceLoginView::after(view, event),
            Event::Task(..)
            | Event::Account(..)
            | Event::ApiKey(..)
            | Event::Plugin(..)
            | Event::NameClaim(..)
            | Event::Publisher(..)
            | Event::Review(..)
            | Event::Repository(..)
            | Event::Download(..)
            | Event::Installation(..)
            | Event::Operation(..) => view,
        });
        match folded.await.map_err(unavailable)? {
            Folded { view, is_whole: true } => Ok(view),
            Folded { is_whole: false, .. } => Err(Error::unavailable()),
        }
    }
}
