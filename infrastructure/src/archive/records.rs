//! The records of a ZIP file as APPNOTE 6.3 lays them out, read byte by byte; judges nothing but their shape.

use std::{fs::File, io, os::unix::fs::FileExt};

use application::failure::Failure;

use super::{ambiguous, damaged};
use crate::disk;

pub(super) const LOCAL: u32 = 0x0403_4b50;
const CENTRAL: u32 = 0x0201_4b50;
const END: u32 = 0x0605_4b50;
const END64: u32 = 0x0606_4b50;
const LOCATOR64: u32 = 0x0706_4b50;
pub(super) const DESCRIPTOR: u32 = 0x0807_4b50;
const FULL: u64 = 0xffff_ffff;

/// A signature comment is the largest one that has a meaning.
const LONGEST_COMMENT: usize = 4096;
/// The end record with the longest comment that the format allows.
const LONGEST_END: u64 = 22 + 0xffff;

pub(super) fn le16(bytes: &[u8], at: usize) -> u16 {
    bytes.get(at..at + 2).and_then(|b| b.try_into().ok()).map_or(0, u16::from_le_bytes)
}

pub(super) fn le32(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..at + 4).and_then(|b| b.try_into().ok()).map_or(0, u32::from_le_bytes)
}

pub(super) fn le64(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..at + 8).and_then(|b| b.try_into().ok()).map_or(0, u64::from_le_bytes)
}

/// Fills `into` from the file at `at`; an end of the file in it means a damaged archive.
pub(super) fn read_at(file: &File, at: u64, into: &mut [u8]) -> Result<(), Failure> {
    file.read_exact_at(into, at).map_err(|error| {
        if error.kind() == io::ErrorKind::UnexpectedEof {
            damaged("it ends too early")
        } else {
            disk::failure(error)
        }
    })
}

/// Where the directory lies, and the comment of the archive.
#[derive(Debug)]
pub(super) struct End {
    pub entries: u64,
    pub directory: u64,
    pub directory_size: u64,
    pub comment: Vec<u8>,
}

/// Finds the end record, which must be the last bytes of the file, with its zip64 form where there is one.
pub(super) fn end(file: &File, size: u64) -> Result<End, Failure> {
    let tail_size = size.min(LONGEST_END);
    let tail_at = size - tail_size;
    let mut tail = vec![0; usize::try_from(tail_size).unwrap_or(0)];
    read_at(file, tail_at, &mut tail)?;
    let mut found = false;
    for at in (0..=tail.len().saturating_sub(22)).rev() {
        if tail.len() < 22 || le32(&tail, at) != END {
            continue;
        }
        if at + 22 + usize::from(le16(&tail, at + 20)) != tail.len() {
            found = true;
            continue;
        }
        if tail.len() - at - 22 > LONGEST_COMMENT {
            return Err(ambiguous("its comment is no signature"));
        }
        let at_in_file = tail_at + at as u64;
        return read_end(file, at_in_file, &tail[at..]);
    }
    Err(if found { ambiguous("bytes follow its last record") } else { damaged("it is no complete ZIP file") })
}

fn read_end(file: &File, at: u64, record: &[u8]) -> Result<End, Failure> {
    let narrow = End {
        entries: u64::from(le16(record, 10)),
        directory: u64::from(le32(record, 16)),
        directory_size: u64::from(le32(record, 12)),
        comment: record[22..].to_vec(),
    };
    if le16(record, 4) != le16(record, 6) || le16(record, 8) != le16(record, 10) {
        return Err(damaged("it is one part of several"));
    }
    let needs_wide = narrow.entries == 0xffff || narrow.directory == FULL || narrow.directory_size == FULL;
    let (end, ends_at) = match wide_end(file, at, &narrow)? {
        Some(wide) => wide,
        None if needs_wide || le16(record, 4) != 0 => return Err(damaged("its zip64 record is missing")),
        None => (narrow, at),
    };
    if end.directory.checked_add(end.directory_size) != Some(ends_at) {
        return Err(ambiguous("its directory is not where its end record says"));
    }
    Ok(end)
}

fn wide_end(file: &File, at: u64, narrow: &End) -> Result<Option<(End, u64)>, Failure> {
    let Some(locator_at) = at.checked_sub(20) else { return Ok(None) };
    let mut locator = [0; 20];
    read_at(file, locator_at, &mut locator)?;
    if le32(&locator, 0) != LOCATOR64 {
        return Ok(None);
    }
    let record_at = le64(&locator, 8);
    if locator_at.checked_sub(56) != Some(record_at) || le32(&locator, 4) != 0 || le32(&locator, 16) > 1 {
        return Err(ambiguous("its zip64 records do not fit together"));
    }
    let mut record = [0; 56];
    read_at(file, record_at, &mut record)?;
    let wide = End {
        entries: le64(&record, 32),
        directory: le64(&record, 48),
        directory_size: le64(&record, 40),
        comment: narrow.comment.clone(),
    };
    let agrees = |narrow: u64, full: u64, wide: u64| narrow == full || narrow == wide;
    if le32(&record, 0) != END64
        || le64(&record, 4) != 44
        || le64(&record, 16) != 0
        || le64(&record, 24) != wide.entries
        || !agrees(narrow.entries, 0xffff, wide.entries)
        || !agrees(narrow.directory, FULL, wide.directory)
        || !agrees(narrow.directory_size, FULL, wide.directory_size)
    {
        return Err(ambiguous("its zip64 records do not fit together"));
    }
    Ok(Some((wide, record_at)))
}

