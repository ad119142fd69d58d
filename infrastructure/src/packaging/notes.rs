//! What the user of a finished package should know: the daemon's limits it passes, the system it needs, and what
//! it still downloads when it runs.

use application::ports::packaging::{Note, Selection};
use domain::values::PluginIdentity;

const MIB: u64 = 1024 * 1024;
/// The daemon's default for the upload and for the unpacked total.
const DAEMON_LIMIT: u64 = 50 * MIB;

pub(super) struct Facts<'a> {
    pub(super) identity: &'a PluginIdentity,
    pub(super) selection: &'a Selection,
    pub(super) output_bytes: u64,
    pub(super) uncompressed_bytes: u64,
    pub(super) wheel_bytes: u64,
}

pub(super) fn all(facts: &Facts<'_>) -> Vec<Note> {
    let mut notes = vec![floor(facts), unsigned()];
    notes.extend(size(facts));
    notes.extend(slow_install(facts.wheel_bytes));
    notes.extend(langgenius(facts.identity));
    notes.extend(downloads(facts.selection));
    notes
}

fn note(kind: &str, text: String, lines: Vec<String>) -> Note {
    Note { kind: kind.to_owned(), text, lines }
}

fn floor(facts: &Facts<'_>) -> Note {
    let needs = facts.selection.needs;
    let systems = [("glibc", needs.glibc), ("macOS", needs.macos)];
    let told: Vec<String> =
        systems.into_iter().filter_map(|(system, floor)| Some(format!("{system} >= {}", floor?))).collect();
    let text = if told.is_empty() {
        "runs on every system: it holds no compiled code".to_owned()
    } else {
        format!("needs {}", told.join(" and "))
    };
    note("floor", text, Vec::new())
}

fn unsigned() -> Note {
    let text = "The package is not signed; the installing Dify must allow that.".to_owned();
    note("unsigned", text, vec!["FORCE_VERIFYING_SIGNATURE=false".to_owned()])
}

fn size(facts: &Facts<'_>) -> Option<Note> {
    let most = facts.output_bytes.max(facts.uncompressed_bytes);
    if most <= DAEMON_LIMIT {
        return None;
    }
    let limit = most.div_ceil(DAEMON_LIMIT) * DAEMON_LIMIT;
    let lines = vec![
        format!("MAX_PLUGIN_PACKAGE_SIZE={limit}"),
        format!("PLUGIN_MAX_PACKAGE_SIZE={limit}"),
        format!("NGINX_CLIENT_MAX_BODY_SIZE={}M", limit / MIB),
    ];
    Some(note("size", "The package is larger than Dify accepts by default.".to_owned(), lines))
}

fn slow_install(wheel_bytes: u64) -> Option<Note> {
    if wheel_bytes <= 500_000_000 {
        return None;
    }
    let more = if wheel_bytes > 1_000_000_000 { " uv stops after 10 minutes there." } else { "" };
    let text = format!("Installing it takes long.{more}");
    Some(note("slow_install", text, vec!["PYTHON_ENV_INIT_TIMEOUT=600".to_owned()]))
}

fn langgenius(identity: &PluginIdentity) -> Option<Note> {
    (identity.author() == "langgenius").then(|| {
        let text =
            "Some daemon versions block plugins of this author without the author's signature.".to_owned();
        note("langgenius", text, vec!["ENFORCE_LANGGENIUS_PLUGIN_SIGNATURES=false".to_owned()])
    })
}

/// Packages that fetch something when they are first used.
const AT_RUN_TIME: [(&str, &str); 12] = [
    ("easyocr", "its models"),
    ("fastembed", "its models"),
    ("huggingface-hub", "models from a hub"),
    ("nltk", "its corpora"),
    ("openai-whisper", "its models"),
    ("paddleocr", "its models"),
    ("playwright", "a browser"),
    ("sentence-transformers", "its models"),
    ("spacy", "its language models"),
    ("tiktoken", "its encodings (the daemon image presets TIKTOKEN_CACHE_DIR)"),
    ("transformers", "its models"),
    ("webdriver-manager", "a browser driver"),
];

fn downloads(selection: &Selection) -> Option<Note> {
    let found: Vec<String> = AT_RUN_TIME
        .iter()
        .filter(|(name, _)| selection.wheels.iter().any(|wheel| wheel.name == *name))
        .map(|(name, what)| format!("{name} fetches {what}"))
        .collect();
    (!found.is_empty()).then(|| {
        note("runtime_downloads", format!("May go online when it runs: {}.", found.join("; ")), Vec::new())
    })
}

#[cfg(test)]
mod tests {
    use application::ports::packaging::{DependencySource, Needs};
    use domain::values::Os;

    use super::*;

    fn kinds(author: &str, output_bytes: u64, wheel_bytes: u64) -> Vec<Note> {
        let selection = Selection {
            source: DependencySource::UvLock,
            wheels: Vec::new(),
            sdists: Vec::new(),
            needs: Needs::of(Os::Linux, Some("2.28".parse().unwrap())),
            resolutions: Vec::new(),
            notes: Vec::new(),
        };
        let identity = PluginIdentity::new(author, "x", "0.0.1").unwrap();
        all(&Facts {
            identity: &identity,
            selection: &selection,
            output_bytes,
            uncompressed_bytes: 10,
            wheel_bytes,
        })
    }

    #[test]
    fn a_small_package_has_its_floor_and_the_missing_signature() {
        let notes = kinds("somebody", DAEMON_LIMIT, 10);
        assert_eq!(notes.iter().map(|note| note.kind.as_str()).collect::<Vec<_>>(), ["floor", "unsigned"]);
        assert_eq!(notes[0].text, "needs glibc >= 2.28");
    }

    #[test]
    fn a_large_one_says_which_limits_to_raise_to_what() {
        let notes = kinds("langgenius", DAEMON_LIMIT + 1, 1_500_000_000);
        let lines: Vec<&str> = notes.iter().flat_map(|note| &note.lines).map(String::as_str).collect();
        assert_eq!(
            lines,
            [
                "FORCE_VERIFYING_SIGNATURE=false",
                "MAX_PLUGIN_PACKAGE_SIZE=104857600",
                "PLUGIN_MAX_PACKAGE_SIZE=104857600",
                "NGINX_CLIENT_MAX_BODY_SIZE=100M",
                "PYTHON_ENV_INIT_TIMEOUT=600",
                "ENFORCE_LANGGENIUS_PLUGIN_SIGNATURES=false",
            ]
        );
    }
}
