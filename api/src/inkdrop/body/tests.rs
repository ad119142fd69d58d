use std::collections::{BTreeMap, BTreeSet};

use application::queries::catalogue::{Counted, Origin};
use chrono::DateTime;
use domain::{
    plugin::{Artifact, Description, PackageFormat, PluginKind},
    values::{Dialect, Digest, PluginId},
};
use uuid::Uuid;

use super::*;
use crate::mount::Mount;

const README: &str = "# Solarized Dark UI theme for Inkdrop\n\nA theme plugin that implements the Solarized Dark theme \
                      for [Inkdrop](https://www.inkdrop.app/).\n\n![screenshot](./docs/screenshot.png)\n";

/// As the document has it.
fn package_json(version: &str, helpers: &str) -> Value {
    json!({
        "name": "solarized-dark-ui",
        "version": version,
        "theme": "ui",
        "themeAppearance": "dark",
        "type": "module",
        "description": "Solarized Dark UI Theme for Inkdrop",
        "styleSheets": ["tokens.css", "theme.css"],
        "scripts": {},
        "keywords": ["inkdrop", "markdown"],
        "repository": "https://github.com/inkdropapp/solarized-dark-ui",
        "author": "Takuya Matsuyama<t@inkdrop.app>",
        "license": "MIT",
        "devDependencies": {"@inkdropapp/theme-dev-helpers": helpers},
        "engines": {"inkdrop": "^5.9.0"},
    })
}

fn release(version: &str, manifest: Value) -> ReleaseView {
    ReleaseView {
        version: version.parse().unwrap(),
        published_at: DateTime::UNIX_EPOCH,
        artifact: Artifact {
            sha256: Digest::of_bytes([1; 32]),
            size: 1,
            format: PackageFormat::Tarball,
            content_checksum: None,
        },
        manifest,
        engines: BTreeMap::new(),
        dependencies: BTreeMap::new(),
        peer_dependencies: BTreeMap::new(),
        permissions: Vec::new(),
        config_schema: None,
        changelog: None,
        readme: Some(README.to_owned()),
        prerelease: version.contains('-'),
        yanked: None,
        quarantine: None,
    }
}

fn solarized() -> PluginView {
    let millis = |millis| DateTime::from_timestamp_millis(millis).unwrap();
    PluginView {
        id: PluginId(Uuid::from_u128(1)),
        number: 1,
        owner: None,
        publisher: "u-1".to_owned(),
        name: "solarized-dark-ui".to_owned(),
        kind: PluginKind::Theme,
        origin: Origin::Own,
        description: Description {
            repository: Some("https://github.com/inkdropapp/solarized-dark-ui".to_owned()),
            ..Description::default()
        },
        upstream: None,
        listed: BTreeSet::from([Dialect::Inkdrop]),
        releases: vec![
            release("1.1.0", package_json("1.1.0", "^0.3.7")),
            release("1.0.1", package_json("1.0.1", "^0.3.7")),
            release("1.0.0", package_json("1.0.0", "^0.3.6")),
        ],
        verified: None,
        featured: false,
        deprecated: None,
        quarantine: None,
        removed: None,
        imported: None,
        created_at: millis(1_729_823_404_936),
        updated_at: millis(1_737_444_676_099),
        counted: Counted { downloads: 712, ..Counted::default() },
    }
}

/// Of the host that the document's own links lead to.
fn links() -> Links {
    Links::to("https://api.inkdrop.app", Mount::ROOT)
}

fn released(version: &str, helpers: &str) -> Value {
    let mut whole = package_json(version, helpers);
    let path = format!("/v1/packages/solarized-dark-ui/versions/{version}/tarball");
    whole["dist"] = json!({"tarball": format!("https://api.inkdrop.app{path}")});
    whole
}

#[test]
fn the_package_of_the_document_is_written_as_it_writes_it() {
    let whole = whole(&solarized(), &links());
    let expected = json!({
        "name": "solarized-dark-ui",
        "created_at": 1_729_823_404_936_i64,
        "updated_at": 1_737_444_676_099_i64,
        "repository": "inkdropapp/solarized-dark-ui",
        "downloads": 712,
        "stargazers_count": 0,
        "releases": {"latest": "1.1.0"},
        "versions": {
            "1.0.0": released("1.0.0", "^0.3.6"),
            "1.0.1": released("1.0.1", "^0.3.7"),
            "1.1.0": released("1.1.0", "^0.3.7"),
        },
        "readme": README,
        "metadata": package_json("1.1.0", "^0.3.7"),
    });
    assert_eq!(whole, expected);
    assert_eq!(version("solarized-dark-ui", &solarized().releases[0], &links()), released("1.1.0", "^0.3.7"));
    let mut in_a_list = expected;
    in_a_list.as_object_mut().unwrap().remove("versions");
    assert_eq!(listed(&solarized()), in_a_list);
}

#[test]
fn what_a_publisher_writes_never_stands_for_what_is_ours() {
    let mut view = solarized();
    let mut manifest = package_json("1.1.0", "^0.3.7");
    for hidden in ["_id", "_rev", "owner"] {
        manifest[hidden] = "x".into();
    }
    manifest["dist"] = json!({"tarball": "https://elsewhere.example/x.tgz"});
    view.releases[0].manifest = manifest;
    assert_eq!(whole(&view, &links()), whole(&solarized(), &links()));
}

#[test]
fn what_is_yanked_or_held_back_is_chosen_by_nobody() {
    let mut view = solarized();
    view.releases.insert(0, release("2.0.0-beta.1", package_json("2.0.0-beta.1", "^0.3.7")));
    view.releases[1].quarantine = Some("waits".to_owned());
    let body = whole(&view, &links());
    assert_eq!(body["releases"]["latest"], "1.0.1", "a pre-release is not the latest");
    let versions: Vec<&String> = body["versions"].as_object().unwrap().keys().collect();
    assert_eq!(versions, ["1.0.0", "1.0.1", "2.0.0-beta.1"]);
    for release in &mut view.releases {
        release.quarantine = Some("waits".to_owned());
    }
    let body = whole(&view, &links());
    assert_eq!((&body["releases"]["latest"], &body["metadata"]), (&Value::Null, &json!({})));
}

#[test]
fn a_repository_is_told_as_owner_and_name_whatever_form_it_has() {
    for form in [
        "inkdropapp/solarized-dark-ui",
        "github:inkdropapp/solarized-dark-ui",
        "https://github.com/inkdropapp/solarized-dark-ui",
        "https://github.com/inkdropapp/solarized-dark-ui/#readme",
        "git+https://github.com/inkdropapp/solarized-dark-ui.git",
        "git@github.com:inkdropapp/solarized-dark-ui.git",
        "ssh://git@github.com/inkdropapp/solarized-dark-ui.git",
    ] {
        assert_eq!(owner_and_name(form).as_deref(), Some("inkdropapp/solarized-dark-ui"), "{form}");
    }
    for form in ["", "solarized", "https://github.com", "https://github.com/", "/", "x.git"] {
        assert_eq!(owner_and_name(form), None, "{form}");
    }
}
