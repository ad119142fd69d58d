//! The files of a checked package, whatever it is packed with, and the readme among them.

use application::failure::Failure;

use crate::archive::check::Checked;

const LONGEST_README: u64 = 512 * 1024;

pub(super) trait Contents {
    /// Names and sizes.
    fn files(&self) -> Box<dyn Iterator<Item = (&str, u64)> + '_>;

    /// A whole file of at most `cap` bytes; none when there is no such file.
    ///
    /// # Errors
    /// `PackageTooLarge` above the cap; faults of the archive and of the disk.
    fn read(&self, name: &str, cap: u64) -> Result<Option<Vec<u8>>, Failure>;
}

impl Contents for Checked {
    fn files(&self) -> Box<dyn Iterator<Item = (&str, u64)> + '_> {
        Box::new(self.entries.iter().map(|entry| (entry.name.as_str(), entry.size)))
    }

    fn read(&self, name: &str, cap: u64) -> Result<Option<Vec<u8>>, Failure> {
        self.entry(name).map(|entry| Checked::read(self, entry, cap)).transpose()
    }
}

/// The English one before one in another language. One that is too long, or no text, is none.
pub(super) fn readme(contents: &dyn Contents) -> Result<Option<String>, Failure> {
    let candidates = contents.files().filter(|(_, size)| *size <= LONGEST_README).map(|(name, _)| name);
    let ranked = candidates.filter_map(|name| Some((rank(name)?, name)));
    let Some((_, name)) = ranked.min() else { return Ok(None) };
    let bytes = contents.read(name, LONGEST_README)?.unwrap_or_default();
    let Ok(text) = String::from_utf8(bytes) else { return Ok(None) };
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    Ok((!text.contains('\0') && !text.trim().is_empty()).then(|| text.to_owned()))
}

fn rank(name: &str) -> Option<u8> {
    let folded = name.to_ascii_lowercase();
    match folded.as_str() {
        "readme.md" => Some(0),
        "readme/readme_en_us.md" | "readme/readme_en.md" => Some(1),
        _ if folded.starts_with("readme") && !folded.contains('/') => Some(2),
        _ => folded.strip_prefix("readme/readme_")?.strip_suffix(".md").map(|_language| 3),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Files(Vec<(&'static str, Vec<u8>)>);

    impl Contents for Files {
        fn files(&self) -> Box<dyn Iterator<Item = (&str, u64)> + '_> {
            Box::new(self.0.iter().map(|(name, content)| (*name, content.len() as u64)))
        }

        fn read(&self, name: &str, _cap: u64) -> Result<Option<Vec<u8>>, Failure> {
            Ok(self.0.iter().find(|(there, _)| *there == name).map(|(_, content)| content.clone()))
        }
    }

    fn readme_of(files: &[(&'static str, &[u8])]) -> Option<String> {
        readme(&Files(files.iter().map(|(name, content)| (*name, content.to_vec())).collect())).unwrap()
    }

    #[test]
    fn the_readme_is_that_of_the_root_else_the_english_one_else_the_first() {
        let all: [(&'static str, &[u8]); 6] = [
            ("docs/README.md", b"never"),
            ("readme/README_zh_Hans.md", b"Chinese"),
            ("readme/README_ja_JP.md", b"Japanese"),
            ("README.txt", b"plain"),
            ("readme/README_en_US.md", b"English"),
            ("Readme.md", b"root"),
        ];
        for (count, expected) in
            [(6, Some("root")), (5, Some("English")), (4, Some("plain")), (3, Some("Japanese")), (1, None)]
        {
            assert_eq!(readme_of(&all[..count]).as_deref(), expected);
        }
    }

    #[test]
    fn what_is_no_text_or_too_long_is_no_readme() {
        let long = vec![b'a'; 512 * 1024 + 1];
        for content in [b"\xff\xfe".as_slice(), b"a\0b", b"  \n", &long] {
            assert_eq!(readme_of(&[("README.md", content)]), None);
        }
        assert_eq!(readme_of(&[("README.md", "\u{feff}# Ü\n".as_bytes())]).as_deref(), Some("# Ü\n"));
    }
}
