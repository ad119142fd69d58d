//! `plugyard seed`: the documents' own examples come back, a second run changes nothing, and read models made again
//! show the same.

use plugyard_tests::{Plan, Yard};
use serde_json::{Value, json};

/// A yard with the demonstration catalogue, and what the command said.
async fn seeded() -> (Yard, Value) {
    let yard = Plan::default().set("PLUGYARD_PUBLIC_URL", "https://api.inkdrop.app").start().await;
    let told = seed(&yard, &[]).await;
    (yard, told)
}

async fn seed(yard: &Yard, more: &[&str]) -> Value {
    let told = yard.command(&[&["seed", "--json"], more].concat()).await.json();
    yard.settle().await;
    told
}

async fn read(yard: &Yard, path: &str) -> Value {
    yard.get(path).await.expect(200).json()
}

/// Everything that the document shows must be there; what it does not show may be there too. Places that say `...` may
/// hold anything.
fn contains(actual: &Value, expected: &Value, place: &str) {
    match (actual, expected) {
        (_, Value::String(text)) if text == "..." => assert!(!actual.is_null(), "{place} is missing"),
        (Value::Object(actual), Value::Object(expected)) => {
            for (key, expected) in expected {
                let there = actual.get(key).unwrap_or_else(|| panic!("{place}.{key} is missing"));
                contains(there, expected, &format!("{place}.{key}"));
            }
        }
        (Value::Array(actual), Value::Array(expected)) => {
            assert_eq!(actual.len(), expected.len(), "{place}: {actual:?}");
            for (nth, (actual, expected)) in actual.iter().zip(expected).enumerate() {
                contains(actual, expected, &format!("{place}[{nth}]"));
            }
        }
        (Value::Number(actual), Value::Number(expected)) => {
            assert_eq!(actual.as_f64(), expected.as_f64(), "{place}");
        }
        (actual, expected) => assert_eq!(actual, expected, "{place}"),
    }
}

#[tokio::test]
async fn the_examples_of_dify_come_back() {
    let (yard, _) = seeded().await;
    let agent = read(&yard, "/api/v1/marketplace/plugins/langgenius/agent").await;
    let expected = json!({
        "name": "agent",
        "author": "langgenius",
        "display_name": "Agent Plugin",
        "description": "Enables agent capabilities in Dify",
        "category": "agent",
        "tags": ["agent", "llm", "ai"],
        "latest_version": "0.0.9",
        "icon_url": "...",
        "created_at": "2024-01-01T00:00:00Z",
        "updated_at": "2024-01-15T00:00:00Z",
        "download_count": 1234,
        "rating": 4.5,
        "verified": true,
        "readme": "# Agent Plugin\n\nThis plugin enables...",
        "license": "MIT",
        "homepage_url": "https://github.com/langgenius/agent",
        "repository_url": "https://github.com/langgenius/agent",
        "available_versions": [
            {"version": "0.0.9", "created_at": "2024-01-15T00:00:00Z", "changelog": "Bug fixes and improvements"},
            {"version": "0.0.8", "created_at": "2024-01-01T00:00:00Z", "changelog": "Initial release"},
        ],
        "dependencies": {"requests": ">=2.25.0", "pydantic": ">=2.0.0"},
    });
    contains(&agent, &expected, "agent");
    let versions = read(&yard, "/api/v1/marketplace/plugins/langgenius/agent/versions").await;
    let expected = json!({"versions": [
        {"version": "0.0.9", "created_at": "2024-01-15T00:00:00Z", "changelog": "Bug fixes and improvements",
            "download_count": 500},
        {"version": "0.0.8", "created_at": "2024-01-01T00:00:00Z", "changelog": "Initial release",
            "download_count": 734},
    ]});
    contains(&versions, &expected, "versions");
}

#[tokio::test]
async fn the_example_of_inkdrop_comes_back() {
    let (yard, _) = seeded().await;
    let package = read(&yard, "/v1/packages/solarized-dark-ui").await;
    let manifest = |version: &str, helpers: &str| {
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
    };
    let released = |version: &str, helpers: &str| {
        let mut released = manifest(version, helpers);
        let place = format!("/v1/packages/solarized-dark-ui/versions/{version}/tarball");
        released["dist"] = json!({"tarball": format!("https://api.inkdrop.app{place}")});
        released
    };
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
        "readme": "# Solarized Dark UI theme for Inkdrop\n\nA theme plugin that implements the Solarized Dark theme for [Inkdrop](https://www.inkdrop.app/).\n\n![screenshot](./docs/screenshot.png)\n",
        "metadata": manifest("1.1.0", "^0.3.7"),
    });
    assert_eq!(package, expected);
    let version = read(&yard, "/v1/packages/solarized-dark-ui/versions/1.1.0").await;
    assert_eq!(version, released("1.1.0", "^0.3.7"));
}

