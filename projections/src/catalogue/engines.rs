//! Ranges of versions as ranges of numbers, so that whether two of them overlap is one operator of PostgreSQL.
//!
//! Read as npm reads them: comparators in a row are all meant, `||` parts alternatives, `1.2 - 1.4` is a range, a bare
//! version is that version and a part of one is all that begin with it. Pre-releases of a version are one place
//! before it.

use semver::{Comparator, Op, VersionReq};

/// What is more than this counts as this.
const MOST: u64 = (1 << 20) - 1;
/// Alternatives and comparators beyond are no range any more.
const MOST_PARTS: usize = 32;

/// As a literal of `int8multirange`; none where the text is no range.
pub(super) fn spans(text: &str) -> Option<String> {
    let alternatives: Vec<&str> = text.split("||").collect();
    if alternatives.len() > MOST_PARTS {
        return None;
    }
    let spans: Option<Vec<String>> = alternatives.into_iter().map(span).collect();
    Some(format!("{{{}}}", spans?.join(",")))
}

/// From the first to before the second.
fn span(text: &str) -> Option<String> {
    let (mut low, mut high) = (0, i64::MAX);
    for comparator in comparators(text)? {
        let (from, to) = bounds(&comparator)?;
        (low, high) = (low.max(from), high.min(to));
    }
    Some(if low < high { format!("[{low},{high})") } else { "empty".to_owned() })
}

fn comparators(text: &str) -> Option<Vec<Comparator>> {
    let text = text.trim();
    if let Some((from, to)) = text.split_once(" - ") {
        return Some(vec![
            comparator(&format!(">={}", bare(from)))?,
            comparator(&format!("<={}", bare(to)))?,
        ]);
    }
    // An operator may stand apart from its version.
    let mut spaced = text.replace(',', " ");
    for operator in ["~>", ">=", "<=", ">", "<", "=", "^", "~"] {
        while spaced.contains(&format!("{operator} ")) {
            spaced = spaced.replace(&format!("{operator} "), operator);
        }
    }
    let parts: Vec<&str> = spaced.split_whitespace().collect();
    if parts.len() > MOST_PARTS {
        return None;
    }
    parts.into_iter().filter(|part| !matches!(*part, "*" | "x" | "X")).map(comparator).collect()
}

fn bare(version: &str) -> &str {
    version.trim().trim_start_matches(['v', 'V'])
}

fn comparator(text: &str) -> Option<Comparator> {
    let text = text.replacen("~>", "~", 1);
    let operator: String = text.chars().take_while(|c| "^~<>=".contains(*c)).collect();
    let version = bare(text.strip_prefix(&operator)?);
    let operator = if operator.is_empty() { "=" } else { &operator };
    let wanted = VersionReq::parse(&format!("{operator}{version}")).ok()?;
    wanted.comparators.into_iter().next()
}

/// From the first to before the second.
fn bounds(comparator: &Comparator) -> Option<(i64, i64)> {
    let Comparator { major, minor, patch, pre, .. } = comparator;
    let is_pre = !pre.is_empty();
    let (low_minor, low_patch) = (minor.unwrap_or(0), patch.unwrap_or(0));
    let this = place(*major, low_minor, low_patch, is_pre);
    // Where all that begin with these numbers end.
    let after = match (minor, patch) {
        (None, _) => place(major + 1, 0, 0, true),
        (Some(minor), None) => place(*major, minor + 1, 0, true),
        (Some(_), Some(_)) => this + 1,
    };
    let first = if patch.is_none() { place(*major, low_minor, low_patch, true) } else { this };
    match comparator.op {
        Op::Exact | Op::Wildcard => Some((first, after)),
        Op::Greater => Some((after, i64::MAX)),
        Op::GreaterEq => Some((first, i64::MAX)),
        Op::Less => Some((0, first)),
        Op::LessEq => Some((0, after)),
        Op::Tilde => {
            Some((first, if minor.is_none() { after } else { place(*major, low_minor + 1, 0, true) }))
        }
        Op::Caret => Some((first, caret_end(*major, *minor, *patch))),
        _ => None,
    }
}

