//! How credentials are written: a prefix that scanners find, 256 random bits, and a checksum that tells a typing error
//! from a revoked key without asking anybody.

use domain::values::{Dialect, Digest};
use sha2::{Digest as _, Sha256};

use crate::ports::vault::Secret;

const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// 62^43 is just above 2^256.
const RANDOM: usize = 43;
/// 62^6 is above 2^32.
const CHECK: usize = 6;

/// Kinds of secrets, told apart by their prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SecretKind {
    /// A key of `LangBot`'s API.
    LangbotKey,
    /// A personal access token of `LangBot`'s marketplace.
    SpaceToken,
    /// A key of any other dialect, or of several.
    Key,
    /// What gets new tokens for a session.
    Refresh,
    /// Good once, for a moment.
    Ticket,
    /// What a device asks with whether its login was approved.
    Device,
}

impl SecretKind {
    const ALL: [Self; 6] =
        [Self::LangbotKey, Self::SpaceToken, Self::Key, Self::Refresh, Self::Ticket, Self::Device];

    pub fn prefix(self) -> &'static str {
        match self {
            Self::LangbotKey => "lbk_",
            Self::SpaceToken => "lbpat_",
            Self::Key => "pyk_",
            Self::Refresh => "pyr_",
            Self::Ticket => "pyt_",
            Self::Device => "pyd_",
        }
    }

    /// What a key for these dialects looks like; clients of some dialects look at the prefix.
    pub fn of_key(dialects: impl IntoIterator<Item = Dialect>) -> Self {
        let mut dialects = dialects.into_iter();
        match (dialects.next(), dialects.next()) {
            (Some(Dialect::Langbot), None) => Self::LangbotKey,
            (Some(Dialect::Space), None) => Self::SpaceToken,
            _ => Self::Key,
        }
    }

    /// The kind of a text that can be a secret of ours: right prefix, length, alphabet and checksum.
    pub fn read(text: &str) -> Option<Self> {
        let kind = Self::ALL.into_iter().find(|kind| text.starts_with(kind.prefix()))?;
        let body = &text[kind.prefix().len()..];
        let fits = body.len() == RANDOM + CHECK && body.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let (random, check) = fits.then(|| body.split_at(RANDOM))?;
        (checksum(kind, random) == check).then_some(kind)
    }

    /// A new secret of this kind out of 256 random bits.
    pub fn write(self, random: [u8; 32]) -> Secret {
        let random = base62(&random, RANDOM);
        Secret::from(format!("{}{random}{}", self.prefix(), checksum(self, &random)))
    }
}

/// What is kept of a secret.
pub fn fingerprint(secret: &str) -> Digest {
    Digest::of_bytes(Sha256::digest(secret).into())
}

fn checksum(kind: SecretKind, random: &str) -> String {
    let mut sum = crc32fast::Hasher::new();
    sum.update(kind.prefix().as_bytes());
    sum.update(random.as_bytes());
    base62(&sum.finalize().to_be_bytes(), CHECK)
}

/// Big-endian, padded with zeros to `length` digits, which must be enough.
fn base62(bytes: &[u8], length: usize) -> String {
    let mut number = bytes.to_vec();
    let mut digits = vec![b'0'; length];
    for digit in digits.iter_mut().rev() {
        let mut rest = 0_u32;
        for byte in &mut number {
            let value = rest << 8 | u32::from(*byte);
            *byte = u8::try_from(value / 62).unwrap_or(u8::MAX);
            rest = value % 62;
        }
        *digit = DIGITS[rest as usize];
    }
    String::from_utf8_lossy(&digits).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_known_by_its_text_and_a_typing_error_is_seen() {
        for kind in SecretKind::ALL {
            let secret = kind.write([0xab; 32]).into_inner();
            assert_eq!(secret.len(), kind.prefix().len() + 49, "{secret}");
            assert_eq!(SecretKind::read(&secret), Some(kind));
            for place in 0..secret.len() {
                let mut other = secret.clone().into_bytes();
                other[place] = if other[place] == b'x' { b'y' } else { b'x' };
                assert_eq!(SecretKind::read(std::str::from_utf8(&other).unwrap()), None, "{place}");
            }
        }
        for text in ["", "lbk_", "demo", "pyk_ü", "Bearer"] {
            assert_eq!(SecretKind::read(text), None, "{text}");
        }
    }

    #[test]
    fn all_bits_are_in_the_text() {
        let text = |bytes| SecretKind::Key.write(bytes).into_inner();
        let mut last = [0; 32];
        let mut seen = std::collections::HashSet::from([text(last), text([0xff; 32])]);
        for place in 0..32 {
            last = [0; 32];
            last[place] = 1;
            assert!(seen.insert(text(last)), "{place}");
        }
        assert!(text([0xff; 32]).starts_with("pyk_") && !text([0xff; 32]).contains("pyk_0"));
    }

    #[test]
    fn some_clients_look_at_the_prefix() {
        assert_eq!(SecretKind::of_key([Dialect::Langbot]).prefix(), "lbk_");
        assert_eq!(SecretKind::of_key([Dialect::Space]).prefix(), "lbpat_");
        assert_eq!(SecretKind::of_key([Dialect::Backstage, Dialect::Nexus]).prefix(), "pyk_");
    }
}
