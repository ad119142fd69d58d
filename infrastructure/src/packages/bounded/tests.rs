use serde_json::json;

use super::*;

fn text(value: &str) -> Value {
    value.into()
}

#[test]
fn a_line_is_one_line_without_what_deceives_the_eye() {
    assert_eq!(line(&text("  The\n\tplugin\u{202e}\u{7} "), 20).as_deref(), Some("The  plugin"));
    assert_eq!(line(&text("größe"), 3).as_deref(), Some("grö"));
    for none in [json!(null), json!(3), json!(["a"]), json!(""), json!(" \n "), json!("\u{1b}")] {
        assert_eq!(line(&none, 20), None, "{none}");
    }
}

#[test]
fn prose_keeps_its_lines() {
    assert_eq!(prose(&text("# A\r\n\n\tcode\u{0}\u{1b}[0m\n")).as_deref(), Some("# A\n\n\tcode[0m"));
    assert_eq!(prose(&"ä".repeat(PROSE + 1).into()).unwrap().chars().count(), PROSE);
}

#[test]
fn an_address_leads_to_the_web_and_nowhere_else() {
    for good in ["https://example.com/a?b#c", "http://[::1]/", "https://example.com"] {
        assert_eq!(address(&text(good)).as_deref(), Some(good));
    }
    let long = format!("https://example.com/{}", "a".repeat(ADDRESS));
    for bad in [
        "javascript:alert(1)",
        "data:text/html,x",
        "file:///etc/passwd",
        "ftp://example.com/",
        "//example.com/a",
        "example.com",
        "https://user:secret@example.com/",
        "https://example.com/a b",
        "https://exa\nmple.com/",
        "",
        &long,
    ] {
        assert_eq!(address(&text(bad)), None, "{bad}");
    }
}

#[test]
fn a_repository_is_an_address_or_a_name_on_github() {
    for (written, expected) in [
        (json!("inkdropapp/solarized-dark-ui"), Some("inkdropapp/solarized-dark-ui")),
        (json!("github:ada/engine.git"), Some("ada/engine")),
        (json!("https://github.com/ada/engine.git"), Some("https://github.com/ada/engine")),
        (
            json!({"type": "git", "url": "git+https://github.com/ada/engine.git"}),
            Some("https://github.com/ada/engine"),
        ),
        (json!({"url": "git://github.com/ada/engine"}), Some("https://github.com/ada/engine")),
        (json!("git+ssh://git@github.com/ada/engine"), None),
        (json!("../engine/.."), None),
        (json!({}), None),
        (json!(1), None),
    ] {
        assert_eq!(repository(&written).as_deref(), expected, "{written}");
    }
}

#[test]
fn lists_hold_each_word_once_and_no_more_than_are_shown() {
    assert_eq!(tags(&json!(["b", "a", "b", 1, "", {"c": 1}])), ["b", "a"]);
    let many: Vec<_> = (0..1000).map(|number| format!("{number}{}", "x".repeat(100))).collect();
    let tags = tags(&json!(many));
    assert_eq!((tags.len(), tags.iter().map(|tag| tag.chars().count()).max()), (TAGS, Some(TAG)));
    assert_eq!(tags.len(), HashSet::<String>::from_iter(tags).len());
    assert_eq!(addresses(&json!(["https://a.example/1.png", "javascript:x"])), ["https://a.example/1.png"]);
    assert_eq!(items(&json!("linux")), Vec::<String>::new());
}

#[test]
fn texts_by_language_begin_with_the_english_one() {
    let labels = by_language(&json!({"zh_Hans": "插件", "en_US": "Plugin", "../x": "y", "de": 3}), 10);
    assert_eq!(labels.keys().collect::<Vec<_>>(), ["en_US", "zh_Hans"]);
    assert_eq!(english(&labels).as_deref(), Some("Plugin"));
    assert_eq!(english(&by_language(&json!({"ja_JP": "b"}), 10)).as_deref(), Some("b"));
    assert_eq!(english(&by_language(&json!("Plugin"), 10)), None);
}

#[test]
fn ranges_are_a_map_however_they_are_listed() {
    let of = |value: Value| ranges(&value).into_iter().collect::<Vec<_>>();
    let pair = |name: &str, range: &str| (name.to_owned(), range.to_owned());
    assert_eq!(
        of(json!({"inkdrop": "^5.9.0", "b": null, "c": 1})),
        [pair("b", "*"), pair("inkdrop", "^5.9.0")]
    );
    assert_eq!(
        of(json!([{"name": "@backstage/core", "version": "^1.35.0"}, "other", {"version": "1"}])),
        [pair("@backstage/core", "^1.35.0"), pair("other", "*")]
    );
    assert_eq!(of(json!("a")), []);
    assert_eq!(of(json!({"a": "x".repeat(1000)}))[0].1.len(), 256);
}

#[test]
fn an_author_is_read_in_both_ways_of_writing() {
    let expected = Author {
        name: "Takuya Matsuyama".to_owned(),
        email: Some("t@inkdrop.app".to_owned()),
        url: Some("https://www.inkdrop.app/".to_owned()),
    };
    let object = json!({"name": expected.name, "email": expected.email, "url": expected.url});
    for written in [text("Takuya Matsuyama<t@inkdrop.app> (https://www.inkdrop.app/)"), object] {
        assert_eq!(author(&written).as_ref(), Some(&expected));
    }
    let plain = author(&text("Ada <no address> (javascript:x)")).unwrap();
    assert_eq!(plain, Author { name: "Ada".to_owned(), ..Author::default() });
    for none in [json!(null), json!(""), json!("<a@b.c>"), json!({"email": "a@b.c"})] {
        assert_eq!(author(&none), None, "{none}");
    }
}

#[test]
fn support_and_price_are_what_can_be_used_of_them() {
    let found =
        support(&json!({"email": "a@b.example", "issues": "https://b.example/i", "forum": "irc"})).unwrap();
    assert_eq!(found.email.as_deref(), Some("a@b.example"));
    assert_eq!((found.issues.as_deref(), found.forum), (Some("https://b.example/i"), None));
    assert_eq!(support(&json!({"email": "nobody"})), None);
    assert_eq!(support(&text("https://b.example/")).unwrap().url.as_deref(), Some("https://b.example/"));
    let paid = pricing(&json!({"model": "Paid", "price": 9.5, "currency": "EUR"})).unwrap();
    assert_eq!((paid.model.as_str(), paid.price, paid.currency.as_deref()), ("paid", Some(9.5), Some("EUR")));
    assert_eq!(pricing(&text("free")).unwrap().model, "free");
    assert_eq!(pricing(&json!({"model": "paid", "price": -1})).unwrap().price, None);
    assert_eq!(pricing(&json!({"price": 1})), None);
}
