//! A host behind the door, and packages for it.

use application::ports::packages::Package;
use axum::http::Method;
use domain::{plugin::PackageFormat, values::Role};
use serde_json::{Value, json};

use super::door;
use crate::fakes::{
    ADMIN,
    door::{Door, Heard},
    shelf::{packed, prepared},
};

pub(super) struct Host {
    pub(super) door: Door,
}

impl Host {
    pub(super) fn new() -> Self {
        Self { door: door() }
    }

    /// With the analytics plugin of the document, enabled.
    pub(super) async fn with_analytics() -> Self {
        let host = Self::new();
        let installed = host.install(&analytics("1.2.0")).await;
        assert_eq!(installed.status, 200, "{installed:?}");
        host
    }

    /// Puts it where it can be fetched, and says where.
    pub(super) fn serve(&self, package: &Package) -> String {
        let url = format!("https://plugins.example.org/{}-{}.zip", package.name, package.version);
        self.door.fakes().serve(&url, packed(package));
        url
    }

    pub(super) async fn install(&self, package: &Package) -> Heard {
        self.install_with(package, json!({})).await
    }

    pub(super) async fn install_with(&self, package: &Package, more: Value) -> Heard {
        let mut body = json!({"source": "url", "download_url": self.serve(package)});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.post("/install", &body).await
    }

    pub(super) async fn get(&self, tail: &str) -> Heard {
        self.say(Method::GET, tail, &Value::Null).await
    }

    pub(super) async fn post(&self, tail: &str, body: &Value) -> Heard {
        self.say(Method::POST, tail, body).await
    }

    pub(super) async fn put(&self, tail: &str, body: &Value) -> Heard {
        self.say(Method::PUT, tail, body).await
    }

    pub(super) async fn delete(&self, tail: &str) -> Heard {
        self.say(Method::DELETE, tail, &Value::Null).await
    }

    async fn say(&self, method: Method, tail: &str, body: &Value) -> Heard {
        self.door.say(method, &format!("/api/v1/plugins{tail}"), ADMIN, body).await
    }

    /// The same of somebody who is no admin.
    pub(super) async fn as_user(&self, method: Method, tail: &str, body: &Value) -> Heard {
        let (_, user) = self.door.key(Role::User).await;
        self.door.say(method, &format!("/api/v1/plugins{tail}"), &user, body).await
    }
}

pub(super) fn data(heard: &Heard) -> &Value {
    assert_eq!(heard.status, 200, "{heard:?}");
    &heard.body["data"]
}

/// Status and code of a refusal; its details are an object.
pub(super) fn refused(heard: &Heard) -> (u16, &str) {
    assert!(heard.body["error"]["details"].is_object(), "{heard:?}");
    (heard.status, heard.body["error"]["code"].as_str().unwrap())
}

pub(super) fn zip(name: &str, version: &str) -> Package {
    let mut package = prepared(PackageFormat::Zip, None, name, version);
    package.manifest = json!({"name": name, "version": version, "entry_point": "main.py"});
    package
}

/// The plugin of the document.
pub(super) fn analytics(version: &str) -> Package {
    let mut package = zip("analytics-plugin", version);
    package.manifest = json!({
        "name": "analytics-plugin",
        "version": version,
        "display_name": "Analytics Plugin",
        "description": "Counts what happens",
        "author": {"name": "Nexus Team", "email": "team@nexus.dev"},
        "homepage": "https://github.com/dnviti/analytics-plugin",
        "category": "monitoring",
        "tags": ["events", 7, "numbers"],
        "license": "MIT",
        "entry_point": "analytics:Plugin",
        "nexus_version": ">=1.0.0",
        "dependencies": {"packages": {"numpy": ">=2"}},
        "api_endpoints": ["/api/v1/a", {"path": "/api/v1/b", "methods": ["GET"], "description": "B"}, 7],
        "events": {"publishes": ["a.done"], "subscribes": [{"type": "user.login", "description": "L"}]},
    });
    package.permissions = ["database:read", "http:external"].map(str::to_owned).to_vec();
    package.config_schema = Some(json!({
        "batch_size": {"type": "integer", "default": 50, "min": 10, "max": 1000},
        "flush_interval": {"type": "integer", "default": 30},
        "api_key": {"type": "string", "secret": true},
        "seed": {"type": "string", "secret": true, "default": "s"},
    }));
    package
}
