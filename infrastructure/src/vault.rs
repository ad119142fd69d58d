//! Data keys in `es.subject_keys`, one a subject, wrapped by a master key that is never in the database.
//!
//! The row of the service itself says which master key wraps new keys: nodes that are given a new one go on with the
//! old one until a rotation has moved that row. A key destroyed by another node holds here for two seconds at most.

mod keyring;
mod locked;
mod memory;
mod rotation;
mod sealing;

use std::sync::{PoisonError, RwLock};

use application::{
    error::{Error, Kind},
    ports::vault::{Opened, Secret, Vault},
};
use async_trait::async_trait;
use domain::values::Sealed;
use sqlx::{PgPool, Row, postgres::PgRow};
use uuid::Uuid;

use crate::{postgres::Pools, system::NoRandomness};
use memory::Memory;
use sealing::DataKey;

pub use keyring::{FILE, InvalidMasterKey, Keyring, KeyringError, MasterKey};
pub use locked::LockedVault;
pub use rotation::{Rotated, Wrapping, rotate, wrappings};

/// The subject whose data key is the service's own.
const YARD: &str = "yard";
/// Bytes that fit into a sealed value, beside nonce and tag.
const LONGEST: usize = 48 * 1024 - 24 - 16;
/// A key is made between two rotations, not while several happen.
const TRIES: usize = 3;

/// Why the vault cannot be used. Names keys by their ids.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    #[error(transparent)]
    Keyring(#[from] KeyringError),
    #[error(
        "the database holds data keys ({keys}) wrapped by the master key {master}, which is not here (here: {here}): \
         set PLUGYARD_SECRET_KEY to it, or PLUGYARD_SECRET_KEY_PREVIOUS while it is being changed, or put the \
         secret.key that holds it into the data directory"
    )]
    UnknownMaster { master: String, keys: i64, here: String },
    #[error("the data key {0} does not open with the master key {1}: its row was changed")]
    Changed(Uuid, String),
    #[error("a sealed value names the data key {0}, which is not in the database")]
    NoKey(Uuid),
    #[error("the service's own data key is gone from the database")]
    NoOwnKey,
    #[error("another rotation is running; wait for its end")]
    Rotating,
    #[error(
        "there is no other key to change to: set PLUGYARD_SECRET_KEY to the new key and PLUGYARD_SECRET_KEY_PREVIOUS to \
         the old one, for every node, and run this again"
    )]
    NothingToChangeTo,
    #[error("PostgreSQL refused a statement: {0}")]
    Database(#[from] sqlx::Error),
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
}

pub struct PgVault {
    reads: PgPool,
    writes: PgPool,
    keyring: RwLock<Keyring>,
    memory: Memory,
    /// The key that other keys are derived from.
    own: DataKey,
}

/// A row of `es.subject_keys`.
struct SubjectKey {
    id: Uuid,
    subject: String,
    /// With the id of the master key; None: destroyed.
    wrapped: Option<(Vec<u8>, String)>,
}

impl PgVault {
    /// Refuses to open a database whose keys this keyring does not unwrap: a wrong master key must not look like
    /// erased data.
    pub async fn open(pools: &Pools, keyring: Keyring) -> Result<Self, VaultError> {
        let mut keyring = keyring;
        let own = own_key(&pools.writes, &mut keyring).await?;
        let mut unknown = unknown_master(&pools.writes, &keyring).await?;
        if unknown.is_some() {
            keyring = keyring.read_again()?;
            unknown = unknown_master(&pools.writes, &keyring).await?;
        }
        if let Some(unknown) = unknown {
            return Err(unknown);
        }
        Ok(Self {
            reads: pools.reads.clone(),
            writes: pools.writes.clone(),
            keyring: RwLock::new(keyring),
            memory: Memory::default(),
            own,
        })
    }

    /// The key of a subject, made on first need; None if it was destroyed.
    async fn key_for(&self, subject: &str) -> Result<Option<(Uuid, DataKey)>, VaultError> {
        for _ in 0..TRIES {
            // Never from memory: what is sealed with a destroyed key is lost.
            if let Some(found) = by_subject(&self.writes, subject).await? {
                let key = self.unwrapped(&found)?;
                return Ok(key.map(|key| (found.id, key)));
            }
            let own = by_subject(&self.writes, YARD).await?.and_then(|own| own.wrapped);
            let (_, master) = own.ok_or(VaultError::NoOwnKey)?;
            let master = self.master(&master)?;
            insert(&self.writes, subject, &master).await?;
        }
        Err(VaultError::Rotating)
    }

