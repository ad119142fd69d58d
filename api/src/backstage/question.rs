//! What a client asks of the catalogue, as a query or as a body. Out of range or unknown is refused, never clamped;
//! members that are not documented are ignored.

use application::queries::catalogue::{Engine, Find, Order, Sort};
use axum::http::Uri;
use domain::values::Dialect;

use super::page::Page;
use crate::{fields::Fields, refusal::Refusal};

/// Of a search text, in characters.
const LONGEST_SEARCH: usize = 256;
/// Of a name, a tag or a range, in characters.
const LONGEST_WORD: usize = 256;
const MOST_WORDS: usize = 100;
const MOST_STARS: f64 = 5.0;
const ORDERS: [&str; 2] = ["asc", "desc"];
const SORTS: [&str; 4] = ["name", "popularity", "updated", "rating"];
const SEARCH_SORTS: [&str; 5] = ["relevance", "name", "popularity", "updated", "rating"];
const ENGINES: [&str; 2] = ["backstage", "node"];

pub(super) struct Question {
    pub(super) find: Find,
    pub(super) page: Page,
    /// The filters that were given, for the links to other pages.
    pub(super) active: Vec<(&'static str, String)>,
    /// Whether each item says why it stands where it stands.
    pub(super) explained: bool,
}

impl Question {
    /// `GET /plugins`.
    pub(super) fn of_query(uri: &Uri) -> Result<Self, Refusal> {
        let mut fields = Fields::of_query(uri);
        let page = Page::read(&mut fields);
        fields.one_of("sort", &SORTS);
        fields.one_of("order", &ORDERS);
        let text = given(fields.short_text("search", LONGEST_SEARCH));
        let category = given(fields.short_text("category", LONGEST_WORD));
        let tags = given(fields.short_text("tags", LONGEST_WORD * MOST_WORDS));
        let (sort, order) = (fields.text("sort"), fields.text("order"));
        let verified = fields.exact_flag("verified");
        let featured = fields.exact_flag("featured");
        let min_rating = fields.decimal("minRating", 0.0, MOST_STARS);
        let range = given(fields.short_text("compatibility", LONGEST_WORD));
        fields.well_formed()?;
        let active = [
            ("search", text.clone()),
            ("category", category.clone()),
            ("tags", tags.clone()),
            ("sort", sort.clone()),
            ("order", order.clone()),
            ("verified", verified.map(|flag| flag.to_string())),
            ("featured", featured.map(|flag| flag.to_string())),
            ("minRating", min_rating.map(|stars| stars.to_string())),
            ("compatibility", range.clone()),
        ];
        let engine = |range| Engine { name: "backstage".to_owned(), range };
        let find = Find {
            text,
            categories: category.into_iter().collect(),
            tags: tags
                .iter()
                .flat_map(|tags| tags.split(','))
                .filter_map(|tag| given(Some(tag.to_owned())))
                .collect(),
            verified,
            featured,
            min_rating,
            engines: range.map(engine).into_iter().collect(),
            order: Order {
                by: sort_of(sort.as_deref(), Sort::Downloads),
                descending: is_descending(order.as_deref()),
            },
            offset: page.offset(),
            limit: page.size,
            ..Find::in_dialect(Dialect::Backstage)
        };
        let active = active.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
        Ok(Self { find, page, active, explained: false })
    }

