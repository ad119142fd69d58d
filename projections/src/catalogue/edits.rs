//! How far two words are apart.

/// Characters more, less or other, and neighbours the wrong way round, that make one of the other.
pub(super) fn edits(one: &str, other: &str) -> usize {
    let (one, other): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
    let mut before: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, c) in one.iter().enumerate() {
        let mut next = vec![i + 1];
        for (j, d) in other.iter().enumerate() {
            let swapped = i > 0 && j > 0 && one[i - 1] == *d && other[j - 1] == *c;
            let swap = if swapped { before[j - 1] + 1 } else { usize::MAX };
            let change = row[j] + usize::from(c != d);
            next.push(change.min(row[j + 1] + 1).min(next[j] + 1).min(swap));
        }
        before = std::mem::replace(&mut row, next);
    }
    row.last().copied().unwrap_or(0)
}

/// Whether whoever wrote the one may have meant the other, or its beginning. Another number is another thing.
pub(super) fn is_slip(written: &str, meant: &str) -> bool {
    let length = written.chars().count();
    let allowed = match length {
        _ if written.contains(|c: char| c.is_ascii_digit()) => 0,
        0..=2 => 0,
        3..=5 => 1,
        _ => 2,
    };
    let beginning: String = meant.chars().take(length).collect();
    edits(written, meant) <= allowed || edits(written, &beginning) <= allowed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_edit_is_a_character_more_less_or_other_or_two_swapped() {
        for (one, other) in [("agent", "agents"), ("agent", "agnt"), ("agent", "agemt"), ("agent", "agnet")] {
            assert_eq!((edits(one, other), edits(other, one)), (1, 1), "{one} {other}");
        }
        for (one, other, apart) in
            [("agent", "agent", 0), ("", "abc", 3), ("kitten", "sitting", 3), ("ab", "ba", 1)]
        {
            assert_eq!(edits(one, other), apart, "{one} {other}");
        }
    }

    #[test]
    fn the_longer_a_word_the_more_slips_it_bears() {
        for (written, meant) in [("solarised", "solarized"), ("trnaslat", "translator"), ("agnet", "agent")] {
            assert!(is_slip(written, meant), "{written} {meant}");
        }
        for (written, meant) in
            [("pro", "agent"), ("ui", "uj"), ("tool", "tabs"), ("solar", "laser"), ("p07", "p08")]
        {
            assert!(!is_slip(written, meant), "{written} {meant}");
        }
    }
}
