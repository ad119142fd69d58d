//! Writes archives whose bytes depend on their content alone: sorted names, one fixed time and mode, no extra
//! fields, one pinned compressor. Streams everything; the finished file is synced before it gets its name.

use std::{
    fs::{self, File},
    io::{self, BufWriter, Read, Write},
    path::{Path, PathBuf},
};

use application::failure::{Failure, Reason};
use domain::values::Digest;
use sha2::{Digest as _, Sha256};
use zip::{CompressionMethod, DateTime, System, ZipWriter, write::SimpleFileOptions};

use super::{
    check::{Checked, Entry},
    flush::Following,
    limits::Limits,
    read::{checksum, file_sha256},
};
use crate::disk;

const CHUNK: usize = 128 * 1024;

/// One file of the new archive.
#[derive(Debug)]
pub struct Item<'a> {
    pub name: String,
    pub content: Content<'a>,
}

#[derive(Debug)]
pub enum Content<'a> {
    /// Copied from a checked archive.
    Entry(&'a Checked, &'a Entry),
    Bytes(Vec<u8>),
    /// A file on disk, stored as it is; it must have exactly this sha256, or `refusal` ends the work.
    Stored {
        path: PathBuf,
        sha256: Digest,
        refusal: Failure,
    },
}

/// Makes the comment of an archive whose entries have these sha256.
pub type MakesComment<'a> = Box<dyn FnOnce(&[Digest]) -> Result<Vec<u8>, Failure> + 'a>;

/// What makes an archive a signed one.
pub struct Seal<'a> {
    /// The last entry, wherever its name would be sorted.
    pub last: Item<'a>,
    /// Given the sha256 of every entry in the order of the directory, the comment of the archive.
    pub comment: MakesComment<'a>,
}

/// The finished archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    pub sha256: Digest,
    pub size: u64,
    pub uncompressed: u64,
    /// See [`checksum`].
    pub checksum: String,
}

/// Writes `items`, and the seal if there is one, to `part`, syncs it and renames it to `output`. `on_bytes` hears how many bytes went in.
///
/// # Errors
/// The refusal of a stored file that is not what it should be; a failure of the entries or of the disk.
pub fn write<'a>(
    mut items: Vec<Item<'a>>,
    seal: Option<Seal<'a>>,
    part: &Path,
    output: &Path,
    mut on_bytes: impl FnMut(u64),
) -> Result<Written, Failure> {
    items.sort_by(|one, other| one.name.as_bytes().cmp(other.name.as_bytes()));
    let (last, comment) = seal.map(|Seal { last, comment }| (last, comment)).unzip();
    items.extend(last);
    let file = File::create(part).and_then(Following::new).map_err(disk::failure)?;
    let mut zip = ZipWriter::new(BufWriter::with_capacity(CHUNK, file));
    let mut hashed = Vec::with_capacity(items.len());
    let mut uncompressed = 0;
    let mut buffer = vec![0; CHUNK];
    for item in items {
        let (sha256, size) = write_item(&mut zip, &item, &mut buffer, |count| {
            uncompressed += count;
            on_bytes(uncompressed);
            if uncompressed > Limits::OUTPUT {
                return Err(Limits::too_large("The finished package is larger than 5 GB".to_owned()));
            }
            Ok(())
        })?;
        if let Content::Stored { sha256: wanted, refusal, .. } = &item.content
            && (Digest::of_bytes(sha256) != *wanted || size == 0)
        {
            return Err(refusal.clone());
        }
        hashed.push((item.name, sha256));
    }
    if let Some(comment) = comment {
        let entries: Vec<Digest> = hashed.iter().map(|(_, sha256)| Digest::of_bytes(*sha256)).collect();
        zip.set_raw_comment(comment(&entries)?.into_boxed_slice()).map_err(zip_failure)?;
    }
    let file =
        zip.finish().map_err(zip_failure)?.into_inner().map_err(|error| disk::failure(error.into_error()))?;
    let sha256 = file.finish(|| file_sha256(part)).map_err(disk::failure)??;
    let size = fs::metadata(part).map_err(disk::failure)?.len();
    publish(part, output).map_err(disk::failure)?;
    Ok(Written { sha256, size, uncompressed, checksum: checksum(hashed) })
}

fn publish(part: &Path, output: &Path) -> io::Result<()> {
    fs::rename(part, output)?;
    match output.parent() {
        Some(directory) if directory != Path::new("") => File::open(directory)?.sync_all(),
        Some(_) | None => Ok(()),
    }
}

