//! Records of a pax header (POSIX.1-2001): `length key=value\n`, each key once.

use std::collections::BTreeMap;

use application::failure::{Failure, Reason};

use crate::archive::{ambiguous, damaged};

/// The records that change what an entry is.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Records {
    pub(super) path: Option<Vec<u8>>,
    pub(super) size: Option<u64>,
}

impl Records {
    pub(super) fn read(text: &[u8]) -> Result<Self, Failure> {
        let mut records = records(text)?;
        if records.contains_key(b"linkpath".as_slice()) {
            return Err(special("Package contains a link"));
        }
        if records.keys().any(|key| key.starts_with(b"GNU.sparse.") || *key == b"SCHILY.realsize") {
            return Err(special("Package contains a device or another special file"));
        }
        let size = records.get(b"size".as_slice()).map(|size| number(size)).transpose()?;
        Ok(Self { path: records.remove(b"path".as_slice()).map(<[u8]>::to_vec), size })
    }
}

fn special(text: &str) -> Failure {
    Failure::permanent(Reason::PackageUnsafeEntry, text)
}

fn records(mut text: &[u8]) -> Result<BTreeMap<&[u8], &[u8]>, Failure> {
    let mut all = BTreeMap::new();
    while !text.is_empty() {
        let (key, value, rest) = record(text).ok_or_else(|| damaged("an extended header in it is broken"))?;
        if all.insert(key, value).is_some() {
            return Err(ambiguous("an extended header says something twice"));
        }
        text = rest;
    }
    Ok(all)
}

/// Its key, its value, and what follows it.
fn record(text: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let space = text.iter().position(|byte| *byte == b' ')?;
    let length = usize::try_from(number(&text[..space]).ok()?).ok()?;
    let (record, rest) = text.split_at_checked(length)?;
    let body = record.get(space + 1..)?.strip_suffix(b"\n")?;
    let equals = body.iter().position(|byte| *byte == b'=')?;
    let (key, value) = (&body[..equals], &body[equals + 1..]);
    (!key.is_empty() && !key.contains(&0)).then_some((key, value, rest))
}

fn number(digits: &[u8]) -> Result<u64, Failure> {
    let is_plain = (1..=19).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit);
    if !is_plain {
        return Err(damaged("an extended header in it is broken"));
    }
    Ok(digits.iter().fold(0, |number, digit| number * 10 + u64::from(digit - b'0')))
}
