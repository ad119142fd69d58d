//! A strict reader of the packages that come out: every field of every record, so that a layout can be judged.

use std::io::Read;

use flate2::{Crc, read::DeflateDecoder};

/// One file of a package.
#[derive(Debug, Clone)]
pub struct Member {
    pub name: String,
    pub flags: u16,
    pub method: u16,
    pub system: u8,
    pub attributes: u32,
    pub date: u16,
    pub time: u16,
    /// Length of the extra fields, in both headers together.
    pub extra: usize,
    pub content: Vec<u8>,
}

#[derive(Debug, Clone)]
pub struct Unpacked {
    pub members: Vec<Member>,
    pub comment: Vec<u8>,
}

impl Unpacked {
    /// Panics when anything about the archive is wrong.
    pub fn read(bytes: &[u8]) -> Self {
        let end = (0..=bytes.len() - 22).rev().find(|at| u32_at(bytes, *at) == 0x0605_4b50);
        let end = end.expect("an end record");
        let comment = bytes[end + 22..].to_vec();
        assert_eq!(comment.len(), usize::from(u16_at(bytes, end + 20)), "bytes after the end record");
        let mut at = usize::try_from(u32_at(bytes, end + 16)).unwrap();
        let mut members = Vec::new();
        let mut next_local = 0;
        for _ in 0..u16_at(bytes, end + 10) {
            let (member, after, local_end) = central(bytes, at, next_local);
            members.push(member);
            (at, next_local) = (after, local_end);
        }
        assert_eq!(at, end, "bytes between the directory and the end record");
        Self { members, comment }
    }

    pub fn names(&self) -> Vec<&str> {
        self.members.iter().map(|member| member.name.as_str()).collect()
    }

    pub fn has(&self, name: &str) -> bool {
        self.members.iter().any(|member| member.name == name)
    }

    /// The content of a file that must be there.
    pub fn content(&self, name: &str) -> &[u8] {
        let found = self.members.iter().find(|member| member.name == name);
        &found.unwrap_or_else(|| panic!("{name} is missing among {:?}", self.names())).content
    }

    pub fn text(&self, name: &str) -> String {
        String::from_utf8(self.content(name).to_vec()).expect("UTF-8")
    }

    /// File names under `wheels/`, in the order of the archive.
    pub fn wheels(&self) -> Vec<&str> {
        self.names().into_iter().filter_map(|name| name.strip_prefix("wheels/")).collect()
    }

    /// The checksum the installing daemon computes over names and contents.
    pub fn checksum(&self) -> String {
        use sha2::{Digest, Sha256};
        let mut sorted: Vec<&Member> = self.members.iter().collect();
        sorted.sort_by(|a, b| a.name.as_bytes().cmp(b.name.as_bytes()));
        let mut whole = Sha256::new();
        for member in sorted {
            whole.update(Sha256::digest(member.name.as_bytes()));
            whole.update(Sha256::digest(&member.content));
        }
        hex::encode(whole.finalize())
    }
}

/// The member, where the next central record begins, and where its local record ends.
fn central(bytes: &[u8], at: usize, local_begin: usize) -> (Member, usize, usize) {
    assert_eq!(u32_at(bytes, at), 0x0201_4b50, "a central record");
    let [name, extra, comment] = [28, 30, 32].map(|offset| usize::from(u16_at(bytes, at + offset)));
    let name_bytes = &bytes[at + 46..at + 46 + name];
    let local = usize::try_from(u32_at(bytes, at + 42)).unwrap();
    assert_eq!(local, local_begin, "local records follow each other without a gap");
    assert_eq!(u32_at(bytes, local), 0x0403_4b50, "a local record");
    let [local_name, local_extra] = [26, 28].map(|offset| usize::from(u16_at(bytes, local + offset)));
    assert_eq!(&bytes[local + 30..local + 30 + local_name], name_bytes, "both names are equal");
    let (packed, size) = (u32_at(bytes, at + 20), u32_at(bytes, at + 24));
    let data = local + 30 + local_name + local_extra;
    let data_end = data + usize::try_from(packed).unwrap();
    let method = u16_at(bytes, at + 10);
    let content = inflated(&bytes[data..data_end], method);
    let mut crc = Crc::new();
    crc.update(&content);
    assert_eq!(crc.sum(), u32_at(bytes, at + 16), "the checksum is right");
    assert_eq!(content.len(), usize::try_from(size).unwrap(), "the size is right");
    let member = Member {
        name: String::from_utf8(name_bytes.to_vec()).expect("a UTF-8 name"),
        flags: u16_at(bytes, at + 8),
        method,
        system: bytes[at + 5],
        attributes: u32_at(bytes, at + 38),
        time: u16_at(bytes, at + 12),
        date: u16_at(bytes, at + 14),
        extra: extra + local_extra,
        content,
    };
    (member, at + 46 + name + extra + comment, data_end)
}

fn inflated(data: &[u8], method: u16) -> Vec<u8> {
    match method {
        0 => data.to_vec(),
        8 => {
            let mut out = Vec::new();
            DeflateDecoder::new(data).read_to_end(&mut out).expect("deflated data");
            out
        }
        other => panic!("compression method {other}"),
    }
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes(bytes[at..at + 2].try_into().unwrap())
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap())
}