#[tokio::test]
async fn the_examples_of_backstage_come_back() {
    let (yard, told) = seeded().await;
    assert!(told["plugins"].as_u64().is_some_and(|plugins| plugins >= 15), "{told}");
    assert!(told["events"].as_u64() > told["plugins"].as_u64(), "{told}");
    let list = read(&yard, "/api/marketplace/v1/plugins").await;
    assert_eq!(list["links"]["self"], "/api/marketplace/v1/plugins?page=1&limit=20");
    let item = json!({
        "id": "plugin_123",
        "name": "catalog-backend",
        "displayName": "Catalog Backend",
        "description": "Backend plugin for the catalog",
        "version": "1.2.3",
        "author": {"name": "Spotify", "email": "backstage@spotify.com", "url": "https://spotify.com"},
        "category": "backend",
        "tags": ["catalog", "backend", "core"],
        "icon": "https://example.com/icon.png",
        "verified": true,
        "featured": false,
        "rating": {"average": 4.5, "count": 128},
        "downloads": 50000,
        "compatibility": {"backstage": "^1.35.0", "node": ">=18.0.0", "platform": ["linux", "darwin", "win32"]},
        "pricing": {"model": "free"},
    });
    contains(&list["data"][0], &item, "data[0]");
    let details = read(&yard, "/api/marketplace/v1/plugins/plugin_123").await;
    contains(&details, &details_of_plugin_123(), "details");
    let stats = read(&yard, "/api/marketplace/v1/plugins/plugin_123/stats").await;
    let usage = json!({"installations": 5000, "activeInstallations": 4500, "dailyActiveUsers": 10000,
        "apiCalls": {"daily": 1_000_000, "weekly": 7_000_000, "monthly": 30_000_000}});
    contains(&stats["data"]["usage"], &usage, "usage");
    let second = read(&yard, "/api/marketplace/v1/plugins/plugin_124").await;
    assert_eq!(second["data"]["version"], "1.0.0");
}

fn details_of_plugin_123() -> Value {
    json!({
        "data": {
            "id": "plugin_123",
            "name": "catalog-backend",
            "displayName": "Catalog Backend",
            "description": "Backend plugin for the catalog",
            "longDescription": "Extended description with markdown support...",
            "version": "1.2.3",
            "author": {"id": "author_456", "name": "Spotify", "email": "backstage@spotify.com", "verified": true},
            "category": "backend",
            "tags": ["catalog", "backend", "core"],
            "screenshots": ["https://example.com/screenshot1.png", "https://example.com/screenshot2.png"],
            "videos": ["https://youtube.com/watch?v=xyz"],
            "repository": "https://github.com/backstage/backstage",
            "documentation": "https://backstage.io/docs",
            "changelog": "https://github.com/backstage/backstage/releases",
            "license": "Apache-2.0",
            "verified": true,
            "featured": false,
            "rating": {
                "average": 4.5,
                "count": 128,
                "distribution": {"5": 75, "4": 35, "3": 12, "2": 4, "1": 2},
                "reviews": [{
                    "id": "review_789",
                    "rating": 5,
                    "title": "Excellent plugin!",
                    "review": "Works perfectly with our setup...",
                    "user": {"id": "user_101", "name": "John Doe", "avatar": "https://example.com/avatar.png"},
                    "createdAt": "2024-08-01T10:00:00Z",
                    "helpful": 45,
                }],
            },
            "downloads": {"total": 50000, "monthly": 5000, "weekly": 1200, "daily": 180},
            "versions": [{
                "version": "1.2.3",
                "releaseDate": "2024-08-01T00:00:00Z",
                "changelog": "Bug fixes and improvements",
                "compatibility": {"backstage": "^1.35.0"},
            }],
            "dependencies": [{"name": "@backstage/core", "version": "^1.35.0"}],
            "configuration": {"schema": {}, "defaults": {}, "examples": []},
            "permissions": ["catalog.read", "catalog.write"],
            "features": ["Automatic entity discovery", "Custom processors", "API integration"],
            "support": {
                "email": "support@backstage.io",
                "documentation": "https://backstage.io/docs",
                "issues": "https://github.com/backstage/backstage/issues",
            },
            "stats": {
                "stars": 25000,
                "forks": 5000,
                "issues": 234,
                "contributors": 450,
                "lastCommit": "2024-08-07T09:00:00Z",
            },
        },
        "links": {
            "self": "/api/marketplace/v1/plugins/plugin_123",
            "install": "/api/marketplace/v1/plugins/plugin_123/install",
            "reviews": "/api/marketplace/v1/plugins/plugin_123/reviews",
            "versions": "/api/marketplace/v1/plugins/plugin_123/versions",
        },
    })
}

