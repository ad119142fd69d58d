//! Heads: signed statements, kept outside the database, of how the log looked. The chain of a stream cannot show
//! that its tail was cut off; a head can.
//!
//! A head covers the events between the head before it and the horizon, in feed order, with everything the chain
//! leaves out. One is made every day, and on demand.

use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use base64::{Engine, prelude::BASE64_STANDARD};
use domain::recorded::Cursor;
use futures::TryStreamExt;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use sqlx::{PgConnection, PgPool, Row};
use tokio_util::sync::CancellationToken;

use super::feed;

const EVERY: Duration = Duration::from_hours(24);

/// Stored as `<number>.json`, signed over the JSON text of everything but the signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    #[serde(flatten)]
    pub statement: Statement,
    /// Base64 of the Ed25519 signature.
    pub signature: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Statement {
    pub number: u64,
    /// The last event covered, as a cursor.
    pub up_to: String,
    /// How many events this head adds.
    pub events: u64,
    /// sha256 over the previous head's hash and the rows.
    pub hash: String,
}

#[derive(Debug, thiserror::Error)]
pub enum HeadError {
    #[error("{0} cannot be used: {1}")]
    File(PathBuf, #[source] io::Error),
    #[error("{0} is not what this service wrote")]
    Forged(PathBuf),
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// The directory of heads and the key that signs them.
#[derive(Debug)]
pub struct Heads {
    directory: PathBuf,
    key: Ed25519KeyPair,
}

impl Heads {
    /// Makes the key the first time.
    pub fn open(directory: &Path) -> Result<Self, HeadError> {
        let failed = |error| HeadError::File(directory.to_owned(), error);
        std::fs::create_dir_all(directory).map_err(failed)?;
        let path = directory.join("key.pk8");
        if !path.exists() {
            let random = ring::rand::SystemRandom::new();
            let document = Ed25519KeyPair::generate_pkcs8(&random)
                .map_err(|_no_randomness| failed(io::Error::other("no randomness")))?;
            write_private(&path, document.as_ref()).map_err(failed)?;
        }
        let document = std::fs::read(&path).map_err(failed)?;
        let key = Ed25519KeyPair::from_pkcs8(&document).map_err(|_rejected| HeadError::Forged(path))?;
        Ok(Self { directory: directory.to_owned(), key })
    }

    /// Adds a head for what has come since the last one; `None` if nothing has.
    pub async fn add(&self, connection: &mut PgConnection) -> Result<Option<Head>, HeadError> {
        // A server and a command may both be about to add the next one; the lock goes with the file.
        let _alone = self.lock()?;
        let last = self.all()?.pop();
        let (after, hash, number) = match &last {
            Some(head) => (self.cursor(&head.statement)?, head.statement.hash.clone(), head.statement.number),
            None => (Cursor::default(), String::new(), 0),
        };
        let up_to = feed::Feed::head(&mut *connection).await?;
        if up_to <= after {
            return Ok(None);
        }
        let (events, hash) = hash_rows(connection, &hash, after, up_to).await?;
        let statement = Statement { number: number + 1, up_to: up_to.to_string(), events, hash };
        let head = Head { signature: self.sign(&statement), statement };
        let path = self.path(head.statement.number);
        let text =
            serde_json::to_vec_pretty(&head).map_err(|error| HeadError::File(path.clone(), error.into()))?;
        write_private(&path, &text).map_err(|error| HeadError::File(path, error))?;
        Ok(Some(head))
    }

    fn lock(&self) -> Result<std::fs::File, HeadError> {
        let path = self.directory.join("lock");
        let lock = std::fs::File::create(&path).and_then(|file| {
            rustix::fs::flock(&file, rustix::fs::FlockOperation::LockExclusive)?;
            Ok(file)
        });
        lock.map_err(|error| HeadError::File(path, error))
    }

    /// Numbers of the heads that the log does not match any more, and how many there are.
    pub async fn verify(&self, connection: &mut PgConnection) -> Result<(usize, Vec<u64>), HeadError> {
        let (mut after, mut hash, mut broken) = (Cursor::default(), String::new(), Vec::new());
        let heads = self.all()?;
        for Head { statement, .. } in &heads {
            let up_to = self.cursor(statement)?;
            let (events, found) = hash_rows(connection, &hash, after, up_to).await?;
            if (events, &found) != (statement.events, &statement.hash) {
                broken.push(statement.number);
            }
            // Goes on from what was signed, so that one loss is found once.
            after = up_to;
            hash.clone_from(&statement.hash);
        }
        Ok((heads.len(), broken))
    }

    /// Adds a head a day until `stop`.
    pub async fn keep(self, pool: PgPool, stop: CancellationToken) {
        loop {
            let added = match pool.acquire().await {
                Ok(mut connection) => self.add(&mut connection).await,
                Err(error) => Err(error.into()),
            };
            if let Err(error) = added {
                tracing::error!(%error, "no head of the log could be written");
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(EVERY) => {}
            }
        }
    }

    /// In their order; a hole or a wrong signature is an error.
    fn all(&self) -> Result<Vec<Head>, HeadError> {
        let mut heads = Vec::new();
        for number in 1.. {
            let path = self.path(number);
            let text = match std::fs::read(&path) {
                Ok(text) => text,
                Err(error) if error.kind() == io::ErrorKind::NotFound => break,
                Err(error) => return Err(HeadError::File(path, error)),
            };
            let head: Head =
                serde_json::from_slice(&text).map_err(|_shape| HeadError::Forged(path.clone()))?;
            if head.statement.number != number || !self.signed(&head) {
                return Err(HeadError::Forged(path));
            }
            heads.push(head);
        }
        Ok(heads)
    }

    fn sign(&self, statement: &Statement) -> String {
        BASE64_STANDARD.encode(self.key.sign(&signed_bytes(statement)))
    }

    fn signed(&self, head: &Head) -> bool {
        let key = UnparsedPublicKey::new(&ED25519, self.key.public_key().as_ref());
        BASE64_STANDARD
            .decode(&head.signature)
            .is_ok_and(|signature| key.verify(&signed_bytes(&head.statement), &signature).is_ok())
    }

    fn cursor(&self, statement: &Statement) -> Result<Cursor, HeadError> {
        statement.up_to.parse().map_err(|_malformed| HeadError::Forged(self.path(statement.number)))
    }

    fn path(&self, number: u64) -> PathBuf {
        self.directory.join(format!("{number:06}.json"))
    }
}

fn signed_bytes(statement: &Statement) -> Vec<u8> {
    let Statement { number, up_to, events, hash } = statement;
    format!("plugyard head {number} {up_to} {events} {hash}").into_bytes()
}

async fn hash_rows(
    connection: &mut PgConnection,
    previous: &str,
    after: Cursor,
    up_to: Cursor,
) -> Result<(u64, String), sqlx::Error> {
    let mut hash = Sha256::new();
    hash.update(previous);
    let mut events = 0;
    let mut rows = sqlx::query(
        "select concat_ws(' ', epoch, transaction_id, global_position, event_id,
                          extract(epoch from recorded_at), encode(chain, 'hex'), E'\\n') as line
           from es.events e
          where (e.epoch, e.transaction_id, e.global_position) > ($1, $2::text::xid8, $3)
            and (e.epoch, e.transaction_id, e.global_position) <= ($4, $5::text::xid8, $6)
          order by e.epoch, e.transaction_id, e.global_position",
    )
    .bind(after.epoch)
    .bind(after.transaction.to_string())
    .bind(after.position)
    .bind(up_to.epoch)
    .bind(up_to.transaction.to_string())
    .bind(up_to.position)
    .fetch(connection);
    while let Some(row) = rows.try_next().await? {
        hash.update(row.try_get::<String, _>("line")?);
        events += 1;
    }
    Ok((events, hex::encode(hash.finalize())))
}

/// Whole or not at all, and readable by its owner only.
fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    use std::{io::Write, os::unix::fs::OpenOptionsExt};
    let fresh = path.with_extension("new");
    let mut file =
        std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&fresh)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(fresh, path)
}
