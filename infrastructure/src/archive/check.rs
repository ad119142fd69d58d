//! The check before anything is inflated: every record of the file agrees with every other one, nothing lies
//! before, between or behind them, and every name, kind and size is allowed.

use std::{
    fs::File,
    io::{BufReader, Read, Seek, SeekFrom},
    path::Path,
};

use application::failure::{Failure, Reason};

use super::{
    ambiguous, damaged,
    limits::Limits,
    names,
    records::{self, Central, DESCRIPTOR, LOCAL, le32, le64},
};
use crate::disk;

/// A file inside a checked archive: where its bytes are and what they must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub name: String,
    pub size: u64,
    pub compressed: u64,
    /// Whether whoever packed it could run it.
    pub executable: bool,
    pub(super) deflated: bool,
    pub(super) crc32: u32,
    pub(super) data: u64,
}

/// An archive that passed. Its files in the order of its directory; directory entries are only counted.
#[derive(Debug)]
pub struct Checked {
    pub(super) file: File,
    pub entries: Vec<Entry>,
    pub directories: usize,
    /// Empty, or JSON that may be a signature.
    pub comment: Vec<u8>,
    pub size: u64,
}

const ENCRYPTED: u16 = 1 | 1 << 6 | 1 << 13;
const DESCRIBED: u16 = 1 << 3;
/// Bits 1 and 2 only say how hard the compressor tried.
const EFFORT: u16 = 0b110;

impl Checked {
    /// # Errors
    /// One of the `Package*` reasons; `Internal` or `DiskFull` for a fault of this machine.
    pub fn open(path: &Path, limits: &Limits) -> Result<Self, Failure> {
        let file = File::open(path).map_err(disk::failure)?;
        let size = file.metadata().map_err(disk::failure)?.len();
        limits.check_file(size)?;
        let mut magic = [0; 4];
        let begins = size >= 22 && records::read_at(&file, 0, &mut magic).is_ok() && le32(&magic, 0) == LOCAL;
        let end = match records::end(&file, size) {
            Ok(end) if begins && end.entries > 0 => end,
            Ok(end) if end.entries > 0 => return Err(ambiguous("bytes lie before its first entry")),
            Err(failure) if begins => return Err(failure),
            Ok(_) | Err(_) => return Err(not_a_package(&file, size)),
        };
        limits.check_count(end.entries)?;
        if !end.comment.is_empty() && !is_json_object(&end.comment) {
            return Err(ambiguous("its comment is no signature"));
        }
        let directory = directory(&file, &end, limits)?;
        let (entries, directories) = locate(&file, directory, end.directory)?;
        Ok(Self { file, entries, directories, comment: end.comment, size })
    }

    /// The file of exactly this name.
    pub fn entry(&self, name: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.name == name)
    }
}

fn not_a_package(file: &File, size: u64) -> Failure {
    let mut head = vec![0; usize::try_from(size.min(512)).unwrap_or(0)];
    let text = if records::read_at(file, 0, &mut head).is_ok() && looks_like_html(&head) {
        "The file is a web page, not a .difypkg"
    } else {
        "The file is not a .difypkg (a ZIP file)"
    };
    Failure::permanent(Reason::PackageInvalid, text)
}

/// Whether bytes begin the way web pages do.
pub fn looks_like_html(head: &[u8]) -> bool {
    let text = String::from_utf8_lossy(head).trim_start_matches('\u{feff}').trim_start().to_ascii_lowercase();
    ["<!doctype html", "<html", "<head", "<body", "<script", "<!--"].iter().any(|tag| text.starts_with(tag))
}

fn is_json_object(comment: &[u8]) -> bool {
    serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(comment).is_ok()
}

fn directory(file: &File, end: &records::End, limits: &Limits) -> Result<Vec<(Central, String)>, Failure> {
    let mut reader = BufReader::with_capacity(64 * 1024, file.try_clone().map_err(disk::failure)?);
    reader.seek(SeekFrom::Start(end.directory)).map_err(disk::failure)?;
    let mut reader = reader.take(end.directory_size);
    let mut seen = names::Collisions::default();
    let mut total = 0_u64;
    let mut too_dense = Ok(());
    let mut found = Vec::new();
    for _ in 0..end.entries {
        let central = records::central(&mut reader)?;
        let name = names::check(&central.name, limits.name)?.to_owned();
        check_kind(&central, &name)?;
        seen.add(&name, limits.fold_names)?;
        limits.check_entry(central.size)?;
        too_dense = too_dense.and_then(|()| limits.check_ratio(central.compressed, central.size));
        total = total.saturating_add(central.size);
        limits.check_total(total)?;
        found.push((central, name));
    }
    too_dense?;
    if reader.limit() != 0 {
        return Err(ambiguous("its directory holds more than its entries"));
    }
    Ok(found)
}

