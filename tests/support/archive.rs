//! A ZIP writer for exact bytes: as the official packager writes, and every lie a hostile writer tells.

use std::io::Write;

use flate2::{Compression, Crc, write::DeflateEncoder};

const LOCAL: u32 = 0x0403_4b50;
pub(crate) const CENTRAL: u32 = 0x0201_4b50;
const DESCRIPTOR: u32 = 0x0807_4b50;
pub(crate) const END: u32 = 0x0605_4b50;
/// Version needed to extract, and made by.
const VERSION: u16 = 20;
/// Sizes and checksum follow the data.
pub const HAS_DESCRIPTOR: u16 = 0x8;
pub const ENCRYPTED: u16 = 0x1;

/// One file of an archive. The defaults are the official packager's: deflated, descriptor, no time, no mode.
#[derive(Debug, Clone)]
pub struct Entry {
    pub name: Vec<u8>,
    /// The name in the local header, when it differs.
    pub local_name: Option<Vec<u8>>,
    pub content: Vec<u8>,
    pub stored: bool,
    pub flags: u16,
    /// System number of the writer: 0 as the official packager has it, 3 for unix modes.
    pub system: u16,
    pub attributes: u32,
    pub date: u16,
    pub comment: Vec<u8>,
    /// Extra fields of the directory record, and those of the local header.
    pub extra: Vec<u8>,
    pub local_extra: Vec<u8>,
    /// The unpacked size that headers and descriptor claim.
    pub claimed_size: Option<u32>,
    /// A checksum for the descriptor alone, so that it contradicts the directory.
    pub descriptor_crc: Option<u32>,
    /// Its record lies inside the stored content of the entry with this number.
    pub inside: Option<usize>,
}

#[derive(Debug, Clone, Default)]
pub struct Archive {
    pub entries: Vec<Entry>,
    pub comment: Vec<u8>,
    pub before: Vec<u8>,
    pub after: Vec<u8>,
}

impl Entry {
    pub fn new(name: impl Into<Vec<u8>>, content: impl Into<Vec<u8>>) -> Self {
        Self {
            name: name.into(),
            local_name: None,
            content: content.into(),
            stored: false,
            flags: HAS_DESCRIPTOR,
            system: 0,
            attributes: 0,
            date: 0,
            comment: Vec::new(),
            extra: Vec::new(),
            local_extra: Vec::new(),
            claimed_size: None,
            descriptor_crc: None,
            inside: None,
        }
    }

    /// As common tools write: no descriptor, a valid date, a regular file's mode.
    pub fn plain(name: impl Into<Vec<u8>>, content: impl Into<Vec<u8>>) -> Self {
        Self { flags: 0, date: 0x21, system: 3, attributes: 0o100_644 << 16, ..Self::new(name, content) }
    }

    /// A unix file of another kind: link, device, pipe.
    #[must_use]
    pub fn mode(mut self, mode: u32) -> Self {
        (self.system, self.attributes) = (3, mode << 16);
        self
    }

    fn packed(&self) -> Vec<u8> {
        if self.stored {
            return self.content.clone();
        }
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(&self.content).unwrap();
        encoder.finish().unwrap()
    }

    fn record(&self) -> Record<'_> {
        let mut crc = Crc::new();
        crc.update(&self.content);
        let packed = self.packed();
        Record {
            entry: self,
            crc: crc.sum(),
            packed_size: u32::try_from(packed.len()).unwrap(),
            size: self.claimed_size.unwrap_or_else(|| u32::try_from(self.content.len()).unwrap()),
            packed,
        }
    }
}

struct Record<'a> {
    entry: &'a Entry,
    crc: u32,
    packed: Vec<u8>,
    packed_size: u32,
    size: u32,
}