/// One record of the directory.
#[derive(Debug)]
pub(super) struct Central {
    pub host: u8,
    pub flags: u16,
    pub method: u16,
    pub crc32: u32,
    pub compressed: u64,
    pub size: u64,
    pub attributes: u32,
    pub offset: u64,
    pub name: Vec<u8>,
}

/// Reads the next record of the directory.
pub(super) fn central(reader: &mut impl io::Read) -> Result<Central, Failure> {
    let mut fixed = [0; 46];
    fill(reader, &mut fixed)?;
    if le32(&fixed, 0) != CENTRAL {
        return Err(damaged("its directory is broken"));
    }
    let mut name = vec![0; usize::from(le16(&fixed, 28))];
    fill(reader, &mut name)?;
    let mut extra = vec![0; usize::from(le16(&fixed, 30))];
    fill(reader, &mut extra)?;
    if le16(&fixed, 32) != 0 {
        return Err(ambiguous("an entry has a comment"));
    }
    let mut wide = Extras::read(&extra, &name)?;
    let size = wide.take(le32(&fixed, 24))?;
    let compressed = wide.take(le32(&fixed, 20))?;
    let offset = wide.take(le32(&fixed, 42))?;
    if le16(&fixed, 34) != 0 && le16(&fixed, 34) != 0xffff {
        return Err(damaged("it is one part of several"));
    }
    Ok(Central {
        host: fixed[5],
        flags: le16(&fixed, 8),
        method: le16(&fixed, 10),
        crc32: le32(&fixed, 16),
        compressed,
        size,
        attributes: le32(&fixed, 38),
        offset,
        name,
    })
}

fn fill(reader: &mut impl io::Read, into: &mut [u8]) -> Result<(), Failure> {
    reader.read_exact(into).map_err(|error| {
        if error.kind() == io::ErrorKind::UnexpectedEof {
            damaged("its directory ends too early")
        } else {
            disk::failure(error)
        }
    })
}

/// The header in front of an entry's data.
#[derive(Debug)]
pub(super) struct Local {
    pub flags: u16,
    pub method: u16,
    pub crc32: u32,
    pub compressed: u64,
    pub size: u64,
    pub name: Vec<u8>,
    pub data: u64,
}

pub(super) fn local(file: &File, at: u64) -> Result<Local, Failure> {
    let mut fixed = [0; 30];
    read_at(file, at, &mut fixed)?;
    if le32(&fixed, 0) != LOCAL {
        return Err(ambiguous("its directory points to something that is no entry"));
    }
    let (name_size, extra_size) = (le16(&fixed, 26), le16(&fixed, 28));
    let mut rest = vec![0; usize::from(name_size) + usize::from(extra_size)];
    read_at(file, at + 30, &mut rest)?;
    let extra = rest.split_off(usize::from(name_size));
    let mut wide = Extras::read(&extra, &rest)?;
    let size = wide.take(le32(&fixed, 22))?;
    let compressed = wide.take(le32(&fixed, 18))?;
    Ok(Local {
        flags: le16(&fixed, 6),
        method: le16(&fixed, 8),
        crc32: le32(&fixed, 14),
        compressed,
        size,
        name: rest,
        data: at + 30 + u64::from(name_size) + u64::from(extra_size),
    })
}

/// The 64-bit values that stand in for saturated 32-bit fields, in their fixed order.
struct Extras<'a> {
    wide: &'a [u8],
}

impl<'a> Extras<'a> {
    fn read(mut extra: &'a [u8], name: &[u8]) -> Result<Self, Failure> {
        const ZIP64: u16 = 0x0001;
        const UNICODE_PATH: u16 = 0x7075;
        let mut wide = None;
        while extra.len() >= 4 {
            let size = usize::from(le16(extra, 2));
            let Some(body) = extra.get(4..4 + size) else { return Err(damaged("an extra field is broken")) };
            match le16(extra, 0) {
                ZIP64 if wide.replace(body).is_some() => {
                    return Err(ambiguous("an entry has two zip64 fields"));
                }
                UNICODE_PATH if body.get(5..) != Some(name) => {
                    return Err(ambiguous("an entry has two names"));
                }
                _ => {}
            }
            extra = &extra[4 + size..];
        }
        Ok(Self { wide: wide.unwrap_or_default() })
    }

    fn take(&mut self, narrow: u32) -> Result<u64, Failure> {
        if u64::from(narrow) != FULL {
            return Ok(u64::from(narrow));
        }
        let Some((value, rest)) = self.wide.split_at_checked(8) else {
            return Err(damaged("a zip64 field is missing"));
        };
        self.wide = rest;
        Ok(le64(value, 0))
    }
}
