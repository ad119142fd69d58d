//! `manifest.yaml`: who the plugin is, and what of it the installing daemon would not like. Only author, name
//! and version must be readable; everything else is a note.

use application::{failure::Failure, failure::Reason, ports::packaging::Note};
use chrono::{DateTime, NaiveDate, NaiveDateTime};
use domain::values::PluginIdentity;
use serde::Deserialize;
use serde_json::Value;
use serde_saphyr::Options;
use serde_saphyr::options::NonFiniteFloatPolicy;

/// What the rest of the work needs of the manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    pub identity: PluginIdentity,
    pub label: String,
    pub category: &'static str,
    /// In Unix seconds.
    pub created_at: Option<u64>,
    pub runs_on: RunsOn,
    pub notes: Vec<Note>,
}

/// What the plugin says of the machines it runs on; nobody holds it to that.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunsOn {
    /// `amd64`, `arm64`.
    pub arch: Vec<String>,
    /// Of Python, in any form.
    pub python: Option<String>,
}

/// Scalars are taken as they are written: an unquoted `123` is a fine name.
#[derive(Deserialize)]
struct Identity {
    author: Option<String>,
    name: Option<String>,
    version: Option<String>,
}

#[derive(Deserialize)]
struct Machines {
    meta: Option<Meta>,
}

#[derive(Deserialize)]
struct Meta {
    arch: Option<Vec<String>>,
    runner: Option<Runner>,
}

#[derive(Deserialize)]
struct Runner {
    version: Option<String>,
}

/// Reads the text; `exists` answers whether the package holds a file.
///
/// # Errors
/// `ManifestInvalid` with the field.
pub fn read(text: &str, exists: impl Fn(&str) -> bool) -> Result<Manifest, Failure> {
    let whole: Value = serde_saphyr::from_str_with_options(text, options()).map_err(|error| {
        tracing::debug!(%error, "a manifest is not readable");
        invalid("it is not readable as YAML (or too deep, too large, or a key is in it twice)")
    })?;
    if !whole.is_object() {
        return Err(invalid("it is not a mapping"));
    }
    let identity: Identity = serde_saphyr::from_str_with_options(text, options())
        .map_err(|_not_scalars| invalid("author, name or version"))?;
    let field = |value: Option<String>, name| value.ok_or_else(|| invalid(name));
    let identity = PluginIdentity::new(
        &field(identity.author, "author")?,
        &field(identity.name, "name")?,
        &field(identity.version, "version")?,
    )
    .map_err(|wrong| invalid(wrong.0))?;
    let label = whole["label"]["en_US"].as_str().filter(|label| !label.trim().is_empty());
    Ok(Manifest {
        label: label.unwrap_or(identity.name()).chars().filter(|c| !c.is_control()).take(200).collect(),
        identity,
        category: category(&whole["plugins"]),
        created_at: time(&whole["created_at"]),
        runs_on: runs_on(text),
        notes: notes(&whole, exists),
    })
}

/// # Errors
/// Always: the failure for a package without manifest, or with an unreadable one.
pub fn invalid(field: &str) -> Failure {
    Failure::permanent(Reason::ManifestInvalid, format!("manifest.yaml is missing or invalid: {field}"))
}

fn options() -> Options {
    serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_depth: 32,
            max_nodes: 20_000,
            max_events: 60_000,
            max_aliases: 100,
            max_anchors: 100,
            max_documents: 1,
            max_recorded_anchor_events: 20_000,
            max_recorded_anchor_bytes: 1 << 20,
        },
        alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: 20_000, },
        non_finite_float_policy: NonFiniteFloatPolicy::AsString,
    }
}

fn category(plugins: &Value) -> &'static str {
    [
        ("tools", "tool"),
        ("models", "model"),
        ("datasources", "datasource"),
        ("agent_strategies", "agent-strategy"),
        ("triggers", "trigger"),
    ]
    .into_iter()
    .find(|(kind, _)| plugins[kind].as_array().is_some_and(|files| !files.is_empty()))
    .map_or("extension", |(_, category)| category)
}

/// With or without a zone or a time of day; without a zone it is UTC.
fn time(value: &Value) -> Option<u64> {
    let text = value.as_str().unwrap_or_default().trim();
    let day = || text.parse::<NaiveDate>().ok()?.and_hms_opt(0, 0, 0);
    let local =
        || ["%FT%T%.f", "%F %T%.f"].iter().find_map(|form| NaiveDateTime::parse_from_str(text, form).ok());
    let zoned = DateTime::parse_from_rfc3339(text).ok().map(|time| time.timestamp());
    let seconds = zoned.or_else(|| local().or_else(day).map(|time| time.and_utc().timestamp()));
    seconds.and_then(|seconds| seconds.try_into().ok())
}

fn runs_on(text: &str) -> RunsOn {
    let read: Result<Machines, _> = serde_saphyr::from_str_with_options(text, options());
    let Some(meta) = read.ok().and_then(|machines| machines.meta) else { return RunsOn::default() };
    RunsOn {
        arch: meta.arch.unwrap_or_default(),
        python: meta.runner.and_then(|runner| runner.version).filter(|version| !version.trim().is_empty()),
    }
}