    /// The key of this id; None if it was destroyed.
    async fn key_of(&self, id: Uuid) -> Result<Option<DataKey>, VaultError> {
        if let Some(key) = self.memory.get(id) {
            return Ok(Some(key));
        }
        let asked = self.memory.ask();
        let found = by_id(&self.reads, id).await?.ok_or(VaultError::NoKey(id))?;
        let key = self.unwrapped(&found)?;
        if let Some(key) = &key {
            self.memory.put(id, key.clone(), asked);
        }
        Ok(key)
    }

    fn unwrapped(&self, row: &SubjectKey) -> Result<Option<DataKey>, VaultError> {
        let Some((wrapped, master)) = &row.wrapped else { return Ok(None) };
        unwrap(&self.master(master)?, wrapped, row).map(Some)
    }

    /// A rotation beside this process may have put a new one into the file.
    fn master(&self, id: &str) -> Result<MasterKey, VaultError> {
        let keyring = self.keyring.read().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(key) = keyring.find(id) {
            return Ok(key.clone());
        }
        // What was read a moment ago may still be wrapped by the one that is just being dropped.
        let again = keyring.read_again()?.remembering(keyring.current);
        let found = again.find(id).cloned();
        let here = again.ids().join(", ");
        *self.keyring.write().unwrap_or_else(PoisonError::into_inner) = again;
        found.ok_or_else(|| VaultError::UnknownMaster { master: id.to_owned(), keys: 1, here })
    }
}

#[async_trait]
impl Vault for PgVault {
    async fn seal(&self, subject: &str, use_: &str, value: &Secret) -> Result<Sealed, Error> {
        refuse_own(subject)?;
        let found = self.key_for(subject).await.map_err(|error| unavailable(&error))?;
        let (id, key) = found.ok_or_else(|| Error::new(Kind::Conflict, "What this belongs to was erased"))?;
        let sealed = key.seal(id, use_, value.reveal()).map_err(|error| unavailable(&error.into()))?;
        sealed.ok_or_else(|| Error::invalid(format!("A secret has at most {LONGEST} bytes")))
    }

    async fn open(&self, sealed: &Sealed, use_: &str) -> Result<Opened, Error> {
        let id = sealed.key();
        let Some(key) = self.key_of(id).await.map_err(|error| unavailable(&error))? else {
            return Ok(Opened::Erased);
        };
        let opened = key.open(sealed, use_).map(Secret::from).map(Opened::Plain);
        opened.ok_or_else(|| {
            tracing::error!(key = %id, "a sealed value was changed, or stands where it does not belong");
            Error::unavailable()
        })
    }

    async fn erase(&self, subject: &str) -> Result<bool, Error> {
        refuse_own(subject)?;
        // A subject without a key gets a destroyed one, so that none is made for it later.
        let new = Uuid::new_v4();
        let erased: Option<Uuid> = sqlx::query_scalar(
            "insert into es.subject_keys as k (key_id, subject, erased_at) values ($1, $2, clock_timestamp())
             on conflict (subject) do update set wrapped = null, master_id = null, erased_at = clock_timestamp()
              where k.erased_at is null
             returning key_id",
        )
        .bind(new)
        .bind(subject)
        .fetch_optional(&self.writes)
        .await
        .map_err(|error| unavailable(&error.into()))?;
        let erased = erased.filter(|id| *id != new);
        if let Some(id) = erased {
            self.memory.destroy(id);
        }
        Ok(erased.is_some())
    }

    async fn derived_key(&self, purpose: &str) -> Result<Secret<[u8; 32]>, Error> {
        self.own.derive(purpose).map(Secret::from).ok_or_else(Error::unavailable)
    }
}

/// Nothing of a caller's is sealed with the service's own key, so nobody may destroy it.
fn refuse_own(subject: &str) -> Result<(), Error> {
    if subject == YARD { Err(Error::invalid("The service's own key seals no values")) } else { Ok(()) }
}

