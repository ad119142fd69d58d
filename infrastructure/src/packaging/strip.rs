//! What of the input stays in an offline package, and what takes the place of the rest. Whatever would send the
//! installing daemon online, or vouches for bytes that are no longer there, goes.

use std::collections::BTreeSet;

use application::ports::packaging::Wheel;

use crate::archive::{
    check::{Checked, Entry},
    limits::Limits,
    names::folded,
    write::{Content, Item},
};

/// How every requirements file of ours begins, unless it is empty.
pub(super) const HEADER: &str = "--no-index\n--find-links=./wheels/\n";

/// The entries of the input that stay, with the ignore file changed so that wheels are not ignored.
pub(super) fn kept<'a>(archive: &'a Checked, limits: &Limits) -> Vec<Item<'a>> {
    let ignore = [".difyignore", ".gitignore"].into_iter().find_map(|name| archive.entry(name));
    archive
        .entries
        .iter()
        .filter(|entry| stays(&entry.name))
        .map(|entry| {
            let changed = ignore.filter(|ignore| *ignore == entry);
            let changed = changed.and_then(|ignore| without_wheels(archive, ignore, limits));
            let content = changed.map_or(Content::Entry(archive, entry), Content::Bytes);
            Item { name: entry.name.clone(), content }
        })
        .collect()
}

/// Compared as a file system without case would, so that no file of ours meets another spelling of its name.
fn stays(name: &str) -> bool {
    let name = folded(name);
    let gone = ["pyproject.toml", "uv.lock", ".verification.dify.json"];
    // A file of ours cannot lie where one of theirs has a directory, nor the other way round.
    let ours = ["requirements.txt", "wheels", ".repack"];
    let top = name.split('/').next().unwrap_or_default();
    !gone.contains(&name.as_str()) && !ours.contains(&top)
}

fn without_wheels(archive: &Checked, ignore: &Entry, limits: &Limits) -> Option<Vec<u8>> {
    let text = String::from_utf8(archive.read(ignore, limits.text).ok()?).ok()?;
    let ignores_wheels = |line: &str| line.trim_start().trim_start_matches('/').starts_with("wheels");
    let left: String = text.split_inclusive('\n').filter(|line| !ignores_wheels(line)).collect();
    (left != text).then(|| left.into_bytes())
}

/// Every package of the closure, pinned, without spaces or markers; empty when there is none, because find-links
/// to a directory that does not exist is an error.
pub(super) fn requirements(wheels: &[Wheel]) -> String {
    if wheels.is_empty() {
        return String::new();
    }
    // A combined package holds several files of one name, of one version.
    let pins: BTreeSet<String> =
        wheels.iter().map(|wheel| format!("{}=={}\n", wheel.name, wheel.version)).collect();
    pins.into_iter().fold(HEADER.to_owned(), |text, pin| text + &pin)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_stays_where_our_own_files_and_directories_go() {
        for name in
            ["wheels", "Wheels", ".repack", "wheels/a.whl", ".repack/x", "requirements.txt/x", "uv.lock"]
        {
            assert!(!stays(name), "{name}");
        }
        for name in ["wheels.py", "a/wheels", "a/uv.lock", "tool.yaml", "requirements.txt.old"] {
            assert!(stays(name), "{name}");
        }
    }
}
