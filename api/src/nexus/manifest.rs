//! What a manifest says of its plugin, in the spellings that are found: everything in it is the author's word.

use domain::{installation::InstalledRelease, values::PublisherName};
use serde_json::{Value, json};

const MOST: usize = 1_000;

pub(super) struct Manifest<'a> {
    release: &'a InstalledRelease,
}

impl<'a> Manifest<'a> {
    pub(super) fn of(release: &'a InstalledRelease) -> Self {
        Self { release }
    }

    fn whole(&self) -> &'a Value {
        &self.release.manifest
    }

    /// The first of these members that is a text, or a text in English.
    fn text(&self, names: &[&str]) -> Option<&'a str> {
        let places = [self.whole(), &self.whole()["metadata"]];
        let members = places.into_iter().flat_map(|place| names.iter().map(|name| &place[*name]));
        let texts = members.filter_map(|member| member.as_str().or_else(|| member["en_US"].as_str()));
        texts.map(str::trim).find(|text| !text.is_empty())
    }

    pub(super) fn name(&self) -> &'a str {
        let said = self.text(&["display_name", "displayName", "label"]);
        said.unwrap_or(self.release.name.name.as_str())
    }

    pub(super) fn description(&self) -> &'a str {
        self.text(&["description"]).unwrap_or_default()
    }

    pub(super) fn category(&self) -> Option<&'a str> {
        self.text(&["category"])
    }

    pub(super) fn author(&self) -> Option<&'a str> {
        let named = self.release.name.author.as_ref().map(PublisherName::as_str);
        self.text(&["author"]).or_else(|| self.whole()["author"]["name"].as_str()).or(named)
    }

    pub(super) fn email(&self) -> Option<&'a str> {
        self.text(&["email", "author_email"]).or_else(|| self.whole()["author"]["email"].as_str())
    }

    pub(super) fn homepage(&self) -> Option<&'a str> {
        self.text(&["homepage", "repository", "repo"])
    }

    pub(super) fn tags(&self) -> Vec<&'a str> {
        listed(&self.whole()["tags"]).filter_map(Value::as_str).collect()
    }

    pub(super) fn in_short(&self) -> Value {
        json!({
            "entry_point": self.text(&["entry_point", "main"])
                .or_else(|| self.whole()["meta"]["runner"]["entrypoint"].as_str()),
            "nexus_version": self.range("nexus_version"),
            "license": self.text(&["license"]),
        })
    }

    pub(super) fn in_full(&self) -> Value {
        let packages = self.whole()["dependencies"]["packages"].as_object().cloned().unwrap_or_default();
        let mut manifest = self.in_short();
        manifest["python_version"] = json!(self.range("python_version"));
        manifest["dependencies"] = json!({
            "packages": packages,
            "plugins": self.release.dependencies,
        });
        manifest
    }

    fn range(&self, name: &str) -> Option<&'a str> {
        self.text(&[name]).or_else(|| self.whole()["compatibility"][name].as_str())
    }

    pub(super) fn paths(&self) -> Vec<&'a str> {
        self.endpoints().filter_map(|one| one.as_str().or_else(|| one["path"].as_str())).collect()
    }

    pub(super) fn endpoints_in_full(&self) -> Vec<Value> {
        let endpoints = self.endpoints().filter_map(|one| {
            let path = one.as_str().or_else(|| one["path"].as_str())?;
            let one_method = one["method"].as_str().into_iter();
            let methods: Vec<&str> =
                listed(&one["methods"]).filter_map(Value::as_str).chain(one_method).collect();
            let description = one["description"].as_str().unwrap_or_default();
            Some(json!({"path": path, "methods": methods, "description": description}))
        });
        endpoints.collect()
    }

    fn endpoints(&self) -> impl Iterator<Item = &'a Value> {
        listed(&self.whole()["api_endpoints"])
    }

    /// Their types.
    pub(super) fn events(&self) -> Value {
        json!({"emits": names(self.emitted()), "subscribes": names(self.subscribed())})
    }

    pub(super) fn events_in_full(&self) -> Value {
        json!({"emits": described(self.emitted()), "subscribes": described(self.subscribed())})
    }

    fn emitted(&self) -> &'a Value {
        let events = &self.whole()["events"];
        if events["emits"].is_array() { &events["emits"] } else { &events["publishes"] }
    }

    fn subscribed(&self) -> &'a Value {
        &self.whole()["events"]["subscribes"]
    }
}

fn listed(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten().take(MOST)
}

fn type_of(event: &Value) -> Option<&str> {
    event.as_str().or_else(|| event["type"].as_str()).or_else(|| event["name"].as_str())
}

fn names(events: &Value) -> Vec<&str> {
    listed(events).filter_map(type_of).collect()
}

fn described(events: &Value) -> Vec<Value> {
    let described = |event: &Value| {
        let description = event["description"].as_str().unwrap_or_default();
        type_of(event).map(|kind| json!({"type": kind, "description": description}))
    };
    listed(events).filter_map(described).collect()
}
