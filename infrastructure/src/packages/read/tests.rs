//! Whole packages of every format, as their tools write them, and packages that are not what they say.

use std::io::Write as _;

use application::ports::packages::{IconFile, PackageReader as _};
use domain::plugin::{Icon, PluginKind};
use serde_json::json;
use tempfile::NamedTempFile;

use super::*;
use crate::{
    archive::sample::{Sample, SampleEntry, file},
    isolation::test_child,
    packages::{
        IsolatedReader,
        tarball::sample::{self, gzip, tar},
    },
};

const ALL: [PackageFormat; 4] =
    [PackageFormat::Difypkg, PackageFormat::Lbpkg, PackageFormat::Tarball, PackageFormat::Zip];
const SVG: &[u8] = b"<svg xmlns='http://www.w3.org/2000/svg'/>";

const DIFY: &str = "\u{feff}# By a test\nversion: 0.0.9\ntype: plugin\nauthor: langgenius\nname: agent\n\
    label: {en_US: Dify Agent Strategies, zh_Hans: Agent}\n\
    description: {en_US: Dify official agent strategies}\nicon: icon.svg\ncreated_at: 2025-01-01T00:00:00Z\n\
    tags: [agent]\nresource: {memory: 1, permission: {tool: {enabled: true}, model: {enabled: false}, storage: {enabled: true, size: 1024}}}\n\
    plugins: {agent_strategies: [provider/agent.yaml]}\nmeta: {version: 0.0.1, minimum_dify_version: 1.5.0}\n";
const LANGBOT: &str = "apiVersion: v1\nkind: Plugin\nmetadata:\n  author: RockChinQ\n  name: HelloPlugin\n  version: 0.1.0\n\
    \x20 label: {en_US: Hello, zh_Hans: 你好}\n  description: {en_US: Says hello}\n  icon: assets/icon.svg\n\
    \x20 repository: https://github.com/RockChinQ/HelloPlugin\nspec:\n  config: [{name: greeting, type: string}]\n\
    \x20 components: {Command: {fromDirs: [{path: components/commands/}]}}\n\
    execution: {python: {path: main.py, attr: HelloPlugin}}\n";

fn read_as(bytes: &[u8], wanted: &[PackageFormat]) -> Result<Package, Failure> {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(bytes).unwrap();
    run(&Request { package: file.path().to_owned(), wanted: wanted.to_vec() })
}

fn zip_of(entries: Vec<SampleEntry>) -> Vec<u8> {
    Sample::new(entries).bytes()
}

fn with_manifest(name: &str, text: &str, others: &[(&str, &[u8])]) -> Vec<u8> {
    let mut entries = vec![file(name, text.as_bytes())];
    entries.extend(others.iter().map(|(name, content)| file(name, content)));
    zip_of(entries)
}

fn dify() -> Vec<u8> {
    with_manifest("manifest.yaml", DIFY, &[("_assets/icon.svg", SVG), ("README.md", b"# Agent\n")])
}

fn langbot() -> Vec<u8> {
    with_manifest("manifest.yaml", LANGBOT, &[("assets/icon.svg", SVG), ("readme/README_zh_Hans.md", b"Hi")])
}

fn of_json(manifest: &Value) -> Vec<u8> {
    with_manifest("manifest.json", &manifest.to_string(), &[("assets/icon.png", b"\x89PNG\r\n\x1a\nx")])
}

fn inkdrop(manifest: &Value) -> Vec<u8> {
    let pieces = [
        sample::directory("./"),
        sample::file("./README.md", "# Theme\n"),
        sample::file("./package.json", manifest.to_string()),
    ];
    gzip(&[tar(&pieces), vec![0; 1024]].concat())
}

fn refused(bytes: &[u8]) -> Failure {
    let failure = read_as(bytes, &ALL).unwrap_err();
    assert!(!failure.transient, "{failure}");
    failure
}