    /// `POST /plugins/search`. A page in the query wins over one in the body: links to other pages are followed with the
    /// same body.
    pub(super) fn of_search(uri: &Uri, mut fields: Fields) -> Result<Self, Refusal> {
        let text = given(fields.short_text("query", LONGEST_SEARCH));
        let facets = fields.exact_flag("facets").unwrap_or(false);
        let explained = fields.exact_flag("explain").unwrap_or(false);
        let mut filters = fields.members_of("filters");
        let categories = filters.words("categories", MOST_WORDS, LONGEST_WORD);
        let tags = filters.words("tags", MOST_WORDS, LONGEST_WORD);
        let verified = filters.exact_flag("verified");
        let featured = filters.exact_flag("featured");
        let min_rating = filters.decimal("minRating", 0.0, MOST_STARS);
        let max_price = filters.decimal("maxPrice", 0.0, f64::MAX);
        let mut ranges = filters.members_of("compatibility");
        let engine = |name: &str, range| Engine { name: name.to_owned(), range };
        let engines = ENGINES
            .iter()
            .filter_map(|name| Some(engine(name, given(ranges.short_text(name, LONGEST_WORD))?)))
            .collect();
        filters.take_back("compatibility", ranges);
        fields.take_back("filters", filters);
        let mut sort = fields.members_of("sort");
        sort.one_of("field", &SEARCH_SORTS);
        sort.one_of("order", &ORDERS);
        let (field, order) = (sort.text("field"), sort.text("order"));
        fields.take_back("sort", sort);
        let mut pagination = fields.members_of("pagination");
        let in_body = Page::read(&mut pagination);
        fields.take_back("pagination", pagination);
        fields.well_formed()?;
        let page = in_body.or_of_query(uri)?;
        let usual = if text.is_some() { Sort::Relevance } else { Sort::Downloads };
        let find = Find {
            text,
            categories,
            tags,
            verified,
            featured,
            min_rating,
            max_price,
            engines,
            order: Order {
                by: sort_of(field.as_deref(), usual),
                descending: is_descending(order.as_deref()),
            },
            offset: page.offset(),
            limit: page.size,
            facets,
            ..Find::in_dialect(Dialect::Backstage)
        };
        Ok(Self { find, page, active: Vec::new(), explained })
    }
}

/// Front ends send fields that nobody has filled in.
fn given(text: Option<String>) -> Option<String> {
    text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
}

/// One of the known words.
fn sort_of(word: Option<&str>, usual: Sort) -> Sort {
    match word {
        Some("relevance") => Sort::Relevance,
        Some("name") => Sort::Name,
        Some("popularity") => Sort::Downloads,
        Some("updated") => Sort::Updated,
        Some("rating") => Sort::Rating,
        Some(_) | None => usual,
    }
}

fn is_descending(order: Option<&str>) -> bool {
    order != Some("asc")
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    fn query(text: &str) -> Result<Question, Refusal> {
        Question::of_query(&Uri::try_from(format!("/plugins?{text}")).unwrap())
    }

    async fn search(text: &str) -> Result<Question, Refusal> {
        let fields = Fields::of_json(Body::from(text.to_owned())).await?;
        Question::of_search(&Uri::from_static("/plugins/search"), fields)
    }

    fn place(refusal: &Refusal) -> String {
        refusal.issues.iter().map(crate::refusal::Issue::place).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn without_a_query_everything_is_asked_for_by_popularity() {
        let asked = query("search=&category=&tags=%20,%20").unwrap();
        assert_eq!(asked.find, Find::in_dialect(Dialect::Backstage));
        assert_eq!(asked.active, [("tags", ",".to_owned())]);
    }

    #[test]
    fn every_filter_of_the_list_reaches_the_catalogue() {
        let text = "search=logs&category=backend&tags=core,%20ops&sort=rating&order=asc&verified=false&featured=true\
                    &minRating=4.5&compatibility=%5E1.35.0&page=3&limit=7&unknown=1";
        let wanted = Find {
            text: Some("logs".to_owned()),
            categories: vec!["backend".to_owned()],
            tags: vec!["core".to_owned(), "ops".to_owned()],
            verified: Some(false),
            featured: Some(true),
            min_rating: Some(4.5),
            engines: vec![Engine { name: "backstage".to_owned(), range: "^1.35.0".to_owned() }],
            order: Order { by: Sort::Rating, descending: false },
            offset: 14,
            limit: 7,
            ..Find::in_dialect(Dialect::Backstage)
        };
        assert_eq!(query(text).unwrap().find, wanted);
    }

    #[test]
    fn what_is_unknown_or_out_of_range_is_told_by_its_name() {
        let long = format!("search={}", "x".repeat(257));
        for (text, name) in [
            ("page=0", "page"),
            ("page=x", "page"),
            ("limit=101", "limit"),
            ("limit=0", "limit"),
            ("sort=downloads", "sort"),
            ("sort=relevance", "sort"),
            ("sort=", "sort"),
            ("order=up", "order"),
            ("verified=maybe", "verified"),
            ("featured=2", "featured"),
            ("minRating=5.1", "minRating"),
            ("minRating=-1", "minRating"),
            ("minRating=NaN", "minRating"),
            (&long, "search"),
        ] {
            assert_eq!(query(text).err().map(|refusal| place(&refusal)).as_deref(), Some(name), "{text}");
        }
    }

    #[tokio::test]
    async fn the_search_of_the_document_reaches_the_catalogue() {
        let text = r#"{
            "query": "monitoring",
            "filters": {
                "categories": ["monitoring", "observability"], "minRating": 4, "maxPrice": 100,
                "compatibility": {"backstage": "^1.35.0", "node": ">=18.0.0"}
            },
            "sort": {"field": "relevance", "order": "desc"},
            "pagination": {"page": 2, "limit": 5}
        }"#;
        let engine = |name: &str, range: &str| Engine { name: name.to_owned(), range: range.to_owned() };
        let wanted = Find {
            text: Some("monitoring".to_owned()),
            categories: vec!["monitoring".to_owned(), "observability".to_owned()],
            min_rating: Some(4.0),
            max_price: Some(100.0),
            engines: vec![engine("backstage", "^1.35.0"), engine("node", ">=18.0.0")],
            order: Order { by: Sort::Relevance, descending: true },
            offset: 5,
            limit: 5,
            ..Find::in_dialect(Dialect::Backstage)
        };
        assert_eq!(search(text).await.unwrap().find, wanted);
    }

    #[tokio::test]
    async fn an_empty_search_is_everything_and_a_text_is_sorted_by_relevance() {
        assert_eq!(search("{}").await.unwrap().find, Find::in_dialect(Dialect::Backstage));
        assert_eq!(search(r#"{"query": "x"}"#).await.unwrap().find.order.by, Sort::Relevance);
    }

    #[tokio::test]
    async fn a_search_with_wrong_types_is_told_where() {
        for (text, name) in [
            (r#"{"query": 1}"#, "query"),
            (r#"{"filters": []}"#, "filters"),
            (r#"{"filters": {"categories": "backend"}}"#, "filters.categories"),
            (r#"{"filters": {"minRating": 6}}"#, "filters.minRating"),
            (r#"{"filters": {"minRating": "4"}}"#, "filters.minRating"),
            (r#"{"filters": {"maxPrice": -1}}"#, "filters.maxPrice"),
            (r#"{"filters": {"compatibility": "^1"}}"#, "filters.compatibility"),
            (r#"{"filters": {"compatibility": {"node": 18}}}"#, "filters.compatibility.node"),
            (r#"{"sort": "name"}"#, "sort"),
            (r#"{"sort": {"field": "price"}}"#, "sort.field"),
            (r#"{"sort": {"field": 1}}"#, "sort.field"),
            (r#"{"pagination": {"limit": 101}}"#, "pagination.limit"),
            (r#"{"pagination": {"page": "1"}}"#, "pagination.page"),
        ] {
            assert_eq!(
                search(text).await.err().map(|refusal| place(&refusal)).as_deref(),
                Some(name),
                "{text}"
            );
        }
    }
}
