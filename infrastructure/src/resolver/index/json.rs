//! PEP 691 and 700.

use std::collections::BTreeMap;

use serde::{Deserialize, de::IgnoredAny};
use url::Url;

use super::{IndexFile, linked};

#[derive(Debug, Deserialize)]
struct Page {
    files: Vec<File>,
}

#[derive(Debug, Deserialize)]
struct File {
    url: String,
    #[serde(default)]
    hashes: BTreeMap<String, String>,
    size: Option<u64>,
    #[serde(rename = "requires-python")]
    requires_python: Option<String>,
    #[serde(default)]
    yanked: Yanked,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Yanked {
    Whether(bool),
    /// For a reason that is not ours to tell.
    Why(IgnoredAny),
}

impl Default for Yanked {
    fn default() -> Self {
        Self::Whether(false)
    }
}

/// `None` for what is no page.
pub(super) fn files(bytes: &[u8], base: &Url) -> Option<Vec<IndexFile>> {
    let page: Page = serde_json::from_slice(bytes)
        .inspect_err(|error| tracing::warn!(%error, "the package index sends a page that is none"))
        .ok()?;
    let file = |file: File| {
        let (file_name, url) = linked(base, &file.url)?;
        let yanked = match file.yanked {
            Yanked::Whether(yanked) => yanked,
            Yanked::Why(_) => true,
        };
        let sha256 = file.hashes.get("sha256").and_then(|sha256| sha256.parse().ok());
        Some(IndexFile {
            file_name,
            url,
            sha256,
            size: file.size,
            requires_python: file.requires_python,
            yanked,
        })
    };
    Some(page.files.into_iter().filter_map(file).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_gives_its_files_with_their_marks() {
        let sha256 = "ab".repeat(32);
        let page = format!(
            r#"{{"meta": {{"api-version": "1.0"}}, "name": "a", "files": [
            {{"filename": "a-1-py3-none-any.whl", "url": "../../files/a-1-py3-none-any.whl",
              "hashes": {{"sha256": "{sha256}"}}, "requires-python": ">=3.8", "size": 7, "yanked": "broken"}},
            {{"filename": "a-2.tar.gz", "url": "https://me:secret@files.example/a-2.tar.gz#x", "hashes": {{}}, "yanked": false}},
            {{"filename": "x", "url": "file:///etc/passwd", "hashes": {{}}}}]}}"#
        );
        let base = "http://index.example/simple/a/".parse().unwrap();
        let found = files(page.as_bytes(), &base).unwrap();
        assert_eq!(found.len(), 2, "{found:?}");
        assert_eq!(found[0].url.as_str(), "http://index.example/files/a-1-py3-none-any.whl");
        assert_eq!((found[0].yanked, found[0].size), (true, Some(7)));
        assert_eq!(found[0].sha256.as_ref().unwrap().to_string(), sha256);
        assert_eq!(found[1].url.as_str(), "https://files.example/a-2.tar.gz");
        assert!(!found[1].yanked && found[1].sha256.is_none());
        assert_eq!(files(b"<html>", &base), None);
        assert_eq!(files(&b"[".repeat(100_000), &base), None);
    }
}
