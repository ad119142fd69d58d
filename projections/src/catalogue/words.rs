//! Text as words: what is indexed and what is asked for fall apart the same way, and no character of either reaches
//! PostgreSQL's query language but letters and digits.

use unicode_normalization::{UnicodeNormalization as _, char::is_combining_mark};

/// What is longer is cut: nobody types it.
const LONGEST: usize = 48;

/// In lower case and without accents; of each run of letters and digits the parts that hyphens, underscores and camel
/// case show. Writing without spaces falls into its characters.
pub(super) fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut before: Option<char> = None;
    let mut ahead = text.nfkd().filter(|c| !is_combining_mark(*c)).peekable();
    while let Some(c) = ahead.next() {
        if is_written_without_spaces(c) && c.is_alphanumeric() {
            end(&mut word, &mut words);
            words.push(c.to_string());
            before = None;
            continue;
        }
        if !c.is_alphanumeric() {
            end(&mut word, &mut words);
            before = None;
            continue;
        }
        let hump = before.is_some_and(|before| {
            c.is_uppercase()
                && (before.is_lowercase()
                    || before.is_uppercase() && ahead.peek().is_some_and(|next| next.is_lowercase()))
        });
        if hump {
            end(&mut word, &mut words);
        }
        if word.len() < LONGEST {
            word.extend(c.to_lowercase().filter(|c| c.is_alphanumeric()));
        }
        before = Some(c);
    }
    end(&mut word, &mut words);
    words
}

/// All of its letters and digits, in one word.
pub(super) fn joined(text: &str) -> String {
    words(text).concat()
}

fn end(word: &mut String, words: &mut Vec<String>) {
    if !word.is_empty() {
        words.push(std::mem::take(word));
    }
}

fn is_written_without_spaces(c: char) -> bool {
    matches!(u32::from(c), 0x0E00..=0x0E7F | 0x3040..=0x30FF | 0x3400..=0x4DBF | 0x4E00..=0x9FFF | 0x20000..=0x2FFFF)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_fall_into_the_words_that_people_read_in_them() {
        for (text, expected) in [
            ("solarized-dark-ui", "solarized dark ui"),
            ("LocalAgent", "local agent"),
            ("my_HTTPServer2", "my http server2"),
            ("Café ÜBER", "cafe uber"),
            ("a.b/c", "a b c"),
            ("  ", ""),
            ("!&|':*()<->", ""),
            ("翻訳 tool", "翻 訳 tool"),
        ] {
            assert_eq!(words(text).join(" "), expected, "{text}");
        }
        assert_eq!(joined("Solarized Dark-UI"), "solarizeddarkui");
    }

    proptest! {
        #[test]
        fn whatever_is_written_leaves_letters_and_digits_alone(text in "\\PC{0,80}") {
            for word in words(&text) {
                prop_assert!(!word.is_empty() && word.chars().all(char::is_alphanumeric), "{}", word);
                prop_assert!(word.len() <= LONGEST + 32);
            }
        }
    }
}
