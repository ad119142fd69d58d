//! A gzipped tar, read from its first byte to its last before anything is taken from it: one gzip member, regular
//! files and directories only, safe names, each once, all of them below one directory, nothing behind its end.
//! Nothing is written to disk.

mod header;
mod inflated;
mod pax;
#[cfg(test)]
pub(crate) mod sample;
#[cfg(test)]
mod tests;

use std::{fs::File, path::Path};

use application::failure::{Failure, Reason};

use self::{
    header::{BLOCK, Header, Kind},
    inflated::Inflated,
    pax::Records,
};
use super::contents::Contents;
use crate::{
    archive::{ambiguous, damaged, limits::Limits, names},
    disk,
};

/// Extended headers hold names and times.
const LONGEST_RECORDS: u64 = 64 * 1024;

/// An archive that passed.
#[derive(Debug)]
pub struct Tarball {
    file: File,
    limits: Limits,
    entries: Vec<Entry>,
    size: u64,
}

/// A file of it.
#[derive(Debug)]
struct Entry {
    /// Below the one directory that all lie in.
    name: String,
    size: u64,
    /// Where its content begins in what the file inflates to.
    at: u64,
}

impl Tarball {
    /// `manifest`: the file that says where the root is; it lies there, or below the one directory of it.
    ///
    /// # Errors
    /// One of the `Package*` reasons; `ManifestInvalid` without a manifest; `Internal` or `DiskFull` for a fault of
    /// this machine.
    pub fn open(path: &Path, manifest: &str, limits: &Limits) -> Result<Self, Failure> {
        let file = File::open(path).map_err(disk::failure)?;
        let size = file.metadata().map_err(disk::failure)?.len();
        limits.check_file(size)?;
        let mut walk = Walk::new(Inflated::new(&file, size, limits)?, limits);
        while walk.step()? {}
        let entries = rooted(walk.found, manifest)?;
        Ok(Self { file, limits: *limits, entries, size })
    }

    /// In bytes, as it is stored.
    pub fn size(&self) -> u64 {
        self.size
    }
}

impl Contents for Tarball {
    fn files(&self) -> Box<dyn Iterator<Item = (&str, u64)> + '_> {
        Box::new(self.entries.iter().map(|entry| (entry.name.as_str(), entry.size)))
    }

    fn read(&self, name: &str, cap: u64) -> Result<Option<Vec<u8>>, Failure> {
        let Some(entry) = self.entries.iter().find(|entry| entry.name == name) else { return Ok(None) };
        if entry.size > cap {
            return Err(Limits::too_large(format!("'{name}' is larger than {} KB", cap / 1024)));
        }
        let mut inflated = Inflated::new(&self.file, self.size, &self.limits)?;
        inflated.skip(entry.at)?;
        inflated.take(entry.size).map(Some)
    }
}

/// One entry after the other.
struct Walk<'a> {
    inflated: Inflated<'a>,
    limits: &'a Limits,
    seen: names::Collisions,
    entries: u64,
    /// What was said of the entry that comes next.
    path: Option<Vec<u8>>,
    records: Option<Records>,
    found: Vec<Found>,
}

struct Found {
    /// Whether it began with `./`.
    dotted: bool,
    entry: Entry,
    is_directory: bool,
}

impl<'a> Walk<'a> {
    fn new(inflated: Inflated<'a>, limits: &'a Limits) -> Self {
        let seen = names::Collisions::default();
        Self { inflated, limits, seen, entries: 0, path: None, records: None, found: Vec::new() }
    }

    /// Whether there was another entry.
    fn step(&mut self) -> Result<bool, Failure> {
        let block = self.inflated.block()?.ok_or_else(|| damaged("it ends too early"))?;
        let Some(header) = Header::read(&block)? else {
            self.end()?;
            return Ok(false);
        };
        self.entries += 1;
        self.limits.check_count(self.entries)?;
        match header.kind {
            Kind::File | Kind::Directory => self.entry(header)?,
            Kind::Extended => {
                let records = Records::read(&self.said(&header)?)?;
                if self.records.replace(records).is_some() {
                    return Err(ambiguous("two extended headers stand before one entry"));
                }
            }
            Kind::Global => {
                if Records::read(&self.said(&header)?)? != Records::default() {
                    return Err(ambiguous("an extended header names all entries"));
                }
            }
            Kind::LongName => {
                let said = self.said(&header)?;
                let name = said.strip_suffix(&[0]).unwrap_or(&said).to_vec();
                if self.path.replace(name).is_some() {
                    return Err(ambiguous("two names stand before one entry"));
                }
            }
        }
        Ok(true)
    }