#[test]
fn a_plugin_of_dify_is_read() {
    let package = read_as(&dify(), &ALL).unwrap();
    assert_eq!((package.author.as_deref(), package.name.as_str()), (Some("langgenius"), "agent"));
    assert_eq!((package.version.to_string().as_str(), package.kind), ("0.0.9", PluginKind::Plugin));
    let description = &package.description;
    assert_eq!(description.display_name, "Dify Agent Strategies");
    assert_eq!(description.summary, "Dify official agent strategies");
    assert_eq!(description.category.as_deref(), Some("agent-strategy"));
    assert_eq!((description.labels.len(), description.tags.as_slice()), (2, ["agent".to_owned()].as_slice()));
    assert_eq!(package.engines["dify"], ">=1.5.0");
    assert_eq!(package.permissions, ["storage", "tool"]);
    assert_eq!(package.readme.as_deref(), Some("# Agent\n"));
    assert_eq!(package.manifest["meta"]["version"], "0.0.1");
    let icon = IconFile { media_type: "image/svg+xml".to_owned(), bytes: SVG.into() };
    assert_eq!(package.icon, Some(icon));
    assert_eq!(package.artifact.size, dify().len() as u64);
    assert_eq!(package.artifact.content_checksum.unwrap().len(), 64);
}

#[test]
fn a_plugin_of_langbot_is_read() {
    for name in ["manifest.yaml", "manifest.yml"] {
        let bytes = langbot();
        let bytes = if name == "manifest.yaml" { bytes } else { with_manifest(name, LANGBOT, &[]) };
        let package = read_as(&bytes, &[PackageFormat::Lbpkg]).unwrap();
        assert_eq!((package.author.as_deref(), package.name.as_str()), (Some("RockChinQ"), "HelloPlugin"));
        assert_eq!(package.description.display_name, "Hello");
        assert_eq!(package.description.briefs["en_US"], "Says hello");
        assert_eq!(package.config_schema, Some(json!([{"name": "greeting", "type": "string"}])));
        assert_eq!(package.icon.is_some(), name == "manifest.yaml");
        assert_eq!(package.readme.is_some(), name == "manifest.yaml");
        assert_eq!(package.artifact.content_checksum, None);
    }
}

#[test]
fn a_theme_of_inkdrop_is_read_and_kept_whole() {
    let manifest = json!({
        "name": "solarized-dark-ui", "version": "1.0.0", "theme": "ui", "themeAppearance": "dark",
        "type": "module", "description": "Solarized Dark UI Theme for Inkdrop", "keywords": ["inkdrop", "markdown"],
        "repository": "https://github.com/inkdropapp/solarized-dark-ui",
        "author": "Takuya Matsuyama<t@inkdrop.app>", "license": "MIT",
        "devDependencies": {"@inkdropapp/theme-dev-helpers": "^0.3.6"}, "engines": {"inkdrop": "^5.9.0"},
        "peerDependencies": {"x": "1"},
    });
    let package = read_as(&inkdrop(&manifest), &[PackageFormat::Tarball]).unwrap();
    assert_eq!((package.author, package.name.as_str()), (None, "solarized-dark-ui"));
    assert_eq!((package.kind, package.manifest), (PluginKind::Theme, manifest));
    assert_eq!(package.engines["inkdrop"], "^5.9.0");
    assert_eq!((package.dependencies.len(), package.peer_dependencies["x"].as_str()), (0, "1"));
    assert_eq!(package.readme.as_deref(), Some("# Theme\n"));
    let description = package.description;
    assert_eq!(description.author.unwrap().email.as_deref(), Some("t@inkdrop.app"));
    assert_eq!((description.display_name.as_str(), description.tags.len()), ("solarized-dark-ui", 2));
    for (theme, kind) in [(json!(true), PluginKind::Theme), (json!(""), PluginKind::Plugin)] {
        let manifest = json!({"name": "a", "version": "1.0.0", "theme": theme});
        assert_eq!(read_as(&inkdrop(&manifest), &ALL).unwrap().kind, kind);
    }
}

