//! What stands in `.repack/` and in the requirements of one target and of several.

use application::ports::packaging::Resolution;

use super::*;

#[tokio::test]
async fn a_combined_package_pins_a_name_once_and_holds_all_of_its_files() {
    let mut yard = Yard::new();
    let arm = r#"{"os":"linux","arch":"aarch64","floor":"2.39","python":"3.12.3"}"#;
    yard.targets.push(serde_json::from_str(arm).unwrap());
    let package = all_of(&yard);
    let inspection = yard.inspect(&package).await.unwrap();
    let mut selection = selection(&inspection).clone();
    let other =
        Wheel { file_name: "a-1.0-cp312-cp312-linux_aarch64.whl".to_owned(), ..selection.wheels[0].clone() };
    fs::copy(
        yard.path("wheels").join(&selection.wheels[0].file_name),
        yard.path("wheels").join(&other.file_name),
    )
    .unwrap();
    selection.wheels.insert(0, other);
    let resolution = |text: &str| Resolution {
        resolver: "uv 0".to_owned(),
        pylock: text.to_owned(),
        sdists: Vec::new(),
        notes: Vec::new(),
    };
    let pylock = format!(
        "lock-version = \"1.0\"\n[[packages]]\nname = \"a\"\n\
         wheels = [{{ url = \"https://index.example/a.whl\", hashes = {{ sha256 = \"{}\" }} }}]\n",
        selection.wheels[0].sha256
    );
    selection.resolutions = vec![resolution(&pylock), resolution("other")];
    selection.source = DependencySource::Requirements;
    yard.pack_selected(&package, &inspection, &selection, "out.difypkg").await.unwrap();

    let content = yard.content("out.difypkg");
    let text =
        |name: &str| &content.iter().find(|(known, _)| known == name).unwrap_or_else(|| panic!("{name}")).1;
    assert_eq!(text("requirements.txt"), "--no-index\n--find-links=./wheels/\na==1.0\nb==1.0\n");
    assert_eq!(text(".repack/requirements.txt"), "a\nb\n");
    assert_eq!(text(".repack/pylock.linux-x86_64.toml"), &pylock);
    assert_eq!(text(".repack/pylock.linux-aarch64.toml"), "other");
    assert_eq!(content.iter().filter(|(name, _)| name.starts_with("wheels/")).count(), 3);
    let sbom: serde_json::Value = serde_json::from_str(text(".repack/manifest.json")).unwrap();
    assert_eq!(sbom["targets"][1]["arch"], "aarch64");
    assert_eq!(
        (&sbom["wheels"][0]["source_host"], &sbom["resolver"]),
        (&"index.example".into(), &"uv 0".into())
    );
    let names = |value: &serde_json::Value| -> Vec<String> {
        value.as_array().unwrap().iter().map(|part| part["bom-ref"].to_string()).collect()
    };
    let bom: serde_json::Value = serde_json::from_str(text(".repack/sbom.cdx.json")).unwrap();
    let mut references = names(&bom["components"]);
    references.dedup();
    assert_eq!(references.len(), 3, "every file is a component of its own");
}

#[test]
fn the_authors_requirements_survive_a_second_repackaging() {
    let yard = Yard::new();
    let ours = b"--no-index\n--find-links=./wheels/\na==1.0\n";
    let kept = ".repack/requirements.txt";
    for (root, counts) in [(&ours[..], kept), (b"", kept), (b"a\nb\n", "requirements.txt")] {
        let package = yard.package(vec![file("requirements.txt", root), file(kept, b"a>=1\n")]);
        let archive = Checked::open(&package, &Limits::PACKAGE).unwrap();
        let entry = inspect::requirements_entry(&archive, &Limits::PACKAGE).unwrap().unwrap();
        assert_eq!(entry.name, counts, "{}", String::from_utf8_lossy(root));
    }
}

#[tokio::test]
async fn the_bill_of_materials_has_what_its_schema_asks_for() {
    let yard = Yard::new();
    let package = all_of(&yard);
    let inspection = yard.inspect(&package).await.unwrap();
    yard.pack(&package, &inspection, "out.difypkg").await.unwrap();
    let content = yard.content("out.difypkg");
    let text = &content.iter().find(|(name, _)| name == ".repack/sbom.cdx.json").unwrap().1;
    let bom: serde_json::Value = serde_json::from_str(text).unwrap();
    assert_eq!((&bom["bomFormat"], &bom["specVersion"]), (&"CycloneDX".into(), &"1.6".into()));
    assert!(bom["serialNumber"].as_str().unwrap().starts_with("urn:uuid:"));
    assert!(bom["metadata"]["timestamp"].is_null());
    assert_eq!(bom["metadata"]["component"]["bom-ref"], "langgenius/agent:0.0.1");
    let one = &bom["components"][0];
    assert_eq!(
        (&one["type"], &one["name"], &one["version"]),
        (&"library".into(), &"a".into(), &"1.0".into())
    );
    assert_eq!(one["purl"], "pkg:pypi/a@1.0?file_name=a-1.0-py3-none-any.whl");
    assert_eq!((&one["scope"], &one["hashes"][0]["alg"]), (&"required".into(), &"SHA-256".into()));
    assert_eq!(one["licenses"][0]["license"]["name"], "MIT");
}
