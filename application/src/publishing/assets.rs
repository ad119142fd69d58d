//! Single files out of a published package, for pages that show it. The package is opened where hostile bytes are read;
//! a few at a time, because each takes a copy of it.

use std::path::{Path, PathBuf};

use domain::values::Digest;

use super::Publishing;
use crate::{error::Error, ports::packages::PackedFile};

/// Of one file.
pub const LARGEST_ASSET: u64 = 4 * 1024 * 1024;

/// Removes the copy when its reader is done, however that ends.
struct Copied(PathBuf);

impl Drop for Copied {
    fn drop(&mut self) {
        // It may never have been made.
        let _ = std::fs::remove_file(&self.0);
    }
}

impl Publishing {
    /// None: no such file, or one above [`LARGEST_ASSET`], or the bytes of the package are gone. The copy is made in
    /// `directory`.
    pub async fn asset(
        &self,
        package: &Digest,
        name: &str,
        directory: &Path,
    ) -> Result<Option<PackedFile>, Error> {
        tokio::fs::create_dir_all(directory).await.map_err(|error| {
            tracing::error!(%error, "no package can be copied to be read");
            Error::unavailable()
        })?;
        let copied = Copied(directory.join(format!("asset-{}", self.ids.secret())));
        if !self.blobs.copy(package, &copied.0).await? {
            return Ok(None);
        }
        Ok(self.reader.file(&copied.0, name, LARGEST_ASSET).await?)
    }
}