#[test]
fn a_plugin_of_backstage_is_read() {
    let manifest = json!({
        "name": "catalog-backend", "version": "1.2.3-rc.1", "displayName": "Catalog Backend",
        "description": "Backend plugin for the catalog", "longDescription": "# More\nof it",
        "author": {"name": "Spotify", "email": "backstage@spotify.com", "url": "https://spotify.com"},
        "category": "backend", "tags": ["catalog", "core"], "icon": "https://example.com/icon.png",
        "screenshots": ["https://example.com/screenshot1.png", "javascript:x"],
        "videos": ["https://youtube.com/watch?v=xyz"], "repository": "https://github.com/backstage/backstage",
        "documentation": "https://backstage.io/docs", "changelog": "https://github.com/backstage/backstage/releases",
        "license": "Apache-2.0", "dependencies": [{"name": "@backstage/core", "version": "^1.35.0"}],
        "compatibility": {"backstage": "^1.35.0", "node": ">=18.0.0", "platform": ["linux", "darwin"]},
        "configuration": {"schema": {"type": "object"}, "defaults": {}, "examples": []},
        "permissions": ["catalog.read"], "features": ["Custom processors"],
        "support": {"email": "support@backstage.io", "issues": "https://github.com/backstage/backstage/issues"},
        "pricing": {"model": "free"},
    });
    let package = read_as(&of_json(&manifest), &ALL).unwrap();
    let description = &package.description;
    assert_eq!((package.author, package.prerelease), (None, true));
    assert_eq!(description.display_name, "Catalog Backend");
    assert_eq!(description.long_description.as_deref(), Some("# More\nof it"));
    assert_eq!(description.icon, Some(Icon::Url("https://example.com/icon.png".to_owned())));
    assert_eq!((description.screenshots.len(), description.videos.len()), (1, 1));
    assert!(description.changelog_url.is_some() && package.changelog.is_none());
    assert_eq!(description.platforms, ["linux", "darwin"]);
    assert_eq!(description.support.as_ref().unwrap().email.as_deref(), Some("support@backstage.io"));
    assert_eq!(description.pricing.as_ref().unwrap().model, "free");
    assert_eq!(
        (package.engines["backstage"].as_str(), package.engines["node"].as_str()),
        ("^1.35.0", ">=18.0.0")
    );
    assert_eq!(package.dependencies["@backstage/core"], "^1.35.0");
    assert_eq!(package.config_schema, Some(json!({"type": "object"})));
}

#[test]
fn a_plugin_of_nexus_is_read() {
    let manifest = json!({
        "name": "analytics-plugin", "version": "1.2.0", "author": "Nexus Team", "email": "team@nexus.dev",
        "entry_point": "auth_plugin:AuthPlugin", "nexus_version": ">=1.0.0", "python_version": ">=3.8",
        "dependencies": {"packages": {"pyjwt": ">=2.0.0"}, "plugins": {"auth-plugin": ">=1.0.0"}},
        "permissions": ["database:read", "http:external"], "icon": "./assets/icon.png", "prerelease": true,
        "changelog": "Faster.\nSmaller.", "homepage": "https://github.com/dnviti/auth-plugin",
        "configuration": {"batch_size": {"type": "integer", "min": 10}},
    });
    let package = read_as(&of_json(&manifest), &[PackageFormat::Zip]).unwrap();
    assert_eq!((package.engines["nexus"].as_str(), package.engines["python"].as_str()), (">=1.0.0", ">=3.8"));
    assert_eq!(
        package.dependencies.into_iter().collect::<Vec<_>>(),
        [("auth-plugin".into(), ">=1.0.0".into())]
    );
    assert_eq!(package.config_schema, Some(json!({"batch_size": {"type": "integer", "min": 10}})));
    assert_eq!((package.prerelease, package.changelog.as_deref()), (true, Some("Faster.\nSmaller.")));
    assert_eq!(package.icon.unwrap().media_type, "image/png");
    assert_eq!(package.description.author.unwrap().email.as_deref(), Some("team@nexus.dev"));
    assert_eq!(
        (package.description.display_name.as_str(), package.description.icon),
        ("analytics-plugin", None)
    );
}

