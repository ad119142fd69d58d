//! Entries of a checked archive as streams: the real bytes are counted, their CRC compared, and the compressed
//! stream must end exactly where the directory says. Nothing is ever written to disk.

use std::{
    fs::File,
    io::{self, BufReader, Read},
    os::unix::fs::FileExt,
};

use application::failure::Failure;
use domain::values::Digest;
use flate2::{Crc, bufread::DeflateDecoder};
use sha2::{Digest as _, Sha256};

use super::{
    check::{Checked, Entry},
    damaged,
    limits::Limits,
};
use crate::disk;

const CHUNK: usize = 64 * 1024;

/// Reads one entry; fails instead of giving a byte more or less than the entry has.
#[derive(Debug)]
pub struct EntryReader<'a> {
    entry: &'a Entry,
    body: Body<'a>,
    crc: Crc,
    read: u64,
    ended: bool,
}

#[derive(Debug)]
enum Body<'a> {
    Stored(Range<'a>),
    Deflated(Box<DeflateDecoder<BufReader<Range<'a>>>>),
}

#[derive(Debug)]
struct Range<'a> {
    file: &'a File,
    at: u64,
    left: u64,
}

impl Read for Range<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(into.len());
        let count = self.file.read_at(&mut into[..most], self.at)?;
        self.at += count as u64;
        self.left -= count as u64;
        Ok(count)
    }
}

impl Read for EntryReader<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.ended || into.is_empty() {
            return Ok(0);
        }
        let count = match &mut self.body {
            Body::Stored(range) => range.read(into)?,
            Body::Deflated(decoder) => {
                let is_broken = |error: &io::Error| {
                    use io::ErrorKind::{InvalidData, InvalidInput, UnexpectedEof};
                    [InvalidInput, InvalidData, UnexpectedEof].contains(&error.kind())
                };
                match decoder.read(into) {
                    Err(error) if is_broken(&error) => return Err(self.broken()),
                    outcome => outcome?,
                }
            }
        };
        self.read += count as u64;
        if self.read > self.entry.size {
            return Err(io::Error::other(Limits::too_large(
                "Package holds a file that is larger than it says".to_owned(),
            )));
        }
        self.crc.update(&into[..count]);
        if count == 0 {
            self.ended = true;
            let consumed = match &self.body {
                Body::Stored(range) => self.entry.compressed - range.left,
                Body::Deflated(decoder) => decoder.total_in(),
            };
            if self.read != self.entry.size
                || consumed != self.entry.compressed
                || self.crc.sum() != self.entry.crc32
            {
                return Err(self.broken());
            }
        }
        Ok(count)
    }
}

impl EntryReader<'_> {
    fn broken(&self) -> io::Error {
        io::Error::other(damaged(&format!("'{}' is damaged", self.entry.name)))
    }
}

impl Checked {
    pub fn reader<'a>(&'a self, entry: &'a Entry) -> EntryReader<'a> {
        let range = Range { file: &self.file, at: entry.data, left: entry.compressed };
        let body = if entry.deflated {
            Body::Deflated(Box::new(DeflateDecoder::new(BufReader::with_capacity(CHUNK, range))))
        } else {
            Body::Stored(range)
        };
        EntryReader { entry, body, crc: Crc::new(), read: 0, ended: false }
    }

    /// A whole entry of at most `cap` bytes.
    ///
    /// # Errors
    /// `PackageTooLarge` above the cap; `PackageInvalid` when the bytes are not what the directory says.
    pub fn read(&self, entry: &Entry, cap: u64) -> Result<Vec<u8>, Failure> {
        if entry.size > cap {
            return Err(Limits::too_large(format!("'{}' is larger than {} KB", entry.name, cap / 1024)));
        }
        let mut bytes = Vec::with_capacity(usize::try_from(entry.size).unwrap_or(0));
        self.reader(entry).read_to_end(&mut bytes).map_err(disk::failure)?;
        Ok(bytes)
    }

    /// Reads every entry once; gives the checksum that identifies the package (see [`checksum`]).
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn content_checksum(&self) -> Result<String, Failure> {
        self.content_digests().map(checksum)
    }

    /// The name and the sha256 of every entry, in the order of the directory.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn content_digests(&self) -> Result<Vec<(String, [u8; 32])>, Failure> {
        let mut hashed = Vec::with_capacity(self.entries.len());
        let mut buffer = vec![0; CHUNK];
        for entry in &self.entries {
            let mut reader = self.reader(entry);
            let mut content = Sha256::new();
            loop {
                let count = reader.read(&mut buffer).map_err(disk::failure)?;
                if count == 0 {
                    break;
                }
                content.update(&buffer[..count]);
            }
            hashed.push((entry.name.clone(), content.finalize().into()));
        }
        Ok(hashed)
    }
}

/// What the installing daemon calls a package's checksum: sha256 over, for all paths in bytewise order,
/// `sha256(path) || sha256(content)`, in hex.
pub fn checksum(mut content: Vec<(String, [u8; 32])>) -> String {
    content.sort();
    let mut all = Sha256::new();
    for (path, sha256) in content {
        all.update(Sha256::digest(path.as_bytes()));
        all.update(sha256);
    }
    Digest::of_bytes(all.finalize().into()).to_string()
}

/// The sha256 of a file on disk.
///
/// # Errors
/// `Internal` when it cannot be read.
pub fn file_sha256(path: &std::path::Path) -> Result<Digest, Failure> {
    let mut file = File::open(path).map_err(disk::failure)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; CHUNK];
    loop {
        let count = file.read(&mut buffer).map_err(disk::failure)?;
        if count == 0 {
            return Ok(Digest::of_bytes(hash.finalize().into()));
        }
        hash.update(&buffer[..count]);
    }
}
