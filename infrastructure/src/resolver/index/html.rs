//! PEP 503 with the marks of PEP 592: the anchors of a page, whatever else is on it.

use url::Url;

use super::{IndexFile, MOST_FILES, linked};

/// Far more than the marks of a file.
const MOST_ATTRIBUTES: usize = 32;

/// `None` when there are too many.
pub(super) fn files(page: &str, base: &Url) -> Option<Vec<IndexFile>> {
    let anchors = page.split("<a").skip(1).chain(page.split("<A").skip(1));
    let anchors = anchors.filter(|rest| rest.starts_with(char::is_whitespace));
    let files: Vec<IndexFile> =
        anchors.filter_map(|anchor| file(&attributes(anchor), base)).take(MOST_FILES + 1).collect();
    (files.len() <= MOST_FILES).then_some(files)
}

fn file(attributes: &[(String, String)], base: &Url) -> Option<IndexFile> {
    let value =
        |wanted: &str| attributes.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str());
    let link = value("href")?;
    let (file_name, url) = linked(base, link)?;
    let sha256 = link.split_once('#').and_then(|(_, fragment)| fragment.strip_prefix("sha256="));
    Some(IndexFile {
        file_name,
        url,
        sha256: sha256.and_then(|sha256| sha256.parse().ok()),
        size: None,
        requires_python: value("data-requires-python").map(str::to_owned),
        yanked: value("data-yanked").is_some(),
    })
}

/// Up to the end of the tag; names in lower case.
fn attributes(tag: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut rest = tag.trim_start();
    while found.len() < MOST_ATTRIBUTES
        && let Some(end) = rest.find(|c: char| c == '=' || c == '>' || c.is_whitespace())
    {
        let name = rest[..end].to_ascii_lowercase();
        rest = rest[end..].trim_start();
        let Some(after) = rest.strip_prefix('=') else {
            if !name.is_empty() {
                found.push((name, String::new()));
            }
            if rest.is_empty() || rest.starts_with('>') {
                break;
            }
            continue;
        };
        let after = after.trim_start();
        let quote = after.chars().next().filter(|first| matches!(first, '"' | '\''));
        let (value, left) = if let Some(quote) = quote {
            after[1..].split_once(quote).unwrap_or((&after[1..], ""))
        } else {
            let end = after.find(|c: char| c == '>' || c.is_whitespace()).unwrap_or(after.len());
            after.split_at(end)
        };
        found.push((name, unescaped(value)));
        rest = left.trim_start();
    }
    found
}

fn unescaped(text: &str) -> String {
    let known =
        [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&#x27;", "'"), ("&amp;", "&")];
    known.iter().fold(text.to_owned(), |text, (escaped, plain)| text.replace(escaped, plain))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn anchors_give_files_with_their_marks() {
        let sha256 = "ab".repeat(32);
        let page = format!(
            "<!DOCTYPE html><html><body><h1>Links</h1>\n\
             <a href=\"/files/a-1-py3-none-any.whl#sha256={sha256}\" data-requires-python=\"&gt;=3.8\" \
             data-yanked=\"broken &amp; old\">a-1-py3-none-any.whl</a><br/>\n\
             <A HREF='https://files.example/a-2.tar.gz?x=1&amp;y=2'>a</A>\n\
             <a data-yanked href=b-1.tar.gz>b</a><abbr href='c'></abbr><a name=x><a href=\"unclosed"
        );
        let found = files(&page, &"http://index.example/simple/a/".parse().unwrap()).unwrap();
        let urls: Vec<&str> = found.iter().map(|file| file.url.as_str()).collect();
        assert!(urls.contains(&"http://index.example/files/a-1-py3-none-any.whl"), "{urls:?}");
        assert!(urls.contains(&"https://files.example/a-2.tar.gz?x=1&y=2"), "{urls:?}");
        let first = found.iter().find(|file| file.file_name == "a-1-py3-none-any.whl").unwrap();
        assert_eq!(first.sha256.as_ref().unwrap().to_string(), sha256);
        assert_eq!((first.yanked, first.requires_python.as_deref()), (true, Some(">=3.8")));
        let bare = found.iter().find(|file| file.file_name == "b-1.tar.gz").unwrap();
        assert!(bare.yanked && bare.requires_python.is_none());
        assert!(!found.iter().any(|file| file.file_name == "c"));
    }

    #[test]
    fn anything_else_gives_nothing() {
        let base = "http://index.example/".parse().unwrap();
        for page in
            ["", "<a", "<a ", "<a href", "<a href=", "<a href='", "<a href=\"javascript:x\">", "\u{0}<a =>"]
        {
            assert_eq!(files(page, &base), Some(Vec::new()), "{page}");
        }
    }

    #[test]
    fn a_page_that_swells_gives_little() {
        let base = "http://index.example/".parse().unwrap();
        assert_eq!(attributes(&" x".repeat(1_000_000)).len(), MOST_ATTRIBUTES);
        assert_eq!(files(&"<a href=x>".repeat(MOST_FILES + 1), &base), None);
    }
}