#[test]
fn another_format_than_is_wanted_is_named_beside_those_that_are() {
    let manifest = json!({"name": "a", "version": "1.0.0"});
    let page = b"<!DOCTYPE html><html></html>".to_vec();
    for (bytes, wanted, found) in [
        (dify(), vec![PackageFormat::Lbpkg, PackageFormat::Zip], "a package of Dify"),
        (langbot(), vec![PackageFormat::Difypkg], "a package of LangBot"),
        (of_json(&manifest), vec![PackageFormat::Lbpkg], "a ZIP file with manifest.json"),
        (inkdrop(&manifest), vec![PackageFormat::Difypkg], "a gzipped tar"),
        (dify(), vec![PackageFormat::Tarball], "a ZIP file"),
        (page, vec![PackageFormat::Tarball], "a web page"),
        (b"text".to_vec(), ALL.to_vec(), "neither a ZIP file nor a gzipped tar"),
        (Vec::new(), ALL.to_vec(), "neither a ZIP file nor a gzipped tar"),
    ] {
        let failure = read_as(&bytes, &wanted).unwrap_err();
        assert_eq!(failure.reason, Reason::PackageInvalid);
        assert!(failure.message.starts_with(&format!("The file is {found}")), "{failure}");
        for format in wanted {
            assert!(failure.message.contains(described(format)), "{failure}");
        }
    }
}

#[test]
fn two_manifests_are_one_too_many_and_none_is_too_few() {
    let both = with_manifest("manifest.yaml", DIFY, &[("manifest.json", b"{}")]);
    assert_eq!(refused(&both).reason, Reason::PackageAmbiguous);
    let two = with_manifest("manifest.yaml", LANGBOT, &[("manifest.yml", b"a: 1")]);
    assert_eq!(refused(&two).reason, Reason::PackageAmbiguous);
    let one_of_two = format!("{LANGBOT}type: plugin\n");
    assert_eq!(refused(&with_manifest("manifest.yaml", &one_of_two, &[])).reason, Reason::PackageAmbiguous);
    for (name, text) in [
        ("x/manifest.yaml", DIFY),
        ("manifest.yml", DIFY),
        ("manifest.yaml", "kind: Plugin\n"),
        ("manifest.yaml", "a: 1\n"),
        ("manifest.yaml", "- a\n"),
        ("manifest.yaml", "type: bundle\nauthor: a\nname: b\nversion: 1.0.0\n"),
        ("Manifest.json", "{}"),
    ] {
        assert_eq!(refused(&with_manifest(name, text, &[])).reason, Reason::ManifestInvalid, "{name} {text}");
    }
}

#[test]
fn a_version_that_is_none_is_refused_with_what_one_looks_like() {
    let dify = with_manifest("manifest.yaml", &DIFY.replace("0.0.9", "0.0.9-a_b"), &[]);
    let langbot = with_manifest("manifest.yaml", &LANGBOT.replace("0.1.0", "1.0"), &[]);
    let manifest = json!({"name": "a", "version": "v1.0.0"});
    for bytes in [dify, langbot, of_json(&manifest), inkdrop(&manifest)] {
        let failure = refused(&bytes);
        assert_eq!(failure.reason, Reason::ManifestInvalid);
        assert!(failure.message.contains("such as 1.2.3"), "{failure}");
    }
}

#[test]
fn names_that_no_plugin_has_are_refused() {
    for name in
        [json!("@scope/a"), json!("../a"), json!("health"), json!(7), json!(null), json!("a".repeat(129))]
    {
        let manifest = json!({"name": name, "version": "1.0.0"});
        for bytes in [of_json(&manifest), inkdrop(&manifest)] {
            assert_eq!(refused(&bytes).reason, Reason::ManifestInvalid, "{name}");
        }
    }
    let authorless = with_manifest("manifest.yaml", &LANGBOT.replace("  author: RockChinQ\n", ""), &[]);
    assert_eq!(refused(&authorless).message, "manifest.yaml is missing or invalid: there is no author in it");
}

