//! The files of one project by version, and which of them somebody may get.

use std::collections::BTreeMap;

use application::ports::packaging::{Requirement, Sdist, SdistOrigin};
use domain::values::Target;
use pep440_rs::{Version, VersionSpecifiers};
use pep508_rs::{VerbatimUrl, VersionOrUrl};

use super::index::IndexFile;
use crate::wheels::{
    labels::Label,
    markers::{Environment, Markers, Verdict},
    normalised,
    offences::misfit,
    tags::TagOrder,
};

/// What is longer is meant for nobody.
const LONGEST_SPECIFIER: usize = 512;

pub(super) struct Releases {
    name: String,
    by_version: BTreeMap<Version, Vec<IndexFile>>,
}

/// Why a project gives no wheel for a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Missing {
    /// It could be built.
    OnlySdist(Box<Sdist>),
    /// It has wheels, for other systems; says so.
    Misfit(String),
}

/// Which versions are wanted of a project.
pub(super) struct Wish {
    specifiers: Vec<VersionSpecifiers>,
    python: Option<Version>,
    takes_previews: bool,
}

impl Wish {
    /// What the lines ask of the project directly; what other packages ask of it is not known here.
    pub(super) fn of(name: &str, lines: &[Requirement], target: Target) -> Self {
        let (markers, environment) = (Markers::default(), Environment::of(&target));
        let mut specifiers = Vec::new();
        for line in lines {
            let marker = line.text.split_once(" ; ").map(|(_, marker)| marker);
            if marker.is_some_and(|marker| markers.verdict(marker, &environment) != Verdict::True) {
                continue;
            }
            let Ok(wanted) = line.text.parse::<pep508_rs::Requirement<VerbatimUrl>>() else { continue };
            if let (true, Some(VersionOrUrl::VersionSpecifier(wanted))) =
                (normalised(wanted.name.as_ref()) == name, wanted.version_or_url)
            {
                specifiers.push(wanted);
            }
        }
        let takes_previews = specifiers
            .iter()
            .flat_map(|specifiers| specifiers.iter())
            .any(|specifier| specifier.version().any_prerelease());
        Self { specifiers, python: target.python.to_string().parse().ok(), takes_previews }
    }

    fn admits_version(&self, version: &Version) -> bool {
        (self.takes_previews || !version.any_prerelease())
            && self.specifiers.iter().all(|specifiers| specifiers.contains(version))
    }

    fn admits_file(&self, file: &IndexFile) -> bool {
        let wanted = file.requires_python.as_deref().filter(|wanted| !wanted.trim().is_empty());
        let wanted = wanted.filter(|wanted| wanted.len() <= LONGEST_SPECIFIER);
        // What nobody can read binds nobody.
        let specifiers = wanted.and_then(|wanted| wanted.parse::<VersionSpecifiers>().ok());
        !file.yanked
            && specifiers.zip(self.python.as_ref()).is_none_or(|(wanted, python)| wanted.contains(python))
    }
}

impl Releases {
    pub(super) fn of(name: &str, files: Vec<IndexFile>) -> Self {
        let mut by_version: BTreeMap<Version, Vec<IndexFile>> = BTreeMap::new();
        for file in files {
            let version = match Label::read(&file.file_name) {
                Some(label) if normalised(label.project) == name => label.version.parse().ok(),
                Some(_) => None,
                None => sdist_version(name, &file.file_name),
            };
            if let Some(version) = version {
                by_version.entry(version).or_default().push(file);
            }
        }
        Self { name: name.to_owned(), by_version }
    }

    pub(super) fn is_yanked(&self, file_name: &str) -> bool {
        self.by_version.values().flatten().any(|file| file.yanked && file.file_name == file_name)
    }

    /// Newest first, with the files that are admitted.
    fn admitted<'a>(
        &'a self,
        wish: &'a Wish,
    ) -> impl Iterator<Item = (&'a Version, Vec<&'a IndexFile>)> + use<'a> {
        self.by_version
            .iter()
            .rev()
            .filter(|(version, _)| wish.admits_version(version))
            .map(|(version, files)| (version, files.iter().filter(|file| wish.admits_file(file)).collect()))
    }

    /// `None` when some version has a wheel that fits: then it is not for want of one.
    pub(super) fn missing(&self, wish: &Wish, target: Target) -> Option<Missing> {
        let order = TagOrder::new(&target);
        let (mut misfits, mut sdist) = (None, None);
        for (version, files) in self.admitted(wish) {
            let names = || files.iter().map(|file| file.file_name.as_str()).zip(0..);
            if order.choose(names()).is_some() {
                return None;
            }
            let wheels = || names().filter(|(name, _)| Label::read(name).is_some());
            if wheels().next().is_some() && misfits.is_none() {
                misfits = Some(misfit(&format!("{} {version}", self.name), wheels(), target));
            }
            if sdist.is_none() {
                sdist = files.iter().find_map(|file| self.sdist(version, file));
            }
        }
        misfits.map(Missing::Misfit).or(sdist.map(|sdist| Missing::OnlySdist(Box::new(sdist))))
    }

    fn sdist(&self, version: &Version, file: &IndexFile) -> Option<Sdist> {
        Label::read(&file.file_name).is_none().then_some(())?;
        let sha256 = file.sha256.clone()?;
        Some(Sdist {
            name: self.name.clone(),
            version: version.to_string(),
            origin: SdistOrigin::File {
                file_name: file.file_name.clone(),
                urls: vec![file.url.to_string()],
                sha256,
                size: file.size,
            },
        })
    }

    /// Whether the newest version is one that only a newer system could have.
    pub(super) fn is_behind(&self, chosen: &str, wish: &Wish, target: Target) -> bool {
        let Ok(chosen) = chosen.parse::<Version>() else { return false };
        let (own, any) = (TagOrder::new(&target), TagOrder::without_floor(&target));
        let fits = |files: &[&IndexFile], order: &TagOrder| {
            let mut labels = files.iter().filter_map(|file| Label::read(&file.file_name));
            labels.any(|label| order.best(&label).is_some())
        };
        let newest = self.admitted(wish).find(|(_, files)| fits(files, &any));
        newest.is_some_and(|(version, files)| *version > chosen && !fits(&files, &own))
    }
}

