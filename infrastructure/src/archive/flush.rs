//! Brings a growing file to the disk while more of it is made: otherwise the wait at its end is as long as the disk
//! takes for all of it.

use std::{
    fs::File,
    io::{self, Write},
    sync::mpsc::{SyncSender, sync_channel},
    thread::{self, JoinHandle},
};

/// Often enough to keep the disk busy, and seldom enough to let it write in long runs.
const STEP: u64 = 16 * 1024 * 1024;

/// Counts what goes through it to the file, and has the disk follow.
pub(super) struct Following {
    file: File,
    ahead: u64,
    step: SyncSender<Wish>,
    disk: JoinHandle<io::Result<()>>,
}

enum Wish {
    Step,
    All,
}

impl Following {
    pub(super) fn new(file: File) -> io::Result<Self> {
        let (step, wishes) = sync_channel(1);
        let behind = file.try_clone()?;
        let follow = move || {
            for wish in wishes {
                match wish {
                    Wish::Step => behind.sync_data()?,
                    Wish::All => return behind.sync_all(),
                }
            }
            // Nobody wants the file any more.
            Ok(())
        };
        let disk = thread::Builder::new().stack_size(64 * 1024).spawn(follow)?;
        Ok(Self { file, ahead: 0, step, disk })
    }

    /// Runs `meanwhile` while the disk takes the rest; the file is safe when this returns.
    pub(super) fn finish<T>(self, meanwhile: impl FnOnce() -> T) -> io::Result<T> {
        // A disk that failed has stopped listening, and says why below.
        let _ = self.step.send(Wish::All);
        let done = meanwhile();
        self.disk.join().map_err(|_panicked| io::Error::other("the disk was not waited for"))??;
        Ok(done)
    }
}

impl Write for Following {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.file.write(bytes)?;
        self.ahead += count as u64;
        if self.ahead >= STEP {
            self.ahead = 0;
            // While the disk is busy with an earlier step, the next one takes this along.
            let _ = self.step.try_send(Wish::Step);
        }
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl io::Seek for Following {
    fn seek(&mut self, to: io::SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Seek as _, SeekFrom};

    use super::*;

    #[test]
    fn what_is_written_through_it_is_in_the_file_when_it_is_finished() {
        let path = tempfile::NamedTempFile::new().unwrap().into_temp_path();
        let mut file = Following::new(File::create(&path).unwrap()).unwrap();
        let chunk = vec![7_u8; 1 << 20];
        for _ in 0..40 {
            file.write_all(&chunk).unwrap();
        }
        file.seek(SeekFrom::Start(1)).unwrap();
        file.write_all(b"x").unwrap();
        let seen = file.finish(|| std::fs::read(&path).unwrap()).unwrap();
        assert_eq!((seen.len(), &seen[..3]), (40 << 20, &[7, b'x', 7][..]));
    }

    #[test]
    fn a_file_that_cannot_be_brought_to_the_disk_is_an_error() {
        let (_reader, pipe) = io::pipe().unwrap();
        let pipe = File::from(std::os::fd::OwnedFd::from(pipe));
        let mut file = Following::new(pipe).unwrap();
        file.write_all(b"x").unwrap();
        assert!(file.finish(|| ()).is_err());
    }
}