#[test]
fn manifests_that_cannot_be_kept_are_refused() {
    let nul = DIFY.replace("[agent]", "[\"a\\0\"]");
    let large = format!("{LANGBOT}more: \"{}\"\n", "x".repeat(300 * 1024));
    let deep = format!("{LANGBOT}more: {}{}\n", "[".repeat(70), "]".repeat(70));
    // Of numbers, so that it is not refused for its density.
    let noise: String =
        (0..200_000).map(|number: u32| number.wrapping_mul(0x9e37_79b9).to_string()).collect();
    let huge = format!("{LANGBOT}#{noise}\n");
    for text in [nul, large, deep, huge, DIFY.replace("tags:", "name: other\ntags:")] {
        assert_eq!(refused(&with_manifest("manifest.yaml", &text, &[])).reason, Reason::ManifestInvalid);
    }
    assert_eq!(refused(&inkdrop(&json!("a"))).reason, Reason::ManifestInvalid);
    let large = json!({"name": "a", "version": "1.0.0", "x": "x".repeat(256 * 1024)});
    assert_eq!(refused(&inkdrop(&large)).reason, Reason::ManifestInvalid);
    assert_eq!(refused(&of_json(&large)).reason, Reason::ManifestInvalid);
}

#[test]
fn each_format_has_its_own_limits() {
    let many: Vec<_> = (0..520).map(|number| format!("f{number}")).collect();
    let files = |manifest: (&str, &str)| {
        let others: Vec<_> = many.iter().map(|name| (name.as_str(), b"x".as_slice())).collect();
        with_manifest(manifest.0, manifest.1, &others)
    };
    assert_eq!(refused(&files(("manifest.yaml", LANGBOT))).reason, Reason::PackageTooLarge);
    assert!(read_as(&files(("manifest.yaml", DIFY)), &ALL).is_ok());
    let directory = SampleEntry { name: "assets/".to_owned(), ..SampleEntry::default() };
    let with_directory =
        |manifest: &str| zip_of(vec![file("manifest.yaml", manifest.as_bytes()), directory.clone()]);
    assert_eq!(refused(&with_directory(DIFY)).reason, Reason::PackageUnsafeEntry);
    assert!(read_as(&with_directory(LANGBOT), &ALL).is_ok());
}

#[test]
fn what_is_damaged_behind_the_manifest_is_found() {
    for manifest in [
        ("manifest.yaml", DIFY),
        ("manifest.yaml", LANGBOT),
        ("manifest.json", "{\"name\": \"a\", \"version\": \"1.0.0\"}"),
    ] {
        let broken = SampleEntry { crc32: Some(1), ..file("main.py", b"print()") };
        let bytes = zip_of(vec![file(manifest.0, manifest.1.as_bytes()), broken]);
        assert_eq!(refused(&bytes).reason, Reason::PackageInvalid);
    }
}

#[test]
fn an_icon_that_is_too_large_or_no_image_is_none() {
    for icon in [b"<script>".to_vec(), [SVG, &vec![b' '; 256 * 1024]].concat()] {
        let bytes = with_manifest("manifest.yaml", DIFY, &[("_assets/icon.svg", &icon)]);
        assert_eq!(read_as(&bytes, &ALL).unwrap().icon, None);
    }
}

#[tokio::test]
async fn a_package_comes_whole_through_the_child() {
    let png = [b"\x89PNG\r\n\x1a\n".as_slice(), &vec![0xff; 250 * 1024]].concat();
    let bytes = with_manifest(
        "manifest.yaml",
        DIFY,
        &[("_assets/icon.svg", &png), ("README.md", "Größe".as_bytes())],
    );
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(&bytes).unwrap();
    let reader = IsolatedReader::new(test_child());
    let package = reader.read(file.path(), &[PackageFormat::Difypkg]).await.unwrap();
    assert_eq!(package, read_as(&bytes, &ALL).unwrap());
    assert_eq!(package.icon.unwrap().bytes, png);
    let failure = reader.read(file.path(), &[PackageFormat::Tarball]).await.unwrap_err();
    assert_eq!(failure.reason, Reason::PackageInvalid);
}
