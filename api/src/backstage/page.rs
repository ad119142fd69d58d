//! Pages of a list, and the links between them.

use axum::http::Uri;
use serde::Serialize;
use url::form_urlencoded::Serializer;

use crate::{fields::Fields, refusal::Refusal};

const SIZE: u32 = 20;
const LARGEST: u32 = 100;
pub(super) const LAST: u32 = 1_000_000_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Page {
    pub(super) number: u32,
    pub(super) size: u32,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Pagination {
    page: u32,
    limit: u32,
    total: u64,
    total_pages: u64,
    has_next_page: bool,
    has_prev_page: bool,
}

/// Null where there is no such page.
#[derive(Debug, Serialize)]
pub(super) struct Neighbours {
    #[serde(rename = "self")]
    own: String,
    first: Option<String>,
    prev: Option<String>,
    next: Option<String>,
    last: Option<String>,
}

impl Page {
    pub(super) fn read(fields: &mut Fields) -> Self {
        let number = fields.exact_count("page", LAST).unwrap_or(1);
        let size = fields.exact_count("limit", LARGEST).unwrap_or(SIZE);
        Self { number, size }
    }

    pub(super) fn of_query(uri: &Uri) -> Result<Self, Refusal> {
        let mut fields = Fields::of_query(uri);
        let page = Self::read(&mut fields);
        fields.well_formed()?;
        Ok(page)
    }

    /// What the query says instead, if it says anything.
    pub(super) fn or_of_query(self, uri: &Uri) -> Result<Self, Refusal> {
        let mut fields = Fields::of_query(uri);
        let number = fields.exact_count("page", LAST).unwrap_or(self.number);
        let size = fields.exact_count("limit", LARGEST).unwrap_or(self.size);
        fields.well_formed()?;
        Ok(Self { number, size })
    }

    pub(super) fn offset(self) -> u64 {
        u64::from(self.number - 1) * u64::from(self.size)
    }

    fn pages(self, total: u64) -> u64 {
        total.div_ceil(self.size.into())
    }

    fn next(self, total: u64) -> Option<u64> {
        let next = u64::from(self.number) + 1;
        (next <= self.pages(total)).then_some(next)
    }

    /// From behind the end the way back leads to the last page.
    fn prev(self, total: u64) -> Option<u64> {
        let prev = u64::from(self.number - 1).min(self.pages(total));
        (prev > 0).then_some(prev)
    }

    pub(super) fn pagination(self, total: u64) -> Pagination {
        Pagination {
            page: self.number,
            limit: self.size,
            total,
            total_pages: self.pages(total),
            has_next_page: self.next(total).is_some(),
            has_prev_page: self.prev(total).is_some(),
        }
    }

    /// `path` with its mount; the filters follow after the page.
    pub(super) fn neighbours(self, path: &str, active: &[(&str, String)], total: u64) -> Neighbours {
        let link = |number: u64| {
            let mut query = Serializer::new(String::new());
            query.append_pair("page", &number.to_string()).append_pair("limit", &self.size.to_string());
            query.extend_pairs(active);
            format!("{path}?{}", query.finish())
        };
        let pages = self.pages(total);
        Neighbours {
            own: link(self.number.into()),
            first: (pages > 0).then(|| link(1)),
            prev: self.prev(total).map(link),
            next: self.next(total).map(link),
            last: (pages > 0).then(|| link(pages)),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{json, to_value};

    use super::*;

    const PATH: &str = "/api/marketplace/v1/plugins";

    fn links(number: u32, active: &[(&str, String)], total: u64) -> serde_json::Value {
        to_value(Page { number, size: 20 }.neighbours(PATH, active, total)).unwrap()
    }

    #[test]
    fn the_first_of_the_documents_pages_is_exactly_as_it_shows() {
        let pagination = to_value(Page { number: 1, size: 20 }.pagination(450)).unwrap();
        let shown = json!({
            "page": 1, "limit": 20, "total": 450, "totalPages": 23, "hasNextPage": true, "hasPrevPage": false
        });
        assert_eq!(pagination, shown);
        let shown = json!({
            "self": "/api/marketplace/v1/plugins?page=1&limit=20",
            "first": "/api/marketplace/v1/plugins?page=1&limit=20",
            "prev": null,
            "next": "/api/marketplace/v1/plugins?page=2&limit=20",
            "last": "/api/marketplace/v1/plugins?page=23&limit=20",
        });
        assert_eq!(links(1, &[], 450), shown);
    }

    #[test]
    fn the_filters_go_along_and_are_escaped() {
        let active = [("search", "a&b ü".to_owned()), ("tags", "x,y".to_owned())];
        let expected = format!("{PATH}?page=2&limit=20&search=a%26b+%C3%BC&tags=x%2Cy");
        assert_eq!(links(1, &active, 21)["next"], expected);
    }

    #[test]
    fn where_nothing_is_there_are_no_neighbours_and_behind_the_end_one_leads_back() {
        let none = links(1, &[], 0);
        for name in ["first", "prev", "next", "last"] {
            assert!(none[name].is_null(), "{name}");
        }
        let beyond = links(9, &[], 25);
        assert_eq!(
            (&beyond["prev"], &beyond["next"]),
            (&json!(format!("{PATH}?page=2&limit=20")), &json!(null))
        );
        assert!(links(2, &[], 40)["next"].is_null());
    }

    #[test]
    fn the_last_page_that_can_be_asked_for_has_an_offset() {
        assert_eq!(Page { number: LAST, size: LARGEST }.offset(), 99_999_999_900);
    }
}