    fn said(&mut self, header: &Header) -> Result<Vec<u8>, Failure> {
        if header.size > LONGEST_RECORDS {
            return Err(Limits::too_large("Package holds an extended header larger than 64 KB".to_owned()));
        }
        let said = self.inflated.take(header.size)?;
        self.padding(header.size)?;
        Ok(said)
    }

    fn padding(&mut self, size: u64) -> Result<(), Failure> {
        self.inflated.skip(size.next_multiple_of(BLOCK as u64) - size)
    }

    fn entry(&mut self, header: Header) -> Result<(), Failure> {
        let (path, records) = (self.path.take(), self.records.take().unwrap_or_default());
        if path.is_some() && records.path.is_some() {
            return Err(ambiguous("two names stand before one entry"));
        }
        if records.size.is_some_and(|size| size != header.size) {
            return Err(ambiguous("an entry has two sizes"));
        }
        let raw = path.or(records.path).unwrap_or(header.name);
        self.limits.check_entry(header.size)?;
        if let Some(found) = self.named(&raw, header.kind == Kind::Directory, header.size)? {
            self.found.push(found);
        }
        self.inflated.skip(header.size)?;
        self.padding(header.size)
    }

    /// None: the directory that everything lies in.
    fn named(&mut self, raw: &[u8], is_directory: bool, size: u64) -> Result<Option<Found>, Failure> {
        if is_directory && matches!(raw, b"." | b"./") {
            return Ok(None);
        }
        let (dotted, path) = raw.strip_prefix(b"./").map_or((false, raw), |path| (true, path));
        let name = names::check(path, self.limits.name)?;
        let name = name.strip_suffix('/').unwrap_or(name);
        if name.len() < path.len() && !is_directory {
            return Err(ambiguous("a file has the name of a directory"));
        }
        let slash = if is_directory { "/" } else { "" };
        self.seen.add(&format!("{name}{slash}"), self.limits.fold_names)?;
        let entry = Entry { name: name.to_owned(), size, at: self.inflated.at() };
        Ok(Some(Found { dotted, entry, is_directory }))
    }

    /// The second empty block, and nothing but emptiness behind it.
    fn end(&mut self) -> Result<(), Failure> {
        if self.path.is_some() || self.records.is_some() {
            return Err(damaged("it ends too early"));
        }
        let empty = |block: &[u8; BLOCK]| block.iter().all(|byte| *byte == 0);
        match self.inflated.block()? {
            None => return Err(damaged("it ends too early")),
            Some(block) if !empty(&block) => return Err(ambiguous("bytes follow its end")),
            Some(_) => {}
        }
        while let Some(block) = self.inflated.block()? {
            if !empty(&block) {
                return Err(ambiguous("bytes follow its end"));
            }
        }
        self.inflated.end()
    }
}

/// Clients strip one part of each name, whichever it is: so the manifest must be the only one that they could see,
/// and everything must lie where it lies.
fn rooted(found: Vec<Found>, manifest: &str) -> Result<Vec<Entry>, Failure> {
    let missing = || {
        let text =
            format!("{manifest} is missing or invalid: there is none, nor one below a single directory");
        Failure::permanent(Reason::ManifestInvalid, text)
    };
    let could_be = |found: &&Found| {
        let name = found.entry.name.as_str();
        let depth = name.matches('/').count() + usize::from(found.dotted);
        !found.is_directory && depth <= 1 && name.rsplit('/').next() == Some(manifest)
    };
    let mut candidates = found.iter().filter(could_be);
    let first = candidates.next().ok_or_else(missing)?;
    if candidates.next().is_some() {
        return Err(ambiguous(format!("there are two files {manifest}")));
    }
    let dotted = first.dotted;
    let top = first.entry.name.strip_suffix(manifest).unwrap_or_default().to_owned();
    let below = |found: &Found| {
        let name = found.entry.name.as_str();
        let is_top = found.is_directory && top.strip_suffix('/') == Some(name);
        found.dotted == dotted && (is_top || name.starts_with(&top))
    };
    if !found.iter().all(below) {
        return Err(ambiguous("its files do not lie in one directory"));
    }
    let files = found.into_iter().filter(|found| !found.is_directory).map(|found| found.entry);
    Ok(files.map(|entry| Entry { name: entry.name[top.len()..].to_owned(), ..entry }).collect())
}
