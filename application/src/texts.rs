//! Bounds of what callers write into the log.

use crate::error::Error;

const LONGEST_LINE: usize = 200;
const LONGEST_CHANGELOG: usize = 64 * 1024;

/// Free text that the log keeps and a terminal may show.
pub(crate) fn one_line(what: &str, text: &str) -> Result<(), Error> {
    let fits = (1..=LONGEST_LINE).contains(&text.chars().count()) && !text.chars().any(char::is_control);
    let refusal = || format!("A {what} has 1 to {LONGEST_LINE} characters, none of them a control character");
    if fits { Ok(()) } else { Err(Error::invalid(refusal())) }
}

pub(crate) fn changelog(text: &str) -> Result<(), Error> {
    if text.len() <= LONGEST_CHANGELOG && !text.contains('\0') {
        return Ok(());
    }
    Err(Error::invalid("A changelog has at most 64 KiB and no NUL character"))
}

/// What people write in several lines.
pub(crate) fn prose(what: &str, text: &str, longest: usize) -> Result<(), Error> {
    let fits = |c: char| !c.is_control() || matches!(c, '\n' | '\r' | '\t');
    if text.chars().count() <= longest && text.chars().all(fits) {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "A {what} has at most {longest} characters, none of them a control character"
    )))
}

/// `owner/name`.
pub(crate) fn repository(text: &str) -> Result<(), Error> {
    let fits = |part: &str| {
        let is_word = part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'));
        (1..=100).contains(&part.len()) && is_word && part.bytes().any(|b| b != b'.')
    };
    match text.split_once('/') {
        Some((owner, name)) if fits(owner) && fits(name) => Ok(()),
        Some(_) | None => Err(Error::invalid("A repository is named as owner/name")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_one_line() {
        let long = "x".repeat(201);
        for text in ["", "a\nb", "a\0", "\u{1b}[2J", &long] {
            assert!(one_line("reason", text).is_err(), "{text:?}");
        }
        assert!(one_line("reason", "broken on Windows").is_ok());
    }

    #[test]
    fn prose_has_lines_but_nothing_that_a_terminal_obeys() {
        assert!(prose("review", "first\r\n\tsecond", 20).is_ok());
        for text in ["a\0", "\u{1b}[2J", "123456"] {
            assert!(prose("review", text, 5).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_repository_is_two_words() {
        for text in ["craftzdog/inkdrop-ui", "a/b.c_d-e"] {
            assert!(repository(text).is_ok(), "{text}");
        }
        for text in ["", "a", "a/", "/b", "a/b/c", "../..", "a/..", "https://x/y", "a b/c"] {
            assert!(repository(text).is_err(), "{text}");
        }
    }
}
