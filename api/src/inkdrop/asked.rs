//! What a list is asked for. Clients send empty parameters for those they have nothing to say of.

use application::queries::catalogue::{Find, Order, Sort};
use axum::http::Uri;
use domain::values::Dialect;
use serde_json::Value;

use crate::{
    fields::Fields,
    refusal::{Issue, Refusal},
};

const PAGE: u32 = 20;
const LONGEST_TEXT: usize = 256;

/// `page` counts from 0.
pub(super) fn list(uri: &Uri) -> Result<Find, Refusal> {
    let mut fields = Fields::of_query(&given(uri));
    let mut find = page(&mut fields);
    let theme = fields.flag("theme").unwrap_or(false);
    let sort = sort(&mut fields, "recency", false)?;
    fields.well_formed()?;
    find.themes_only = theme || sort.themes_only;
    find.order = Order { by: sort.by, descending: true };
    Ok(find)
}

/// Nothing to search for: everything.
pub(super) fn search(uri: &Uri) -> Result<Find, Refusal> {
    let mut fields = Fields::of_query(&given(uri));
    let mut find = page(&mut fields);
    find.text = fields.short_text("q", LONGEST_TEXT).filter(|text| !text.trim().is_empty());
    let sort = sort(&mut fields, "score", true)?;
    fields.one_of("direction", &["asc", "desc"]);
    let ascending = fields.text("direction").is_some_and(|direction| direction == "asc");
    fields.well_formed()?;
    find.themes_only = sort.themes_only;
    find.order = Order { by: sort.by, descending: !ascending };
    Ok(find)
}

/// Without the parameters that are empty.
fn given(uri: &Uri) -> Uri {
    let pairs = url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
    let pairs = pairs.filter(|(_, value)| !value.is_empty());
    let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    format!("/?{query}").parse().unwrap_or_default()
}

fn page(fields: &mut Fields) -> Find {
    let page = fields.number("page", 0, u32::MAX).unwrap_or(0);
    Find {
        offset: u64::from(page) * u64::from(PAGE),
        limit: PAGE,
        whole: true,
        ..Find::in_dialect(Dialect::Inkdrop)
    }
}

struct Sorted {
    by: Sort,
    themes_only: bool,
}

fn sort(fields: &mut Fields, usual: &str, scored: bool) -> Result<Sorted, Refusal> {
    let asked = fields.text("sort").unwrap_or_else(|| usual.to_owned());
    let (themes_only, word) = match asked.strip_prefix("theme-") {
        Some(word) => (true, word),
        None => (false, asked.as_str()),
    };
    let by = match word {
        "recency" => Sort::Updated,
        "majority" => Sort::Downloads,
        "newness" => Sort::Created,
        "score" if scored && !themes_only => Sort::Relevance,
        _ => {
            let known = "recency, majority, newness, theme-recency, theme-majority, theme-newness";
            let more = if scored { ", score" } else { "" };
            let msg = format!("one of {known}{more}");
            let issue = Issue::new("enum", &["query", "sort"], msg, Value::String(asked));
            return Err(Refusal::malformed(vec![issue]));
        }
    };
    Ok(Sorted { by, themes_only })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(asked: fn(&Uri) -> Result<Find, Refusal>, query: &str) -> Result<Find, String> {
        asked(&format!("/v1/packages?{query}").parse().unwrap()).map_err(|refusal| refusal.message)
    }

    fn order(find: &Find) -> (Sort, bool, bool) {
        (find.order.by, find.order.descending, find.themes_only)
    }

    #[test]
    fn what_ipm_asks_for_is_understood() {
        let plain = of(list, "sort=recency&page=0&theme=").unwrap();
        assert_eq!((order(&plain), plain.offset, plain.limit), ((Sort::Updated, true, false), 0, 20));
        let themes = of(list, "sort=majority&page=2&theme=1").unwrap();
        assert_eq!((order(&themes), themes.offset), ((Sort::Downloads, true, true), 40));
        let found = of(search, "sort=score&q=solarized%20dark&direction=desc").unwrap();
        assert_eq!(
            (order(&found), found.text.as_deref()),
            ((Sort::Relevance, true, false), Some("solarized dark"))
        );
        assert_eq!(of(search, "sort=&q=&direction=&page=").unwrap().text, None);
        assert_eq!(of(search, "").unwrap(), of(search, "q=+").unwrap());
    }

    #[test]
    fn every_sort_is_known_and_no_other() {
        for (sort, by, themes) in [
            ("recency", Sort::Updated, false),
            ("majority", Sort::Downloads, false),
            ("newness", Sort::Created, false),
            ("theme-recency", Sort::Updated, true),
            ("theme-majority", Sort::Downloads, true),
            ("theme-newness", Sort::Created, true),
        ] {
            assert_eq!(order(&of(list, &format!("sort={sort}")).unwrap()), (by, true, themes));
            let ascending = of(search, &format!("sort={sort}&direction=asc")).unwrap();
            assert_eq!(order(&ascending), (by, false, themes));
        }
        for sort in ["score", "theme-score", "name", "Recency", "theme-", "%00"] {
            assert!(of(list, &format!("sort={sort}")).is_err(), "{sort}");
        }
        assert!(of(search, "sort=theme-score").is_err());
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for query in ["page=-1", "page=x", "page=1.5", "page=99999999999", "theme=maybe"] {
            assert!(of(list, query).is_err(), "{query}");
        }
        let long = format!("q={}", "a".repeat(257));
        for query in ["direction=up", "q=%00", long.as_str()] {
            assert!(of(search, query).is_err(), "{query}");
        }
    }
}
