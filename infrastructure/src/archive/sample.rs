//! Writes ZIP files the way the official packager does, and wrong in every way a test asks for.

use std::io::Write;

use flate2::{Compression, Crc, write::DeflateEncoder};
use tempfile::NamedTempFile;

#[derive(Debug, Clone, Default)]
pub(crate) struct SampleEntry {
    pub(crate) name: String,
    pub(crate) content: Vec<u8>,
    pub(crate) described: bool,
    pub(crate) flags: u16,
    pub(crate) attributes: u32,
    pub(crate) comment: String,
    pub(crate) gap: usize,
    pub(crate) local_name: Option<String>,
    pub(crate) local_size: Option<u32>,
    pub(crate) claimed_size: Option<u32>,
    pub(crate) described_size: Option<u32>,
    pub(crate) crc32: Option<u32>,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Sample {
    pub(crate) entries: Vec<SampleEntry>,
    pub(crate) comment: Vec<u8>,
    pub(crate) prefix: Vec<u8>,
    pub(crate) suffix: Vec<u8>,
    pub(crate) overlap: bool,
    pub(crate) shift: u32,
}

pub(crate) fn file(name: &str, content: &[u8]) -> SampleEntry {
    SampleEntry { name: name.to_owned(), content: content.to_vec(), described: true, ..Default::default() }
}

fn deflated(content: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

fn crc32(content: &[u8]) -> u32 {
    let mut crc = Crc::new();
    crc.update(content);
    crc.sum()
}

fn put(into: &mut Vec<u8>, halves: &[u16], words: &[u32]) {
    into.extend(halves.iter().flat_map(|half| half.to_le_bytes()));
    into.extend(words.iter().flat_map(|word| word.to_le_bytes()));
}

fn length(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).unwrap()
}

fn short(bytes: &[u8]) -> u16 {
    u16::try_from(bytes.len()).unwrap()
}

impl Sample {
    pub(crate) fn new(entries: Vec<SampleEntry>) -> Self {
        Self { entries, ..Self::default() }
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut zip = self.prefix.clone();
        let mut directory = Vec::new();
        let mut first = None;
        for entry in &self.entries {
            let data = if entry.content.is_empty() { Vec::new() } else { deflated(&entry.content) };
            let method = if entry.content.is_empty() { 0 } else { 8 };
            let crc = entry.crc32.unwrap_or_else(|| crc32(&entry.content));
            let size = entry.claimed_size.unwrap_or_else(|| length(&entry.content));
            let flags = entry.flags | if entry.described { 8 } else { 0 };
            zip.extend(vec![0; entry.gap]);
            let at = length(&zip);
            let local_name = entry.local_name.as_ref().unwrap_or(&entry.name).as_bytes();
            let local = if entry.described {
                [0, 0, 0]
            } else {
                [crc, length(&data), entry.local_size.unwrap_or(size)]
            };
            put(&mut zip, &[], &[0x0403_4b50]);
            put(&mut zip, &[20, flags, method, 0, 0], &local);
            put(&mut zip, &[short(local_name), 0], &[]);
            zip.extend(local_name);
            zip.extend(&data);
            if entry.described {
                put(&mut zip, &[], &[0x0807_4b50, crc, length(&data), entry.described_size.unwrap_or(size)]);
            }
            let at = if self.overlap { *first.get_or_insert(at) } else { at };
            put(&mut directory, &[], &[0x0201_4b50]);
            put(&mut directory, &[20, 20, flags, method, 0, 0], &[crc, length(&data), size]);
            put(
                &mut directory,
                &[short(entry.name.as_bytes()), 0, short(entry.comment.as_bytes()), 0, 0],
                &[entry.attributes, at],
            );
            directory.extend(entry.name.as_bytes());
            directory.extend(entry.comment.as_bytes());
        }
        let at = length(&zip) + self.shift;
        zip.extend(&directory);
        let count = u16::try_from(self.entries.len()).unwrap();
        put(&mut zip, &[], &[0x0605_4b50]);
        put(&mut zip, &[0, 0, count, count], &[length(&directory), at]);
        put(&mut zip, &[short(&self.comment)], &[]);
        zip.extend(&self.comment);
        zip.extend(&self.suffix);
        zip
    }

    pub(crate) fn write(&self) -> NamedTempFile {
        let mut written = NamedTempFile::new().unwrap();
        written.write_all(&self.bytes()).unwrap();
        written
    }
}
