use application::failure::Reason;

use super::*;
use crate::fetch::stub::{Answer, Stub};

fn client(allow: &str) -> GuardedClient {
    GuardedClient::new(FetchPolicy { allow: allow.parse().unwrap(), hosts: Vec::new() }).unwrap()
}

async fn refused(client: &GuardedClient, url: &str) -> Failure {
    match client.get(&Url::parse(url).unwrap(), None).await {
        Err(NoAnswer::Refused(failure)) => failure,
        other => panic!("{url}: {other:?}"),
    }
}

#[tokio::test]
async fn a_forbidden_address_sees_no_connection() {
    let stub = Stub::start(vec![Answer::ok(b"x")]).await;
    let url = stub.url("/a");
    assert_eq!(refused(&client(""), &url).await.reason, Reason::UrlForbidden);
    let by_name = url.replace("127.0.0.1", "localhost");
    assert_eq!(refused(&client("10.0.0.0/8"), &by_name).await.reason, Reason::UrlForbidden);
    assert_eq!(stub.requests(), Vec::<String>::new());
}

#[tokio::test]
async fn an_allowed_network_is_reached_by_address_and_by_name() {
    let stub = Stub::start(vec![Answer::ok(b"x"), Answer::ok(b"y")]).await;
    let client = client("127.0.0.0/8, ::1");
    for url in [stub.url("/a"), stub.url("/b").replace("127.0.0.1", "localhost")] {
        let response = client.get(&Url::parse(&url).unwrap(), None).await.unwrap();
        assert_eq!(response.status().as_u16(), 200);
    }
    assert_eq!(stub.requests().len(), 2);
}

#[tokio::test]
async fn redirects_are_judged_hop_by_hop_and_counted() {
    let other = Stub::start(vec![Answer::ok(b"secret")]).await;
    let stub = Stub::start(vec![Answer::redirect(&other.url("/"))]).await;
    let own_port = client(&format!("127.0.0.1:{}", stub.port()));
    let failure = refused(&own_port, &stub.url("/a")).await;
    assert_eq!(failure.reason, Reason::RedirectForbidden);
    assert_eq!(failure.message, "Redirect to a forbidden address");
    assert_eq!(other.requests(), Vec::<String>::new());

    let round = Stub::start(vec![Answer::redirect("/again"); 7]).await;
    let failure = refused(&client("127.0.0.1"), &round.url("/a")).await;
    assert_eq!(failure.reason, Reason::RedirectForbidden);
    assert_eq!(round.requests().len(), 6);

    let five = Stub::start([vec![Answer::redirect("/x"); 5], vec![Answer::ok(b"x")]].concat()).await;
    assert!(client("127.0.0.1").get(&Url::parse(&five.url("/a")).unwrap(), None).await.is_ok());
}

#[tokio::test]
async fn the_operators_host_is_not_guarded_but_its_redirects_elsewhere_are() {
    let inner = Stub::start(vec![Answer::ok(b"secret")]).await;
    let own = Stub::start(vec![Answer::ok(b"x"), Answer::redirect(&inner.url("/"))]).await;
    let base = own.url("/").replace("http://", "http://me:pw@").parse().unwrap();
    let index = IndexPolicy::new(None, vec![base], false);
    let client = OperatorClient::new(index, client("")).unwrap();
    let url = Url::parse(&own.url("/packages/a")).unwrap();
    assert!(client.get(&url, None).await.is_ok());
    assert!(own.requests()[0].contains("authorization: Basic bWU6cHc="), "{:?}", own.requests());
    assert!(matches!(client.get(&url, None).await, Err(NoAnswer::Refused(_))));
    assert_eq!(inner.requests(), Vec::<String>::new());
}

#[test]
fn a_redirect_never_leaves_https() {
    let url = |text: &str| Url::parse(text).unwrap();
    assert!(is_downgrade(&url("https://a.example/"), &url("http://a.example/")));
    assert!(is_downgrade(&url("https://a.example/"), &url("ftp://a.example/")));
    assert!(!is_downgrade(&url("https://a.example/"), &url("https://b.example/")));
    assert!(!is_downgrade(&url("http://127.0.0.1/"), &url("https://b.example/")));
}

#[tokio::test]
async fn a_name_is_looked_up_once_for_many_requests_and_only_judged_addresses_are_given_out() {
    let client = client("127.0.0.0/8, ::1");
    let first = client.resolver.addresses("localhost").await.unwrap();
    assert_eq!(client.resolver.addresses("localhost").await.unwrap(), first);
    let name = |text: &str| text.parse::<Name>().unwrap();
    assert!(client.resolver.resolve(name("localhost")).await.is_ok());
    assert!(client.resolver.resolve(name("never-asked.example")).await.is_err());
    let strict = GuardedClient::new(FetchPolicy::default()).unwrap();
    strict.resolver.addresses("localhost").await.unwrap();
    assert!(strict.resolver.resolve(name("localhost")).await.is_err());
}
