//! What could be installed, and where it comes from.

use std::sync::Arc;

use application::queries::{
    catalogue::{Card, CatalogueQueries, Find, Order, Sort},
    repositories::{RepositoryQueries, RepositoryView},
};
use axum::{extract::State, http::Uri};
use domain::values::Dialect;
use serde_json::{Value, json};

use super::moment;
use crate::{fields::Fields, refusal::Refusal, voice::Said};

const LONGEST: usize = 256;
const MOST_STARS: f64 = 5.0;
const SORTS: [&str; 4] = ["name", "rating", "downloads", "updated"];
const SHOWN: u32 = 20;
const MOST_SHOWN: u32 = 100;
const LAST_PAGE: u32 = 1_000_000_000;
/// The kind of repositories whose plugins are of this format.
const KIND: &str = "nexus";

pub(super) async fn search(
    State(catalogue): State<Arc<dyn CatalogueQueries>>,
    uri: Uri,
) -> Result<Said, Refusal> {
    let find = find(&uri)?;
    let found = catalogue.find(&find).await?;
    let plugins: Vec<Value> = found.cards.iter().map(plugin).collect();
    let seen = find.offset + u64::from(find.limit);
    Ok(Said::ok(json!({
        "plugins": plugins,
        "pagination": {
            "page": find.offset / u64::from(find.limit) + 1,
            "per_page": find.limit,
            "total": found.total,
            "has_next": seen < found.total,
        },
    })))
}

pub(super) async fn repositories(
    State(repositories): State<Arc<dyn RepositoryQueries>>,
) -> Result<Said, Refusal> {
    let all = repositories.all().await?;
    let own = all.iter().filter(|repository| repository.kind == KIND);
    Ok(Said::ok(json!({"repositories": own.map(repository).collect::<Vec<_>>()})))
}

fn find(uri: &Uri) -> Result<Find, Refusal> {
    let mut fields = Fields::of_query(uri);
    fields.one_of("sort", &SORTS);
    let mut word = |name| {
        let text = fields.short_text(name, LONGEST).map(|text| text.trim().to_owned());
        text.filter(|text| !text.is_empty())
    };
    let (text, category, author) = (word("query"), word("category"), word("author"));
    let sort = fields.text("sort");
    let min_rating = fields.decimal("min_rating", 0.0, MOST_STARS);
    let page = fields.count("page", LAST_PAGE).unwrap_or(1);
    let limit = fields.count("per_page", MOST_SHOWN).unwrap_or(SHOWN);
    fields.well_formed()?;
    let by = match sort.as_deref() {
        Some("name") => Sort::Name,
        Some("rating") => Sort::Rating,
        Some("updated") => Sort::Updated,
        Some(_) => Sort::Downloads,
        None => Sort::Relevance,
    };
    Ok(Find {
        text,
        // No publisher has a blank in its name: `Community Dev` publishes as `community-dev`.
        publisher: author.map(|author| author.replace(' ', "-")),
        categories: category.into_iter().collect(),
        tags: tags(uri),
        min_rating,
        order: Order { by, descending: by != Sort::Name },
        offset: u64::from(page - 1) * u64::from(limit),
        limit,
        upstream: true,
        ..Find::in_dialect(Dialect::Nexus)
    })
}

/// Repeated, or in one with commas between them.
fn tags(uri: &Uri) -> Vec<String> {
    let pairs = url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
    let given = pairs.filter(|(name, _)| name == "tags" || name == "tags[]");
    let words =
        given.flat_map(|(_, value)| value.split(',').map(|tag| tag.trim().to_owned()).collect::<Vec<_>>());
    words.filter(|tag| !tag.is_empty()).collect()
}

fn plugin(card: &Card) -> Value {
    let author = card.author.as_ref().map_or(&card.publisher, |author| &author.name);
    let name = if card.display_name.is_empty() { &card.name } else { &card.display_name };
    json!({
        "id": card.name,
        "name": name,
        "version": card.latest_version,
        "description": card.summary,
        "author": author,
        "category": card.category,
        "tags": card.tags,
        "rating": card.rating.average.unwrap_or_default(),
        "downloads": card.downloads,
        "last_updated": moment(card.updated_at),
        "compatibility": {
            "nexus_version": card.engines.get("nexus"),
            "python_version": card.engines.get("python"),
        },
        "repository_url": card.repository,
        "documentation_url": card.documentation,
    })
}

fn repository(view: &RepositoryView) -> Value {
    json!({
        "name": view.name,
        "url": view.url,
        "description": view.description,
        "enabled": view.enabled,
        "plugin_count": view.plugins,
        "last_sync": view.synced_at.map(moment),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(query: &str) -> Result<Find, Refusal> {
        find(&Uri::try_from(format!("/search?{query}")).unwrap())
    }

    #[test]
    fn every_filter_reaches_the_catalogue() {
        let query = "query=auth&category=security&author=Community+Dev&tags=oauth,social&tags=sso&min_rating=4.5&sort=name\
                     &page=3&per_page=10";
        let wanted = Find {
            text: Some("auth".to_owned()),
            publisher: Some("Community-Dev".to_owned()),
            categories: vec!["security".to_owned()],
            tags: ["oauth", "social", "sso"].map(str::to_owned).into(),
            min_rating: Some(4.5),
            order: Order { by: Sort::Name, descending: false },
            offset: 20,
            limit: 10,
            upstream: true,
            ..Find::in_dialect(Dialect::Nexus)
        };
        assert_eq!(asked(query).unwrap(), wanted);
        let everything = asked("query=&tags=,").unwrap();
        assert_eq!((everything.text, everything.tags, everything.limit), (None, Vec::new(), 20));
        for odd in ["sort=popularity", "sort=", "min_rating=6", "page=0", "per_page=101", "per_page=x"] {
            assert!(asked(odd).is_err(), "{odd}");
        }
    }

    #[test]
    fn a_repository_is_told_as_the_document_shows_it() {
        let view = RepositoryView {
            name: "official".to_owned(),
            url: "https://plugins.nexus.dev/official".to_owned(),
            description: "Official Nexus plugin repository".to_owned(),
            kind: "nexus".to_owned(),
            enabled: true,
            plugins: 25,
            cursor: None,
            synced_at: "2024-01-01T10:00:00Z".parse().ok(),
            last_error: None,
            failed_at: None,
        };
        let shown = json!({
            "name": "official",
            "url": "https://plugins.nexus.dev/official",
            "description": "Official Nexus plugin repository",
            "enabled": true,
            "plugin_count": 25,
            "last_sync": "2024-01-01T10:00:00Z",
        });
        assert_eq!(repository(&view), shown);
    }
}
