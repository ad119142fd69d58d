//! What a list is asked for, in the query of a GET or in the body of a search.

use application::queries::catalogue::{Find, Order, Sort};
use domain::values::Dialect;

use crate::{
    fields::Fields,
    refusal::{Issue, Refusal},
};

const PAGE: u32 = 20;
const LONGEST_PAGE: u32 = 100;
const LAST_PAGE: u32 = u32::MAX;
const LONGEST_TEXT: usize = 256;
const MOST_TAGS: usize = 32;
const SORTS: &str = "install_count, hot_score, created_at, updated_at, name";

/// A page, and what kind of extension it shall show.
pub(super) struct Asked {
    pub(super) find: Find,
    /// Something else than plugins: there is none.
    pub(super) nothing: bool,
}

pub(super) fn read(mut fields: Fields) -> Result<Asked, Refusal> {
    let page = fields.count("page", LAST_PAGE).unwrap_or(1);
    let limit = fields.count("page_size", LONGEST_PAGE).unwrap_or(PAGE);
    let text = fields.short_text("query", LONGEST_TEXT).filter(|text| !text.trim().is_empty());
    let order = order(&mut fields, text.is_some())?;
    let tags = ["tags", "tags_filter"].map(|name| fields.some_texts(name, MOST_TAGS)).concat();
    let components = fields.short_text("component_filter", LONGEST_TEXT);
    let components = components.into_iter().filter(|kind| !matches!(kind.as_str(), "" | "all")).collect();
    let kind = ["type", "type_filter"].map(|name| fields.text(name).unwrap_or_default());
    fields.well_formed()?;
    let nothing = kind.iter().any(|kind| !matches!(kind.as_str(), "" | "all" | "plugin"));
    let offset = u64::from(page - 1) * u64::from(limit);
    let find = Find {
        text,
        order,
        tags,
        components,
        offset,
        limit,
        whole: true,
        ..Find::in_dialect(Dialect::Space)
    };
    Ok(Asked { find, nothing })
}

fn order(fields: &mut Fields, searches: bool) -> Result<Order, Refusal> {
    let given = |text: Option<String>| text.filter(|text| !text.is_empty());
    let by = match given(fields.text("sort_by")).as_deref() {
        None if searches => Sort::Relevance,
        None | Some("install_count" | "hot_score") => Sort::Downloads,
        Some("created_at") => Sort::Created,
        Some("updated_at") => Sort::Updated,
        Some("name") => Sort::Name,
        Some(other) => return Err(no_word("sort_by", SORTS, other)),
    };
    let descending = match given(fields.text("sort_order")).as_deref().map(str::to_ascii_lowercase).as_deref()
    {
        None => by != Sort::Name,
        Some("desc") => true,
        Some("asc") => false,
        Some(other) => return Err(no_word("sort_order", "asc, desc", other)),
    };
    Ok(Order { by, descending })
}

fn no_word(name: &str, known: &str, given: &str) -> Refusal {
    let issue = Issue::new("enum", &["body", name], format!("one of {known}"), given.into());
    Refusal::malformed(vec![issue])
}
