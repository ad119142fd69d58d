//! PEP 691 and 700.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{Error, SeqAccess, Visitor},
};
use url::Url;

use super::{IndexFile, MOST_FILES, linked};

#[derive(Debug, Deserialize)]
struct Page {
    #[serde(deserialize_with = "not_too_many")]
    files: Vec<File>,
}

#[derive(Debug, Deserialize)]
struct File {
    url: String,
    #[serde(default)]
    hashes: Hashes,
    size: Option<u64>,
    #[serde(rename = "requires-python")]
    requires_python: Option<String>,
    #[serde(default)]
    yanked: Yanked,
}

#[derive(Debug, Default, Deserialize)]
struct Hashes {
    sha256: Option<String>,
}

#[derive(Debug, Default)]
struct Yanked(bool);

/// A mark, or the reason for it, which is not ours to tell.
impl<'de> Deserialize<'de> for Yanked {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Mark;
        impl Visitor<'_> for Mark {
            type Value = Yanked;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a mark or a reason")
            }

            fn visit_bool<E: Error>(self, marked: bool) -> Result<Yanked, E> {
                Ok(Yanked(marked))
            }

            fn visit_str<E: Error>(self, _reason: &str) -> Result<Yanked, E> {
                Ok(Yanked(true))
            }

            fn visit_unit<E: Error>(self) -> Result<Yanked, E> {
                Ok(Yanked(false))
            }
        }
        deserializer.deserialize_any(Mark)
    }
}

/// One after the other, so that a page of nothing but files takes no more room than others.
fn not_too_many<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<File>, D::Error> {
    struct Files;
    impl<'de> Visitor<'de> for Files {
        type Value = Vec<File>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "at most {MOST_FILES} files")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Vec<File>, A::Error> {
            let mut files = Vec::new();
            while let Some(file) = sequence.next_element()? {
                if files.len() == MOST_FILES {
                    return Err(A::Error::invalid_length(files.len() + 1, &self));
                }
                files.push(file);
            }
            Ok(files)
        }
    }
    deserializer.deserialize_seq(Files)
}

/// `None` for what is no page.
pub(super) fn files(bytes: &[u8], base: &Url) -> Option<Vec<IndexFile>> {
    let page: Page = serde_json::from_slice(bytes)
        .inspect_err(|error| tracing::warn!(%error, "the package index sends a page that is none"))
        .ok()?;
    let file = |file: File| {
        let (file_name, url) = linked(base, &file.url)?;
        let sha256 = file.hashes.sha256.and_then(|sha256| sha256.parse().ok());
        Some(IndexFile {
            file_name,
            url,
            sha256,
            size: file.size,
            requires_python: file.requires_python,
            yanked: file.yanked.0,
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

    #[test]
    fn a_page_that_swells_is_none() {
        let base = "http://index.example/".parse().unwrap();
        let page = |file: &str, times: usize| format!(r#"{{"files": [{}]}}"#, vec![file; times].join(","));
        let read = |file: &str, times| files(page(file, times).as_bytes(), &base);
        assert_eq!(read(r#"{"url": "a", "yanked": null}"#, MOST_FILES).unwrap().len(), MOST_FILES);
        assert_eq!(read(r#"{"url": "a"}"#, MOST_FILES + 1), None);
        assert_eq!(read(r#"{"url": "a", "yanked": [[1, 2], 3]}"#, 1), None);
    }
}
