//! Secrets in memory: sealed so that a test can tell, and no slower than a map.

use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::values::{Dialect, KeyId, Sealed};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::Registry;
use application::{
    Kind,
    error::Error,
    ports::{
        credentials::{Claims, Passwords, Randomness, SignedTokens, Tickets},
        quotas::{Quotas, Used},
        vault::{Opened, Secret, Vault},
    },
};

#[async_trait]
impl Vault for Registry {
    async fn seal(&self, subject: &str, use_: &str, value: &Secret) -> Result<Sealed, Error> {
        let mut state = self.up()?;
        let known = state.subjects.iter().find(|(_, (name, _))| name == subject);
        let key = match known.map(|(key, (_, erased))| (*key, *erased)) {
            Some((_, true)) => return Err(Error::new(Kind::Conflict, "The subject was erased")),
            Some((key, false)) => key,
            None => {
                let key = Uuid::new_v4();
                state.subjects.insert(key, (subject.to_owned(), false));
                key
            }
        };
        Ok(Sealed::new(key, hex(&format!("{use_}\0{}", value.reveal()))).unwrap())
    }

    async fn open(&self, sealed: &Sealed, use_: &str) -> Result<Opened, Error> {
        if self.up()?.subjects[&sealed.key()].1 {
            return Ok(Opened::Erased);
        }
        let text = plain(sealed.text());
        let value = text.strip_prefix(use_).and_then(|rest| rest.strip_prefix('\0'));
        value.map(|value| Opened::Plain(value.to_owned().into())).ok_or_else(Error::unavailable)
    }

    async fn erase(&self, subject: &str) -> Result<bool, Error> {
        let mut state = self.up()?;
        let live = state.subjects.values_mut().find(|(name, erased)| name == subject && !erased);
        let was_live = live.is_some();
        if let Some((_, erased)) = live {
            *erased = true;
        }
        Ok(was_live)
    }

    async fn derived_key(&self, purpose: &str) -> Result<Secret<[u8; 32]>, Error> {
        let key: [u8; 32] = Sha256::digest(purpose).into();
        Ok(Secret::from(key))
    }
}

fn hex(text: &str) -> String {
    let digit = |value: u8| char::from_digit(value.into(), 16).unwrap();
    text.bytes().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

fn plain(hex: &str) -> String {
    let byte = |place| u8::from_str_radix(&hex[place..place + 2], 16).unwrap();
    String::from_utf8((0..hex.len()).step_by(2).map(byte).collect()).unwrap()
}

#[async_trait]
impl Passwords for Registry {
    async fn hash(&self, password: Secret) -> Result<Secret, Error> {
        Ok(format!("hash of {}", password.reveal()).into())
    }

    async fn matches(&self, password: Secret, hash: Option<Secret>) -> Result<bool, Error> {
        Ok(hash.is_some_and(|hash| *hash.reveal() == format!("hash of {}", password.reveal())))
    }
}

impl SignedTokens for Registry {
    fn sign(&self, claims: &Claims) -> Result<Secret, Error> {
        let mut state = self.lock();
        state.made += 1;
        let token = format!("signed.{}.token", state.made);
        state.signed.insert(token.clone(), claims.clone());
        Ok(token.into())
    }

    fn read(
        &self,
        token: &str,
        audience: Option<Dialect>,
        now: DateTime<Utc>,
    ) -> Result<Option<Claims>, Error> {
        let claims = self.lock().signed.get(token).cloned();
        let good = |claims: &Claims| {
            audience.is_none_or(|audience| audience == claims.dialect) && now < claims.expires_at
        };
        Ok(claims.filter(good))
    }
}

#[async_trait]
impl Tickets for Registry {
    async fn put(
        &self,
        sha256: [u8; 32],
        key: Option<KeyId>,
        lasts: Duration,
    ) -> Result<DateTime<Utc>, Error> {
        let mut state = self.up()?;
        let expires_at = state.now + lasts;
        state.tickets.insert(sha256, (key, expires_at));
        Ok(expires_at)
    }

    async fn take(&self, sha256: [u8; 32]) -> Result<Option<Option<KeyId>>, Error> {
        let mut state = self.up()?;
        let taken = state.tickets.remove(&sha256).filter(|(_, expires_at)| state.now < *expires_at);
        Ok(taken.map(|(key, _)| key))
    }
}

#[async_trait]
impl Quotas for Registry {
    async fn settle(&self, used: &[Used]) -> Result<Vec<Duration>, Error> {
        let mut state = self.up()?;
        let mut settle = |used: &Used| {
            let bucket = state.buckets.entry(used.bucket.clone()).or_default();
            *bucket += used.spent;
            *bucket
        };
        Ok(used.iter().map(&mut settle).collect())
    }
}

impl Randomness for Registry {
    fn bytes(&self) -> Result<[u8; 32], Error> {
        let mut state = self.lock();
        state.made += 1;
        Ok(Sha256::digest(state.made.to_be_bytes()).into())
    }
}
