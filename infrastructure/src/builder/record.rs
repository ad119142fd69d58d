//! What was built before: the wheel of each source, interpreter and machine, so that a repetition gives the same
//! bytes without building anything. One small file each; a file that cannot be read is a build more.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use application::ports::packaging::{Sdist, SdistOrigin, Wheel};
use domain::values::{Arch, Digest};
use serde_json::json;
use sha2::{Digest as _, Sha256};

/// Raised when the same source would give other bytes, or other sources would be taken for the same.
const VERSION: u32 = 1;

#[derive(Debug)]
pub(super) struct Records {
    directory: PathBuf,
}

impl Records {
    pub(super) fn open(directory: PathBuf) -> io::Result<Self> {
        fs::create_dir_all(&directory)?;
        Ok(Self { directory })
    }

    fn path(&self, key: &Digest) -> PathBuf {
        self.directory.join(format!("{key}.json"))
    }

    pub(super) fn get(&self, key: &Digest) -> Option<Wheel> {
        serde_json::from_slice(&fs::read(self.path(key)).ok()?).ok()
    }

    pub(super) fn keep(&self, key: &Digest, wheel: &Wheel) -> io::Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(&self.directory)?;
        io::Write::write_all(&mut file, &serde_json::to_vec(wheel)?)?;
        file.as_file().sync_all()?;
        file.persist(self.path(key)).map_err(|error| error.error)?;
        fs::File::open(Path::new(&self.directory))?.sync_all()
    }
}

/// The source, the minor version of the interpreter that builds, and the machine. The file itself counts, not where
/// it came from.
pub(super) fn key(sdist: &Sdist, minor: u8, arch: Arch) -> Digest {
    let source = match &sdist.origin {
        SdistOrigin::File { sha256, .. } => json!(sha256),
        SdistOrigin::Git { repository, commit, subdirectory } => json!([repository, commit, subdirectory]),
    };
    let what = json!({
        "name": sdist.name, "version": sdist.version, "source": source, "python": minor, "arch": arch,
        "builder": VERSION,
    });
    Digest::of_bytes(Sha256::digest(what.to_string()).into())
}
