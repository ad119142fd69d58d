//! Removing directories that other people's code wrote in. The standard library goes down level by level, with a
//! frame and an open file each: what such code nests within a second takes the whole process down.

use std::{
    fs, io,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

/// Like [`remove_now`], on a thread that may block.
///
/// # Errors
/// The first fault of the disk.
pub async fn remove(directory: PathBuf) -> io::Result<()> {
    let removed = tokio::task::spawn_blocking(move || remove_now(&directory)).await;
    removed.unwrap_or_else(|fault| Err(io::Error::other(fault)))
}

/// Removes a directory with everything in it, however deep and whatever its permissions. Links are removed as
/// links. Nobody may be at work in there any more.
///
/// # Errors
/// The first fault of the disk.
pub fn remove_now(directory: &Path) -> io::Result<()> {
    let mut number = 0;
    open_up(directory)?;
    while flatten(directory, &mut number)? {}
    fs::remove_dir(directory)
}

/// Takes away the uppermost level: what was below it comes in its place. False: there was none.
fn flatten(directory: &Path, number: &mut u64) -> io::Result<bool> {
    let mut is_deep = false;
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            is_deep = true;
            lift(&entry.path(), directory, number)?;
        } else {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(is_deep)
}

fn lift(from: &Path, to: &Path, number: &mut u64) -> io::Result<()> {
    open_up(from)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        if !entry.file_type()?.is_dir() {
            fs::remove_file(entry.path())?;
            continue;
        }
        // Moving a directory writes into it.
        open_up(&entry.path())?;
        loop {
            *number += 1;
            match fs::rename(entry.path(), to.join(format!("lifted-{number}"))) {
                Ok(()) => break,
                // Somebody foresaw the name.
                Err(error) if is_taken(&error) => {}
                Err(error) => return Err(error),
            }
        }
    }
    fs::remove_dir(from)
}

fn is_taken(error: &io::Error) -> bool {
    use io::ErrorKind::{AlreadyExists, DirectoryNotEmpty, NotADirectory};
    matches!(error.kind(), AlreadyExists | DirectoryNotEmpty | NotADirectory)
}

fn open_up(directory: &Path) -> io::Result<()> {
    fs::set_permissions(directory, fs::Permissions::from_mode(0o700))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Names beyond the longest path, too.
    fn nest(top: &Path, levels: u32) {
        for level in 0..levels {
            let below = top.join("below");
            fs::create_dir(&below).unwrap();
            fs::write(below.join("file"), "x").unwrap();
            // From the inside out: nothing has to be reached by a long path.
            if level > 0 {
                fs::rename(top.join("above"), below.join("below")).unwrap();
            }
            fs::rename(below, top.join("above")).unwrap();
        }
    }

    #[test]
    fn what_is_nested_deeper_than_any_stack_or_path_goes_too() {
        let ground = tempfile::tempdir().unwrap();
        let top = ground.path().join("top");
        fs::create_dir(&top).unwrap();
        nest(&top, 10_000);
        let small = std::thread::Builder::new().stack_size(256 * 1024);
        small.spawn(move || remove_now(&top).unwrap()).unwrap().join().unwrap();
        assert_eq!(fs::read_dir(ground.path()).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn links_go_and_what_they_lead_to_stays() {
        let ground = tempfile::tempdir().unwrap();
        let (top, elsewhere) = (ground.path().join("top"), ground.path().join("elsewhere"));
        fs::create_dir_all(top.join("locked/inner")).unwrap();
        fs::create_dir_all(top.join("lifted-1/full")).unwrap();
        fs::create_dir(&elsewhere).unwrap();
        fs::write(elsewhere.join("kept"), "x").unwrap();
        for place in ["link", "locked/link", "locked/inner/link"] {
            std::os::unix::fs::symlink(&elsewhere, top.join(place)).unwrap();
        }
        fs::write(top.join("lifted-2"), "x").unwrap();
        fs::set_permissions(top.join("locked/inner"), fs::Permissions::from_mode(0o000)).unwrap();
        fs::set_permissions(top.join("locked"), fs::Permissions::from_mode(0o000)).unwrap();
        remove(top.clone()).await.unwrap();
        assert!(!top.exists() && elsewhere.join("kept").exists());
        assert_eq!(remove(top).await.unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
