//! XChaCha20-Poly1305, twice: data keys under a master key, values under a data key. What something is for is
//! authenticated along with it, so that nothing opens in the place of another.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chacha20poly1305::{
    KeyInit as _, XChaCha20Poly1305, XNonce,
    aead::{Aead as _, Payload},
};
use domain::values::Sealed;
use ring::hkdf;
use uuid::Uuid;

use super::keyring::MasterKey;
use crate::system::{NoRandomness, random};

const NONCE: usize = 24;

/// Seals the values of one subject.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct DataKey([u8; 32]);

impl DataKey {
    pub(super) fn generate() -> Result<Self, NoRandomness> {
        Ok(Self(random()?))
    }

    /// Another key for this purpose (HKDF, RFC 5869).
    pub(super) fn derive(&self, purpose: &str) -> Option<[u8; 32]> {
        let mut key = [0; 32];
        let info = [b"plugyard derived key v1\0".as_slice(), purpose.as_bytes()];
        let secret = hkdf::Salt::new(hkdf::HKDF_SHA256, b"plugyard").extract(&self.0);
        secret.expand(&info, hkdf::HKDF_SHA256).and_then(|output| output.fill(&mut key)).ok()?;
        Some(key)
    }

    pub(super) fn wrap(&self, master: &MasterKey, subject: &str, id: Uuid) -> Result<Vec<u8>, NoRandomness> {
        encrypt(master.bytes(), &self.0, &key_context(subject, id))
    }

    /// None if it was wrapped by another master key, for another subject, or was changed.
    pub(super) fn unwrap(master: &MasterKey, wrapped: &[u8], subject: &str, id: Uuid) -> Option<Self> {
        let key = decrypt(master.bytes(), wrapped, &key_context(subject, id))?;
        key.try_into().ok().map(Self)
    }

    /// `Ok(None)`: too long for a sealed value.
    pub(super) fn seal(&self, id: Uuid, use_: &str, value: &str) -> Result<Option<Sealed>, NoRandomness> {
        let sealed = encrypt(&self.0, value.as_bytes(), &value_context(id, use_))?;
        Ok(Sealed::new(id, URL_SAFE_NO_PAD.encode(sealed)))
    }

    /// None if it was sealed with another key, for another use, or was changed.
    pub(super) fn open(&self, sealed: &Sealed, use_: &str) -> Option<String> {
        let bytes = URL_SAFE_NO_PAD.decode(sealed.text()).ok()?;
        String::from_utf8(decrypt(&self.0, &bytes, &value_context(sealed.key(), use_))?).ok()
    }
}

fn key_context(subject: &str, id: Uuid) -> Vec<u8> {
    [b"plugyard data key v1\0", id.as_bytes().as_slice(), subject.as_bytes()].concat()
}

fn value_context(id: Uuid, use_: &str) -> Vec<u8> {
    [b"plugyard sealed value v1\0", id.as_bytes().as_slice(), use_.as_bytes()].concat()
}

fn encrypt(key: &[u8; 32], message: &[u8], context: &[u8]) -> Result<Vec<u8>, NoRandomness> {
    let nonce: [u8; NONCE] = random()?;
    let payload = Payload { msg: message, aad: context };
    // Fails for messages of 256 GiB alone.
    let ciphertext =
        XChaCha20Poly1305::new(&(*key).into()).encrypt(&nonce.into(), payload).unwrap_or_default();
    Ok([nonce.as_slice(), &ciphertext].concat())
}

fn decrypt(key: &[u8; 32], bytes: &[u8], context: &[u8]) -> Option<Vec<u8>> {
    let (nonce, ciphertext) = bytes.split_first_chunk::<NONCE>()?;
    let payload = Payload { msg: ciphertext, aad: context };
    XChaCha20Poly1305::new(&(*key).into()).decrypt(&XNonce::from(*nonce), payload).ok()
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    fn key() -> DataKey {
        DataKey::generate().unwrap()
    }

    proptest! {
        #[test]
        fn what_was_sealed_opens_again(value: String, use_ in "[a-z-]{1,16}") {
            let (key, id) = (key(), Uuid::new_v4());
            let sealed = key.seal(id, &use_, &value).unwrap().unwrap();
            prop_assert_eq!(key.open(&sealed, &use_).unwrap(), value);
            prop_assert_eq!(key.open(&sealed, &format!("{use_}-")), None);
            prop_assert_eq!(super::tests::key().open(&sealed, &use_), None);
        }

        #[test]
        fn whatever_was_not_sealed_does_not_open(bytes in vec(any::<u8>(), 1..200)) {
            let sealed = Sealed::new(Uuid::nil(), URL_SAFE_NO_PAD.encode(bytes)).unwrap();
            prop_assert_eq!(key().open(&sealed, "name"), None);
        }
    }

    #[test]
    fn a_changed_value_does_not_open() {
        let (key, id) = (key(), Uuid::new_v4());
        let sealed = key.seal(id, "name", "hush").unwrap().unwrap();
        let bytes = URL_SAFE_NO_PAD.decode(sealed.text()).unwrap();
        for bit in 0..bytes.len() * 8 {
            let mut other = bytes.clone();
            other[bit / 8] ^= 1 << (bit % 8);
            let other = Sealed::new(id, URL_SAFE_NO_PAD.encode(other)).unwrap();
            assert_eq!(key.open(&other, "name"), None, "{bit}");
        }
        let moved = Sealed::new(Uuid::new_v4(), sealed.text().to_owned()).unwrap();
        assert_eq!(key.open(&moved, "name"), None, "of another key");
        assert_eq!(key.open(&sealed, "name").as_deref(), Some("hush"));
    }

    #[test]
    fn the_same_value_never_looks_the_same() {
        let (key, id) = (key(), Uuid::new_v4());
        assert_ne!(key.seal(id, "name", "hush"), key.seal(id, "name", "hush"));
    }

    #[test]
    fn a_data_key_is_unwrapped_by_its_master_for_its_subject_alone() {
        let (master, other, id) =
            (MasterKey::generate().unwrap(), MasterKey::generate().unwrap(), Uuid::new_v4());
        let key = key();
        let wrapped = key.wrap(&master, "account/1", id).unwrap();
        let opened = |master: &MasterKey, wrapped: &[u8], subject: &str, id| {
            DataKey::unwrap(master, wrapped, subject, id).is_some_and(|found| found == key)
        };
        assert!(opened(&master, &wrapped, "account/1", id));
        assert!(!opened(&other, &wrapped, "account/1", id));
        assert!(!opened(&master, &wrapped, "account/2", id));
        assert!(!opened(&master, &wrapped, "account/1", Uuid::new_v4()));
        assert!(!opened(&master, &wrapped[1..], "account/1", id));
        assert!(!opened(&master, b"", "account/1", id));
    }

    #[test]
    fn what_does_not_fit_into_a_sealed_value_is_refused() {
        let long = |length: usize| key().seal(Uuid::nil(), "name", &"x".repeat(length)).unwrap();
        assert!(long(super::super::LONGEST).is_some());
        assert!(long(super::super::LONGEST + 1).is_none());
    }
}
