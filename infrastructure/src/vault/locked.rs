//! The vault of a node that has no master key of the others: nothing that is sealed can be read or made here, no name
//! is found, and no signed token is judged.

use application::{
    error::{Error, Kind},
    ports::{
        credentials::{Claims, SignedTokens},
        vault::{Opened, Secret, Vault},
    },
};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::values::{Dialect, Sealed};
use ring::hmac;

use super::Keyring;

/// The one purpose for which a key of this node's own will do: to hide addresses. Names and ids that are derived must be
/// the same on every node.
const ADDRESSES: &str = "addresses";

pub struct LockedVault {
    own: hmac::Key,
}

impl LockedVault {
    /// Of the keys that do not fit: what this node derives of them is its own alone.
    pub fn new(keyring: &Keyring) -> Self {
        Self { own: hmac::Key::new(hmac::HMAC_SHA256, keyring.current.bytes()) }
    }
}

fn locked() -> Error {
    Error::new(Kind::Unavailable, "This node has no key for what is sealed; ask another one, or its operator")
}

#[async_trait]
impl Vault for LockedVault {
    async fn seal(&self, _: &str, _: &str, _: &Secret) -> Result<Sealed, Error> {
        Err(locked())
    }

    async fn open(&self, _: &Sealed, _: &str) -> Result<Opened, Error> {
        Err(locked())
    }

    async fn erase(&self, _: &str) -> Result<bool, Error> {
        Err(locked())
    }

    async fn derived_key(&self, purpose: &str) -> Result<Secret<[u8; 32]>, Error> {
        if purpose != ADDRESSES {
            return Err(locked());
        }
        let tag = hmac::sign(&self.own, format!("plugyard locked key v1 {purpose}").as_bytes());
        let mut key = [0; 32];
        key.copy_from_slice(tag.as_ref());
        Ok(key.into())
    }
}

impl SignedTokens for LockedVault {
    fn sign(&self, _: &Claims) -> Result<Secret, Error> {
        Err(locked())
    }

    fn read(&self, _: &str, _: Option<Dialect>, _: DateTime<Utc>) -> Result<Option<Claims>, Error> {
        Err(locked())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_hides_addresses_and_derives_nothing_that_other_nodes_must_find() {
        let vault = LockedVault { own: hmac::Key::new(hmac::HMAC_SHA256, &[7; 32]) };
        let hidden = vault.derived_key(ADDRESSES).await.unwrap();
        assert_eq!(vault.derived_key(ADDRESSES).await.unwrap(), hidden);
        for purpose in ["account-names", "sessions", "requests", "langbot-instance"] {
            assert_eq!(vault.derived_key(purpose).await.unwrap_err().kind, Kind::Unavailable, "{purpose}");
        }
        let judged = vault.read("a.b.c", None, DateTime::UNIX_EPOCH);
        assert_eq!(judged.unwrap_err().kind, Kind::Unavailable);
    }
}
