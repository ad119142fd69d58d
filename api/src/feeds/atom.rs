//! RFC 4287.

use std::io;

use chrono::DateTime;
use quick_xml::{
    Writer,
    events::{BytesDecl, BytesText, Event},
};

use super::{
    Feed,
    entry::{Entry, time},
};

const NAMESPACE: &str = "http://www.w3.org/2005/Atom";

type Xml = Writer<Vec<u8>>;

pub(super) fn written(feed: &Feed) -> io::Result<Vec<u8>> {
    let mut xml = Writer::new(Vec::new());
    xml.write_event(Event::Decl(BytesDecl::new("1.0", Some("utf-8"), None)))?;
    xml.create_element("feed").with_attribute(("xmlns", NAMESPACE)).write_inner_content(|xml| {
        let newest = feed.entries.iter().map(|entry| entry.at).max();
        text(xml, "id", &feed.address)?;
        text(xml, "title", &feed.title)?;
        text(xml, "updated", &time(newest.unwrap_or(DateTime::UNIX_EPOCH)))?;
        link(xml, "self", &feed.address)?;
        feed.entries.iter().try_for_each(|one| entry(xml, one))
    })?;
    Ok(xml.into_inner())
}

fn entry(xml: &mut Xml, entry: &Entry) -> io::Result<()> {
    let written = xml.create_element("entry").write_inner_content(|xml| {
        text(xml, "id", &entry.id)?;
        text(xml, "title", &entry.title)?;
        text(xml, "updated", &time(entry.at))?;
        xml.create_element("author").write_inner_content(|xml| text(xml, "name", &entry.author))?;
        xml.create_element("category").with_attribute(("term", entry.kind())).write_empty()?;
        link(xml, "alternate", &entry.address)?;
        let content = xml.create_element("content").with_attribute(("type", "text"));
        content.write_text_content(BytesText::new(&entry.text)).map(drop)
    });
    written.map(drop)
}

fn text(xml: &mut Xml, name: &str, text: &str) -> io::Result<()> {
    xml.create_element(name).write_text_content(BytesText::new(text)).map(drop)
}

fn link(xml: &mut Xml, relation: &str, address: &str) -> io::Result<()> {
    let link = xml.create_element("link").with_attribute(("rel", relation));
    link.with_attribute(("href", address)).write_empty().map(drop)
}
