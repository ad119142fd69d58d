//! What a gzip file inflates to, as a stream with a cap on all of it.

use std::{
    fs::File,
    io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom},
};

use application::failure::Failure;
use flate2::bufread::GzDecoder;

use super::header::BLOCK;
use crate::{
    archive::{ambiguous, damaged, limits::Limits},
    disk,
};

pub(super) struct Inflated<'a> {
    decoder: GzDecoder<BufReader<&'a File>>,
    limits: &'a Limits,
    /// Of the file.
    compressed: u64,
    at: u64,
}

impl<'a> Inflated<'a> {
    pub(super) fn new(mut file: &'a File, compressed: u64, limits: &'a Limits) -> Result<Self, Failure> {
        file.seek(SeekFrom::Start(0)).map_err(disk::failure)?;
        let decoder = GzDecoder::new(BufReader::with_capacity(64 * 1024, file));
        Ok(Self { decoder, limits, compressed, at: 0 })
    }

    /// How much was read of it.
    pub(super) fn at(&self) -> u64 {
        self.at
    }

    /// The next block; none at the end.
    pub(super) fn block(&mut self) -> Result<Option<[u8; BLOCK]>, Failure> {
        let mut block = [0; BLOCK];
        match self.fill(&mut block)? {
            0 => Ok(None),
            BLOCK => Ok(Some(block)),
            _ => Err(too_early()),
        }
    }

    /// Exactly so many bytes; the caller bounds them.
    pub(super) fn take(&mut self, count: u64) -> Result<Vec<u8>, Failure> {
        let mut bytes = vec![0; usize::try_from(count).map_err(|_too_many| too_early())?];
        if self.fill(&mut bytes)? == bytes.len() { Ok(bytes) } else { Err(too_early()) }
    }

    pub(super) fn skip(&mut self, mut count: u64) -> Result<(), Failure> {
        let mut buffer = [0; 16 * 1024];
        while count > 0 {
            let most = usize::try_from(count).unwrap_or(usize::MAX).min(buffer.len());
            if self.fill(&mut buffer[..most])? < most {
                return Err(too_early());
            }
            count -= most as u64;
        }
        Ok(())
    }

    /// To be called when there is no further block.
    pub(super) fn end(&mut self) -> Result<(), Failure> {
        let rest = self.decoder.get_mut().fill_buf().map_err(disk::failure)?;
        if rest.is_empty() { Ok(()) } else { Err(ambiguous("bytes follow its end")) }
    }

    /// Less than asked for only at the end.
    fn fill(&mut self, into: &mut [u8]) -> Result<usize, Failure> {
        let mut filled = 0;
        while filled < into.len() {
            match self.decoder.read(&mut into[filled..]) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(failure(error)),
            }
        }
        self.at += filled as u64;
        self.limits.check_total(self.at)?;
        self.limits.check_ratio(self.compressed, self.at)?;
        Ok(filled)
    }
}

fn too_early() -> Failure {
    damaged("it ends too early")
}

fn failure(error: io::Error) -> Failure {
    use io::ErrorKind::{InvalidData, InvalidInput, UnexpectedEof};
    if error.kind() == UnexpectedEof {
        return too_early();
    }
    let is_broken = [InvalidData, InvalidInput].contains(&error.kind());
    if is_broken { damaged("it is no complete gzip file") } else { disk::failure(error) }
}
