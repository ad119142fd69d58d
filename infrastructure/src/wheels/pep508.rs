//! The one way into the parser of PEP 508: it panics on names that end in a sign, and explodes on some markers, so
//! both are judged before.

use std::str::FromStr;

use pep508_rs::{Requirement, VerbatimUrl};

use super::markers::is_modest;

/// `None` for what is no requirement.
pub(super) fn requirement(text: &str) -> Option<Requirement<VerbatimUrl>> {
    let text = text.trim();
    let end = text.find(|c| !is_of_name(c)).unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    let extras = rest.trim_start().strip_prefix('[').map(|rest| rest.split(']').next().unwrap_or(rest));
    let mut words = extras.unwrap_or_default().split(|c| !is_of_name(c)).filter(|word| !word.is_empty());
    let is_sound = is_name(name) && words.all(is_name) && is_modest(text);
    is_sound.then(|| Requirement::from_str(text).ok()).flatten()
}

fn is_of_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')
}

fn is_name(word: &str) -> bool {
    let is_whole = |edge: Option<char>| edge.is_some_and(|c| c.is_ascii_alphanumeric());
    word.len() <= 128 && is_whole(word.chars().next()) && is_whole(word.chars().last())
}

/// The name of an option without its value, which may follow a short one at once: `-ihttps://user:password@host`.
pub(super) fn option(text: &str) -> String {
    let longest = if text.starts_with("--") { 40 } else { 2 };
    text.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '-').take(longest).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_makes_the_parser_panic_is_no_requirement() {
        for text in [
            "1.}.-*",
            "a- ==1",
            "a.[x]",
            "a[x-]",
            "a[x, y.]>=1",
            "a[ x_ ]",
            "",
            "-",
            "[x]",
            "a- [0",
            "-a",
            "a[_b]",
        ] {
            assert_eq!(requirement(text), None, "{text}");
        }
    }

    #[test]
    fn ordinary_requirements_are_read() {
        for text in ["a", " a.b_c ", "a[x,y-z]>=1,<2 ; os_name == 'x-'", "a == 1.*", "a[] ~= 2.1"] {
            assert!(requirement(text).is_some(), "{text}");
        }
    }
}
