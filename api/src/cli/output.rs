//! Puts a finished package where the user wants it: under its name only when it is whole and on the disk.

use std::{
    fs::{self, File, Permissions},
    io,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

/// Moves `made` into the directory under this name, replacing an older file, and returns the absolute path.
pub(super) fn place(made: &Path, dir: &Path, name: &str) -> io::Result<PathBuf> {
    fs::create_dir_all(dir)?;
    let dir = dir.canonicalize()?;
    // Open to whom the user's umask allows, like every other new file.
    let usual = Permissions::from_mode(0o666);
    let waiting = tempfile::Builder::new().prefix(".plugyard-").permissions(usual).tempfile_in(&dir)?;
    let permissions = waiting.as_file().metadata()?.permissions();
    let waiting = waiting.into_temp_path();
    if fs::rename(made, &waiting).is_err() {
        // Another file system.
        fs::copy(made, &waiting)?;
    }
    fs::set_permissions(&waiting, permissions)?;
    File::open(&waiting)?.sync_all()?;
    let path = dir.join(name);
    waiting.persist(&path)?;
    File::open(&dir)?.sync_all()?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_result_replaces_an_older_one_and_leaves_nothing_else() {
        let (work, output) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (made, dir) = (work.path().join("output.difypkg"), output.path().join("new/dir"));
        for content in ["old", "new"] {
            fs::write(&made, content).unwrap();
            let path = place(&made, &dir, "a-offline.difypkg").unwrap();
            assert!(path.is_absolute());
            assert_eq!(fs::read_to_string(path).unwrap(), content);
        }
        assert_eq!(fs::read_dir(&dir).unwrap().count(), 1);
        assert!(!made.exists());
    }
}