impl Record<'_> {
    fn method(&self) -> u16 {
        if self.entry.stored { 0 } else { 8 }
    }

    fn has_descriptor(&self) -> bool {
        self.entry.flags & HAS_DESCRIPTOR != 0
    }

    fn local_header(&self) -> Vec<u8> {
        let name = self.entry.local_name.as_ref().unwrap_or(&self.entry.name);
        let mut out = Vec::new();
        put32(&mut out, LOCAL);
        put16s(&mut out, &[VERSION, self.entry.flags, self.method(), 0, self.entry.date]);
        let known = if self.has_descriptor() { [0; 3] } else { [self.crc, self.packed_size, self.size] };
        put32s(&mut out, &known);
        put16s(&mut out, &[length(name), length(&self.entry.local_extra)]);
        out.extend(name);
        out.extend(&self.entry.local_extra);
        out
    }

    fn local(&self) -> Vec<u8> {
        let mut out = self.local_header();
        out.extend(&self.packed);
        if self.has_descriptor() {
            put32(&mut out, DESCRIPTOR);
            let crc = self.entry.descriptor_crc.unwrap_or(self.crc);
            put32s(&mut out, &[crc, self.packed_size, self.size]);
        }
        out
    }

    fn central(&self, offset: usize) -> Vec<u8> {
        let entry = self.entry;
        let mut out = Vec::new();
        put32(&mut out, CENTRAL);
        put16s(
            &mut out,
            &[(entry.system << 8) + VERSION, VERSION, entry.flags, self.method(), 0, entry.date],
        );
        put32s(&mut out, &[self.crc, self.packed_size, self.size]);
        put16s(&mut out, &[length(&entry.name), length(&entry.extra), length(&entry.comment), 0, 0]);
        put32(&mut out, entry.attributes);
        put32(&mut out, u32::try_from(offset).unwrap());
        out.extend(&entry.name);
        out.extend(&entry.extra);
        out.extend(&entry.comment);
        out
    }
}

impl Archive {
    pub fn of(entries: Vec<Entry>) -> Self {
        Self { entries, ..Self::default() }
    }

    #[must_use]
    pub fn with(mut self, entry: Entry) -> Self {
        self.entries.push(entry);
        self
    }

    /// Changes the entry of that name.
    #[must_use]
    pub fn change(mut self, name: &str, change: impl FnOnce(&mut Entry)) -> Self {
        let found = self.entries.iter_mut().find(|entry| entry.name == name.as_bytes());
        change(found.expect("an entry of that name"));
        self
    }

    /// Adds two entries of which the second lies inside the data of the first.
    #[must_use]
    pub fn with_overlap(self, outer: &str, inner: Entry) -> Self {
        let content = inner.record().local();
        let number = self.entries.len();
        let outer = Entry { stored: true, flags: 0, ..Entry::new(outer, content) };
        self.with(outer).with(Entry { inside: Some(number), ..inner })
    }

    pub fn bytes(&self) -> Vec<u8> {
        let mut out = self.before.clone();
        let mut central = Vec::new();
        let mut data_starts = Vec::new();
        for entry in &self.entries {
            let record = entry.record();
            let offset = entry.inside.map_or(out.len(), |outer| data_starts[outer]);
            data_starts.push(offset + record.local_header().len());
            if entry.inside.is_none() {
                out.extend(record.local());
            }
            central.extend(record.central(offset));
        }
        let start = out.len();
        out.extend(&central);
        put32(&mut out, END);
        let count = u16::try_from(self.entries.len()).unwrap();
        put16s(&mut out, &[0, 0, count, count]);
        put32(&mut out, u32::try_from(central.len()).unwrap());
        put32(&mut out, u32::try_from(start).unwrap());
        put16s(&mut out, &[length(&self.comment)]);
        out.extend(&self.comment);
        out.extend(&self.after);
        out
    }
}

/// Bytes that no compressor makes smaller; the same for the same seed.
pub fn noise(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut out = Vec::with_capacity(length + 8);
    while out.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        out.extend(state.to_le_bytes());
    }
    out.truncate(length);
    out
}

fn length(bytes: &[u8]) -> u16 {
    u16::try_from(bytes.len()).expect("a length that fits the format")
}

fn put32(out: &mut Vec<u8>, value: u32) {
    out.extend(value.to_le_bytes());
}

fn put32s(out: &mut Vec<u8>, values: &[u32]) {
    for value in values {
        put32(out, *value);
    }
}

fn put16s(out: &mut Vec<u8>, values: &[u16]) {
    for value in values {
        out.extend(value.to_le_bytes());
    }
}