fn caret_end(major: u64, minor: Option<u64>, patch: Option<u64>) -> i64 {
    match (major, minor, patch) {
        (0, Some(0), Some(patch)) => place(0, 0, patch + 1, true),
        (0, Some(minor), _) => place(0, minor + 1, 0, true),
        (major, _, _) => place(major + 1, 0, 0, true),
    }
}

fn place(major: u64, minor: u64, patch: u64, is_pre: bool) -> i64 {
    let number = [major, minor, patch].into_iter().fold(0, |number, part| number << 20 | part.min(MOST));
    i64::try_from(number << 1 | u64::from(!is_pre)).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Whether the version, as the range of itself, lies in one of the spans.
    fn fits(range: &str, version: &str) -> bool {
        let bounds = |span: &str| {
            let (low, high) = span.trim_matches(['[', ')']).split_once(',').unwrap();
            (low.parse::<i64>().unwrap(), high.parse::<i64>().unwrap())
        };
        let literal = |text: &str| spans(text).unwrap_or_else(|| panic!("{text} is a range"));
        let all = literal(range);
        let (low, high) = bounds(literal(version).trim_matches(['{', '}']));
        let spans = all.trim_matches(['{', '}']).replace("),[", ");[");
        spans.split(';').filter(|span| *span != "empty").map(bounds).any(|(from, to)| from < high && low < to)
    }

    #[test]
    fn ranges_are_read_as_npm_reads_them() {
        for (range, inside, outside) in [
            ("^1.35.0", "1.35.0", "2.0.0"),
            ("^1.35.0", "1.99.9", "1.34.9"),
            ("^0.2.3", "0.2.9", "0.3.0"),
            ("^0.0.3", "0.0.3", "0.0.4"),
            ("~1.2.3", "1.2.9", "1.3.0"),
            ("~1", "1.9.0", "2.0.0"),
            ("1.2.3", "1.2.3", "1.2.4"),
            ("1.2", "1.2.7", "1.3.0"),
            ("1.x", "1.7.0", "2.0.0"),
            (">=1.0.0 <2.0.0", "1.5.0", "2.0.0"),
            (">= 1.0.0, < 2.0.0", "1.5.0", "0.9.0"),
            (">1.2", "1.3.0", "1.2.9"),
            ("<=1.2", "1.2.9", "1.3.0"),
            ("1.2.0 - 1.4.0", "1.4.0", "1.4.1"),
            ("^1.0.0 || ^3.0.0", "3.1.0", "2.0.0"),
            (">=5.9.0", "6.0.0", "5.8.0"),
            ("v1.2.3", "1.2.3", "1.2.2"),
            ("^1.0.0", "1.0.0", "1.0.0-rc.1"),
        ] {
            assert!(fits(range, inside), "{inside} is in {range}");
            assert!(!fits(range, outside), "{outside} is not in {range}");
        }
        assert!(fits("*", "0.0.1") && fits("", "9.9.9"));
        assert_eq!(spans(">2 <1").as_deref(), Some("{empty}"));
    }

    #[test]
    fn what_is_no_range_is_none() {
        for text in ["stable", "1.2.3.4", "^^1", "node 18", ">=", &"1 || ".repeat(40)] {
            assert_eq!(spans(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_a_range_panic(text in "[0-9x.^~<>=| a*,-]{0,60}") {
            let _ = spans(&text);
        }

        #[test]
        fn a_version_lies_in_its_own_caret(major in 0u64..3_000_000, minor in 0u64..3_000_000, patch in 0u64..3_000_000) {
            let version = format!("{major}.{minor}.{patch}");
            let caret = format!("^{version}");
            prop_assert!(spans(&caret).is_some());
            if major < MOST && minor < MOST && patch < MOST {
                prop_assert!(fits(&caret, &version));
            }
        }
    }
}
