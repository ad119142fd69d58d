//! Bounds of what callers write into the log.

use crate::error::Error;

const LONGEST_LINE: usize = 200;
const LONGEST_CHANGELOG: usize = 64 * 1024;

/// Free text that the log keeps and a terminal may show.
pub(super) fn one_line(what: &str, text: &str) -> Result<(), Error> {
    let fits = (1..=LONGEST_LINE).contains(&text.chars().count()) && !text.chars().any(char::is_control);
    let refusal = || format!("A {what} has 1 to {LONGEST_LINE} characters, none of them a control character");
    if fits { Ok(()) } else { Err(Error::invalid(refusal())) }
}

pub(super) fn changelog(text: &str) -> Result<(), Error> {
    if text.len() <= LONGEST_CHANGELOG && !text.contains('\0') {
        return Ok(());
    }
    Err(Error::invalid("A changelog has at most 64 KiB and no NUL character"))
}

/// `owner/name`.
pub(super) fn repository(text: &str) -> Result<(), Error> {
    let fits = |part: &str| {
        let is_word = part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'));
        (1..=100).contains(&part.len()) && is_word && part.bytes().any(|b| b != b'.')
    };
    match text.split_once('/') {
        Some((owner, name)) if fits(owner) && fits(name) => Ok(()),
        Some(_) | None => Err(Error::invalid("A repository is named as owner/name")),
    }
}
