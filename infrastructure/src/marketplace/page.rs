//! The addresses of plugins' pages, as people copy them.

use url::Url;

use super::reading::is_plugin;

/// Author and name, when the text is the address of a page on the host of one of these.
pub(super) fn read(text: &str, marketplaces: &[&Url]) -> Option<(String, String)> {
    let text = text.trim();
    let url =
        if text.contains("://") { Url::parse(text) } else { Url::parse(&format!("https://{text}")) }.ok()?;
    let host = plain(url.host_str()?);
    let is_ours =
        |own: &&&Url| own.host_str().is_some_and(|own| plain(own) == host) && own.port() == url.port();
    if !matches!(url.scheme(), "https" | "http") || !marketplaces.iter().any(|own| is_ours(&own)) {
        return None;
    }
    let mut parts = url.path_segments()?.filter(|part| !part.is_empty());
    let (Some("plugins" | "plugin"), Some(author), Some(name), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return None;
    };
    is_plugin(author, name).then(|| (author.to_owned(), name.to_owned()))
}

fn plain(host: &str) -> &str {
    host.strip_prefix("www.").unwrap_or(host).trim_end_matches('.')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> bool {
        let base = Url::parse("https://market.example/api/v1").unwrap();
        let mirror = Url::parse("http://127.0.0.1:81/base").unwrap();
        read(text, &[&base, &mirror]) == Some(("langgenius".to_owned(), "agent".to_owned()))
    }

    #[test]
    fn a_page_is_known_in_every_form_people_copy() {
        for text in [
            "https://market.example/plugins/langgenius/agent",
            "https://market.example/plugin/langgenius/agent/",
            "https://www.market.example/plugins/langgenius/agent?source=x&y=.difypkg#top",
            " market.example/plugins/langgenius/agent ",
            "www.market.example/plugins/langgenius/agent",
            "http://MARKET.example/plugins/langgenius/agent",
            "http://127.0.0.1:81/plugins/langgenius/agent",
        ] {
            assert!(found(text), "{text}");
        }
    }

    #[test]
    fn everything_else_is_no_page() {
        for text in [
            "",
            "https://evil.example/plugins/langgenius/agent",
            "https://market.example.evil.example/plugins/langgenius/agent",
            "https://evilmarket.example/plugins/langgenius/agent",
            "https://market.example:444/plugins/langgenius/agent",
            "http://127.0.0.1/plugins/langgenius/agent",
            "https://market.example/plugins/langgenius",
            "https://market.example/plugins/langgenius/agent/0.0.1",
            "https://market.example/plugins/../agent",
            "https://market.example/plugins/langgenius/AGENT%00",
            "https://market.example/tools/langgenius/agent",
            "ftp://market.example/plugins/langgenius/agent",
            "javascript:market.example/plugins/langgenius/agent",
        ] {
            assert!(!found(text), "{text}");
        }
    }
}
