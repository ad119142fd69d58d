//! What the user of a finished package should know: the daemon's limits it passes, its signature, the system it
//! needs, and what it still downloads when it runs.

use application::ports::packaging::{Note, Selection, Wheel};
use domain::values::{Arch, PluginIdentity, Target};

mod run_time;

use crate::archive::manifest::{RunsOn, shown};

const MIB: u64 = 1024 * 1024;
/// The daemon's default for the upload and for the unpacked total.
const DAEMON_LIMIT: u64 = 50 * MIB;

pub(super) struct Facts<'a> {
    pub(super) identity: &'a PluginIdentity,
    pub(super) runs_on: &'a RunsOn,
    pub(super) targets: &'a [Target],
    pub(super) selection: &'a Selection,
    pub(super) signed: bool,
    pub(super) output_bytes: u64,
    pub(super) uncompressed_bytes: u64,
    pub(super) wheel_bytes: u64,
}

pub(super) fn all(facts: &Facts<'_>) -> Vec<Note> {
    let mut notes = vec![floor(facts), if facts.signed { signed() } else { unsigned() }];
    notes.extend(size(facts));
    notes.extend(slow_install(facts.wheel_bytes));
    notes.extend(langgenius(facts.identity));
    notes.extend(architecture(facts));
    notes.extend(interpreter(facts));
    notes.extend(built(facts.selection));
    notes.extend(run_time::downloads(facts.selection));
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

/// The path is the user's own.
fn signed() -> Note {
    let text =
        "The package is signed with the key of this service; the installing Dify must know its public key.";
    let lines = [
        "FORCE_VERIFYING_SIGNATURE=true",
        "THIRD_PARTY_SIGNATURE_VERIFICATION_ENABLED=true",
        "THIRD_PARTY_SIGNATURE_VERIFICATION_PUBLIC_KEYS=/path/plugyard.public.pem",
    ];
    note("signed", text.to_owned(), lines.map(str::to_owned).to_vec())
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

/// Nobody but this service vouches for such a file, and a compiled one is for machines like the builder's.
fn built(selection: &Selection) -> Option<Note> {
    let told = |wheel: &Wheel| {
        let platform = wheel.tag.rsplit('-').next().filter(|platform| *platform != "any");
        let only = platform.map(|platform| format!(" (compiled, for {platform} only)")).unwrap_or_default();
        format!("{} {}{only}", wheel.name, wheel.version)
    };
    let built: Vec<String> = selection.wheels.iter().filter(|wheel| wheel.built).map(told).collect();
    let text = format!("Built from source by this service: {}.", built.join(", "));
    (!built.is_empty()).then(|| note("built", text, Vec::new()))
}

/// Nobody compares the manifest with the wheels, so the plugin may be offered where it cannot run.
fn architecture(facts: &Facts<'_>) -> Option<Note> {
    let named = &facts.runs_on.arch;
    let word = |target: &Target| match target.arch {
        Arch::X86_64 => "amd64",
        Arch::Aarch64 => "arm64",
    };
    let missing = facts.targets.iter().map(word).find(|word| !named.iter().any(|known| known == word))?;
    (!named.is_empty()).then(|| {
        let known: Vec<String> = named.iter().take(4).map(|known| shown(known)).collect();
        let text = format!("manifest.yaml names the architectures {} only, not {missing}.", known.join(", "));
        note("architecture", text, Vec::new())
    })
}

fn interpreter(facts: &Facts<'_>) -> Option<Note> {
    let named = facts.runs_on.python.as_deref()?.trim();
    let python = facts.targets.first()?.python;
    let is_same = named == python.short() || named.starts_with(&format!("{}.", python.short()));
    (!is_same).then(|| {
        let text = format!(
            "manifest.yaml names Python {}, but the wheels are for {}; the installing daemon takes 3.12 whatever \
             the manifest says.",
            shown(named),
            python.short()
        );
        note("interpreter", text, Vec::new())
    })
}

#[cfg(test)]
mod tests {
    use application::ports::packaging::{DependencySource, Needs};
    use domain::values::Os;

    use super::*;

    fn target(arch: &str) -> Target {
        let text = format!(r#"{{"os":"linux","arch":"{arch}","floor":"2.39","python":"3.12.3"}}"#);
        serde_json::from_str(&text).unwrap()
    }

    struct Case {
        author: &'static str,
        runs_on: RunsOn,
        signed: bool,
        output: u64,
        uncompressed: u64,
        wheels: u64,
        selected: Vec<Wheel>,
    }

    impl Default for Case {
        fn default() -> Self {
            Self {
                author: "somebody",
                runs_on: RunsOn::default(),
                signed: false,
                output: 10,
                uncompressed: 10,
                wheels: 10,
                selected: Vec::new(),
            }
        }
    }

    fn given(case: &Case) -> Vec<Note> {
        let selection = Selection {
            source: DependencySource::UvLock,
            wheels: case.selected.clone(),
            sdists: Vec::new(),
            needs: Needs::of(Os::Linux, Some("2.28".parse().unwrap())),
            resolutions: Vec::new(),
            notes: Vec::new(),
        };
        all(&Facts {
            identity: &PluginIdentity::new(case.author, "x", "0.0.1").unwrap(),
            runs_on: &case.runs_on,
            targets: &[target("x86_64"), target("aarch64")],
            selection: &selection,
            signed: case.signed,
            output_bytes: case.output,
            uncompressed_bytes: case.uncompressed,
            wheel_bytes: case.wheels,
        })
    }

    fn kinds(notes: &[Note]) -> Vec<&str> {
        notes.iter().map(|note| note.kind.as_str()).collect()
    }

    fn lines(notes: &[Note]) -> Vec<&str> {
        notes.iter().flat_map(|note| &note.lines).map(String::as_str).collect()
    }

    #[test]
    fn a_small_package_has_its_floor_and_the_missing_signature() {
        let notes = given(&Case { output: DAEMON_LIMIT, ..Case::default() });
        assert_eq!(kinds(&notes), ["floor", "unsigned"]);
        assert_eq!(notes[0].text, "needs glibc >= 2.28");
        assert_eq!(lines(&notes), ["FORCE_VERIFYING_SIGNATURE=false"]);
    }

    #[test]
    fn a_signed_one_names_the_settings_that_make_dify_believe_it() {
        let notes = given(&Case { author: "langgenius", signed: true, ..Case::default() });
        assert_eq!(kinds(&notes), ["floor", "signed", "langgenius"]);
        assert_eq!(
            lines(&notes),
            [
                "FORCE_VERIFYING_SIGNATURE=true",
                "THIRD_PARTY_SIGNATURE_VERIFICATION_ENABLED=true",
                "THIRD_PARTY_SIGNATURE_VERIFICATION_PUBLIC_KEYS=/path/plugyard.public.pem",
                "ENFORCE_LANGGENIUS_PLUGIN_SIGNATURES=false",
            ]
        );
    }

    #[test]
    fn a_large_one_says_which_limits_to_raise_to_what() {
        let notes = given(&Case { output: DAEMON_LIMIT + 1, wheels: 1_500_000_000, ..Case::default() });
        assert_eq!(
            lines(&notes)[1..],
            [
                "MAX_PLUGIN_PACKAGE_SIZE=104857600",
                "PLUGIN_MAX_PACKAGE_SIZE=104857600",
                "NGINX_CLIENT_MAX_BODY_SIZE=100M",
                "PYTHON_ENV_INIT_TIMEOUT=600",
            ]
        );
        assert!(notes.iter().any(|note| note.text.contains("uv stops after 10 minutes")));
    }

    #[test]
    fn the_unpacked_total_counts_too() {
        let notes = given(&Case { uncompressed: 2 * DAEMON_LIMIT + 1, ..Case::default() });
        assert!(lines(&notes).contains(&"NGINX_CLIENT_MAX_BODY_SIZE=150M"), "{notes:?}");
    }

    #[test]
    fn a_manifest_that_names_other_machines_than_the_wheels_is_told_of() {
        let runs_on = |arch: &[&str], python: &str| RunsOn {
            arch: arch.iter().map(ToString::to_string).collect(),
            python: Some(python.to_owned()),
        };
        for python in ["3.12", "3.12.7"] {
            let same = given(&Case { runs_on: runs_on(&["arm64", "amd64"], python), ..Case::default() });
            assert_eq!(kinds(&same), ["floor", "unsigned"], "{python}");
        }
        let notes = given(&Case { runs_on: runs_on(&["amd64"], "3.1"), ..Case::default() });
        assert_eq!(kinds(&notes), ["floor", "unsigned", "architecture", "interpreter"]);
        assert_eq!(notes[2].text, "manifest.yaml names the architectures amd64 only, not arm64.");
        assert!(notes[3].text.starts_with("manifest.yaml names Python 3.1, but the wheels are for 3.12;"));
    }

    #[test]
    fn what_was_built_here_and_what_goes_online_later_is_named() {
        let wheel = |name: &str, tag: &str, built| Wheel {
            name: name.to_owned(),
            version: "1.0".to_owned(),
            file_name: format!("{name}-1.0-{tag}.whl"),
            urls: Vec::new(),
            sha256: domain::values::Digest::of_bytes([1; 32]),
            size: None,
            tag: tag.to_owned(),
            floor: None,
            built,
        };
        let selected = vec![
            wheel("crcmod", "cp312-cp312-linux_x86_64", true),
            wheel("tiktoken", "cp312-cp312-manylinux_2_28_x86_64", false),
            wheel("wikipedia", "py3-none-any", true),
        ];
        let notes = given(&Case { selected, ..Case::default() });
        assert_eq!(kinds(&notes), ["floor", "unsigned", "built", "runtime_downloads"]);
        assert_eq!(
            notes[2].text,
            "Built from source by this service: crcmod 1.0 (compiled, for linux_x86_64 only), wikipedia 1.0."
        );
        assert!(notes[3].text.starts_with("May go online when it runs: tiktoken fetches its encodings"));
    }
}
