//! One package for several platforms: possible only when all of them want the same versions of the same packages,
//! because its requirements file has no markers.

use std::collections::BTreeSet;

use crate::{
    failure::{Failure, Reason},
    ports::packaging::{Note, Selection},
};

/// A single selection is its own combination.
///
/// # Errors
/// `NotCombinable`, naming what differs.
pub fn combined(selections: Vec<Selection>) -> Result<Selection, Failure> {
    let mut selections = selections.into_iter();
    let mut all = selections.next().ok_or_else(Failure::internal)?;
    for other in selections {
        let differing = differing(&all, &other);
        if !differing.is_empty() {
            return Err(Failure::permanent(
                Reason::NotCombinable,
                format!(
                    "The platforms need different packages or versions ({}); ask for one package each",
                    differing.join(", ")
                ),
            ));
        }
        all.needs = all.needs.and(other.needs);
        all.wheels.extend(other.wheels);
        all.notes.extend(other.notes);
        all.resolutions.extend(other.resolutions);
    }
    all.wheels.sort_by(|one, other| (&one.name, &one.file_name).cmp(&(&other.name, &other.file_name)));
    all.wheels.dedup_by(|one, other| one.file_name == other.file_name);
    all.notes = without_repetition(all.notes);
    Ok(all)
}

fn pins(selection: &Selection) -> BTreeSet<(&str, &str)> {
    selection.wheels.iter().map(|wheel| (wheel.name.as_str(), wheel.version.as_str())).collect()
}

/// At most five names.
fn differing(one: &Selection, other: &Selection) -> Vec<String> {
    let (one, other) = (pins(one), pins(other));
    one.symmetric_difference(&other).map(|(name, version)| format!("{name} {version}")).take(5).collect()
}

fn without_repetition(notes: Vec<Note>) -> Vec<Note> {
    let mut once: Vec<Note> = Vec::with_capacity(notes.len());
    for note in notes {
        if !once.contains(&note) {
            once.push(note);
        }
    }
    once
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::packaging::{DependencySource, Needs, Wheel};

    fn wheel(name: &str, version: &str, tag: &str) -> Wheel {
        Wheel {
            name: name.to_owned(),
            version: version.to_owned(),
            file_name: format!("{name}-{version}-{tag}.whl"),
            urls: Vec::new(),
            sha256: domain::values::Digest::of_bytes([1; 32]),
            size: None,
            tag: tag.to_owned(),
            floor: None,
            built: false,
        }
    }

    fn selection(wheels: Vec<Wheel>, glibc: &str) -> Selection {
        Selection {
            source: DependencySource::UvLock,
            wheels,
            sdists: Vec::new(),
            needs: Needs { glibc: Some(glibc.parse().unwrap()), macos: None },
            resolutions: Vec::new(),
            notes: vec![Note::new("marker", "the same")],
        }
    }

    #[test]
    fn equal_pins_share_a_package_and_its_pure_wheels() {
        let pure = || wheel("a", "1.0", "py3-none-any");
        let one = selection(vec![pure(), wheel("b", "2.0", "cp312-cp312-manylinux_2_17_x86_64")], "2.17");
        let other = selection(vec![pure(), wheel("b", "2.0", "cp312-cp312-manylinux_2_28_aarch64")], "2.28");
        let all = combined(vec![one, other]).unwrap();
        let names: Vec<_> = all.wheels.iter().map(|wheel| wheel.file_name.as_str()).collect();
        assert_eq!(
            names,
            [
                "a-1.0-py3-none-any.whl",
                "b-2.0-cp312-cp312-manylinux_2_17_x86_64.whl",
                "b-2.0-cp312-cp312-manylinux_2_28_aarch64.whl"
            ]
        );
        assert_eq!(all.needs.glibc.unwrap().to_string(), "2.28");
        assert_eq!(all.notes.len(), 1);
    }

    #[test]
    fn other_pins_are_refused_by_name() {
        let one = selection(vec![wheel("a", "1.0", "py3-none-any")], "2.17");
        let other = selection(vec![wheel("a", "1.1", "py3-none-any")], "2.17");
        let failure = combined(vec![one, other]).unwrap_err();
        assert_eq!(failure.reason, Reason::NotCombinable);
        assert!(failure.message.contains("a 1.0, a 1.1"), "{failure}");
    }
}
