//! What the marketplace's answers mean. Every member may be missing, of another type, or hostile: what cannot be read
//! is left out, texts are cut, and nothing is refused for one odd member.

use std::collections::BTreeMap;

use application::ports::marketplace::{ListedVersion, Listing};
use chrono::{DateTime, NaiveDateTime, Utc};
use domain::values::PluginIdentity;
use serde_json::Value;
use url::Url;

const LONGEST_NAME: usize = 200;
const LONGEST_BRIEF: usize = 4_000;
const LONGEST_README: usize = 256 * 1024;
const LONGEST_CHANGELOG: usize = 16 * 1024;
const LONGEST_URL: usize = 2_048;
const MOST_TAGS: usize = 50;
const MOST_LANGUAGES: usize = 32;
const MOST_LISTED: usize = 2_000;
/// Beyond what anybody counts, and small enough to be added up.
const MOST_COUNTED: u64 = 1_000_000_000_000;

/// Whether a plugin can have this name at all.
pub(super) fn is_plugin(author: &str, name: &str) -> bool {
    PluginIdentity::new(author, name, "0.0.0").is_ok()
}

/// One page of a search, with a place for what cannot be read, and how many there are in all.
pub(super) fn page(data: &Value) -> (Vec<Option<Listing>>, u64) {
    let plugins: Vec<_> = items(data, "plugins").map(listing).collect();
    let total = number(&data["total"]).unwrap_or(0).max(plugins.len() as u64);
    (plugins, total)
}

pub(super) fn listings(data: &Value) -> Vec<Listing> {
    items(data, "plugins").filter_map(listing).collect()
}

fn items<'a>(data: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    // Some answers hold the list itself.
    let list = data[name].as_array().or_else(|| data.as_array());
    list.into_iter().flatten().take(MOST_LISTED)
}

/// `None` without a usable name.
pub(super) fn listing(plugin: &Value) -> Option<Listing> {
    let (author, name) = (plugin["org"].as_str()?, plugin["name"].as_str()?);
    if !is_plugin(author, name) {
        return None;
    }
    let identified =
        plugin["latest_package_identifier"].as_str().and_then(|named| Some(named.split_once(':')?.1));
    let of_identifier = || text(&identified?.split('@').next()?.into(), LONGEST_NAME);
    let checksum = identified.and_then(|named| named.split_once('@')).map(|(_, checksum)| checksum.into());
    let authorized = plugin["verification"]["authorized_category"].as_str();
    let tags = plugin["tags"].as_array().into_iter().flatten().take(MOST_TAGS);
    Some(Listing {
        author: author.to_owned(),
        name: name.to_owned(),
        display_name: english(&plugin["label"], LONGEST_NAME).unwrap_or_else(|| name.to_owned()),
        description: english(&plugin["brief"], LONGEST_BRIEF).unwrap_or_default(),
        category: text(&plugin["category"], LONGEST_NAME).unwrap_or_default(),
        tags: tags
            .filter_map(|tag| text(&tag["name"], LONGEST_NAME).or_else(|| text(tag, LONGEST_NAME)))
            .collect(),
        latest_version: text(&plugin["latest_version"], LONGEST_NAME)
            .or_else(of_identifier)
            .unwrap_or_default(),
        created_at: time(&plugin["created_at"]),
        updated_at: time(&plugin["version_updated_at"]).or_else(|| time(&plugin["updated_at"])),
        download_count: number(&plugin["install_count"]).unwrap_or(0),
        verified: matches!(authorized, Some("langgenius" | "partner")),
        readme: text(&plugin["introduction"], LONGEST_README),
        repository: text(&plugin["repository"], LONGEST_URL).filter(|url| is_web(url)),
        checksum: checksum.and_then(|checksum| text(&checksum, LONGEST_NAME)),
        labels: languages(&plugin["label"], LONGEST_NAME),
        briefs: languages(&plugin["brief"], LONGEST_BRIEF),
    })
}

/// One page of versions, and how many there are in all.
pub(super) fn versions(data: &Value) -> (Vec<ListedVersion>, usize) {
    let versions =
        items(data, "versions").filter(|version| version["status"] != "deleted").filter_map(version);
    let total = number(&data["total"]).unwrap_or(0);
    (versions.collect(), usize::try_from(total).unwrap_or(usize::MAX))
}

pub(super) fn newest_first(versions: &mut [ListedVersion]) {
    let dated = versions.iter().all(|version| version.created_at.is_some());
    versions.sort_by_cached_key(|version| {
        std::cmp::Reverse((version.created_at.filter(|_| dated), order(&version.version)))
    });
}