/// Of `name-1.0.tar.gz` and the like, however the name is spelt.
fn sdist_version(name: &str, file_name: &str) -> Option<Version> {
    let stem = file_name.strip_suffix(".tar.gz").or_else(|| file_name.strip_suffix(".zip"))?;
    let parts = stem.match_indices('-').map(|(at, _)| (&stem[..at], &stem[at + 1..]));
    parts.filter(|(project, _)| normalised(project) == name).find_map(|(_, version)| version.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(file_name: &str, yanked: bool, python: &str) -> IndexFile {
        IndexFile {
            file_name: file_name.to_owned(),
            url: format!("https://files.example/{file_name}").parse().unwrap(),
            sha256: "ab".repeat(32).parse().ok(),
            size: None,
            requires_python: Some(python.to_owned()),
            yanked,
        }
    }

    fn target(floor: &str) -> Target {
        let target = serde_json::json!({"os": "linux", "arch": "x86_64", "floor": floor, "python": "3.12.3"});
        serde_json::from_value(target).unwrap()
    }

    fn missing(files: Vec<IndexFile>, line: &str) -> Option<Missing> {
        let lines = [Requirement { text: line.to_owned(), sha256: Vec::new() }];
        let wish = Wish::of("a-b", &lines, target("2.17"));
        Releases::of("a-b", files).missing(&wish, target("2.17"))
    }

    fn version_of(missing: Option<Missing>) -> String {
        match missing {
            Some(Missing::OnlySdist(sdist)) => sdist.version,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_newest_admitted_sdist_is_the_one_to_build() {
        let files = || {
            vec![
                file("A_b-1.0.tar.gz", false, ""),
                file("a-b-1.4.zip", false, ">=3.8"),
                file("a.b-1.5.tar.gz", false, ">=3.13"),
                file("a-b-1.6.tar.gz", true, ""),
                file("a-b-2.0rc1.tar.gz", false, ""),
                file("a-9.tar.gz", false, ""),
                file("a_b-9-py3-none-any.txt", false, ""),
            ]
        };
        assert_eq!(version_of(missing(files(), "a-b")), "1.4");
        assert_eq!(version_of(missing(files(), "a-b<1.4")), "1.0");
        assert_eq!(version_of(missing(files(), "a-b<1.4 ; sys_platform == 'win32'")), "1.4");
        assert_eq!(version_of(missing(files(), "a-b>=2.0rc1")), "2.0rc1");
        assert_eq!(missing(files(), "a-b>3"), None);
    }

    #[test]
    fn wheels_for_others_are_a_misfit_and_a_fitting_one_is_none() {
        let others = vec![
            file("a_b-1.4.tar.gz", false, ""),
            file("a_b-1.4-cp312-cp312-manylinux_2_28_x86_64.whl", false, ""),
        ];
        let Some(Missing::Misfit(text)) = missing(others.clone(), "a-b") else { panic!("no misfit") };
        assert!(
            text.starts_with("a-b 1.4 has no wheel for glibc 2.17 x86_64; it needs glibc 2.28"),
            "{text}"
        );
        let fitting = [others, vec![file("a_b-1.3-py3-none-any.whl", false, "")]].concat();
        assert_eq!(missing(fitting, "a-b"), None);
    }

    #[test]
    fn a_version_is_behind_only_when_the_floor_keeps_a_newer_one_away() {
        let files = vec![
            file("a_b-1-cp312-cp312-manylinux_2_17_x86_64.whl", false, ""),
            file("a_b-2-cp312-cp312-manylinux_2_28_x86_64.whl", false, ""),
            file("a_b-3-cp312-cp312-win_amd64.whl", false, ""),
            file("a_b-4-cp312-cp312-manylinux_2_28_x86_64.whl", true, ""),
        ];
        let releases = Releases::of("a-b", files);
        let is_behind = |floor: &str, lines: &[Requirement]| {
            let target = target(floor);
            releases.is_behind("1", &Wish::of("a-b", lines, target), target)
        };
        assert!(is_behind("2.17", &[]) && !is_behind("2.28", &[]));
        let bound = Requirement { text: "a-b<2".to_owned(), sha256: Vec::new() };
        assert!(!is_behind("2.17", &[bound]));
        assert!(releases.is_yanked("a_b-4-cp312-cp312-manylinux_2_28_x86_64.whl"));
        assert!(!releases.is_yanked("a_b-1-cp312-cp312-manylinux_2_17_x86_64.whl"));
    }
}
