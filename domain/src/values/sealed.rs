//! A secret or a personal datum as the log may hold it: ciphertext under the data key of its subject.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

const PREFIX: &str = "sealed:v1:";
const LONGEST: usize = 64 * 1024;

/// `sealed:v1:<id of the data key>:<nonce and ciphertext, base64url without padding>`. Whoever has the key opens it;
/// once the key is destroyed nobody can.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Sealed {
    key: Uuid,
    text: String,
}

/// The text is not sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is no sealed value")]
pub struct InvalidSealed;

impl Sealed {
    /// None unless `text` is base64url.
    pub fn new(key: Uuid, text: String) -> Option<Self> {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        let fine = !text.is_empty() && text.len() <= LONGEST && text.bytes().all(fits);
        fine.then_some(Self { key, text })
    }

    /// Which data key it was sealed with.
    pub fn key(&self) -> Uuid {
        self.key
    }

    /// Nonce and ciphertext in base64url.
    pub fn text(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}:{}", self.key, self.text)
    }
}

impl From<Sealed> for String {
    fn from(sealed: Sealed) -> Self {
        sealed.to_string()
    }
}

impl FromStr for Sealed {
    type Err = InvalidSealed;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (key, text) =
            text.strip_prefix(PREFIX).and_then(|rest| rest.split_once(':')).ok_or(InvalidSealed)?;
        let id = Uuid::parse_str(key).ok().filter(|_| key.len() == 36).ok_or(InvalidSealed)?;
        Self::new(id, text.to_owned()).ok_or(InvalidSealed)
    }
}

impl TryFrom<String> for Sealed {
    type Error = InvalidSealed;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_value_survives_its_text_and_nothing_else_is_one() {
        let text = "sealed:v1:123e4567-e89b-42d3-a456-426614174000:AbC-_9";
        let sealed: Sealed = text.parse().unwrap();
        assert_eq!(sealed.to_string(), text);
        for other in
            ["", "hush", "sealed:v1::AbC", "sealed:v1:123e4567-e89b-42d3-a456-426614174000:", &text[7..]]
        {
            assert_eq!(other.parse::<Sealed>(), Err(InvalidSealed), "{other}");
        }
        assert_eq!(format!("{text}=").parse::<Sealed>(), Err(InvalidSealed));
    }
}