fn check_kind(central: &Central, name: &str) -> Result<(), Failure> {
    const KIND: u32 = 0o170_000;
    let refused = |text: &str| Err(Failure::permanent(Reason::PackageUnsafeEntry, text));
    if central.flags & ENCRYPTED != 0 {
        return refused("Package contains an encrypted entry");
    }
    let is_directory = name.ends_with('/');
    match (central.attributes >> 16) & KIND {
        0 | 0o100_000 => {}
        0o040_000 if is_directory => {}
        0o120_000 => return refused("Package contains a symbolic link"),
        _ => return refused("Package contains a device or another special file"),
    }
    let says_directory = matches!(central.host, 0 | 10 | 14) && central.attributes & 0x10 != 0;
    if says_directory && !is_directory {
        return refused("Package contains a directory with the name of a file");
    }
    if is_directory && central.size != 0 {
        return refused("Package contains a directory with content");
    }
    if !matches!(central.method, 0 | 8) {
        return refused("Package uses a compression other than deflate");
    }
    if central.method == 0 && central.size != central.compressed {
        return Err(ambiguous("a stored entry has two sizes"));
    }
    Ok(())
}

/// The trick of a bomb: many entries, one stream of bytes.
fn overlapping() -> Failure {
    Limits::too_large("Package entries share their bytes".to_owned())
}

/// Finds each entry's data. Together the entries must fill the file from its first byte to the directory.
fn locate(
    file: &File,
    mut found: Vec<(Central, String)>,
    directory: u64,
) -> Result<(Vec<Entry>, usize), Failure> {
    let mut order: Vec<usize> = (0..found.len()).collect();
    order.sort_by_key(|&index| found[index].0.offset);
    let mut starts = vec![0; found.len()];
    let mut expected = 0;
    for (position, &index) in order.iter().enumerate() {
        let central = &found[index].0;
        if central.offset < expected {
            return Err(overlapping());
        }
        if central.offset > expected {
            return Err(ambiguous("bytes lie between its entries"));
        }
        let next = order.get(position + 1).map_or(directory, |&next| found[next].0.offset);
        starts[index] = data_of(file, central, next)?;
        expected = next;
    }
    if expected != directory {
        return Err(ambiguous("bytes lie before its directory"));
    }
    let directories = found.iter().filter(|(_, name)| name.ends_with('/')).count();
    let entries = found
        .drain(..)
        .zip(starts)
        .filter(|((_, name), _)| !name.ends_with('/'))
        .map(|((central, name), data)| Entry {
            name,
            size: central.size,
            compressed: central.compressed,
            executable: (central.attributes >> 16) & 0o111 != 0,
            deflated: central.method == 8,
            crc32: central.crc32,
            data,
        })
        .collect();
    Ok((entries, directories))
}

/// Where the data of an entry begins, once its own header and descriptor say what the directory says.
fn data_of(file: &File, central: &Central, next: u64) -> Result<u64, Failure> {
    let local = records::local(file, central.offset)?;
    if local.name != central.name
        || local.method != central.method
        || (local.flags ^ central.flags) & !EFFORT != 0
    {
        return Err(ambiguous("an entry and its directory record differ"));
    }
    let described = central.flags & DESCRIBED != 0;
    let agrees = |local: u64, central: u64| local == central || (described && local == 0);
    if !agrees(local.size, central.size)
        || !agrees(local.compressed, central.compressed)
        || !agrees(u64::from(local.crc32), u64::from(central.crc32))
    {
        return Err(ambiguous("an entry and its directory record differ"));
    }
    let ends = local.data.checked_add(central.compressed).ok_or_else(|| damaged("an entry is too long"))?;
    let after = next.checked_sub(ends).ok_or_else(overlapping)?;
    match (described, after) {
        (false, 0) => Ok(local.data),
        (true, 12 | 16 | 20 | 24) if descriptor_agrees(file, ends, after, central)? => Ok(local.data),
        (false | true, _) => Err(ambiguous("bytes lie between its entries, or a descriptor is wrong")),
    }
}

fn descriptor_agrees(file: &File, at: u64, size: u64, central: &Central) -> Result<bool, Failure> {
    let mut bytes = [0; 24];
    records::read_at(file, at, &mut bytes[..usize::try_from(size).unwrap_or(0)])?;
    let signed = matches!(size, 16 | 24);
    if signed && le32(&bytes, 0) != DESCRIPTOR {
        return Ok(false);
    }
    let body = if signed { &bytes[4..] } else { &bytes[..] };
    let (compressed, inflated) = if size >= 20 {
        (le64(body, 4), le64(body, 12))
    } else {
        (u64::from(le32(body, 4)), u64::from(le32(body, 8)))
    };
    Ok(le32(body, 0) == central.crc32 && compressed == central.compressed && inflated == central.size)
}

#[cfg(test)]
mod tests;