#[tokio::test]
async fn the_plugin_of_langbot_is_in_the_space() {
    let (yard, _) = seeded().await;
    let versions = read(&yard, "/space/api/v1/marketplace/plugins/langbot-team/LocalAgent/versions").await;
    assert_eq!(versions["data"]["versions"][0]["version"], "0.1.7", "{versions}");
    let path = "/space/api/v1/marketplace/plugins/download/langbot-team/LocalAgent/0.1.7";
    let package = yard.get(path).await.expect(200);
    assert!(package.body.starts_with(b"PK"));
}

#[tokio::test]
async fn a_second_seed_changes_nothing_and_says_so() {
    let (yard, first) = seeded().await;
    let before = yard.database().number("select count(*) from es.events").await;
    let second = seed(&yard, &[]).await;
    assert_eq!(second["events"], 0, "{second}");
    assert_eq!(second["plugins"], 0);
    assert_eq!(second["unchanged_releases"], first["releases"]);
    assert_eq!(yard.database().number("select count(*) from es.events").await, before);
    let said = yard.command(&["seed"]).await.out;
    assert!(said.starts_with("Nothing changed"), "{said}");
}

#[tokio::test]
async fn read_models_made_again_show_the_same_catalogue() {
    let (yard, _) = seeded().await;
    let paths = [
        "/api/v1/marketplace/plugins/langgenius/agent",
        "/v1/packages/solarized-dark-ui",
        "/v1/packages",
        "/space/api/v1/marketplace/plugins/langbot-team/LocalAgent",
    ];
    let everything = async || {
        let mut shown = Vec::new();
        for path in paths {
            shown.push(read(&yard, path).await);
        }
        shown.push(read(&yard, "/api/marketplace/v1/plugins").await["data"].take());
        shown.push(read(&yard, "/api/marketplace/v1/plugins/plugin_123").await["data"].take());
        shown
    };
    let before = everything().await;
    for model in ["catalogue", "publishers", "reviews", "activity", "repositories"] {
        let told = yard.command(&["projections", "rebuild", model]).await.json();
        assert_eq!(told["same_as_before"], true, "{model}: {told}");
    }
    assert_eq!(everything().await, before);
}

#[tokio::test]
async fn synthetic_plugins_are_the_same_for_the_same_seed_and_written_once() {
    let yard = Yard::start().await;
    let first = seed(&yard, &["--synthetic", "120", "--seed", "7"]).await;
    assert_eq!(first["plugins"], 120, "{first}");
    assert!(first["releases"].as_u64().is_some_and(|releases| releases > 200), "{first}");
    assert!(first["events_per_second"].as_f64() > Some(1.0), "{first}");
    let again = seed(&yard, &["--synthetic", "120", "--seed", "7"]).await;
    assert_eq!((&again["plugins"], &again["events"]), (&json!(0), &json!(0)), "{again}");
    let others = seed(&yard, &["--synthetic", "10", "--seed", "8"]).await;
    assert_eq!(others["plugins"], 10, "{others}");
    yard.command(&["events", "verify"]).await;
    let (one, other) = (Yard::start().await, Yard::start().await);
    let mut names = Vec::new();
    for yard in [&one, &other] {
        seed(yard, &["--synthetic", "40", "--seed", "3"]).await;
        names.push(read(yard, "/v1/packages").await);
    }
    assert_eq!(names[0].as_array().map(Vec::len), names[1].as_array().map(Vec::len));
    assert!(names[0].as_array().is_some_and(|list| !list.is_empty()));
    let of = |list: &Value| -> Vec<Value> {
        list.as_array().into_iter().flatten().map(|one| json!([one["name"], one["downloads"]])).collect()
    };
    assert_eq!(of(&names[0]), of(&names[1]));
}