/// Something is wrapped by a master key that is not here.
async fn unknown_master(pool: &PgPool, keyring: &Keyring) -> Result<Option<VaultError>, VaultError> {
    let unknown = wrappings(pool, keyring).await?.into_iter().find(|wrapping| !wrapping.known);
    let here = keyring.ids().join(", ");
    Ok(unknown.map(|Wrapping { master, keys, .. }| VaultError::UnknownMaster { master, keys, here }))
}

/// Unwrapped; made if it is not there.
async fn own_key(pool: &PgPool, keyring: &mut Keyring) -> Result<DataKey, VaultError> {
    make(pool, YARD, &keyring.current, None).await?;
    let row = by_subject(pool, YARD).await?.ok_or(VaultError::NoOwnKey)?;
    let (wrapped, master) = row.wrapped.as_ref().ok_or(VaultError::NoOwnKey)?;
    if keyring.find(master).is_none() {
        *keyring = keyring.read_again()?;
    }
    let here = || keyring.ids().join(", ");
    let unknown = || VaultError::UnknownMaster { master: master.clone(), keys: 1, here: here() };
    unwrap(keyring.find(master).ok_or_else(unknown)?, wrapped, &row)
}

/// Makes the key of a subject unless it has one, or a rotation has just begun.
async fn insert(pool: &PgPool, subject: &str, master: &MasterKey) -> Result<(), VaultError> {
    make(pool, subject, master, Some(YARD)).await
}

/// `like`: whose row must be wrapped by the same master key; that row cannot be moved to another one meanwhile.
async fn make(
    pool: &PgPool,
    subject: &str,
    master: &MasterKey,
    like: Option<&str>,
) -> Result<(), VaultError> {
    let id = Uuid::new_v4();
    let wrapped = DataKey::generate()?.wrap(master, subject, id)?;
    sqlx::query(
        "with held as (select master_id from es.subject_keys where subject = $5 and master_id = $4 for share)
         insert into es.subject_keys (key_id, subject, wrapped, master_id)
         select $1, $2, $3, $4 where $5 is null or exists (select 1 from held)
         on conflict (subject) do nothing",
    )
    .bind(id)
    .bind(subject)
    .bind(wrapped)
    .bind(master.id())
    .bind(like)
    .execute(pool)
    .await?;
    Ok(())
}

async fn by_subject(pool: &PgPool, subject: &str) -> Result<Option<SubjectKey>, sqlx::Error> {
    let query = "select key_id, subject, wrapped, master_id from es.subject_keys where subject = $1";
    sqlx::query(query).bind(subject).fetch_optional(pool).await?.as_ref().map(subject_key).transpose()
}

async fn by_id(pool: &PgPool, id: Uuid) -> Result<Option<SubjectKey>, sqlx::Error> {
    let query = "select key_id, subject, wrapped, master_id from es.subject_keys where key_id = $1";
    sqlx::query(query).bind(id).fetch_optional(pool).await?.as_ref().map(subject_key).transpose()
}

fn subject_key(row: &PgRow) -> Result<SubjectKey, sqlx::Error> {
    let (wrapped, master): (Option<_>, Option<_>) = (row.try_get("wrapped")?, row.try_get("master_id")?);
    Ok(SubjectKey {
        id: row.try_get("key_id")?,
        subject: row.try_get("subject")?,
        wrapped: wrapped.zip(master),
    })
}

fn unwrap(master: &MasterKey, wrapped: &[u8], row: &SubjectKey) -> Result<DataKey, VaultError> {
    let key = DataKey::unwrap(master, wrapped, &row.subject, row.id);
    key.ok_or_else(|| VaultError::Changed(row.id, master.id()))
}

fn unavailable(error: &VaultError) -> Error {
    match error {
        VaultError::Database(error) => tracing::debug!(%error, "the vault did not answer"),
        VaultError::Keyring(_)
        | VaultError::UnknownMaster { .. }
        | VaultError::Changed(..)
        | VaultError::NoKey(_)
        | VaultError::NoOwnKey
        | VaultError::Rotating
        | VaultError::NothingToChangeTo
        | VaultError::NoRandomness(_) => tracing::error!(%error, "the vault cannot be used"),
    }
    Error::unavailable()
}
