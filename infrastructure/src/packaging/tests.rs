//! Packages through both ports, real child processes included.

use std::{fs, path::PathBuf};

use application::{
    failure::Reason,
    ports::packaging::{DependencySource, Plan, Selection, Wheel},
};
use sha2::{Digest as _, Sha256};

mod contents;
mod sealing;

use super::*;
use crate::{
    archive::{
        check::Checked,
        sample::{Sample, SampleEntry, file},
    },
    isolation::test_child,
};

const MANIFEST: &[u8] =
    b"version: 0.0.1\ntype: plugin\nauthor: langgenius\nname: agent\ncreated_at: 2025-01-01\n\
    resource: {memory: 1}\nlabel: {en_US: Agent}\nplugins: {tools: [tool.yaml]}\n";

struct Yard {
    directory: tempfile::TempDir,
    inspector: IsolatedInspector,
    packer: IsolatedPacker,
    targets: Vec<Target>,
}

impl Yard {
    fn new() -> Self {
        let target =
            serde_json::from_str(r#"{"os":"linux","arch":"x86_64","floor":"2.39","python":"3.12.3"}"#);
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("wheels")).unwrap();
        Self {
            directory,
            inspector: IsolatedInspector::new(test_child(), Limits::PACKAGE, IndexPolicy::default()),
            packer: IsolatedPacker::new(test_child(), Limits::PACKAGE, None),
            targets: vec![target.unwrap()],
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// A wheel in the job's directory, and its entry in a lock.
    fn wheel(&self, name: &str) -> String {
        let metadata = format!("Name: {name}\nVersion: 1.0\nLicense: MIT\n");
        let entry = file(&format!("{name}-1.0.dist-info/METADATA"), metadata.as_bytes());
        let bytes = Sample::new(vec![entry]).bytes();
        let sha256 = hex::encode(Sha256::digest(&bytes));
        let file_name = format!("{name}-1.0-py3-none-any.whl");
        fs::write(self.path("wheels").join(&file_name), &bytes).unwrap();
        format!(
            "[[package]]\nname = \"{name}\"\nversion = \"1.0\"\n\
             source = {{ registry = \"https://index.example/simple\" }}\n\
             wheels = [{{ url = \"https://files.example/packages/{file_name}\", \
             hash = \"sha256:{sha256}\", size = {} }}]\n",
            bytes.len()
        )
    }

    fn lock(&self, names: &[&str]) -> Vec<u8> {
        let dependencies: Vec<_> = names.iter().map(|name| format!("{{ name = \"{name}\" }}")).collect();
        let packages: Vec<_> = names.iter().map(|name| self.wheel(name)).collect();
        format!(
            "version = 1\nrequires-python = \">=3.12\"\n[[package]]\nname = \"agent\"\nversion = \"0\"\n\
             source = {{ virtual = \".\" }}\ndependencies = [{}]\n{}",
            dependencies.join(","),
            packages.concat()
        )
        .into_bytes()
    }

    fn package(&self, mut entries: Vec<SampleEntry>) -> PathBuf {
        entries.push(file("manifest.yaml", MANIFEST));
        entries.push(file("tool.yaml", b"a: b"));
        let path = self.path("in.difypkg");
        fs::write(&path, Sample::new(entries).bytes()).unwrap();
        path
    }

    async fn inspect(&self, package: &Path) -> Result<Inspection, Failure> {
        self.inspector.inspect(package, &self.targets, &CancellationToken::new()).await
    }

    async fn pack(&self, package: &Path, inspection: &Inspection, output: &str) -> Result<Packed, Failure> {
        self.pack_selected(package, inspection, selection(inspection), output).await
    }

    async fn pack_selected(
        &self,
        package: &Path,
        inspection: &Inspection,
        selection: &Selection,
        output: &str,
    ) -> Result<Packed, Failure> {
        let job = PackJob {
            package,
            inspection,
            selection,
            targets: &self.targets,
            wheels: &self.path("wheels"),
            output: &self.path(output),
        };
        self.packer.pack(job, &|_, _| {}, &CancellationToken::new()).await
    }

    fn content(&self, output: &str) -> Vec<(String, String)> {
        let archive = Checked::open(&self.path(output), &Limits::PACKAGE).unwrap();
        let text = |entry| String::from_utf8_lossy(&archive.read(entry, 1 << 20).unwrap()).into_owned();
        archive.entries.iter().map(|entry| (entry.name.clone(), text(entry))).collect()
    }
}

fn selection(inspection: &Inspection) -> &Selection {
    let Ok(Plan::Selected(selection)) = &inspection.plans[0] else { panic!("{:?}", inspection.plans) };
    selection
}

fn wheels_of(inspection: &mut Inspection) -> &mut Vec<Wheel> {
    let Ok(Plan::Selected(selection)) = &mut inspection.plans[0] else { panic!("nothing selected") };
    &mut selection.wheels
}

fn all_of(yard: &Yard) -> PathBuf {
    yard.package(vec![
        file("pyproject.toml", b"[project]\nname = 'agent'\ndependencies = ['b', 'a']\n"),
        file("uv.lock", &yard.lock(&["b", "a"])),
        file("requirements.txt", b"a\nb\n"),
        file("wheels/old-1-py3-none-any.whl", b"old"),
        file(".verification.dify.json", b"{}"),
        file(".difyignore", b"*.pyc\nwheels\nwheels/*.whl\nkeep\n"),
        file("main.py", b"print()"),
        file("sub/pyproject.toml", b"stays"),
        file("docs/", b""),
    ])
}

#[tokio::test]
async fn an_offline_package_holds_pins_wheels_and_what_stays() {
    let yard = Yard::new();
    let package = all_of(&yard);
    let inspection = yard.inspect(&package).await.unwrap();
    assert_eq!((inspection.label.as_str(), inspection.category.as_str()), ("Agent", "tool"));
    let packed = yard.pack(&package, &inspection, "out.difypkg").await.unwrap();

    let content = yard.content("out.difypkg");
    let names: Vec<&str> = content.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        [
            ".difyignore",
            ".repack/manifest.json",
            ".repack/pyproject.toml",
            ".repack/sbom.cdx.json",
            ".repack/uv.lock",
            "main.py",
            "manifest.yaml",
            "requirements.txt",
            "sub/pyproject.toml",
            "tool.yaml",
            "wheels/a-1.0-py3-none-any.whl",
            "wheels/b-1.0-py3-none-any.whl",
        ]
    );
    let text = |name| &content.iter().find(|(known, _)| known == name).unwrap().1;
    assert_eq!(text("requirements.txt"), "--no-index\n--find-links=./wheels/\na==1.0\nb==1.0\n");
    assert_eq!(text(".difyignore"), "*.pyc\nkeep\n");
    let sbom: serde_json::Value = serde_json::from_str(text(".repack/manifest.json")).unwrap();
    assert_eq!(sbom["wheels"][0]["licence"], "MIT");
    assert_eq!(sbom["wheels"][0]["source_host"], "files.example");
    assert_eq!(sbom["input"]["sha256"], inspection.sha256.as_str());

    let archive = Checked::open(&yard.path("out.difypkg"), &Limits::PACKAGE).unwrap();
    let checksum = archive.content_checksum().unwrap();
    assert_eq!(packed.identifier, format!("langgenius/agent:0.0.1@{checksum}"));
    let bytes = fs::read(yard.path("out.difypkg")).unwrap();
    assert_eq!(
        (packed.sha256.to_string(), packed.size),
        (hex::encode(Sha256::digest(&bytes)), bytes.len() as u64)
    );
    assert!(inspection.notes.iter().any(|note| note.kind == "directories"));
    assert!(packed.notes.iter().any(|note| note.kind == "langgenius"));
}

#[tokio::test]
async fn equal_jobs_give_equal_bytes_and_our_own_output_can_be_packed_again() {
    let yard = Yard::new();
    let package = all_of(&yard);
    let inspection = yard.inspect(&package).await.unwrap();
    let once = yard.pack(&package, &inspection, "once.difypkg").await.unwrap();
    let twice = yard.pack(&package, &inspection, "twice.difypkg").await.unwrap();
    assert_eq!(once, twice);

    let output = yard.path("once.difypkg");
    let again = yard.inspect(&output).await.unwrap();
    assert_eq!(again.identifier, once.identifier);
    let selection = selection(&again);
    assert_eq!((selection.source, selection.wheels.len()), (DependencySource::UvLock, 2));
    yard.pack(&output, &again, "again.difypkg").await.unwrap();
    let but_sbom = |name| {
        let mut content = yard.content(name);
        content
            .retain(|(name, _)| ![".repack/manifest.json", ".repack/sbom.cdx.json"].contains(&name.as_str()));
        content
    };
    assert_eq!(but_sbom("again.difypkg"), but_sbom("once.difypkg"));
}

#[tokio::test]
async fn a_package_without_dependencies_gets_an_empty_requirements_file() {
    let yard = Yard::new();
    let package = yard.package(vec![file("requirements.txt", b"# none\n")]);
    let inspection = yard.inspect(&package).await.unwrap();
    assert_eq!(selection(&inspection).source, DependencySource::Nothing);
    yard.pack(&package, &inspection, "out.difypkg").await.unwrap();
    assert!(yard.content("out.difypkg").contains(&("requirements.txt".to_owned(), String::new())));
}

#[tokio::test]
async fn a_wheel_with_other_bytes_leaves_no_output() {
    let yard = Yard::new();
    let package = all_of(&yard);
    let mut inspection = yard.inspect(&package).await.unwrap();
    let wheels = wheels_of(&mut inspection);
    wheels[1].sha256 = "00".repeat(32).parse().unwrap();
    let failure = yard.pack(&package, &inspection, "out.difypkg").await.unwrap_err();
    assert_eq!(failure.reason, Reason::WheelMismatch);
    assert_eq!(failure.message, "Integrity check failed for b-1.0-py3-none-any.whl");

    let mut inspection = yard.inspect(&package).await.unwrap();
    wheels_of(&mut inspection)[0].version = "2.0".to_owned();
    let failure = yard.pack(&package, &inspection, "out.difypkg").await.unwrap_err();
    assert_eq!(failure.reason, Reason::WheelMismatch);
    let left: Vec<_> = fs::read_dir(yard.directory.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(left.len(), 2, "{left:?}");
}

#[tokio::test]
async fn a_package_that_is_no_plugin_is_refused_by_its_reason() {
    let yard = Yard::new();
    let path = yard.path("in.difypkg");
    fs::write(&path, Sample::new(vec![file("a", b"x")]).bytes()).unwrap();
    let failure = yard.inspect(&path).await.unwrap_err();
    assert_eq!(failure.reason, Reason::ManifestInvalid);
    fs::write(&path, b"<!DOCTYPE html><html><body>no such page</body></html>").unwrap();
    assert_eq!(yard.inspect(&path).await.unwrap_err().reason, Reason::PackageInvalid);
}

#[tokio::test]
async fn an_inspection_without_a_turn_is_told_to_come_again() {
    let mut yard = Yard::new();
    let package = yard.package(vec![]);
    yard.inspector.slots.wait = std::time::Duration::from_millis(20);
    let slots = yard.inspector.slots.free.clone();
    let all = slots.acquire_many(4).await.unwrap();
    let busy = Failure::transient(Reason::Internal, "The server is busy; try again");
    assert_eq!(yard.inspect(&package).await, Err(busy));
    drop(all);
    assert_ne!(yard.inspect(&package).await.map_err(|failure| failure.reason).err(), Some(Reason::Internal));
}