fn version(version: &Value) -> Option<ListedVersion> {
    let identifier = version["unique_identifier"].as_str().and_then(|identifier| identifier.rsplit_once('@'));
    let checksum = text(&version["checksum"], LONGEST_NAME);
    Some(ListedVersion {
        version: text(&version["version"], LONGEST_NAME)?,
        created_at: time(&version["created_at"]),
        changelog: text(&version["change_log"], LONGEST_CHANGELOG),
        checksum: checksum.or_else(|| text(&identifier?.1.into(), LONGEST_NAME)),
        download_count: None,
        artifact: None,
    })
}

/// As numbers, and what has a suffix before what has none.
fn order(version: &str) -> (Vec<u64>, bool) {
    let (numbers, suffix) =
        version.split_once('-').map_or((version, None), |(numbers, word)| (numbers, Some(word)));
    (numbers.split('.').map(|part| part.parse().unwrap_or(0)).collect(), suffix.is_none())
}

/// Without what neither a database nor a terminal wants to see.
fn text(value: &Value, longest: usize) -> Option<String> {
    let shown = |c: &char| !c.is_control() || matches!(c, '\n' | '\t');
    let text: String = value.as_str()?.chars().filter(shown).take(longest).collect();
    (!text.trim().is_empty()).then_some(text)
}

fn english(value: &Value, longest: usize) -> Option<String> {
    let known = ["en_US", "en-US", "en"].iter().find_map(|language| text(&value[language], longest));
    known
        .or_else(|| text(value, longest))
        .or_else(|| value.as_object()?.values().find_map(|any| text(any, longest)))
}

/// By language, as many as anybody translates into.
fn languages(value: &Value, longest: usize) -> BTreeMap<String, String> {
    let texts = value.as_object().into_iter().flatten().take(MOST_LANGUAGES);
    let is_language = |name: &str| {
        (2..=16).contains(&name.len())
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b))
    };
    let known = texts.filter(|(language, _)| is_language(language));
    known.filter_map(|(language, value)| Some((language.clone(), text(value, longest)?))).collect()
}

fn number(value: &Value) -> Option<u64> {
    let number = value.as_u64().or_else(|| value.as_str()?.parse().ok());
    number.map(|number| number.min(MOST_COUNTED))
}

fn time(value: &Value) -> Option<DateTime<Utc>> {
    const EARLIEST_MILLIS: i64 = 100_000_000_000;
    let text = value.as_str();
    let zoned = text.and_then(|text| DateTime::parse_from_rfc3339(text).ok()).map(|time| time.to_utc());
    let unzoned =
        || NaiveDateTime::parse_from_str(text?, "%Y-%m-%dT%H:%M:%S%.f").ok().map(|time| time.and_utc());
    let unix = || match value.as_i64()? {
        millis @ EARLIEST_MILLIS.. => DateTime::from_timestamp_millis(millis),
        seconds => DateTime::from_timestamp(seconds, 0),
    };
    zoned.or_else(unzoned).or_else(unix)
}

fn is_web(url: &str) -> bool {
    Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "https" | "http"))
}

