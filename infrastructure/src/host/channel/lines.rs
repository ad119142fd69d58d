//! Bytes as lines, however they arrive; a line that never ends is told once and ends the reading.

/// The bytes between two ends of lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    Whole(Vec<u8>),
    /// Longer than it may be; nothing follows.
    TooLong,
}

#[derive(Debug)]
pub struct Lines {
    begun: Vec<u8>,
    longest: usize,
    over: bool,
}

impl Lines {
    pub fn up_to(longest: usize) -> Self {
        Self { begun: Vec::new(), longest, over: false }
    }

    /// The lines that end in these bytes, without their ends.
    pub fn feed(&mut self, mut bytes: &[u8]) -> Vec<Line> {
        let mut lines = Vec::new();
        while !self.over && !bytes.is_empty() {
            let end = bytes.iter().position(|byte| *byte == b'\n');
            let (part, rest) = match end {
                Some(at) => (&bytes[..at], &bytes[at + 1..]),
                None => (bytes, &[][..]),
            };
            if self.begun.len() + part.len() > self.longest {
                self.over = true;
                self.begun = Vec::new();
                lines.push(Line::TooLong);
                break;
            }
            self.begun.extend_from_slice(part);
            if end.is_some() {
                // Takes the room along: an idle plugin keeps none.
                lines.push(Line::Whole(std::mem::take(&mut self.begun)));
            }
            bytes = rest;
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn lines_are_the_same_however_the_bytes_arrive(
            text in "[ab\n]{0,80}", cuts in proptest::collection::vec(0_usize..80, 0..8),
        ) {
            let whole = Lines::up_to(16).feed(text.as_bytes());
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(text.len())).collect();
            cuts.push(text.len());
            cuts.sort_unstable();
            let mut lines = Lines::up_to(16);
            let (mut pieces, mut from) = (Vec::new(), 0);
            for to in cuts {
                pieces.extend(lines.feed(&text.as_bytes()[from..to]));
                from = to;
            }
            prop_assert_eq!(pieces, whole);
        }
    }

    #[test]
    fn nothing_is_read_after_a_line_without_end() {
        let mut lines = Lines::up_to(3);
        assert_eq!(lines.feed(b"abc\nabcd"), [Line::Whole(b"abc".to_vec()), Line::TooLong]);
        assert_eq!(lines.feed(b"\nabc\n"), []);
    }
}
