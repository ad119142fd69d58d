//! What a manifest says, member by member, in the shape and the size that is shown: anything else is left out, or
//! cut. The manifest itself is kept whole.

use std::collections::{BTreeMap, HashSet};

use domain::plugin::{Author, Pricing, Support};
use serde_json::Value;
use url::Url;

/// Characters of a name, and of a line.
pub(super) const NAME: usize = 200;
pub(super) const LINE: usize = 1_000;
/// Of Markdown.
const PROSE: usize = 64 * 1024;
const ADDRESS: usize = 2_048;
const TAG: usize = 64;
const TAGS: usize = 32;
const ITEMS: usize = 64;
const LANGUAGES: usize = 32;
const RANGES: usize = 1_000;

/// One line of at most so many characters, without what moves a cursor or turns the direction of writing.
pub(super) fn line(value: &Value, longest: usize) -> Option<String> {
    cut_line(value.as_str()?, longest)
}

fn cut_line(text: &str, longest: usize) -> Option<String> {
    let plain = text.chars().map(|c| if c.is_whitespace() { ' ' } else { c }).filter(|c| is_shown(*c));
    let line: String = plain.collect::<String>().trim().chars().take(longest).collect();
    Some(line.trim_end().to_owned()).filter(|line| !line.is_empty())
}

/// Marks of direction make a text read as another one.
fn is_shown(c: char) -> bool {
    !c.is_control() && !matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Text of several lines.
pub(super) fn prose(value: &Value) -> Option<String> {
    let kept = |c: &char| matches!(c, '\n' | '\t') || is_shown(*c);
    let text: String = value.as_str()?.trim().chars().filter(kept).take(PROSE).collect();
    Some(text).filter(|text| !text.is_empty())
}

/// The address of something on the web, with no credentials in it.
pub(super) fn address(value: &Value) -> Option<String> {
    let text = value.as_str()?.trim();
    let url = Url::parse(text).ok().filter(|_| text.len() <= ADDRESS)?;
    let is_web = matches!(url.scheme(), "http" | "https") && url.username().is_empty();
    (is_web && url.password().is_none() && text.bytes().all(|byte| byte > b' ' && byte != 0x7f))
        .then(|| text.to_owned())
}

/// An address, or `owner/name` on GitHub; also in the ways in which npm writes them.
pub(super) fn repository(value: &Value) -> Option<String> {
    let text = value.as_str().or_else(|| value["url"].as_str())?.trim();
    let text = text.strip_prefix("git+").unwrap_or(text);
    let short = text.strip_prefix("github:").unwrap_or(text);
    if let Some((owner, name)) = short.split_once('/') {
        let is_word = |word: &str| {
            (1..=100).contains(&word.len())
                && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
        };
        if is_word(owner) && is_word(name) {
            return Some(format!("{owner}/{}", name.strip_suffix(".git").unwrap_or(name)));
        }
    }
    let text = text.strip_prefix("git://").map_or_else(|| text.to_owned(), |rest| format!("https://{rest}"));
    address(&text.strip_suffix(".git").unwrap_or(&text).into())
}

/// Each once, in their order.
fn lines(value: &Value, longest: usize, most: usize) -> Vec<String> {
    let mut seen = HashSet::new();
    let items = value.as_array().into_iter().flatten().filter_map(|item| line(item, longest));
    items.filter(|item| seen.insert(item.clone())).take(most).collect()
}

/// The names of members.
pub(super) fn keys(value: &Value) -> Vec<String> {
    let names = value.as_object().into_iter().flatten().map(|(name, _)| name);
    names.filter_map(|name| cut_line(name, TAG)).take(ITEMS).collect()
}

pub(super) fn tags(value: &Value) -> Vec<String> {
    lines(value, TAG, TAGS)
}

/// Sentences, systems and the like.
pub(super) fn items(value: &Value) -> Vec<String> {
    lines(value, NAME, ITEMS)
}

pub(super) fn addresses(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().filter_map(address).take(ITEMS).collect()
}

/// `en_US` and the like, each with a line.
pub(super) fn by_language(value: &Value, longest: usize) -> BTreeMap<String, String> {
    let is_language = |key: &str| {
        (2..=16).contains(&key.len())
            && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
    };
    let members = value.as_object().into_iter().flatten().filter(|(key, _)| is_language(key));
    members.filter_map(|(key, text)| Some((key.clone(), line(text, longest)?))).take(LANGUAGES).collect()
}

/// What is shown of several languages where one is asked for.
pub(super) fn english(texts: &BTreeMap<String, String>) -> Option<String> {
    ["en_US", "en", "en-US"].iter().find_map(|key| texts.get(*key)).or_else(|| texts.values().next()).cloned()
}

/// Names with ranges of versions: a map, or a list of `{name, version}` or of `name` alone.
pub(super) fn ranges(value: &Value) -> BTreeMap<String, String> {
    let name = |text: &str| (text.len() <= 214).then(|| cut_line(text, 214)).flatten();
    let range = |value: &Value| match value {
        Value::Null => Some("*".to_owned()),
        Value::String(text) => cut_line(text, 256),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => None,
    };
    let of_item = |item: &Value| match item.as_str() {
        Some(text) => Some((name(text)?, "*".to_owned())),
        None => Some((name(item["name"].as_str()?)?, range(&item["version"])?)),
    };
    let listed = value.as_array().into_iter().flatten().filter_map(of_item);
    let mapped = value.as_object().into_iter().flatten();
    let mapped = mapped.filter_map(|(key, value)| Some((name(key)?, range(value)?)));
    listed.chain(mapped).take(RANGES).collect()
}

/// `{name, email, url}`, or npm's `Name <email> (url)`.
pub(super) fn author(value: &Value) -> Option<Author> {
    let Some(text) = value.as_str() else {
        let name = line(&value["name"], NAME)?;
        return Some(Author { name, email: email(&value["email"]), url: address(&value["url"]) });
    };
    let between = |open: char, close: char| {
        let (_, rest) = text.split_once(open)?;
        rest.split_once(close).map(|(inside, _)| Value::from(inside))
    };
    let name = text.split(['<', '(']).next().unwrap_or_default();
    Some(Author {
        name: cut_line(name, NAME)?,
        email: between('<', '>').as_ref().and_then(email),
        url: between('(', ')').as_ref().and_then(address),
    })
}

pub(super) fn email(value: &Value) -> Option<String> {
    let text = value.as_str()?.trim();
    let (user, host) = text.split_once('@')?;
    let is_plain = text.len() <= 254 && text.chars().all(|c| is_shown(c) && !c.is_whitespace());
    (is_plain && !user.is_empty() && !host.is_empty() && !host.contains('@')).then(|| text.to_owned())
}

pub(super) fn support(value: &Value) -> Option<Support> {
    let support = Support {
        email: email(&value["email"]),
        url: address(value).or_else(|| address(&value["url"])),
        documentation: address(&value["documentation"]),
        issues: address(&value["issues"]),
        forum: address(&value["forum"]),
    };
    (support != Support::default()).then_some(support)
}

pub(super) fn pricing(value: &Value) -> Option<Pricing> {
    let model = line(value, TAG).or_else(|| line(&value["model"], TAG))?.to_ascii_lowercase();
    let price = value["price"].as_f64().filter(|price| (0.0..1e9).contains(price));
    Some(Pricing { model, price, currency: line(&value["currency"], 8) })
}

/// npm's `MIT`, `{type: MIT}`.
pub(super) fn license(value: &Value) -> Option<String> {
    line(value, 100).or_else(|| line(&value["type"], 100))
}

#[cfg(test)]
mod tests;
