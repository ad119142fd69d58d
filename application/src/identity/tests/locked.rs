//! On a node that has no key of the others.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::values::Sealed;

use super::*;
use crate::ports::{credentials::Claims, vault::Opened};

struct Locked;

#[async_trait]
impl Vault for Locked {
    async fn seal(&self, _: &str, _: &str, _: &Secret) -> Result<Sealed, Error> {
        Err(Error::unavailable())
    }

    async fn open(&self, _: &Sealed, _: &str) -> Result<Opened, Error> {
        Err(Error::unavailable())
    }

    async fn erase(&self, _: &str) -> Result<bool, Error> {
        Err(Error::unavailable())
    }

    async fn derived_key(&self, _: &str) -> Result<Secret<[u8; 32]>, Error> {
        Err(Error::unavailable())
    }
}

impl SignedTokens for Locked {
    fn sign(&self, _: &Claims) -> Result<Secret, Error> {
        Err(Error::unavailable())
    }

    fn read(&self, _: &str, _: Option<Dialect>, _: DateTime<Utc>) -> Result<Option<Claims>, Error> {
        Err(Error::unavailable())
    }
}

fn locked(ground: &Ground) -> Identity {
    Identity { vault: Arc::new(Locked), tokens: Arc::new(Locked), ..ground.identity.clone() }
}

#[tokio::test]
async fn no_password_is_called_wrong_where_no_name_can_be_found() {
    let ground = Ground::new();
    ground.with_password("ada", "correct horse").await;
    for name in ["ada", "nobody", "no name at all"] {
        let password = "battery staple".to_owned().into();
        let refused = locked(&ground).log_in(name, password, Dialect::Nexus, caller()).await.unwrap_err();
        assert_eq!(refused.kind, Kind::Unavailable, "{name}");
    }
}

#[tokio::test]
async fn the_secret_of_a_session_is_not_used_up_where_nothing_can_be_signed() {
    let ground = Ground::new();
    ground.with_password("ada", "correct horse").await;
    let session = ground.log_in("ada", "correct horse").await.unwrap();
    let refused = locked(&ground).refresh(&session.refresh, Dialect::Nexus, caller()).await.unwrap_err();
    assert_eq!(refused.kind, Kind::Unavailable);
    ground.identity.refresh(&session.refresh, Dialect::Nexus, caller()).await.unwrap();
}
