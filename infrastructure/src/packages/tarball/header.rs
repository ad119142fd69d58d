//! One header block of a tar archive, as ustar (POSIX.1-1988), its pax form and GNU tar write them. What readers
//! of the field understand in different ways is refused.

use application::failure::{Failure, Reason};

use crate::archive::{damaged, limits::Limits};

pub(super) const BLOCK: usize = 512;

/// What the block begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    Directory,
    /// Records that hold for the next entry.
    Extended,
    /// Records that hold for all that follow.
    Global,
    /// A name of GNU tar for the next entry.
    LongName,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) kind: Kind,
    /// As it stands there; with its prefix.
    pub(super) name: Vec<u8>,
    /// Of the content behind it, without the padding.
    pub(super) size: u64,
}

impl Header {
    /// None: an empty block.
    pub(super) fn read(block: &[u8; BLOCK]) -> Result<Option<Self>, Failure> {
        if block.iter().all(|byte| *byte == 0) {
            return Ok(None);
        }
        if octal(&block[148..156])? != checksum(block) {
            return Err(damaged("a header in it is broken"));
        }
        if block[124] & 0x80 != 0 {
            // A number in another form: one that does not fit the field.
            return Err(Limits::too_large("Package holds a file larger than 8 GB".to_owned()));
        }
        let (name, size) = (name(block)?, octal(&block[124..136])?);
        let kind = kind(block[156])?;
        if kind == Kind::Directory && size != 0 {
            return Err(refused("Package contains a directory with content"));
        }
        Ok(Some(Self { kind, name, size }))
    }
}

fn kind(flag: u8) -> Result<Kind, Failure> {
    match flag {
        b'0' | 0 => Ok(Kind::File),
        b'5' => Ok(Kind::Directory),
        b'x' => Ok(Kind::Extended),
        b'g' => Ok(Kind::Global),
        b'L' => Ok(Kind::LongName),
        b'1' | b'K' => Err(refused("Package contains a link")),
        b'2' => Err(refused("Package contains a symbolic link")),
        _ => Err(refused("Package contains a device or another special file")),
    }
}

fn refused(text: &str) -> Failure {
    Failure::permanent(Reason::PackageUnsafeEntry, text)
}

fn name(block: &[u8; BLOCK]) -> Result<Vec<u8>, Failure> {
    let name = until_nul(&block[..100]);
    match &block[257..265] {
        b"ustar\x0000" => {
            let prefix = until_nul(&block[345..500]);
            Ok(if prefix.is_empty() { name.to_vec() } else { [prefix, b"/", name].concat() })
        }
        // Of GNU tar, and of before: these know no prefix.
        b"ustar  \0" | b"\0\0\0\0\0\0\0\0" => Ok(name.to_vec()),
        _ => Err(damaged("a header in it is of no known form")),
    }
}

fn until_nul(field: &[u8]) -> &[u8] {
    field.split(|byte| *byte == 0).next().unwrap_or_default()
}

/// A number: spaces, octal digits, then spaces and NULs to the end.
fn octal(field: &[u8]) -> Result<u64, Failure> {
    let field = field.trim_ascii_start();
    let end = field.iter().position(|byte| !matches!(byte, b'0'..=b'7')).unwrap_or(field.len());
    let (digits, rest) = field.split_at(end);
    if digits.len() > 12 || !rest.iter().all(|byte| matches!(byte, 0 | b' ')) {
        return Err(damaged("a header in it is broken"));
    }
    Ok(digits.iter().fold(0, |number, digit| number * 8 + u64::from(digit - b'0')))
}

/// Of all bytes, its own field counted as spaces.
fn checksum(block: &[u8; BLOCK]) -> u64 {
    let own = u64::from(b' ') * 8;
    [&block[..148], &block[156..]].concat().iter().map(|byte| u64::from(*byte)).sum::<u64>() + own
}
