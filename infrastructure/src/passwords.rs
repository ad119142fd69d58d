//! Passwords with argon2id, in the parameters that OWASP names (19 MiB, two passes, one lane). Two hashes are computed
//! at a time, so that a flood of logins takes neither the memory nor the processors of everybody else.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use application::{
    error::{Error, Kind},
    ports::{credentials::Passwords, vault::Secret},
};
use argon2::{Algorithm, Argon2, Params, PasswordHash, PasswordHasher as _, PasswordVerifier as _, Version};
use async_trait::async_trait;
use tokio::sync::Semaphore;

use crate::system::random;

const PARAMS: Params = match Params::new(19_456, 2, 1, Some(32)) {
    Ok(params) => params,
    Err(_) => panic!("argon2 takes these parameters"),
};
const AT_ONCE: usize = 2;
const WAITING: usize = 64;
/// What a password is compared with where there is nothing to compare with: no password gives 32 zeros.
const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$cGx1Z3lhcmQgbm9ib2R5IQ$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

pub struct Argon2Passwords {
    slots: Arc<Semaphore>,
    waiting: AtomicUsize,
}

impl Argon2Passwords {
    pub fn new() -> Self {
        Self { slots: Arc::new(Semaphore::new(AT_ONCE)), waiting: AtomicUsize::new(0) }
    }

    async fn compute<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let waiting = Waiting::new(&self.waiting)?;
        let slot = self.slots.clone().acquire_owned().await.map_err(|_closed| Error::unavailable())?;
        drop(waiting);
        // The slot goes along: work whose request has gone away still takes its place.
        let computed = tokio::task::spawn_blocking(move || {
            let _slot = slot;
            work()
        });
        computed.await.map_err(|_panicked| Error::unavailable())?
    }
}

impl Default for Argon2Passwords {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl Passwords for Argon2Passwords {
    async fn hash(&self, password: Secret) -> Result<Secret, Error> {
        self.compute(move || {
            let salt: [u8; 16] = random()?;
            let hash = argon2().hash_password_with_salt(password.reveal().as_bytes(), &salt);
            hash.map(|hash| Secret::from(hash.to_string())).map_err(|error| {
                tracing::error!(%error, "a password could not be hashed");
                Error::unavailable()
            })
        })
        .await
    }

    async fn matches(&self, password: Secret, hash: Option<Secret>) -> Result<bool, Error> {
        self.compute(move || {
            let stored = hash.as_ref().map_or(NOBODY, |hash| hash.reveal().as_str());
            let stored = PasswordHash::new(stored).map_err(|error| {
                tracing::error!(%error, "a stored password hash cannot be read");
                Error::unavailable()
            })?;
            let same = argon2().verify_password(password.reveal().as_bytes(), &stored).is_ok();
            Ok(same && hash.is_some())
        })
        .await
    }
}

fn argon2() -> Argon2<'static> {
    Argon2::new(Algorithm::Argon2id, Version::V0x13, PARAMS)
}

/// A place in the queue, free again however the wait ends.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn new(count: &'a AtomicUsize) -> Result<Self, Error> {
        let place = Self(count);
        if count.fetch_add(1, Ordering::Relaxed) < WAITING {
            return Ok(place);
        }
        Err(Error::new(Kind::Unavailable, "Too many logins at the same time; try again in a few seconds"))
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use futures::future::join_all;

    use super::*;

    fn secret(text: &str) -> Secret {
        text.to_owned().into()
    }

    #[tokio::test]
    async fn a_password_matches_its_hash_and_no_other() {
        let passwords = Argon2Passwords::new();
        let hash = passwords.hash(secret("correct horse")).await.unwrap();
        assert!(hash.reveal().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", hash.reveal());
        assert!(passwords.matches(secret("correct horse"), Some(hash.clone())).await.unwrap());
        assert!(!passwords.matches(secret("correct horsf"), Some(hash.clone())).await.unwrap());
        assert!(!passwords.matches(secret("correct horse"), None).await.unwrap());
        assert_ne!(passwords.hash(secret("correct horse")).await.unwrap(), hash, "salted");
    }

    #[tokio::test]
    async fn what_is_no_hash_is_a_fault_of_ours_and_not_a_wrong_password() {
        let refused = Argon2Passwords::new().matches(secret("x"), Some(secret("plain"))).await;
        assert_eq!(refused.unwrap_err().kind, Kind::Unavailable);
    }

    #[tokio::test]
    async fn nobody_costs_what_somebody_costs() {
        let hash = Argon2Passwords::new().hash(secret("x")).await.unwrap();
        let cost = |text: &str| {
            let read = PasswordHash::new(text).unwrap();
            (
                read.algorithm.to_string(),
                read.version,
                read.params.to_string(),
                read.hash.map(|hash| hash.len()),
            )
        };
        assert_eq!(cost(hash.reveal()), cost(NOBODY));
    }

    #[tokio::test]
    async fn a_flood_is_refused_and_leaves_no_trace() {
        let passwords = Argon2Passwords::new();
        // Nothing is computed meanwhile, so that the count is exact.
        let busy = passwords.slots.clone().acquire_many_owned(2).await.unwrap();
        let asked = (0..100).map(|_| passwords.matches(secret("x"), None));
        let (answers, ()) = tokio::join!(join_all(asked), async { drop(busy) });
        let refused = answers.iter().filter(|answer| answer.is_err()).count();
        assert_eq!(refused, 100 - WAITING);
        assert_eq!(passwords.waiting.load(Ordering::Relaxed), 0);
        assert!(!passwords.matches(secret("x"), None).await.unwrap());
    }
}
