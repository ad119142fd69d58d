//! What a command uses that no limit of a single process bounds: looked at from out here, while it runs.

use std::{
    collections::HashMap,
    fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

/// Bytes below the directory, and a little for each name; counted no further than `most`. What is nested deeper
/// than can be looked at from out here counts as more.
pub(super) fn disk(directory: &Path, most: u64) -> u64 {
    const PER_NAME: u64 = 4096;
    /// The kernel takes no path of 4096 bytes.
    const LONGEST_PATH: usize = 3800;
    let mut sum = 0;
    let mut left: Vec<PathBuf> = vec![directory.to_owned()];
    while let Some(next) = left.pop() {
        if next.as_os_str().len() > LONGEST_PATH {
            return most.saturating_add(1);
        }
        // The command is at work in there: what was listed may be gone.
        for entry in fs::read_dir(next).into_iter().flatten().flatten() {
            let Ok(data) = entry.metadata() else { continue };
            if data.is_dir() {
                left.push(entry.path());
            }
            sum += PER_NAME + data.blocks() * 512;
            if sum > most {
                return sum;
            }
        }
    }
    sum
}

/// Resident bytes of all processes below this one. Nothing gets away from there: whose parent ends becomes a child
/// of the first process inside.
pub(super) fn memory(launcher: u32) -> u64 {
    let mut children: HashMap<u32, Vec<(u32, u64)>> = HashMap::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let id = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok());
        let stat = id.and_then(|id| Some((id, fs::read_to_string(format!("/proc/{id}/stat")).ok()?)));
        if let Some((id, (parent, pages))) = stat.and_then(|(id, stat)| Some((id, read(&stat)?))) {
            children.entry(parent).or_default().push((id, pages));
        }
    }
    let (mut left, mut sum) = (vec![launcher], 0);
    while let Some(parent) = left.pop() {
        for (child, pages) in children.remove(&parent).unwrap_or_default() {
            left.push(child);
            sum += pages;
        }
    }
    sum * rustix::param::page_size() as u64
}

/// Parent and resident pages; the name before them may hold anything.
fn read(stat: &str) -> Option<(u32, u64)> {
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    Some((fields.get(1)?.parse().ok()?, fields.get(21)?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_nested_out_of_sight_counts_as_too_much() {
        let ground = tempfile::tempdir().unwrap();
        let path = (0..18).fold(ground.path().to_owned(), |path, _| path.join("d".repeat(200)));
        fs::create_dir_all(&path).unwrap();
        assert!(disk(ground.path(), 1 << 30) < 1 << 20);
        fs::create_dir_all(path.join("e".repeat(210))).unwrap();
        assert_eq!(disk(ground.path(), 1 << 30), (1 << 30) + 1);
    }

    #[test]
    fn a_name_with_brackets_does_not_hide_a_process() {
        let stat = "7 (a) 1 (b) S 3 7 7 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 99 1000 25 18446744073709551615";
        assert_eq!(read(stat), Some((3, 25)));
    }
}
