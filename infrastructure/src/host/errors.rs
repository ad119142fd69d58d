//! Standard error as log lines: what a line says of its level, and a traceback as the one entry that it is.

use std::collections::VecDeque;

use application::ports::hosting::Level;

/// A longer line goes on as if it had ended there.
const LONGEST_LINE: usize = 64 * 1024;
const LONGEST_BLOCK: usize = 16 * 1024;
/// What is kept for whoever asks how it ended.
const LAST_WORDS: usize = 1024;

const TRACEBACK: &str = "Traceback (most recent call last):";

#[derive(Debug, Default)]
pub(super) struct Errors {
    begun: Vec<u8>,
    block: Option<String>,
    last_words: VecDeque<u8>,
    last_level: Option<Level>,
}

pub(super) type Entry = (Level, String);

impl Errors {
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Vec<Entry> {
        self.last_words.extend(&bytes[bytes.len().saturating_sub(LAST_WORDS)..]);
        let over = self.last_words.len().saturating_sub(LAST_WORDS);
        self.last_words.drain(..over);
        let mut entries = Vec::new();
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let (line, ended) = piece.strip_suffix(b"\n").map_or((piece, false), |line| (line, true));
            let room = LONGEST_LINE.saturating_sub(self.begun.len());
            self.begun.extend_from_slice(&line[..line.len().min(room)]);
            if ended {
                let line = std::mem::take(&mut self.begun);
                self.line(&String::from_utf8_lossy(&line), &mut entries);
            }
        }
        entries
    }

    /// What has begun and not ended: nothing more comes for now.
    pub(super) fn rest(&mut self) -> Option<Entry> {
        self.block.take().map(|block| (Level::Error, block))
    }

    /// Nothing more will come.
    pub(super) fn end(&mut self) -> Vec<Entry> {
        let line = std::mem::take(&mut self.begun);
        let mut entries = Vec::new();
        if !line.is_empty() {
            self.line(&String::from_utf8_lossy(&line), &mut entries);
        }
        entries.extend(self.rest());
        entries
    }

    pub(super) fn has_rest(&self) -> bool {
        self.block.is_some()
    }

    pub(super) fn last_words(&self) -> String {
        let bytes: Vec<u8> = self.last_words.iter().copied().collect();
        String::from_utf8_lossy(&bytes).trim().to_owned()
    }

    fn line(&mut self, line: &str, entries: &mut Vec<Entry>) {
        let line = line.trim_end_matches('\r');
        if let Some(mut block) = self.block.take() {
            if block.len() < LONGEST_BLOCK {
                block.push('\n');
                block.push_str(line);
            }
            // The frames are indented; the line after them is the error itself.
            if line.starts_with([' ', '\t']) || line.is_empty() {
                self.block = Some(block);
            } else {
                entries.push((Level::Error, block));
            }
            return;
        }
        if line.starts_with(TRACEBACK) {
            self.block = Some(line.to_owned());
        } else if !line.trim().is_empty() {
            let is_continued = line.starts_with([' ', '\t']);
            let level = level(line).or(self.last_level.filter(|_| is_continued)).unwrap_or(Level::Info);
            self.last_level = Some(level);
            entries.push((level, line.to_owned()));
        }
    }
}

/// A level that stands as a word of its own near the beginning.
fn level(line: &str) -> Option<Level> {
    const NEAR: usize = 80;
    let near = &line[..line.floor_char_boundary(NEAR)];
    near.split(|c: char| !c.is_ascii_alphabetic()).find_map(|word| match word {
        "DEBUG" | "TRACE" => Some(Level::Debug),
        "INFO" => Some(Level::Info),
        "WARN" | "WARNING" => Some(Level::Warning),
        "ERROR" | "CRITICAL" | "FATAL" => Some(Level::Error),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_the_level_that_it_names() {
        let mut errors = Errors::default();
        let said = "plain\nWARNING: hot\n[11-20 04:38:22.418] file.py (198) - [ERROR] : text\n  more of it\nINFO ok\n";
        let levels: Vec<Level> = errors.feed(said.as_bytes()).into_iter().map(|(level, _)| level).collect();
        assert_eq!(levels, [Level::Info, Level::Warning, Level::Error, Level::Error, Level::Info]);
    }

    #[test]
    fn a_traceback_is_one_entry_however_it_arrives() {
        let said =
            "Traceback (most recent call last):\n  File \"a.py\", line 1\n    x()\nValueError: no\nafter\n";
        let expected = [
            (Level::Error, said.lines().take(4).collect::<Vec<_>>().join("\n")),
            (Level::Info, "after".to_owned()),
        ];
        let mut errors = Errors::default();
        let bit_by_bit: Vec<Entry> = said.as_bytes().chunks(3).flat_map(|bytes| errors.feed(bytes)).collect();
        assert_eq!(bit_by_bit, expected);
        let mut cut = Errors::default();
        assert_eq!(cut.feed(&said.as_bytes()[..50]), []);
        assert!(cut.has_rest());
        assert_eq!(cut.end().len(), 1);
    }

    #[test]
    fn a_line_without_end_is_bounded_and_the_last_words_are_kept() {
        let mut errors = Errors::default();
        for _ in 0..100 {
            assert_eq!(errors.feed(&[b'x'; 4096]), []);
        }
        let entries = errors.feed(b"y\nlast\n");
        assert_eq!((entries.len(), entries[0].1.len()), (2, LONGEST_LINE));
        assert!(errors.last_words().len() <= LAST_WORDS && errors.last_words().ends_with("last"));
    }
}
