//! Why a match stands where it stands: the parts of its rank, which add up to its score.

use application::queries::catalogue::Rank;

use super::{
    edits::is_slip,
    search::Head,
    words::{joined, words},
};

/// What a word found in a field is worth; in the readme, [`READ`].
const FIELDS: [(&str, f64); 5] =
    [("name", 8.0), ("display_name", 5.0), ("tags", 4.0), ("publisher", 3.0), ("summary", 2.0)];
const READ: f64 = 1.0;
/// The whole text is the whole name, or begins it.
const EXACT: f64 = 10.0;
const BEGINS: f64 = 4.0;
/// Of a word that only begins with what was typed.
const BEGUN: f64 = 0.7;
const TYPO: f64 = 6.0;
/// So little that it parts only what is alike.
const DOWNLOADS: f64 = 0.2;

/// A text as it is asked for: its words, the last of which may be half typed.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Wanted {
    words: Vec<String>,
    whole: String,
}

impl Wanted {
    pub(super) fn of(text: &str) -> Self {
        let mut wanted: Vec<String> = Vec::new();
        for word in words(text) {
            wanted.retain(|there| *there != word);
            wanted.push(word);
        }
        Self { words: wanted, whole: joined(text) }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// What a name must begin with to be meant.
    pub(super) fn first(&self) -> &str {
        self.words.first().map_or("", String::as_str)
    }

    pub(super) fn spaced(&self) -> String {
        self.words.join(" ")
    }

    /// As a literal of `tsquery`: all words, the last one as a beginning; or all of it in one word.
    pub(super) fn query(&self) -> String {
        let all: Vec<String> = self.words.iter().map(|word| format!("'{word}'")).collect();
        let all = format!("{}:*", all.join(" & "));
        if self.words.len() > 1 { format!("({all}) | '{}':*", self.whole) } else { all }
    }

    /// `likeness`: how like the name is, where only a slip of the pen keeps it from matching.
    #[expect(clippy::cast_precision_loss, reason = "counts of words and of downloads, for a logarithm")]
    pub(super) fn rank(&self, head: &Head, downloads: i64, likeness: Option<f64>) -> Rank {
        let mut parts: Vec<(String, f64)> = Vec::new();
        let mut give = |what: &str, much: f64| {
            if much > 0.0 {
                parts.push((what.to_owned(), much));
            }
        };
        let share = 1.0 / self.words.len().max(1) as f64;
        for ((name, worth), field) in FIELDS.into_iter().zip(head.fields()) {
            let found: f64 = self.each().map(|word| found(field, word)).sum();
            give(name, worth * found * share);
        }
        let unseen =
            self.each().filter(|word| head.fields().into_iter().all(|field| found(field, *word) == 0.0));
        match likeness {
            Some(likeness) => give("typo", TYPO * likeness),
            None => give("readme", READ * unseen.count() as f64 * share),
        }
        if head.name.last() == Some(&self.whole) {
            give("exact", EXACT);
        } else if head.name.last().is_some_and(|name| name.starts_with(&self.whole)) {
            give("prefix", BEGINS);
        }
        give("downloads", DOWNLOADS * (1.0 + downloads.max(0) as f64).log10());
        Rank { score: parts.iter().map(|(_, much)| much).sum(), parts }
    }

    /// Whether every word is one of the plugin's, but for a slip of the pen.
    pub(super) fn may_mean(&self, head: &Head) -> bool {
        let there = || head.fields().into_iter().flatten();
        self.words.iter().all(|word| there().any(|meant| is_slip(word, meant)))
            || there().any(|meant| is_slip(&self.whole, meant))
    }

    /// Each word, and whether it may go on.
    fn each(&self) -> impl Iterator<Item = (&str, bool)> {
        let last = self.words.len().saturating_sub(1);
        self.words.iter().enumerate().map(move |(place, word)| (word.as_str(), place == last))
    }
}

/// 1 for the word itself, less for one that it begins.
fn found(field: &[String], (word, may_go_on): (&str, bool)) -> f64 {
    if field.iter().any(|there| there == word) {
        1.0
    } else if may_go_on && field.iter().any(|there| there.starts_with(word)) {
        BEGUN
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(name: &str, summary: &str) -> Head {
        let mut parts = words(name);
        parts.push(joined(name));
        Head { name: parts, summary: words(summary), ..Head::default() }
    }

    fn score(text: &str, head: &Head, downloads: i64) -> f64 {
        let rank = Wanted::of(text).rank(head, downloads, None);
        let sum: f64 = rank.parts.iter().map(|(_, much)| much).sum();
        assert!((rank.score - sum).abs() < 1e-9, "{rank:?}");
        rank.score
    }

    #[test]
    fn the_name_itself_stands_before_its_beginning_and_that_before_the_summary() {
        let (exact, begins, told) =
            (head("dark-ui", ""), head("dark-ui-extra", ""), head("other", "a dark ui for all"));
        let scores = [&exact, &begins, &told].map(|head| score("dark ui", head, 0));
        assert!(scores[0] > scores[1] && scores[1] > scores[2], "{scores:?}");
        assert!(score("dark ui", &told, 10_000_000) < scores[1], "downloads part only what is alike");
        assert!(score("dark ui", &told, 10) > scores[2]);
    }

    #[test]
    fn a_query_holds_words_alone() {
        assert_eq!(Wanted::of("Dark-UI !& (x").query(), "('dark' & 'ui' & 'x':*) | 'darkuix':*");
        assert!(Wanted::of("!&|()").is_empty());
        assert_eq!(
            Wanted::of("a b a").query(),
            "('b' & 'a':*) | 'aba':*",
            "each word once, the last one last"
        );
    }
}
