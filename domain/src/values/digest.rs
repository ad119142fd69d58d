//! The name of bytes: sha256 in lower-case hex.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// 64 lower-case hexadecimal digits.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest(String);

/// The text is not 64 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a sha256 is 64 hexadecimal digits")]
pub struct InvalidDigest;

impl Digest {
    pub fn of_bytes(sha256: [u8; 32]) -> Self {
        use fmt::Write;
        let mut text = String::with_capacity(64);
        for byte in sha256 {
            // Writing to a String cannot fail.
            let _ = write!(text, "{byte:02x}");
        }
        Self(text)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Digest {
    type Err = InvalidDigest;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit()) {
            Ok(Self(text.to_ascii_lowercase()))
        } else {
            Err(InvalidDigest)
        }
    }
}

impl TryFrom<String> for Digest {
    type Error = InvalidDigest;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.0
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_written_in_lower_case() {
        let digest: Digest = "AB".repeat(32).parse().unwrap();
        assert_eq!(digest.as_str(), "ab".repeat(32));
        assert_eq!(Digest::of_bytes([0xab; 32]), digest);
    }

    #[test]
    fn a_digest_of_another_length_or_alphabet_is_refused() {
        assert_eq!("ab".parse::<Digest>(), Err(InvalidDigest));
        assert_eq!("zz".repeat(32).parse::<Digest>(), Err(InvalidDigest));
    }
}
