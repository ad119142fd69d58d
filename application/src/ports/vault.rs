//! Where secrets and personal data are sealed. One data key a subject: destroying it erases everything sealed with it.

use std::fmt;

use async_trait::async_trait;
use domain::values::Sealed;

use crate::error::Error;

/// A value that no debug line shows, and that leaves no trace in memory once it is dropped is not promised.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret<T = String>(T);

impl<T> Secret<T> {
    pub fn reveal(&self) -> &T {
        &self.0
    }

    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> From<T> for Secret<T> {
    fn from(value: T) -> Self {
        Self(value)
    }
}

impl<T> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// What came out of a sealed value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opened {
    Plain(Secret),
    /// The key of its subject was destroyed.
    Erased,
}

impl Opened {
    /// As people see it where it is no secret.
    pub fn shown(self) -> String {
        match self {
            Self::Plain(text) => text.into_inner(),
            Self::Erased => "[erased]".to_owned(),
        }
    }
}

/// Subjects are `account/<uuid>`, `installation/<uuid>` and the like; `use_` says what the value is, such as `name`: a
/// value sealed for one use cannot be opened as another.
#[async_trait]
pub trait Vault: Send + Sync {
    /// Makes the subject's key on first need; `Conflict` for a subject that was erased.
    async fn seal(&self, subject: &str, use_: &str, value: &Secret) -> Result<Sealed, Error>;

    async fn open(&self, sealed: &Sealed, use_: &str) -> Result<Opened, Error>;

    /// Destroys the subject's key, for good. False when there was none.
    async fn erase(&self, subject: &str) -> Result<bool, Error>;

    /// 32 bytes that are the same on every node and after every restart, and differ by purpose; never an erased
    /// subject's.
    async fn derived_key(&self, purpose: &str) -> Result<Secret<[u8; 32]>, Error>;
}
