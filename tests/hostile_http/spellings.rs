//! One decision for every spelling of a path, and queries that make no sense.

use plugyard_tests::{Answer, Dialect, Plan, Yard, marketplace::Market, raw, yard::ADMIN};
use reqwest::Method;

use super::{PATIENCE, answered, is_in_a_form_of, is_well};

#[tokio::test]
async fn numbers_that_are_none_or_out_of_bounds_are_refused() {
    let yard = Yard::start().await;
    let mut lists: Vec<(Dialect, String, &str)> = Dialect::WITH_CREDENTIALS
        .into_iter()
        .chain([Dialect::Yard])
        .flat_map(|dialect| {
            ["limit", "offset"].map(|name| (dialect, format!("{}/identity/keys", dialect.mount()), name))
        })
        .collect();
    for (path, name) in [
        ("/dify/api/v1/tasks", "limit"),
        ("/dify/api/v1/files", "limit"),
        ("/dify/api/v1/files", "offset"),
        ("/dify/api/v1/marketplace/plugins", "page"),
        ("/dify/api/v1/marketplace/plugins", "per_page"),
    ] {
        lists.push((Dialect::Dify, path.to_owned(), name));
    }
    let senseless = [
        "9e18",
        "-1",
        "1e3",
        "0x10",
        "%00",
        "1%00",
        "%ff",
        "1%ff",
        "99999999999999999999",
        "ten",
        "NaN",
        "1;select",
        "1.5",
        "9223372036854775808",
        "%F0%9F%92%A9",
        "1'--",
        "[]",
        "true",
    ];
    let mut taken = Vec::new();
    for (dialect, path, name) in lists {
        for value in senseless {
            let path = format!("{path}?{name}={value}");
            let answer = answered(&yard, &path, yard.bearing(Method::GET, &path, ADMIN)).await;
            if !dialect.read(&answer).is_some_and(|refused| [400, 422].contains(&refused.status)) {
                taken.push(format!("{path}: {} {}", answer.status, answer.text()));
            }
        }
    }
    assert!(taken.is_empty(), "{taken:#?}");
    is_well(&yard).await;
}

#[tokio::test]
async fn words_that_stand_in_no_list_never_reach_the_database() {
    let market = Market::start();
    let yard = Plan::default().set("PLUGYARD_MARKETPLACE_URL", &market.base()).start().await;
    let mut paths = vec![
        "/dify/api/v1/marketplace/plugins?sort=name;select".to_owned(),
        "/dify/api/v1/tasks?status=%27;drop table es.events;--".replace(' ', "%20"),
        "/nexus/api/v1/plugins?status=active;select".to_owned(),
        "/nexus/api/v1/plugins/search?sort=name;select".to_owned(),
        "/backstage/api/marketplace/v1/plugins?sort=name;select&order=sideways".to_owned(),
        "/inkdrop/v1/packages?sort=name;select&direction=sideways&page=9e18".to_owned(),
        "/space/api/v1/marketplace/plugins?page=9e18".to_owned(),
    ];
    for dialect in Dialect::ALL {
        paths.push(format!("{}/identity/keys?sort=name;select", dialect.mount()));
        paths.push(format!("{}/identity/keys?%00=1&%ff=2&limit=1&limit=2", dialect.mount()));
    }
    for path in paths {
        let begun = std::time::Instant::now();
        let answer = yard.send(yard.bearing(Method::GET, &path, ADMIN)).await;
        assert!(begun.elapsed() < PATIENCE, "{path}");
        let later = answer.status == 501;
        assert!(answer.status < 500 || later, "{path}: {} {}", answer.status, answer.text());
    }
    is_well(&yard).await;
}

/// Spellings of the path that a careless server, or a proxy before it, takes for the same.
fn spellings(mount: &str, rest: &str) -> Vec<String> {
    let plain = format!("{mount}/{rest}");
    let (first, last) = rest.split_once('/').unwrap_or((rest, ""));
    vec![
        format!("{plain}/"),
        format!("//{}", &plain[1..]),
        format!("{mount}//{rest}"),
        format!("{mount}/{first}//{last}"),
        format!("{mount}/{first}%2f{last}"),
        format!("{mount}/{first}%2F{last}"),
        format!("{mount}%2f{rest}"),
        format!("{mount}/./{rest}"),
        format!("{mount}/x/../{rest}"),
        format!("{mount}/x/..;/{rest}"),
        format!("{mount}/;/{rest}"),
        format!("{plain};a=b"),
        format!("{mount}/%2e/{rest}"),
        format!("{mount}/{}", rest.to_uppercase()),
        format!("{plain}%00"),
        format!("{plain}%20"),
        format!("{plain}%ff"),
        format!("{plain}.json"),
        format!("{mount}/{first}\\{last}"),
        format!("{plain}%"),
        format!("{plain}?_method=DELETE"),
    ]
}

#[tokio::test]
async fn no_spelling_of_a_path_leads_around_its_policy() {
    let yard = Yard::start().await;
    for dialect in Dialect::WITH_CREDENTIALS.into_iter().chain([Dialect::Yard]) {
        for path in spellings(dialect.mount(), "identity/keys") {
            let answer = raw_get(&yard, &path, "").await;
            assert!(
                [400, 401, 404, 405].contains(&answer.status),
                "{path}: {} {}",
                answer.status,
                answer.text()
            );
            let empty = answer.body.is_empty() && answer.status == 400;
            assert!(empty || is_in_a_form_of(&Dialect::ALL, &answer), "{path}: {}", answer.text());
            // Whoever may see it is not shown more by another spelling.
            let answer = raw_get(&yard, &path, &format!("Authorization: Bearer {ADMIN}\r\n")).await;
            assert!([200, 400, 401, 404, 405].contains(&answer.status), "{path}: {}", answer.text());
        }
    }
    is_well(&yard).await;
}

async fn raw_get(yard: &Yard, path: &str, headers: &str) -> Answer {
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}\r\n");
    let heard = raw::say(yard.base(), request.as_bytes(), PATIENCE).await;
    let heard = heard.unwrap_or_else(|| panic!("{path}: no answer in time"));
    heard.answer.unwrap_or_else(|| panic!("{path}: closed without a word"))
}

#[tokio::test]
async fn nobody_changes_the_method_but_the_method() {
    let yard = Yard::start().await;
    for dialect in Dialect::WITH_CREDENTIALS.into_iter().chain([Dialect::Yard]) {
        let path = format!("{}/identity/keys", dialect.mount());
        for name in ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"] {
            let posted = yard.request(Method::POST, &path).header(name, "GET").body("{}");
            let answer = answered(&yard, name, posted).await;
            assert_eq!(dialect.refusal(&answer).status, 401, "{path}");
            let read = yard.bearing(Method::GET, &path, ADMIN).header(name, "DELETE");
            assert_eq!(answered(&yard, name, read).await.status, 200, "{path}: it is a read");
        }
        for method in ["TRACE", "PATCH", "PROPFIND", "get"] {
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            let answer = yard.send(yard.bearing(method.clone(), &path, ADMIN)).await;
            let refused = dialect.refusal(&answer);
            let expected = if dialect == Dialect::Inkdrop { 501 } else { 405 };
            assert_eq!(refused.status, expected, "{method} {path}");
            assert!(answer.header("allow").contains("GET"), "{method} {path}: {}", answer.header("allow"));
        }
    }
    is_well(&yard).await;
}
