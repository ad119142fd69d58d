//! What synthetic plugins say of themselves: a description, a manifest in each format, a readme.

use std::collections::BTreeSet;

use domain::{
    plugin::{Author, Description, PackageFormat, Pricing},
    values::Dialect,
};
use serde_json::{Value, json};

use super::{
    dice::Dice,
    words::{BACKSTAGE, DIFY, ENDS, LICENSES, NEXUS, SPACE, TAGS, VERBS},
};

pub(super) type Words = (&'static str, &'static str, &'static str);

pub(super) fn description(
    dice: &mut Dice,
    (first, second, third): Words,
    name: &str,
    publisher: &str,
    dialects: &BTreeSet<Dialect>,
) -> Description {
    let categories: &[&str] = match dialects.first() {
        Some(Dialect::Dify) => &DIFY,
        Some(Dialect::Backstage) => &BACKSTAGE,
        Some(Dialect::Nexus) => &NEXUS,
        Some(Dialect::Space) => &SPACE,
        Some(Dialect::Inkdrop | Dialect::Langbot | Dialect::Yard | Dialect::Cli | Dialect::System) | None => {
            &[]
        }
    };
    let mut tags: Vec<String> = (0..=dice.below(4)).map(|_| dice.pick(&TAGS).to_owned()).collect();
    tags.sort_unstable();
    tags.dedup();
    let paid = dice.one_in(12);
    Description {
        display_name: [first, second, third].map(capital).join(" "),
        summary: format!("{} {second}s {}", dice.pick(&VERBS), dice.pick(&ENDS)),
        author: Some(Author { name: publisher.to_owned(), email: None, url: None }),
        category: (!categories.is_empty()).then(|| dice.pick(categories).to_owned()),
        tags,
        homepage: Some(format!("https://example.com/{name}")),
        repository: Some(format!("https://github.com/{publisher}/{name}")),
        license: Some(dice.pick(&LICENSES).to_owned()),
        pricing: Some(Pricing {
            model: if paid { "subscription" } else { "free" }.to_owned(),
            price: paid.then_some(9.5),
            currency: paid.then(|| "USD".to_owned()),
        }),
        ..Description::default()
    }
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

pub(super) fn manifest(format: PackageFormat, name: &str, version: &str, description: &Description) -> Value {
    let author = description.author.as_ref().map(|author| author.name.clone()).unwrap_or_default();
    match format {
        PackageFormat::Tarball => json!({
            "name": name, "version": version, "description": description.summary, "keywords": description.tags,
            "author": author, "license": description.license, "engines": {"inkdrop": "^5.9.0"},
        }),
        PackageFormat::Zip => json!({
            "name": name, "version": version, "displayName": description.display_name,
            "description": description.summary, "author": author, "category": description.category,
            "compatibility": {"backstage": "^1.35.0"},
        }),
        PackageFormat::Difypkg => json!({
            "type": "plugin", "author": author, "name": name, "version": version,
            "label": {"en_US": description.display_name}, "description": {"en_US": description.summary},
        }),
        PackageFormat::Lbpkg => json!({
            "apiVersion": "v1", "kind": "Plugin",
            "metadata": {"author": author, "name": name, "version": version,
                "label": {"en_US": description.display_name}, "description": {"en_US": description.summary}},
        }),
    }
}

pub(super) fn readme(description: &Description) -> String {
    format!(
        "# {}\n\n{}.\n\n## Usage\n\nInstall it, open the settings and choose what it should do. Tags: {}.\n",
        description.display_name,
        description.summary,
        description.tags.join(", ")
    )
}