fn write_item<W: Write + io::Seek>(
    zip: &mut ZipWriter<W>,
    item: &Item<'_>,
    buffer: &mut [u8],
    mut on_bytes: impl FnMut(u64) -> Result<(), Failure>,
) -> Result<([u8; 32], u64), Failure> {
    let (method, size, mut reader): (_, _, Box<dyn Read + '_>) = match &item.content {
        Content::Entry(archive, entry) => {
            (CompressionMethod::Deflated, entry.size, Box::new(archive.reader(entry)))
        }
        Content::Bytes(bytes) => {
            (CompressionMethod::Deflated, bytes.len() as u64, Box::new(bytes.as_slice()))
        }
        Content::Stored { path, .. } => {
            let file = File::open(path).map_err(disk::failure)?;
            let size = file.metadata().map_err(disk::failure)?.len();
            (CompressionMethod::Stored, size, Box::new(file))
        }
    };
    zip.start_file(item.name.as_str(), options(method, size)).map_err(zip_failure)?;
    let mut hash = Sha256::new();
    let mut total = 0;
    loop {
        let count = reader.read(buffer).map_err(disk::failure)?;
        if count == 0 {
            return Ok((hash.finalize().into(), total));
        }
        hash.update(&buffer[..count]);
        zip.write_all(&buffer[..count]).map_err(disk::failure)?;
        total += count as u64;
        on_bytes(count as u64)?;
    }
}

fn options(method: CompressionMethod, size: u64) -> SimpleFileOptions {
    let options = SimpleFileOptions::default()
        .compression_method(method)
        .last_modified_time(DateTime::DEFAULT)
        .unix_permissions(0o644)
        .system(System::Unix)
        .large_file(size >= u64::from(u32::MAX));
    if method == CompressionMethod::Deflated { options.compression_level(Some(6)) } else { options }
}

fn zip_failure(error: zip::result::ZipError) -> Failure {
    if let zip::result::ZipError::Io(error) = error {
        return disk::failure(error);
    }
    tracing::warn!(%error, "an archive could not be written");
    Failure::transient(Reason::Internal, "The package could not be written; try again later")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn refusal() -> Failure {
        Failure::permanent(Reason::WheelMismatch, "Integrity check failed for x")
    }

    fn written(files: &[(String, Vec<u8>)]) -> (tempfile::TempDir, PathBuf, Written) {
        let directory = tempfile::tempdir().unwrap();
        let output = directory.path().join("out.difypkg");
        let items = files
            .iter()
            .map(|(name, bytes)| Item { name: name.clone(), content: Content::Bytes(bytes.clone()) })
            .collect();
        let done = write(items, None, &directory.path().join("part"), &output, |_| {}).unwrap();
        (directory, output, done)
    }

    #[test]
    fn headers_hold_nothing_of_this_machine() {
        let (_keep, output, done) = written(&[("b".into(), b"two".to_vec()), ("a".into(), b"one".to_vec())]);
        let bytes = fs::read(output).unwrap();
        assert_eq!(bytes.len() as u64, done.size);
        assert_eq!(&bytes[..4], b"PK\x03\x04");
        assert_eq!(&bytes[6..8], [0, 0], "no data descriptor");
        assert_eq!(&bytes[10..14], [0, 0, 0x21, 0], "1980-01-01 00:00:00");
        assert_eq!(&bytes[26..31], [1, 0, 0, 0, b'a'], "sorted, no extra field");
        let central = bytes.windows(4).position(|w| w == b"PK\x01\x02").unwrap();
        assert_eq!(bytes[central + 5], 3, "made on unix");
        assert_eq!(&bytes[central + 30..central + 34], [0; 4], "no extra field, no comment");
        assert_eq!(&bytes[central + 38..central + 42], (0o100_644_u32 << 16).to_le_bytes());
        assert_eq!(&bytes[bytes.len() - 2..], [0, 0], "no comment");
    }

    #[test]
    fn a_stored_file_that_is_not_the_wanted_one_ends_the_work() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("wheel");
        fs::write(&path, b"content").unwrap();
        let sha256 = "00".repeat(32).parse().unwrap();
        let content = Content::Stored { path, sha256, refusal: refusal() };
        let output = directory.path().join("out");
        let items = vec![Item { name: "wheels/x.whl".to_owned(), content }];
        assert_eq!(write(items, None, &directory.path().join("part"), &output, |_| {}), Err(refusal()));
        assert!(!output.exists());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn what_we_write_our_own_reader_reads_back_the_same(
            files in prop::collection::btree_map("[a-z]{1,6}(/[a-zäß]{1,6}){0,2}\\.x", prop::collection::vec(any::<u8>(), 0..3000), 1..8)
        ) {
            let files: Vec<_> = files.into_iter().collect();
            let mut backwards = files.clone();
            backwards.reverse();
            let (_keep, output, done) = written(&files);
            let (_keep_too, again, same) = written(&backwards);
            prop_assert_eq!(fs::read(&output).unwrap(), fs::read(again).unwrap());
            prop_assert_eq!(&done, &same);
            let archive = Checked::open(&output, &Limits::PACKAGE).unwrap();
            prop_assert_eq!(archive.content_checksum().unwrap(), done.checksum);
            let mut back: Vec<_> = archive.entries.iter()
                .map(|entry| (entry.name.clone(), archive.read(entry, 1 << 20).unwrap()))
                .collect();
            back.sort();
            prop_assert_eq!(back, files);
        }
    }
}
