use crate::mount::Mount;
use application::queries::activity::{ActivityKind, ActivityView};
use quick_xml::{Reader, events::Event};
use serde_json::Value;
use uuid::Uuid;

use super::*;

const HOSTILE: &str = "</title><script>alert(\"1\")</script>&lt; ]]> \u{0}\u{1b}\u{fffe} <![CDATA[ é 𝄞";

fn feed(text: &str) -> Feed {
    let view = ActivityView {
        id: Uuid::from_u128(7),
        plugin: "123e4567-e89b-42d3-a456-426614174000".parse().unwrap(),
        publisher: text.to_owned(),
        name: "notes".to_owned(),
        display_name: text.to_owned(),
        kind: ActivityKind::Released,
        version: Some("1.0.0".to_owned()),
        text: Some(text.to_owned()),
        at: "2026-11-20T12:00:00.120Z".parse().unwrap(),
    };
    let links = Links::to("https://yard.example", Mount::ROOT);
    let uri = "/feed.atom?dialect=inkdrop".parse().unwrap();
    Feed::new(text.to_owned(), &links, &uri, [Entry::of(&view, &links)].into_iter())
}

/// The elements of a document that is well-formed, and the text of each.
fn elements(xml: &[u8]) -> Vec<(String, String)> {
    let mut reader = Reader::from_reader(xml);
    let (mut open, mut seen) = (Vec::<(String, String)>::new(), Vec::new());
    loop {
        match reader.read_event().unwrap() {
            Event::Start(start) => {
                open.push((String::from_utf8(start.name().as_ref().to_vec()).unwrap(), String::new()));
            }
            Event::Text(text) => {
                if let Some((_, all)) = open.last_mut() {
                    all.push_str(&text.decode().unwrap());
                }
            }
            Event::GeneralRef(entity) => {
                let entity = String::from_utf8(entity.to_vec()).unwrap();
                let text = quick_xml::escape::unescape(&format!("&{entity};")).unwrap().into_owned();
                open.last_mut().unwrap().1.push_str(&text);
            }
            Event::End(_) => seen.push(open.pop().unwrap()),
            Event::Eof => return seen,
            _ => {}
        }
    }
}

#[test]
fn names_and_texts_are_text_in_atom_whatever_they_hold() {
    let xml = atom::written(&feed(HOSTILE)).unwrap();
    let elements = elements(&xml);
    let names: Vec<&str> = elements.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        ["id", "title", "updated", "id", "title", "updated", "name", "author", "content", "entry", "feed"]
    );
    let clean: String = HOSTILE.chars().filter(|c| !matches!(c, '\u{0}' | '\u{1b}' | '\u{fffe}')).collect();
    assert_eq!(elements[1].1, clean, "the title of the feed");
    assert_eq!(elements[8].1, clean, "the content");
    assert_eq!(elements[3].1, "urn:uuid:00000000-0000-0000-0000-000000000007");
    assert_eq!(elements[2].1, "2026-11-20T12:00:00.120Z");
    let text = String::from_utf8(xml).unwrap();
    assert!(text.contains("<link rel=\"self\" href=\"https://yard.example/feed.atom?dialect=inkdrop\"/>"));
}

#[test]
fn a_json_feed_has_the_members_of_its_version() {
    let json: Value = serde_json::from_slice(&json_feed::written(&feed(HOSTILE))).unwrap();
    assert_eq!(json["version"], "https://jsonfeed.org/version/1.1");
    let item = &json["items"][0];
    assert_eq!(item["id"], "urn:uuid:00000000-0000-0000-0000-000000000007");
    assert_eq!(item["date_published"], "2026-11-20T12:00:00.120Z");
    assert_eq!(item["tags"], serde_json::json!(["released"]));
    assert!(item["content_text"].as_str().unwrap().contains("<script>"), "text stays text");
}

#[test]
fn a_feed_of_nothing_is_a_feed() {
    let empty = Feed { title: "x".to_owned(), address: "https://y/".to_owned(), entries: Vec::new() };
    let elements = elements(&atom::written(&empty).unwrap());
    assert!(elements.contains(&("updated".to_owned(), "1970-01-01T00:00:00.000Z".to_owned())));
}
