//! Master keys: what data keys are wrapped with. From the settings, or from a file in the data directory that is made
//! at the first start. A keyring knows the key in use and, while they are being changed, the one before it.

use std::{
    fmt, fs,
    io::{self, Write as _},
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    str::FromStr,
};

use base64::{
    Engine as _,
    alphabet::{STANDARD, URL_SAFE},
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig, general_purpose},
};
use sha2::{Digest as _, Sha256};

use crate::system::{NoRandomness, random};

/// The file in the data directory: one key a line in base64, the one in use first.
pub const FILE: &str = "secret.key";

const LENIENT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);

/// 32 bytes that wrap data keys. No debug line shows them.
#[derive(Clone, PartialEq, Eq)]
pub struct MasterKey([u8; 32]);

/// The text is no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a master key is 32 random bytes in base64 or hex; make one with: openssl rand -base64 32")]
pub struct InvalidMasterKey;

#[derive(Debug, thiserror::Error)]
pub enum KeyringError {
    #[error("{0} cannot be used: {1}")]
    File(PathBuf, #[source] io::Error),
    #[error("{0} does not hold one master key a line: {1}")]
    Content(PathBuf, #[source] InvalidMasterKey),
    #[error("PLUGYARD_SECRET_KEY and PLUGYARD_SECRET_KEY_PREVIOUS are the same key")]
    SameKey,
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
}

impl MasterKey {
    pub(super) fn generate() -> Result<Self, NoRandomness> {
        Ok(Self(random()?))
    }

    /// Names the key and says nothing about it.
    pub fn id(&self) -> String {
        let digest = Sha256::new().chain_update(b"plugyard master key id\0").chain_update(self.0).finalize();
        hex::encode(&digest[..8])
    }

    pub(super) fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl FromStr for MasterKey {
    type Err = InvalidMasterKey;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        let engine = |alphabet| GeneralPurpose::new(alphabet, LENIENT).decode(text).ok();
        let bytes = if text.len() == 64 { hex::decode(text).ok() } else { None };
        let bytes = bytes.or_else(|| engine(&STANDARD)).or_else(|| engine(&URL_SAFE));
        bytes.and_then(|bytes| bytes.try_into().ok()).map(Self).ok_or(InvalidMasterKey)
    }
}

/// The master keys of this process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keyring {
    pub(super) current: MasterKey,
    pub(super) previous: Option<MasterKey>,
    /// None: from the settings.
    file: Option<PathBuf>,
}

impl Keyring {
    /// Of the settings.
    pub fn given(current: MasterKey, previous: Option<MasterKey>) -> Result<Self, KeyringError> {
        if previous.as_ref() == Some(&current) {
            return Err(KeyringError::SameKey);
        }
        Ok(Self { current, previous, file: None })
    }

    /// Of the file in the data directory, which is made if it is not there.
    pub fn of_directory(directory: &Path) -> Result<Self, KeyringError> {
        let path = directory.join(FILE);
        match read(&path) {
            Err(KeyringError::File(_, error)) if error.kind() == io::ErrorKind::NotFound => {
                let key = MasterKey::generate()?;
                let failed = |error| KeyringError::File(path.clone(), error);
                let new = write_beside(&path, &[&key]).map_err(failed)?;
                // Another process may be making it too: whoever comes first has made it.
                let linked = fs::hard_link(&new, &path);
                fs::remove_file(&new).map_err(failed)?;
                match linked {
                    Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(failed(error)),
                    Ok(()) | Err(_) => sync_directory(&path).map_err(failed)?,
                }
                read(&path)
            }
            found => found,
        }
    }

    pub(super) fn find(&self, id: &str) -> Option<&MasterKey> {
        [Some(&self.current), self.previous.as_ref()].into_iter().flatten().find(|key| key.id() == id)
    }

    /// Ids of all keys, the one in use first.
    pub fn ids(&self) -> Vec<String> {
        [Some(&self.current), self.previous.as_ref()].into_iter().flatten().map(MasterKey::id).collect()
    }

    /// As the file has it by now; what came from the settings stays as it is.
    pub(super) fn read_again(&self) -> Result<Self, KeyringError> {
        self.file.as_deref().map_or_else(|| Ok(self.clone()), read)
    }

    /// In this process, and not in the file: also the key that was in use before, unless there is one anyway.
    pub(super) fn remembering(mut self, before: MasterKey) -> Self {
        if self.current != before {
            self.previous.get_or_insert(before);
        }
        self
    }

    /// With a new key in use and the one before it still there; None if there is no file to keep it in.
    pub(super) fn with_new_key(&self) -> Result<Option<Self>, KeyringError> {
        let Some(path) = &self.file else { return Ok(None) };
        let ring = Self {
            current: MasterKey::generate()?,
            previous: Some(self.current.clone()),
            file: Some(path.clone()),
        };
        ring.keep(path)?;
        Ok(Some(ring))
    }

    /// Without the key before the one in use. Nothing happens to keys of the settings.
    pub(super) fn without_previous(self) -> Result<Self, KeyringError> {
        let ring = Self { previous: None, ..self };
        if let Some(path) = &ring.file {
            ring.keep(path)?;
        }
        Ok(ring)
    }

    pub(super) fn is_file(&self) -> bool {
        self.file.is_some()
    }

    fn keep(&self, path: &Path) -> Result<(), KeyringError> {
        let keys: Vec<_> = [Some(&self.current), self.previous.as_ref()].into_iter().flatten().collect();
        let written = write_beside(path, &keys).and_then(|new| {
            fs::rename(new, path)?;
            sync_directory(path)
        });
        written.map_err(|error| KeyringError::File(path.to_owned(), error))
    }
}

fn read(path: &Path) -> Result<Keyring, KeyringError> {
    let failed = |error| KeyringError::File(path.to_owned(), error);
    let text = fs::read_to_string(path).map_err(failed)?;
    if fs::metadata(path).map_err(failed)?.permissions().mode() & 0o077 != 0 {
        tracing::warn!(file = %path.display(), "others can read the master key: take their rights away (chmod 600)");
    }
    let content = |error| KeyringError::Content(path.to_owned(), error);
    let keys: Result<Vec<MasterKey>, _> =
        text.lines().filter(|line| !line.trim().is_empty()).map(str::parse).collect();
    let mut keys = keys.map_err(content)?.into_iter();
    let current = keys.next().ok_or_else(|| content(InvalidMasterKey))?;
    let ring = Keyring { current, previous: keys.next(), file: Some(path.to_owned()) };
    if keys.next().is_some() { Err(content(InvalidMasterKey)) } else { Ok(ring) }
}

/// A file of its own with these keys, on disk.
fn write_beside(path: &Path, keys: &[&MasterKey]) -> io::Result<PathBuf> {
    let new = path.with_extension(format!("{}.new", uuid::Uuid::new_v4().simple()));
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
    for key in keys {
        writeln!(file, "{}", general_purpose::STANDARD.encode(key.bytes()))?;
    }
    file.sync_all()?;
    Ok(new)
}

fn sync_directory(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), |directory| fs::File::open(directory)?.sync_all())
}

#[cfg(test)]
mod tests;
