//! Writes tarballs as their tools write them, and wrong in every way a test asks for.

use std::io::Write as _;

use flate2::{Compression, write::GzEncoder};
use tempfile::NamedTempFile;

use super::header::BLOCK;

/// One entry; the fields that are none are what they should be.
#[derive(Clone)]
pub(crate) struct Piece {
    pub(crate) name: Vec<u8>,
    pub(crate) prefix: Vec<u8>,
    pub(crate) kind: u8,
    pub(crate) content: Vec<u8>,
    pub(crate) size: Option<Vec<u8>>,
    pub(crate) magic: [u8; 8],
    pub(crate) checksum: Option<u64>,
}

pub(crate) fn piece(name: &str, kind: u8, content: impl AsRef<[u8]>) -> Piece {
    Piece {
        name: name.into(),
        prefix: Vec::new(),
        kind,
        content: content.as_ref().to_vec(),
        size: None,
        magic: *b"ustar\x0000",
        checksum: None,
    }
}

pub(crate) fn file(name: &str, content: impl AsRef<[u8]>) -> Piece {
    piece(name, b'0', content)
}

pub(crate) fn directory(name: &str) -> Piece {
    piece(name, b'5', "")
}

pub(crate) fn pax(records: &[(&str, &str)]) -> Piece {
    piece("PaxHeader/x", b'x', records.iter().map(|(key, value)| record(key, value)).collect::<String>())
}

pub(crate) fn record(key: &str, value: &str) -> String {
    let body = format!(" {key}={value}\n");
    let digits = |length: usize| length.to_string().len();
    let length = (1..5).map(|own| body.len() + own).find(|length| body.len() + digits(*length) == *length);
    format!("{}{body}", length.unwrap())
}

impl Piece {
    fn write(&self, tar: &mut Vec<u8>) {
        let mut head = [0_u8; BLOCK];
        let mut put = |at: usize, bytes: &[u8]| head[at..at + bytes.len()].copy_from_slice(bytes);
        put(0, &self.name);
        put(100, b"0000644\0");
        let size = format!("{:011o}\0", self.content.len()).into_bytes();
        put(124, self.size.as_deref().unwrap_or(&size));
        put(148, b"        ");
        put(156, &[self.kind]);
        put(257, &self.magic);
        put(345, &self.prefix);
        let sum = head.iter().map(|byte| u64::from(*byte)).sum();
        head[148..156].copy_from_slice(format!("{:06o}\0 ", self.checksum.unwrap_or(sum)).as_bytes());
        tar.extend(head);
        tar.extend(&self.content);
        tar.resize(tar.len().next_multiple_of(BLOCK), 0);
    }
}

pub(crate) fn tar(pieces: &[Piece]) -> Vec<u8> {
    let mut tar = Vec::new();
    for piece in pieces {
        piece.write(&mut tar);
    }
    tar
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
    gzip.write_all(bytes).unwrap();
    gzip.finish().unwrap()
}

pub(crate) fn written(bytes: &[u8]) -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(bytes).unwrap();
    file
}
