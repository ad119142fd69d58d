//! What a result is called before it has a name: names are data for a header and a list, never a path.

/// A longer name is cut.
const LONGEST_NAME: usize = 200;

/// The last part of the path, percent-decoded.
pub fn name_from_url(url: &str) -> String {
    let path = url.split(['?', '#']).next().unwrap_or(url);
    let last = path.rsplit('/').next().unwrap_or(path);
    plain_name(&percent_decoded(last))
}

/// What a name may hold wherever it is shown: no directory, no control character, not too long, an extension.
pub(super) fn plain_name(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or(name);
    let clean: String = last.chars().filter(|c| !c.is_control()).collect();
    let stem = clean.strip_suffix(".difypkg").unwrap_or(&clean).trim_start_matches('.');
    let stem: String = stem.chars().take(LONGEST_NAME).collect();
    if stem.is_empty() { "plugin.difypkg".to_owned() } else { format!("{stem}.difypkg") }
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let decoded = match tail {
            [high, low, ..] if *first == b'%' => hex(*high).zip(hex(*low)).map(|(high, low)| high * 16 + low),
            _ => None,
        };
        bytes.push(decoded.unwrap_or(*first));
        rest = if decoded.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_is_the_last_part_of_the_path() {
        let cases = [
            ("https://example.com/a/agent.difypkg", "agent.difypkg"),
            ("https://example.com/agent%20one.difypkg?x=/y.difypkg#z", "agent one.difypkg"),
            ("https://example.com/%2e%2e%2f%2e%2e%2fetc%2fpasswd.difypkg", "passwd.difypkg"),
            ("https://example.com/.difypkg", "plugin.difypkg"),
            ("https://example.com/a%zz%4.difypkg", "a%zz%4.difypkg"),
        ];
        for (url, name) in cases {
            assert_eq!(name_from_url(url), name, "{url}");
        }
    }

    #[test]
    fn a_name_is_data_never_a_path() {
        assert_eq!(plain_name("../../evil.difypkg"), "evil.difypkg");
        assert_eq!(plain_name("C:\\x\\evil.difypkg"), "evil.difypkg");
        assert_eq!(plain_name("a\r\nSet-Cookie: x.difypkg"), "aSet-Cookie: x.difypkg");
        assert_eq!(plain_name(&"x".repeat(999)).chars().count(), LONGEST_NAME + ".difypkg".len());
    }
}
