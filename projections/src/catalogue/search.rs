//! What of a plugin is searched: its head, by which matches are ranked, and all of its words, by which they are found.

use std::collections::BTreeSet;

use application::queries::catalogue::{Origin, PluginView};

use super::{
    card::shown_name,
    store::is_visible,
    words::{joined, words},
};

/// Parts the fields of a head: no word holds it.
const FIELD: char = '\u{1f}';
/// Of a readme; what comes later is hardly what somebody looks for.
const MOST_TEXT: usize = 64 * 1024;
const MOST_WORDS: usize = 4_000;

/// The words of each field that a rank names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) name: Vec<String>,
    pub(super) display_name: Vec<String>,
    pub(super) tags: Vec<String>,
    pub(super) publisher: Vec<String>,
    pub(super) summary: Vec<String>,
}

impl Head {
    pub(super) fn of(view: &PluginView) -> Self {
        Self {
            name: with_joined(&view.name),
            display_name: with_joined(shown_name(view)),
            tags: view.description.tags.iter().flat_map(|tag| with_joined(tag)).collect(),
            publisher: with_joined(&view.publisher),
            summary: words(&view.description.summary),
        }
    }

    pub(super) fn to_text(&self) -> String {
        let mut text = String::new();
        for (place, field) in self.fields().into_iter().enumerate() {
            if place > 0 {
                text.push(FIELD);
            }
            text.push_str(&field.join(" "));
        }
        text
    }

    pub(super) fn read(text: &str) -> Self {
        let mut fields = text.split(FIELD).map(|field| field.split_whitespace().map(str::to_owned).collect());
        let mut next = || fields.next().unwrap_or_default();
        Self { name: next(), display_name: next(), tags: next(), publisher: next(), summary: next() }
    }

    pub(super) fn fields(&self) -> [&Vec<String>; 5] {
        [&self.name, &self.display_name, &self.tags, &self.publisher, &self.summary]
    }

    /// What a slip of the pen is compared with.
    pub(super) fn fuzzy(&self) -> String {
        let all: BTreeSet<&str> = self.name.iter().chain(&self.display_name).map(String::as_str).collect();
        all.into_iter().collect::<Vec<_>>().join(" ")
    }
}

/// The parts of a name, and all of it in one.
fn with_joined(text: &str) -> Vec<String> {
    let mut parts = words(text);
    let whole = joined(text);
    if parts.len() > 1 && whole.len() <= 64 {
        parts.push(whole);
    }
    parts
}

/// A literal of `tsvector` without positions: which words there are, and where it is shown. No word has a tilde.
pub(super) fn vector(view: &PluginView, head: &Head) -> String {
    let latest = view.latest();
    let about = &view.description;
    let texts = [
        about.long_description.as_deref(),
        latest.and_then(|release| release.readme.as_deref()),
        about.author.as_ref().map(|author| author.name.as_str()),
        about.category.as_deref(),
    ];
    let mut all: BTreeSet<String> = head.fields().into_iter().flatten().cloned().collect();
    for word in texts.into_iter().flatten().flat_map(|text| words(cut(text))) {
        if all.len() < MOST_WORDS {
            all.insert(word);
        }
    }
    if is_visible(view) {
        all.extend(view.listed.iter().map(|dialect| format!("~in {}", dialect.as_str())));
    }
    if view.origin == Origin::Own {
        all.insert("~own".to_owned());
    }
    let quoted: Vec<String> = all.into_iter().map(|word| format!("'{word}'")).collect();
    quoted.join(" ")
}

fn cut(text: &str) -> &str {
    let mut end = text.len().min(MOST_TEXT);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}