fn notes(whole: &Value, exists: impl Fn(&str) -> bool) -> Vec<Note> {
    let mut wrong = Vec::new();
    if whole["type"].as_str() != Some("plugin") {
        wrong.push("type is not 'plugin'".to_owned());
    }
    for field in ["icon", "icon_dark"] {
        if let Some(icon) = whole[field].as_str().filter(|icon| !exists(&format!("_assets/{icon}"))) {
            wrong.push(format!("{field} '{}' is not in _assets/", shown(icon)));
        }
    }
    for field in ["created_at", "resource"] {
        if whole[field].is_null() {
            wrong.push(format!("{field} is missing"));
        }
    }
    let files = whole["plugins"].as_object().into_iter().flatten().filter_map(|(_, files)| files.as_array());
    let missing = files
        .flatten()
        .filter_map(Value::as_str)
        .filter(|file| !exists(file))
        .map(|file| format!("'{}' is not in the package", shown(file)));
    wrong.extend(missing);
    if wrong.is_empty() {
        return Vec::new();
    }
    wrong.truncate(10);
    let text = format!("The installing daemon may refuse manifest.yaml: {}.", wrong.join("; "));
    vec![Note { kind: "manifest".to_owned(), text, lines: Vec::new() }]
}

/// Short, and without what moves a cursor.
pub fn shown(text: &str) -> String {
    text.escape_debug().take(80).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: &str = "version: 0.0.1\ntype: plugin\nauthor: langgenius\nname: agent\ncreated_at: 2025-01-01\n\
         label:\n  en_US: The Agent\nresource: {memory: 1}\nicon: icon.svg\n\
         plugins:\n  agent_strategies: [provider/agent.yaml]\n";

    fn refused(text: &str) -> String {
        let failure = read(text, |_| true).unwrap_err();
        assert_eq!(failure.reason, Reason::ManifestInvalid);
        failure.message
    }

    #[test]
    fn identity_label_and_category_are_read() {
        let manifest = read(PLAIN, |_| true).unwrap();
        assert_eq!(manifest.identity.to_string(), "langgenius/agent:0.0.1");
        assert_eq!((manifest.label.as_str(), manifest.category), ("The Agent", "agent-strategy"));
        assert_eq!(manifest.notes, []);
    }

    #[test]
    fn scalars_of_another_type_are_taken_as_they_are_written() {
        let manifest = read("author: 123\nname: 007\nversion: \"1.0.0\"\nicon: .nan\n", |_| true).unwrap();
        assert_eq!(manifest.identity.to_string(), "123/007:1.0.0");
        assert_eq!(manifest.category, "extension");
    }

    #[test]
    fn the_time_it_was_made_is_read_in_every_form_that_is_written() {
        for (text, seconds) in [
            ("2024-01-02T03:04:05.000000Z", Some(1_704_164_645)),
            ("2024-01-02T04:04:05+01:00", Some(1_704_164_645)),
            ("2024-01-02 03:04:05.123", Some(1_704_164_645)),
            ("2024-01-02T03:04:05", Some(1_704_164_645)),
            ("2024-01-02", Some(1_704_153_600)),
            ("1960-01-02", None),
            ("yesterday", None),
        ] {
            let manifest = read(&PLAIN.replace("2025-01-01", text), |_| true).unwrap();
            assert_eq!(manifest.created_at, seconds, "{text}");
        }
    }

    #[test]
    fn machines_are_read_as_they_are_written_or_not_at_all() {
        let of = |meta: &str| read(&format!("{PLAIN}meta: {meta}\n"), |_| true).unwrap().runs_on;
        let both = of("{arch: [amd64, arm64], runner: {version: 3.10}}");
        assert_eq!((both.arch.len(), both.python.as_deref()), (2, Some("3.10")));
        for other in ["{arch: amd64}", "[]", "{runner: python}", "{}"] {
            assert_eq!(of(other), RunsOn::default(), "{other}");
        }
    }

    #[test]
    fn what_is_wrong_beside_the_identity_is_a_note() {
        let manifest = read(PLAIN, |_| false).unwrap();
        assert!(manifest.notes[0].text.contains("icon 'icon.svg'"), "{:?}", manifest.notes);
        assert!(manifest.notes[0].text.contains("'provider/agent.yaml'"));
    }

    #[test]
    fn the_field_that_is_missing_or_wrong_is_named() {
        assert_eq!(refused("name: a\nversion: 0.0.1\n"), "manifest.yaml is missing or invalid: author");
        assert!(refused(&PLAIN.replace("0.0.1", "1")).ends_with(": version"));
        assert!(refused("- a\n").contains("mapping"));
    }

    #[test]
    fn bombs_and_duplicate_keys_end_quickly() {
        let mut bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n".to_owned();
        for level in 1..9 {
            let before = format!("*a{},", level - 1).repeat(10);
            bomb = [bomb, format!("a{level}: &a{level} [{before}]\n")].concat();
        }
        let deep = "[".repeat(5_000);
        let long = "- a\n".repeat(60_000);
        for text in [bomb.as_str(), &deep, &long, &format!("{PLAIN}name: other\n"), "a: {b: 1, b: 2}"] {
            let start = std::time::Instant::now();
            refused(text);
            assert!(start.elapsed().as_secs() < 1);
        }
    }
}
