use super::*;

/// 0: not given.
fn count(query: &'static str) -> Option<u32> {
    let mut fields = Fields::of_query(&Uri::try_from(format!("/x?{query}")).unwrap());
    let count = fields.count("limit", 100);
    fields.well_formed().ok().map(|()| count.unwrap_or_default())
}

#[test]
fn a_count_is_in_its_bounds_or_refused_never_clamped() {
    assert_eq!(count(""), Some(0));
    assert_eq!(count("limit=1&limit=100"), Some(100));
    for query in
        ["limit=0", "limit=-1", "limit=101", "limit=99999999999999999999", "limit=x", "limit=", "limit=1.5"]
    {
        assert_eq!(count(query), None, "{query}");
    }
}

#[test]
fn a_number_may_begin_at_nothing() {
    let number = |query: &str| {
        let mut fields = Fields::of_query(&Uri::try_from(format!("/x?offset={query}")).unwrap());
        let number = fields.number("offset", 0, u32::MAX);
        fields.well_formed().ok().and(number)
    };
    assert_eq!((number("0"), number("-0"), number("7")), (Some(0), Some(0), Some(7)));
    assert_eq!((number("-1"), number("4294967296"), number("")), (None, None, None));
}

#[tokio::test]
async fn a_list_is_read_whole_or_not_at_all() {
    for (text, read) in [
        (r#"{"p":["a","b"]}"#, true),
        (r#"{"p":["a","b","c"]}"#, false),
        (r#"{"p":[]}"#, false),
        (r#"{"p":["a",1]}"#, false),
        (r#"{"p":"a"}"#, false),
        (r"{}", false),
    ] {
        let mut fields = Fields::of_json(Body::from(text)).await.unwrap();
        fields.texts("p", 2);
        assert_eq!(fields.well_formed().is_ok(), read, "{text}");
    }
}

#[tokio::test]
async fn nul_is_refused_wherever_it_hides() {
    for text in [r#"{"a":"\u0000"}"#, r#"{"a":{"b":["x\u0000"]}}"#, r#"{"\u0000":1}"#] {
        let fields = Fields::of_json(Body::from(text)).await.unwrap();
        assert!(fields.well_formed().is_err(), "{text}");
    }
}

#[tokio::test]
async fn what_is_no_json_object_is_malformed() {
    for text in ["", "{", "[]", "7", "NaN", r#"{"a":1e999}"#, r#"{"a":"\ud800"}"#, &"[".repeat(5000)] {
        assert!(Fields::of_json(Body::from(text.to_owned())).await.is_err(), "{text}");
    }
}

#[tokio::test]
async fn numbers_words_and_times_mean_the_same_in_a_query_and_in_json() {
    let read = |mut fields: Fields| {
        let page = fields.count("page", 1_000_000);
        fields.one_of("sort", &["up", "down"]);
        let since = fields.parsed::<chrono::DateTime<chrono::Utc>>("since").map(|since| since.timestamp());
        fields.well_formed().ok().map(|()| (page, since))
    };
    let query = |text: &str| read(Fields::of_query(&Uri::try_from(format!("/x?{text}")).unwrap()));
    assert_eq!(query(""), Some((None, None)));
    let given = Some((Some(7), Some(1_800_000_000)));
    assert_eq!(query("page=7&sort=down&since=2027-01-15T09:00:00%2B01:00"), given);
    let json = r#"{"page": 7, "sort": "down", "since": "2027-01-15T08:00:00Z"}"#;
    assert_eq!(read(Fields::of_json(Body::from(json)).await.unwrap()), given);
    for odd in [
        "page=0",
        "page=9e18",
        "page=9000000000000000000",
        "page=1000001",
        "page=-1",
        "sort=name;select",
        "sort=",
        "since=now",
        "since=2027-13-01T00:00:00Z",
    ] {
        assert_eq!(query(odd), None, "{odd}");
    }
    for odd in [r#"{"page": 1.5}"#, r#"{"page": true}"#, r#"{"page": 1e3}"#, r#"{"page": -1}"#] {
        assert_eq!(read(Fields::of_json(Body::from(odd)).await.unwrap()), None, "{odd}");
    }
}

#[tokio::test]
async fn what_is_no_utf8_is_no_json() {
    for bytes in [&b"{\"a\":\"\xff\"}"[..], b"\xff\xfe", b"{\"a\":\"\xed\xa0\x80\"}"] {
        assert!(Fields::of_json(Body::from(bytes)).await.is_err(), "{bytes:?}");
    }
}
