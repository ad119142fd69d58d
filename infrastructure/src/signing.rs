//! The signature of a package, as the installing daemon checks it: RSA PKCS#1 v1.5 with SHA-256 over the sha256 of
//! every entry in the order of the directory and the time, kept in the comment of the archive. Names are not signed.
//!
//! The private key stays in the process that was given it; whoever reads hostile bytes asks for a signature.

use std::{fmt, path::Path, str::FromStr};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use domain::values::Digest;
use ring::{
    rand::SystemRandom,
    rsa::KeyPair,
    signature::{RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, UnparsedPublicKey},
};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

mod der;
pub mod generate;
mod pem;
#[cfg(test)]
pub(crate) mod tests;
pub mod verify;

/// The entry that says for whom the signature vouches; the last one of a signed package.
pub const VERIFICATION: &str = ".verification.dify.json";

/// The daemon takes a year beyond this for nonsense, and so do we.
const LATEST: u64 = 253_402_300_799;

/// No key, or not one that signs or verifies packages. Says nothing of what is in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    #[error("the file cannot be read")]
    Unreadable,
    #[error("the file holds no RSA {0} key in PEM form")]
    NoKey(&'static str),
    #[error("the key is protected by a password; store it without one")]
    Encrypted,
    #[error("the key is not a sound RSA key of 2048 to 4096 bits that can sign")]
    Unsound,
    #[error("the system gives no random numbers")]
    NoRandomness,
}

/// Who vouches for a package, in the words of the daemon.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Category {
    Langgenius,
    Partner,
    #[default]
    Community,
}

impl Category {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Langgenius => "langgenius",
            Self::Partner => "partner",
            Self::Community => "community",
        }
    }

    /// The content of [`VERIFICATION`].
    pub fn file(self) -> Vec<u8> {
        format!(r#"{{"authorized_category":"{self}"}}"#).into_bytes()
    }

    fn of_file(content: &str) -> Option<Self> {
        #[derive(Deserialize)]
        struct File {
            authorized_category: Category,
        }
        serde_json::from_str(content).ok().map(|File { authorized_category }| authorized_category)
    }
}

impl fmt::Display for Category {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Category {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let all = [Self::Langgenius, Self::Partner, Self::Community];
        let found = all.into_iter().find(|category| category.as_str() == text);
        found.ok_or("write langgenius, partner or community")
    }
}

/// The comment of a signed archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Comment {
    /// Base64.
    pub signature: String,
    /// Unix seconds. Nobody judges it, but it is signed.
    pub time: u64,
}

impl Comment {
    /// `None` for what the daemon would not take for a signature.
    pub fn read(comment: &[u8]) -> Option<Self> {
        let found: Self = serde_json::from_slice(comment).ok()?;
        let plausible = !found.bytes()?.is_empty() && found.time <= LATEST;
        plausible.then_some(found)
    }

    fn bytes(&self) -> Option<Vec<u8>> {
        STANDARD.decode(&self.signature).ok()
    }
}

fn message(entries: &[Digest], time: u64) -> Vec<u8> {
    let digests = entries.iter().filter_map(|digest| hex::decode(digest.as_str()).ok());
    digests.flatten().chain(time.to_string().into_bytes()).collect()
}

/// A private key, and for whom it vouches.
pub struct SigningKey {
    pair: KeyPair,
    category: Category,
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({}, {})", self.public().digest(), self.category)
    }
}

impl SigningKey {
    /// Reads a file in PEM form.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn open(file: &Path, category: Category) -> Result<Self, KeyError> {
        let text = std::fs::read_to_string(file).map_err(|_whatever| KeyError::Unreadable)?;
        Self::read(&text, category)
    }

    /// PKCS#1 or PKCS#8, as PEM.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn read(text: &str, category: Category) -> Result<Self, KeyError> {
        let pair = match pem::read(text) {
            Some(("RSA PRIVATE KEY", der)) => KeyPair::from_der(&der),
            Some(("PRIVATE KEY", der)) => KeyPair::from_pkcs8(&der),
            None if text.contains("ENCRYPTED") => return Err(KeyError::Encrypted),
            Some(("ENCRYPTED PRIVATE KEY", _)) => return Err(KeyError::Encrypted),
            Some(_) | None => return Err(KeyError::NoKey("private")),
        };
        let key = Self { pair: pair.map_err(|_rejected| KeyError::Unsound)?, category };
        // Whether its parts fit together shows only when it signs.
        key.sign(&[], 0).ok_or(KeyError::Unsound)?;
        Ok(key)
    }

    pub fn category(&self) -> Category {
        self.category
    }

    pub fn public(&self) -> PublicKey {
        PublicKey { der: self.pair.public().as_ref().to_vec() }
    }

    /// The comment for an archive with these entries, in the order of its directory. Refuses a list that does not
    /// end with the category of this key: a reader of hostile bytes cannot vouch for more than it was told to.
    pub fn seal(&self, entries: &[Digest], time: u64) -> Option<Comment> {
        let last = Digest::of_bytes(Sha256::digest(self.category.file()).into());
        (entries.last() == Some(&last)).then_some(())?;
        Some(Comment { signature: STANDARD.encode(self.sign(entries, time)?), time })
    }

    fn sign(&self, entries: &[Digest], time: u64) -> Option<Vec<u8>> {
        let mut signature = vec![0; self.pair.public().modulus_len()];
        let message = message(entries, time);
        // The randomness only blinds; the signature does not depend on it.
        self.pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), &message, &mut signature).ok()?;
        Some(signature)
    }
}

/// What verifies signatures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey {
    /// `RSAPublicKey` of PKCS#1.
    der: Vec<u8>,
}

impl PublicKey {
    /// Reads a file in PEM form.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn open(file: &Path) -> Result<Self, KeyError> {
        let text = std::fs::read_to_string(file).map_err(|_whatever| KeyError::Unreadable)?;
        Self::read(&text)
    }

    /// PKCS#1, or the form that names its algorithm (RFC 5280), as PEM.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn read(text: &str) -> Result<Self, KeyError> {
        let der = match pem::read(text) {
            Some(("RSA PUBLIC KEY", der)) => Some(der),
            Some(("PUBLIC KEY", der)) => der::unwrapped(&der).map(<[u8]>::to_vec),
            Some(_) | None => None,
        };
        der.filter(|der| der::is_public_key(der)).map(|der| Self { der }).ok_or(KeyError::NoKey("public"))
    }

    /// PKCS#1 with one newline at the end: the daemon refuses a key with one more.
    pub fn pem(&self) -> String {
        pem::write("RSA PUBLIC KEY", &self.der)
    }

    /// Sha256 of the PKCS#1 DER.
    pub fn digest(&self) -> Digest {
        Digest::of_bytes(Sha256::digest(&self.der).into())
    }

    /// Whether this comment stands under an archive with these entries, in the order of its directory.
    pub fn fits(&self, comment: &Comment, entries: &[Digest]) -> bool {
        let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &self.der);
        let message = message(entries, comment.time);
        comment.bytes().is_some_and(|signature| key.verify(&message, &signature).is_ok())
    }
}
