//! A finished archive whose records can be overwritten in place: the lies that no writer tells.

use crate::archive::{Archive, CENTRAL, END};

/// Offsets count from the beginning of the record.
#[derive(Debug, Clone)]
pub struct Records(pub Vec<u8>);

/// Fields of the end record, of a directory record, and of a local header.
pub mod at {
    pub const END_DISK: usize = 4;
    pub const END_HERE: usize = 8;
    pub const END_COUNT: usize = 10;
    pub const END_SIZE: usize = 12;
    pub const END_OFFSET: usize = 16;
    pub const FLAGS: usize = 8;
    pub const METHOD: usize = 10;
    pub const CRC: usize = 16;
    pub const PACKED: usize = 20;
    pub const SIZE: usize = 24;
    pub const ATTRIBUTES: usize = 38;
    pub const OFFSET: usize = 42;
    pub const LOCAL_FLAGS: usize = 6;
    pub const LOCAL_METHOD: usize = 8;
    pub const LOCAL_CRC: usize = 14;
    pub const LOCAL_PACKED: usize = 18;
    pub const LOCAL_SIZE: usize = 22;
}

impl Records {
    pub fn of(archive: &Archive) -> Self {
        Self(archive.bytes())
    }

    /// The end record of an archive without comment.
    pub fn end(&self) -> usize {
        let end = self.0.len() - 22;
        assert_eq!(self.get32(end), END);
        end
    }

    pub fn directory(&self) -> usize {
        self.get32(self.end() + at::END_OFFSET) as usize
    }

    /// The directory record of the first entry of that name.
    pub fn central(&self, name: &str) -> usize {
        let mut record = self.directory();
        loop {
            assert_eq!(self.get32(record), CENTRAL, "no entry {name}");
            let lengths = [28, 30, 32].map(|field| usize::from(self.get16(record + field)));
            if &self.0[record + 46..][..lengths[0]] == name.as_bytes() {
                return record;
            }
            record += 46 + lengths.iter().sum::<usize>();
        }
    }

    pub fn local(&self, name: &str) -> usize {
        self.get32(self.central(name) + at::OFFSET) as usize
    }

    /// Where the data of the entry begins.
    pub fn data(&self, name: &str) -> usize {
        let local = self.local(name);
        local + 30 + usize::from(self.get16(local + 26)) + usize::from(self.get16(local + 28))
    }

    pub fn get16(&self, at: usize) -> u16 {
        u16::from_le_bytes(self.0[at..at + 2].try_into().unwrap())
    }

    pub fn get32(&self, at: usize) -> u32 {
        u32::from_le_bytes(self.0[at..at + 4].try_into().unwrap())
    }

    pub fn put16(&mut self, at: usize, value: u16) {
        self.0[at..at + 2].copy_from_slice(&value.to_le_bytes());
    }

    pub fn put32(&mut self, at: usize, value: u32) {
        self.0[at..at + 4].copy_from_slice(&value.to_le_bytes());
    }

    /// Puts zip64 records before the end record, as they should be; `change` is given them to lie.
    pub fn widened(mut self, change: impl FnOnce(&mut Wide)) -> Self {
        let end = self.end();
        let count = u64::from(self.get16(end + at::END_COUNT));
        let (size, offset) = (self.get32(end + at::END_SIZE), self.get32(end + at::END_OFFSET));
        let mut wide = Wide {
            length: 44,
            here: count,
            count,
            size: size.into(),
            offset: offset.into(),
            record: end as u64,
            disks: 1,
        };
        change(&mut wide);
        self.0.splice(end..end, wide.bytes());
        self
    }
}

/// What the zip64 end record and its locator say.
#[derive(Debug, Clone)]
pub struct Wide {
    pub length: u64,
    pub here: u64,
    pub count: u64,
    pub size: u64,
    pub offset: u64,
    /// Where the locator says that the record is.
    pub record: u64,
    pub disks: u32,
}

impl Wide {
    fn bytes(&self) -> Vec<u8> {
        let mut out = 0x0606_4b50_u32.to_le_bytes().to_vec();
        out.extend(self.length.to_le_bytes());
        out.extend([45, 0, 45, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        for value in [self.here, self.count, self.size, self.offset] {
            out.extend(value.to_le_bytes());
        }
        out.extend(0x0706_4b50_u32.to_le_bytes());
        out.extend(0_u32.to_le_bytes());
        out.extend(self.record.to_le_bytes());
        out.extend(self.disks.to_le_bytes());
        out
    }
}
