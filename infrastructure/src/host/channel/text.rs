//! Text of strangers, made harmless.

use std::fmt::Write as _;

const CUT: &str = " [cut]";

/// On one line, without control characters, and at most so many bytes, marked where it was cut.
pub(in crate::host) fn plain(text: &str, longest: usize) -> String {
    let mut harmless = String::with_capacity(text.len().min(longest));
    for character in text.chars() {
        let before = harmless.len();
        match character {
            '\t' => harmless.push('\t'),
            '\n' => harmless.push_str("\\n"),
            '\r' => harmless.push_str("\\r"),
            character if character.is_control() || is_hidden(character) => {
                // Writing to a string does not fail.
                let _ = write!(harmless, "\\u{{{:x}}}", u32::from(character));
            }
            character => harmless.push(character),
        }
        if harmless.len() > longest {
            let most = before.min(longest.saturating_sub(CUT.len()));
            harmless.truncate(harmless.floor_char_boundary(most));
            harmless.push_str(CUT);
            break;
        }
    }
    harmless
}

/// Line separators, and what turns the direction of the text around it.
fn is_hidden(character: char) -> bool {
    matches!(character, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_character_of_a_terminal_comes_through() {
        assert_eq!(plain("a\u{1b}[31m\0\u{9b}b\tc", 100), "a\\u{1b}[31m\\u{0}\\u{9b}b\tc");
        assert_eq!(plain("x\u{202e}y\nz", 100), "x\\u{202e}y\\nz");
    }

    #[test]
    fn a_long_text_is_cut_and_says_so() {
        let cut = plain(&"é".repeat(100), 20);
        assert!(cut.len() <= 20 && cut.ends_with(" [cut]"), "{cut}");
        assert_eq!(plain("short", 20), "short");
    }
}
