use application::{ports::marketplace::Circuit, repackaging::LARGEST_PACKAGE};
use serde_json::{Value, json};

use super::*;
use crate::fetch::{
    FetchPolicy,
    stub::{Answer as Told, Stub},
};

fn patience() -> Patience {
    Patience {
        call: Duration::from_secs(10),
        tries: 1,
        backoff: Duration::from_millis(1),
        fresh: Duration::ZERO,
        open: Duration::from_hours(1),
    }
}

fn market(stub: &Stub, patience: Patience, allow: &str) -> HttpMarketplace {
    let guarded =
        GuardedClient::new(FetchPolicy { allow: allow.parse().unwrap(), hosts: Vec::new() }).unwrap();
    let transfers = transfer::Patience {
        unreachable: Duration::from_millis(200),
        backoff: Duration::from_millis(1),
        ..transfer::Patience::default()
    };
    let base = stub.url("/api/v1").parse().unwrap();
    HttpMarketplace::new(base, guarded, true, patience, transfers).unwrap()
}

fn said(data: &Value) -> Told {
    Told::ok(json!({"code": 0, "data": data, "msg": "ok"}).to_string().as_bytes())
}

fn unknown(status: u16) -> Told {
    Told::status(status, br#"{"code":-1,"data":null,"msg":"plugin not found"}"#)
}

fn agent() -> Value {
    json!({"plugin": {"org": "langgenius", "name": "agent", "latest_version": "0.0.9"}})
}

fn cards(names: std::ops::Range<u32>, total: u64) -> Told {
    let card = |number| json!({"org": "a", "name": format!("p{number}"), "created_at": 1});
    said(&json!({"plugins": names.map(card).collect::<Vec<_>>(), "total": total}))
}

fn identity() -> PluginIdentity {
    PluginIdentity::new("langgenius", "agent", "0.0.9").unwrap()
}

async fn down(market: &HttpMarketplace) {
    let failure = market.plugin("langgenius", "agent").await.unwrap_err();
    assert_eq!((failure.reason, failure.transient), (Reason::MarketplaceUnavailable, true));
    assert_eq!(failure.message, "The marketplace does not answer; try again later");
}

#[tokio::test]
async fn a_question_carries_the_headers_that_the_edge_wants() {
    let stub = Stub::start(vec![said(&agent())]).await;
    let found = market(&stub, patience(), "").plugin("langgenius", "agent").await.unwrap();
    assert_eq!((found.value.unwrap().listing.latest_version.as_str(), found.stale), ("0.0.9", false));
    let request = &stub.requests()[0];
    assert!(request.starts_with("GET /api/v1/plugins/langgenius/agent HTTP/1.1\r\n"), "{request}");
    for header in ["user-agent: Mozilla/5.0 ", "x-dify-version: 1.x\r\n", "accept-encoding: identity\r\n"] {
        assert!(request.contains(header), "{request}");
    }
}

#[tokio::test]
async fn an_unknown_plugin_is_known_by_its_status_and_by_its_code() {
    let stub = Stub::start(vec![unknown(404), unknown(200), unknown(404)]).await;
    let market = market(&stub, patience(), "");
    for _ in 0..2 {
        assert_eq!(market.plugin("a", "b").await.unwrap(), Answer { value: None, stale: false });
    }
    assert_eq!(market.versions("a", "b").await.unwrap().value, Vec::new());
    for (author, name) in [("..", "x"), ("a", "b/../../stats"), ("a", "b?x"), ("", ""), ("a\0", "b")] {
        assert_eq!(market.plugin(author, name).await.unwrap().value, None);
        assert_eq!(market.icon(author, name).await.unwrap(), None);
    }
    assert_eq!(stub.requests().len(), 3, "what can be no plugin is not asked for");
}

#[tokio::test]
async fn faults_of_the_moment_are_tried_again_and_others_not() {
    let busy = Told::status(429, b"").header("Retry-After: 0");
    let stub = Stub::start(vec![busy, Told::status(502, b"x"), said(&agent())]).await;
    let tries = Patience { tries: 3, ..patience() };
    assert!(market(&stub, tries, "").plugin("langgenius", "agent").await.is_ok());

    for garbage in [
        Told::ok(b"<html>Just a moment</html>"),
        Told::ok(b""),
        Told::ok(b"[]"),
        Told::ok(b"{\"data\":{}}"),
        Told::ok(br#"{"code":0}"#),
        Told::ok("[".repeat(10_000).as_bytes()),
        Told::ok(&[0xff; 64]),
        Told::status(403, b"<html>"),
        Told::status(404, b"<html>"),
        Told::redirect("http://169.254.169.254/"),
        said(&json!({"plugin": {"org": "other", "name": "agent"}})),
    ] {
        let stub = Stub::start(vec![garbage]).await;
        down(&market(&stub, tries, "")).await;
        assert_eq!(stub.requests().len(), 1);
    }
}

#[tokio::test]
async fn a_silent_marketplace_is_given_up() {
    let stub = Stub::start(vec![Told::ok(b"{").claiming(1_000).then_hang()]).await;
    let market = market(&stub, Patience { call: Duration::from_millis(200), ..patience() }, "");
    down(&market).await;
    assert_eq!(market.status().last_error.as_deref(), Some("No answer in time"));
}

#[tokio::test]
async fn an_old_answer_serves_while_nobody_answers_and_a_new_one_after_that() {
    let newer = json!({"plugin": {"org": "langgenius", "name": "agent", "latest_version": "0.1.0"}});
    let stub = Stub::start(vec![said(&agent()), Told::status(500, b""), said(&newer)]).await;
    let market = market(&stub, patience(), "");
    let mut told = Vec::new();
    for _ in 0..3 {
        let answer = market.plugin("langgenius", "agent").await.unwrap();
        told.push((answer.value.unwrap().listing.latest_version, answer.stale));
    }
    assert_eq!(told, [("0.0.9".into(), false), ("0.0.9".into(), true), ("0.1.0".into(), false)]);
    assert_eq!(market.status(), Status { circuit: Circuit::Closed, failures: 0, last_error: None });
}

#[tokio::test]
async fn after_five_failures_it_is_left_alone_and_one_question_finds_it_again() {
    let stub = Stub::start([vec![Told::status(500, b""); 5], vec![said(&agent())]].concat()).await;
    let left_alone = market(&stub, patience(), "");
    for _ in 0..8 {
        down(&left_alone).await;
    }
    assert_eq!(stub.requests().len(), 5);
    assert_eq!(left_alone.status().circuit, Circuit::Open);
    assert_eq!(left_alone.status().last_error.as_deref(), Some("HTTP 500"));

    let stub = Stub::start([vec![Told::status(500, b""); 5], vec![said(&agent())]].concat()).await;
    let market = market(&stub, Patience { open: Duration::ZERO, ..patience() }, "");
    for _ in 0..5 {
        down(&market).await;
    }
    assert_eq!(market.status().circuit, Circuit::HalfOpen);
    assert!(market.plugin("langgenius", "agent").await.is_ok());
    assert_eq!(market.status().circuit, Circuit::Closed);
}

#[tokio::test]
async fn one_plugin_that_cannot_be_told_closes_nothing_for_the_others() {
    let huge = json!({"plugin": {"org": "a", "name": "b", "introduction": "x".repeat(3 << 20)}});
    let stub = Stub::start(vec![said(&huge), Told::status(400, b"{}")]).await;
    let market = market(&stub, patience(), "");
    down(&market).await;
    down(&market).await;
    assert_eq!(market.status().failures, 0);
}

#[tokio::test]
async fn our_pages_are_cut_out_of_theirs_however_large_theirs_are() {
    // Five wanted, three given.
    let stub = Stub::start(vec![cards(0..3, 7), cards(3..6, 7), cards(6..7, 7)]).await;
    let fresh = Patience { fresh: Duration::from_hours(1), ..patience() };
    let small = market(&stub, fresh, "");
    let page = async |market: &HttpMarketplace, page| {
        let search = Search { page, per_page: 5, ..Search::default() };
        let page = market.search(&search).await.unwrap().value;
        (page.plugins.into_iter().map(|plugin| plugin.listing.name).collect::<Vec<_>>().join(" "), page.total)
    };
    assert_eq!(page(&small, 2).await, ("p5 p6".to_owned(), 7));
    assert_eq!(page(&small, 1).await, ("p0 p1 p2 p3 p4".to_owned(), 7));
    assert_eq!(page(&small, 3).await, (String::new(), 7));
    assert_eq!(stub.requests().len(), 3, "each page of theirs is asked for once");

    let stub = Stub::start(vec![cards(0..7, 7)]).await;
    let large = market(&stub, fresh, "");
    assert_eq!(page(&large, 2).await, ("p5 p6".to_owned(), 7));
    let request = &stub.requests()[0];
    let body: Value = serde_json::from_str(request.split("\r\n\r\n").nth(1).unwrap()).unwrap();
    assert!(request.starts_with("POST /api/v1/plugins/search/advanced "), "{request}");
    assert_eq!(
        body,
        json!({"page": 1, "page_size": 5, "query": "", "sort_by": "install_count", "sort_order": "DESC",
            "category": "", "tags": [], "type": "plugin"})
    );
}

#[tokio::test]
async fn cards_get_their_dates_in_one_call_and_do_without_if_there_is_no_answer() {
    let bare = said(&json!({"plugins": [{"org": "a", "name": "p"}, {"org": "a", "name": "q"}], "total": 2}));
    let batch = json!({"plugins": [{"org": "a", "name": "q", "created_at": "2024-01-01T00:00:00Z"}]});
    let stub = Stub::start(vec![bare.clone(), said(&batch), bare, Told::status(500, b"")]).await;
    let market = market(&stub, patience(), "");
    let search = Search { page: 1, per_page: 2, ..Search::default() };
    let dates = async || {
        let plugins = market.search(&search).await.unwrap().value.plugins;
        plugins.iter().map(|plugin| plugin.listing.created_at.is_some()).collect::<Vec<_>>()
    };
    assert_eq!(dates().await, [false, true]);
    assert!(stub.requests()[1].ends_with(r#"{"plugin_ids":["a/p","a/q"]}"#), "{:?}", stub.requests());
    assert_eq!(dates().await, [false, true], "the old answer is as good");
}

#[tokio::test]
async fn an_author_is_found_by_leafing_through_all_pages() {
    let card = |org: &str, name: &str| json!({"org": org, "name": name, "created_at": 1});
    let page = |one, other| said(&json!({"plugins": [one, other], "total": 4}));
    let told = vec![page(card("x", "a"), card("y", "b")), page(card("y", "c"), card("x", "d"))];
    let stub = Stub::start(told.clone()).await;
    let market_of_two = market(&stub, Patience { fresh: Duration::from_hours(1), ..patience() }, "");
    let author =
        |author: &str| Search { author: Some(author.to_owned()), page: 2, per_page: 1, ..Search::default() };
    let found = market_of_two.search(&author("x")).await.unwrap().value;
    assert_eq!((found.plugins[0].listing.name.as_str(), found.plugins.len(), found.total), ("d", 1, 2));
    assert_eq!(market_of_two.search(&author("z")).await.unwrap().value, Page::default());
    assert_eq!(market_of_two.search(&author("No One")).await.unwrap().value, Page::default());
    assert_eq!(market_of_two.authors().await.unwrap().value, ["x", "y"]);
    assert_eq!(stub.requests().len(), 2);
}

#[tokio::test]
async fn categories_are_counted_by_six_searches() {
    let stub = Stub::start(vec![cards(0..1, 42); 6]).await;
    let market = market(&stub, Patience { fresh: Duration::from_hours(1), ..patience() }, "");
    for _ in 0..2 {
        let categories = market.categories().await.unwrap().value;
        assert!(categories.len() == 6 && categories.iter().all(|category| category.plugin_count == 42));
    }
    assert_eq!(stub.requests().len(), 6);
}

fn versions() -> Told {
    said(&json!({"versions": [{"version": "0.0.9", "checksum": "ab"}, {"version": "0.0.8"}], "total": 2}))
}

async fn fetched(market: &HttpMarketplace, plugin: &PluginIdentity) -> Result<FromMarketplace, Failure> {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("p");
    let came =
        market.download(plugin, &file, LARGEST_PACKAGE, &|_, _| {}, None, &CancellationToken::new()).await;
    assert_eq!(file.exists(), came.is_ok(), "no part of a file is left");
    came
}

#[tokio::test]
async fn a_package_comes_from_the_object_store_with_its_promise() {
    let store = Stub::start(vec![Told::ok(b"PK\x03\x04 package")]).await;
    let sent_on = Told::redirect(&store.url("/presigned?sig=s3cret"));
    let stub = Stub::start(vec![versions(), sent_on.clone()]).await;
    let came = fetched(&market(&stub, patience(), "127.0.0.0/8"), &identity()).await.unwrap();
    assert_eq!((came.received.size, came.checksum.as_deref(), came.binding), (12, Some("ab"), true));
    assert!(stub.requests()[1].starts_with("GET /api/v1/plugins/langgenius/agent/0.0.9/download "));
    assert!(!store.requests()[0].contains("x-dify-version"), "its headers are for the marketplace alone");

    let stub = Stub::start(vec![versions(), sent_on]).await;
    let refused = fetched(&market(&stub, patience(), ""), &identity()).await.unwrap_err();
    assert_eq!(refused.reason, Reason::RedirectForbidden);
    assert!(!refused.message.contains("s3cret"));
    assert_eq!(store.requests().len(), 1);
}

#[tokio::test]
async fn what_cannot_be_downloaded_says_why() {
    let gone = Stub::start(vec![versions(), unknown(404)]).await;
    let failure = fetched(&market(&gone, patience(), ""), &identity()).await.unwrap_err();
    assert_eq!((failure.reason, failure.transient), (Reason::PluginUnknown, false));
    assert_eq!(failure.message, "Version 0.0.9 of langgenius/agent not found");

    let fresh = Patience { fresh: Duration::from_hours(1), ..patience() };
    let stub = Stub::start(vec![versions(), versions(), unknown(404)]).await;
    let other = PluginIdentity::new("langgenius", "agent", "0.0.7").unwrap();
    let failure = fetched(&market(&stub, fresh, ""), &other).await.unwrap_err();
    assert_eq!(failure.message, "Version 0.0.7 of langgenius/agent not found");
    assert_eq!(stub.requests().len(), 2, "it may have been published since");

    let stub = Stub::start(vec![unknown(404), unknown(404)]).await;
    let failure = fetched(&market(&stub, fresh, ""), &other).await.unwrap_err();
    assert_eq!(failure.message, "No versions found for plugin langgenius/agent");

    let stub = Stub::start(vec![versions(), Told::ok(b"<!DOCTYPE html><html>no</html>")]).await;
    let failure = fetched(&market(&stub, patience(), ""), &identity()).await.unwrap_err();
    assert_eq!(failure.message, "The server sent a web page, not a .difypkg (HTTP 200 from 127.0.0.1)");

    let stub = Stub::start([vec![versions()], vec![Told::status(500, b""); 40]].concat()).await;
    let failure = fetched(&market(&stub, patience(), ""), &identity()).await.unwrap_err();
    assert_eq!((failure.reason, failure.transient), (Reason::MarketplaceUnavailable, true));
}

#[tokio::test]
async fn versions_are_leafed_through_until_all_are_there() {
    let page = |version: &str| said(&json!({"versions": [{"version": version}], "total": 3}));
    let stub = Stub::start(vec![page("0.0.1"), page("0.0.3"), page("0.0.2")]).await;
    let found = market(&stub, patience(), "").versions("a", "b").await.unwrap().value;
    assert_eq!(
        found.iter().map(|listed| listed.version.as_str()).collect::<Vec<_>>(),
        ["0.0.3", "0.0.2", "0.0.1"]
    );
    let stub = Stub::start(vec![page("0.0.1"), page("0.0.1")]).await;
    assert_eq!(market(&stub, patience(), "").versions("a", "b").await.unwrap().value.len(), 1);
}

#[tokio::test]
async fn an_icon_is_an_image_or_none() {
    let store = Stub::start(vec![Told::ok(b"\x89PNG\r\n\x1a\n")]).await;
    let stub =
        Stub::start(vec![Told::status(307, b"").header(&format!("Location: {}", store.url("/i")))]).await;
    let fresh = Patience { fresh: Duration::from_hours(1), ..patience() };
    let market_with_store = market(&stub, fresh, "127.0.0.1");
    for _ in 0..2 {
        let icon = market_with_store.icon("a", "b").await.unwrap().unwrap();
        assert_eq!((icon.0.as_str(), icon.1.len()), ("image/png", 8));
    }
    let huge = [b"\x89PNG".to_vec(), vec![0; 1 << 20]].concat();
    for none in [
        Told::ok(b"<html><script>1</script>").header("Content-Type: image/png"),
        Told::ok(&huge),
        unknown(404),
        Told::redirect("http://169.254.169.254/icon.png"),
    ] {
        let stub = Stub::start(vec![none]).await;
        assert_eq!(market(&stub, patience(), "").icon("a", "b").await, Ok(None));
    }
    let stub = Stub::start(vec![Told::status(503, b"")]).await;
    assert!(market(&stub, patience(), "").icon("a", "b").await.unwrap_err().transient);
}

#[tokio::test]
async fn credentials_of_a_mirror_are_sent_and_never_told() {
    let stub = Stub::start(vec![said(&agent())]).await;
    let base = stub.url("/api/v1").replace("http://", "http://me:s3cret@").parse().unwrap();
    let guarded = GuardedClient::new(FetchPolicy::default()).unwrap();
    let market =
        HttpMarketplace::new(base, guarded, true, patience(), transfer::Patience::default()).unwrap();
    market.plugin("langgenius", "agent").await.unwrap();
    assert!(stub.requests()[0].contains("authorization: Basic bWU6czNjcmV0"), "{:?}", stub.requests());
    assert_eq!(
        market.download_url(&identity()).await.unwrap(),
        stub.url("/api/v1/plugins/langgenius/agent/0.0.9/download")
    );
    assert_eq!(market.page_form(), stub.url("/plugins/{author}/{name}"));
    let page = stub.url("/plugins/langgenius/agent?x=1");
    assert_eq!(market.page(&page), Some(("langgenius".to_owned(), "agent".to_owned())));
}