/// What image it is, by its first bytes: what the sender says of it is not believed.
pub(super) fn image_type(bytes: &[u8]) -> Option<&'static str> {
    Some(match bytes {
        [0x89, b'P', b'N', b'G', ..] => "image/png",
        [0xff, 0xd8, 0xff, ..] => "image/jpeg",
        [b'G', b'I', b'F', b'8', ..] => "image/gif",
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => "image/webp",
        [0, 0, 1, 0, ..] => "image/x-icon",
        _ => {
            let begin = String::from_utf8_lossy(&bytes[..bytes.len().min(1_024)]);
            let begin = begin.trim_start_matches('\u{feff}').trim_start();
            let is_xml =
                begin.starts_with("<?xml") || begin.starts_with("<!--") || begin.starts_with("<!DOCTYPE svg");
            if !(begin.starts_with("<svg") || (is_xml && begin.contains("<svg"))) {
                return None;
            }
            "image/svg+xml"
        }
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_card_of_the_marketplace_is_read_as_the_table_says() {
        let read = listing(&json!({
            "org": "langgenius", "name": "agent", "label": {"en_US": "Agent", "zh_Hans": "x"},
            "brief": {"en_US": "Does things"}, "category": "agent-strategy", "tags": [{"name": "llm"}, "plain", 7],
            "latest_version": "0.0.9", "version_updated_at": "2024-01-15T00:00:00Z", "install_count": 1234,
            "created_at": 1_704_067_200, "verification": {"authorized_category": "partner"},
            "introduction": "# Agent", "repository": "https://example.com/agent",
        }))
        .unwrap();
        assert_eq!((read.display_name.as_str(), read.description.as_str()), ("Agent", "Does things"));
        assert_eq!(
            (read.tags, read.download_count, read.verified),
            (vec!["llm".into(), "plain".into()], 1234, true)
        );
        assert_eq!(read.created_at.unwrap().to_rfc3339(), "2024-01-01T00:00:00+00:00");
        assert_eq!(read.updated_at.unwrap().to_rfc3339(), "2024-01-15T00:00:00+00:00");
        assert_eq!((read.readme.as_deref(), read.repository.is_some()), (Some("# Agent"), true));
    }

    #[test]
    fn odd_members_are_left_out_and_odd_plugins_too() {
        let odd =
            json!([[], 7, null, {"en_US": 7}, "a\u{0}b\u{1b}[31m", -1, 1e300, "9".repeat(400), {"x": {}}]);
        for value in odd.as_array().unwrap() {
            let mut plugin = json!({"org": "a", "name": "b"});
            for member in [
                "label",
                "brief",
                "category",
                "tags",
                "latest_version",
                "version_updated_at",
                "created_at",
                "install_count",
                "verification",
                "introduction",
                "repository",
                "latest_package_identifier",
            ] {
                plugin[member] = value.clone();
            }
            let read = listing(&plugin).unwrap();
            let shown = format!("{read:?}");
            assert!(
                !shown.contains('\u{0}') && !shown.contains("\\0") && !shown.contains("\\u{1b}"),
                "{shown}"
            );
            assert!(!read.verified && read.repository.is_none() && read.display_name.chars().count() <= 400);
        }
        for name in [json!("../b"), json!(7), json!(null), json!(""), json!("B\u{0}")] {
            assert_eq!(listing(&json!({"org": "a", "name": name})), None, "{name}");
            assert_eq!(page(&json!({"plugins": [{"org": "a", "name": name}], "total": -1})), (vec![None], 1));
        }
        for data in [json!(null), json!("x"), json!({"plugins": {}}), json!({"versions": 7})] {
            assert!(listings(&data).is_empty() && versions(&data).0.is_empty(), "{data}");
        }
    }

    #[test]
    fn no_number_is_so_large_that_a_sum_of_them_is_none() {
        for number in [json!(u64::MAX), json!(i64::MAX), json!("9223372036854775807"), json!(1e30)] {
            let plugin = json!({"org": "a", "name": "b", "install_count": number});
            let (listed, total) = page(&json!({"plugins": [plugin], "total": number}));
            let most = listed.into_iter().flatten().map(|plugin| plugin.download_count).chain([total]).max();
            let sum = most.and_then(|most| i64::try_from(most).ok()?.checked_mul(1_000_000));
            assert!(sum.is_some(), "{number} a million times");
        }
    }

    #[test]
    fn versions_come_newest_first() {
        let names = |data: Value| {
            let (mut versions, _) = versions(&data);
            newest_first(&mut versions);
            versions.into_iter().map(|version| version.version).collect::<Vec<_>>()
        };
        let dated = json!({"versions": [
            {"version": "0.0.1", "created_at": "2024-01-01T00:00:00"},
            {"version": "0.2.0", "created_at": "2024-02-01T00:00:00Z"},
            {"version": "0.0.10", "created_at": "2024-03-01T00:00:00Z"},
            {"version": "9.9.9", "created_at": "2025-03-01T00:00:00Z", "status": "deleted"},
            {"created_at": 7},
        ]});
        assert_eq!(names(dated), ["0.0.10", "0.2.0", "0.0.1"]);
        let undated =
            json!({"versions": [{"version": "0.0.9"}, {"version": "0.0.10-rc"}, {"version": "0.0.10"}]});
        assert_eq!(names(undated), ["0.0.10", "0.0.10-rc", "0.0.9"]);
    }

    #[test]
    fn the_checksum_stands_in_its_member_or_in_the_identifier() {
        let of = |version: Value| versions(&json!([version])).0.pop().unwrap().checksum;
        assert_eq!(of(json!({"version": "1.0.0", "checksum": "ab"})).as_deref(), Some("ab"));
        let identifier = json!({"version": "1.0.0", "checksum": "", "unique_identifier": "a/b:1.0.0@cd"});
        assert_eq!(of(identifier).as_deref(), Some("cd"));
        assert_eq!(of(json!({"version": "1.0.0"})), None);
    }

    #[test]
    fn an_image_is_known_by_its_first_bytes() {
        assert_eq!(image_type(b"\x89PNG\r\n\x1a\n"), Some("image/png"));
        assert_eq!(image_type(b"RIFF....WEBPVP8 "), Some("image/webp"));
        assert_eq!(image_type(b"\xef\xbb\xbf <?xml version='1.0'?><svg xmlns='x'/>"), Some("image/svg+xml"));
        for other in [b"<html><svg>".as_slice(), b"", b"<?xml version='1.0'?><html/>", b"PK\x03\x04"] {
            assert_eq!(image_type(other), None);
        }
    }
}
