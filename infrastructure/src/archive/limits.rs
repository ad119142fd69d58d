//! How large an archive may be, in the directory and while inflating.

use serde::{Deserialize, Serialize};

use application::failure::{Failure, Reason};

/// Caps in bytes and counts. What is over one of them is refused as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    pub file: u64,
    pub entries: u64,
    /// All entries together, inflated.
    pub total: u64,
    pub entry: u64,
    /// Inflated to compressed, for entries above [`Self::RATIO_FROM`].
    pub ratio: u64,
    pub name: usize,
    /// `uv.lock`.
    pub lock: u64,
    /// Each yaml, `requirements.txt`, `pyproject.toml`.
    pub text: u64,
    /// Whether names that differ only in case or in composition count as equal.
    pub fold_names: bool,
}

const MIB: u64 = 1024 * 1024;

impl Limits {
    pub const RATIO_FROM: u64 = MIB;

    /// A package that somebody hands in.
    pub const PACKAGE: Self = Self {
        file: 100 * MIB,
        entries: 10_000,
        total: 512 * MIB,
        entry: 128 * MIB,
        ratio: 200,
        name: 255,
        lock: 16 * MIB,
        text: 256 * 1024,
        fold_names: true,
    };

    /// A `.lbpkg`, as `LangBot` takes it.
    pub const LBPKG: Self = Self {
        file: 64 * MIB,
        entries: 512,
        total: 64 * MIB,
        entry: 16 * MIB,
        ratio: 100,
        text: MIB,
        ..Self::PACKAGE
    };

    /// A package that is installed here: it may bring its wheels.
    pub const INSTALLED: Self =
        Self { file: 512 * MIB, entries: 20_000, total: 2048 * MIB, entry: 512 * MIB, ..Self::PACKAGE };

    /// A package of Inkdrop, as its registry takes it.
    pub const TARBALL: Self = Self { file: 30 * MIB, ..Self::PACKAGE };

    /// A wheel: its bytes are named by a lock, only its METADATA is inflated, and headers that differ in case
    /// are ordinary in it.
    pub const WHEEL: Self = Self {
        file: 2048 * MIB,
        entries: 200_000,
        total: 32 * 1024 * MIB,
        entry: 16 * 1024 * MIB,
        ratio: 1100,
        name: 1024,
        lock: 16 * MIB,
        text: 8 * MIB,
        fold_names: false,
    };

    /// A package that came out of here, or out of another service like this one.
    pub const FINISHED: Self = Self {
        file: Self::OUTPUT + 1024 * MIB,
        entries: 20_000,
        total: Self::OUTPUT + 1024 * MIB,
        entry: 2048 * MIB,
        ..Self::PACKAGE
    };

    /// The largest package we write.
    pub const OUTPUT: u64 = 5 * 1024 * MIB;

    pub(crate) fn too_large(text: String) -> Failure {
        Failure::permanent(Reason::PackageTooLarge, text)
    }

    pub(crate) fn check_file(&self, size: u64) -> Result<(), Failure> {
        if size > self.file {
            return Err(Self::too_large(format!("Package larger than {} MB", self.file / MIB)));
        }
        Ok(())
    }

    pub(crate) fn check_count(&self, entries: u64) -> Result<(), Failure> {
        if entries > self.entries {
            return Err(Self::too_large(format!("Package holds more than {} files", self.entries)));
        }
        Ok(())
    }

    pub(crate) fn check_total(&self, total: u64) -> Result<(), Failure> {
        if total > self.total {
            return Err(Self::too_large(format!("Package expands to more than {} MB", self.total / MIB)));
        }
        Ok(())
    }

    pub(crate) fn check_entry(&self, size: u64) -> Result<(), Failure> {
        if size > self.entry {
            return Err(Self::too_large(format!("Package holds a file larger than {} MB", self.entry / MIB)));
        }
        Ok(())
    }

    pub(crate) fn check_ratio(&self, compressed: u64, size: u64) -> Result<(), Failure> {
        if size > Self::RATIO_FROM && size / self.ratio > compressed {
            return Err(Self::too_large(format!(
                "Package expands to more than {} times its size",
                self.ratio
            )));
        }
        Ok(())
    }
}
