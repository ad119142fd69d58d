//! The secrets of a configuration as the log may hold them.

use std::collections::BTreeMap;

use domain::values::Sealed;
use serde_json::Value;

use super::{Parted, Written};
use crate::{
    error::Error,
    ports::vault::{Opened, Secret, Vault},
};

impl Parted<Written<Sealed>> {
    /// Seals what is new for this subject, and leaves what was kept as it is.
    pub async fn sealed(self, vault: &dyn Vault, subject: &str) -> Result<Parted<Sealed>, Error> {
        let mut secrets = BTreeMap::new();
        for (place, secret) in self.secrets {
            let sealed = match secret {
                Written::Kept(sealed) => sealed,
                Written::New(value) => {
                    vault.seal(subject, USE, &Secret::from(value.into_inner().to_string())).await?
                }
            };
            secrets.insert(place, sealed);
        }
        Ok(Parted { plain: self.plain, secrets })
    }
}

impl Parted<Sealed> {
    /// In the clear, for whoever the configuration is made for.
    pub async fn opened(&self, vault: &dyn Vault) -> Result<Parted<Secret<Value>>, Error> {
        let mut secrets = BTreeMap::new();
        for (place, sealed) in &self.secrets {
            let value = match vault.open(sealed, USE).await? {
                Opened::Plain(text) => {
                    serde_json::from_str(text.reveal()).map_err(|_not_ours| Error::unavailable())?
                }
                Opened::Erased => Value::String(Opened::Erased.shown()),
            };
            secrets.insert(place.clone(), value.into());
        }
        Ok(Parted { plain: self.plain.clone(), secrets })
    }
}

const USE: &str = "configuration";
