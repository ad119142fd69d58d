//! How much anybody may: the documents' numbers and headers, one bucket behind many paths, shared between nodes.

use std::time::Duration;

use plugyard_tests::{Answer, Dialect, Plan, Yard, until, waiting::seconds, yard::ADMIN};
use reqwest::Method;
use serde_json::json;

async fn limited(limits: &str) -> Yard {
    Plan::default().set("PLUGYARD_RATE_LIMITS", limits).start().await
}

fn number(answer: &Answer, header: &str) -> i64 {
    let text = answer.header(header);
    text.parse().unwrap_or_else(|_| panic!("{header} is {text:?} in {:?} {}", answer.headers, answer.text()))
}

fn remaining(answer: &Answer) -> i64 {
    number(answer, "x-ratelimit-remaining")
}

/// An open read of the dialect that counts.
fn path(dialect: Dialect) -> String {
    format!("{}/identity", dialect.mount())
}

#[tokio::test]
async fn the_documented_numbers_stand_in_the_headers_of_every_answer() {
    let yard = limited("").await;
    let key = yard.key_for("somebody", &["inkdrop", "backstage", "nexus"], "user").await;
    for (dialect, anonymous, authenticated) in
        [(Dialect::Inkdrop, 120, 120), (Dialect::Backstage, 100, 1000), (Dialect::Nexus, 100, 1000)]
    {
        let mount = dialect.mount();
        let requests = [
            (yard.request(Method::GET, &path(dialect)), 200, anonymous),
            (yard.request(Method::GET, &format!("{mount}/nothing/here")), 404, anonymous),
            (yard.request(Method::PATCH, &path(dialect)), 405, anonymous),
            (yard.request(Method::GET, &format!("{mount}/identity/keys")), 401, anonymous),
            (yard.bearing(Method::GET, &path(dialect), "nonsense"), 401, anonymous),
            (yard.request(Method::GET, &path(dialect)).header("Content-Encoding", "gzip"), 415, anonymous),
            (yard.request(Method::HEAD, &path(dialect)), 200, anonymous),
            (yard.bearing(Method::GET, &path(dialect), &key.secret), 200, authenticated),
            (
                yard.bearing(Method::GET, &format!("{mount}/identity/accounts"), &key.secret),
                403,
                authenticated,
            ),
            (yard.bearing(Method::POST, &format!("{mount}/identity/keys"), &key.secret), 400, authenticated),
        ];
        for (request, status, limit) in requests {
            let answer = yard.send(request).await;
            let inkdrops_own = dialect == Dialect::Inkdrop && status == 405 && answer.status == 501;
            assert!(inkdrops_own || answer.status == status, "{mount}: {} {}", answer.status, answer.text());
            assert_eq!(number(&answer, "x-ratelimit-limit"), limit, "{mount} {status}");
            assert!((0..limit).contains(&remaining(&answer)), "{mount} {status}: {:?}", answer.headers);
            reset(dialect, &answer);
        }
    }
    let shown = yard.get("/dify/api/v1/tasks").await.expect(200);
    assert_eq!((number(&shown, "x-ratelimit-limit"), remaining(&shown)), (10, 10));
    for dialect in [Dialect::Langbot, Dialect::Space] {
        assert_eq!(
            yard.get(&path(dialect)).await.expect(200).header("x-ratelimit-limit"),
            "",
            "none documented"
        );
    }
}

/// In the dialect's own form.
fn reset(dialect: Dialect, answer: &Answer) {
    let text = answer.header("x-ratelimit-reset");
    if dialect == Dialect::Backstage {
        assert!(text.ends_with('Z') && text.contains('T'), "{text}");
    } else {
        assert!(number(answer, "x-ratelimit-reset") > 1_700_000_000, "{text}");
    }
    let window = answer.header("x-ratelimit-window");
    assert_eq!(window, if dialect == Dialect::Nexus { "3600" } else { "" }, "{}", dialect.name());
}

#[tokio::test]
async fn one_number_stands_behind_mount_and_root_and_every_alias() {
    let yard = limited("inkdrop=5/3600,nexus=5/3600").await;
    let inkdrop = [
        "/inkdrop/v1/packages",
        "/v1/packages",
        "/v1/packages/",
        "/inkdrop/v1/packages/search",
        "/inkdrop/identity",
    ];
    for (used, path) in (1..).zip(inkdrop) {
        let answer = yard.get(path).await;
        assert_eq!(remaining(&answer), 5 - used, "{path}: {}", answer.text());
    }
    for path in inkdrop {
        let refused = Dialect::Inkdrop.refusal(&yard.get(path).await);
        assert_eq!((refused.status, &*refused.code), (429, "429"), "{path}");
    }
    let nexus = [
        "/nexus/api/v1/plugins",
        "/nexus/v1/plugins",
        "/v1/plugins",
        "/nexus/nothing",
        "/v1/plugins/nothing",
    ];
    for (used, path) in (1..).zip(nexus) {
        let answer = yard.get(path).await;
        assert_eq!(remaining(&answer), 5 - used, "{path}: {}", answer.text());
    }
    let answer = yard.get("/nexus/identity").await;
    let refused = Dialect::Nexus.refusal(&answer);
    assert_eq!((refused.status, &*refused.code), (429, "RATE_LIMIT_EXCEEDED"));
    assert_eq!(answer.json()["error"]["retry_after"], number(&answer, "retry-after"));
}

#[tokio::test]
async fn whoever_is_over_is_told_how_long_to_wait_and_that_is_long_enough() {
    let yard = limited("backstage=2/4").await;
    let path = path(Dialect::Backstage);
    for _ in 0..2 {
        yard.get(&path).await.expect(200);
    }
    let answer = yard.get(&path).await.expect(429);
    assert_eq!(Dialect::Backstage.refusal(&answer).code, "RATE_LIMITED");
    assert_eq!((number(&answer, "x-ratelimit-limit"), remaining(&answer)), (2, 0));
    let wait = u64::try_from(number(&answer, "retry-after")).expect("a time");
    assert!((1..=2).contains(&wait), "{wait}");
    // The wait itself is what is promised.
    tokio::time::sleep(Duration::from_secs(wait)).await;
    yard.get(&path).await.expect(200);
    yard.get(&path).await.expect(429);
}

#[tokio::test]
async fn a_principal_has_a_number_of_its_own_whatever_its_address_used_up() {
    let yard = limited("backstage=2/3600,backstage.authenticated=4/3600").await;
    let path = path(Dialect::Backstage);
    let ada = yard.key_for("ada", &["backstage"], "user").await;
    let adas_other = yard.key_for("ada", &["backstage"], "user").await;
    let bob = yard.key_for("bob", &["backstage"], "user").await;
    for _ in 0..2 {
        yard.get(&path).await.expect(200);
    }
    yard.get(&path).await.expect(429);
    for (used, key) in (1..).zip([&ada, &adas_other, &ada, &adas_other]) {
        assert_eq!(
            remaining(&yard.get_as(&path, &key.secret).await.expect(200)),
            4 - used,
            "one owner, one number"
        );
    }
    yard.get_as(&path, &ada.secret).await.expect(429);
    assert_eq!(remaining(&yard.get_as(&path, &bob.secret).await.expect(200)), 3);
    let rich = json!({ "dialects": ["backstage"], "rate": "7/3600" });
    let rich = yard.key("ada", rich).await;
    let answer = yard.get_as(&path, &rich.secret).await.expect(200);
    assert_eq!((number(&answer, "x-ratelimit-limit"), remaining(&answer)), (7, 6), "an allowance of its own");
    yard.get(&path).await.expect(429);
}

async fn forwarded(yard: &Yard, chain: &str) -> Answer {
    let request = yard.request(Method::GET, &path(Dialect::Backstage));
    yard.send(request.header("X-Forwarded-For", chain).header("Forwarded", format!("for={chain}"))).await
}

#[tokio::test]
async fn what_a_client_says_of_its_address_counts_for_nothing() {
    let yard = limited("backstage=3/3600").await;
    for used in 1..=3 {
        assert_eq!(remaining(&forwarded(&yard, &format!("198.51.100.{used}")).await.expect(200)), 3 - used);
    }
    forwarded(&yard, "203.0.113.9").await.expect(429);
    yard.get(&path(Dialect::Backstage)).await.expect(429);
}

#[tokio::test]
async fn a_configured_proxy_is_believed_and_an_ipv6_network_is_one_client() {
    let plan = Plan::default().set("PLUGYARD_RATE_LIMITS", "backstage=2/3600");
    let yard = plan.set("PLUGYARD_TRUSTED_PROXIES", "127.0.0.1,10.0.0.0/8").start().await;
    for (chain, left) in [
        ("198.51.100.1", 1),
        ("198.51.100.2", 1),
        ("203.0.113.1, 198.51.100.1", 0),
        ("198.51.100.3, 10.1.2.3", 1),
        ("2001:db8:1:1::1", 1),
        ("2001:db8:1:1:ffff::2", 0),
        ("2001:db8:1:2::1", 1),
        ("::ffff:198.51.100.2", 0),
    ] {
        assert_eq!(remaining(&forwarded(&yard, chain).await.expect(200)), left, "{chain}");
    }
    forwarded(&yard, "192.0.2.77, 198.51.100.1").await.expect(429);
    forwarded(&yard, "2001:db8:1:1:abcd::3").await.expect(429);
}

#[tokio::test]
async fn two_nodes_share_one_number() {
    let yard = limited("backstage=20/3600").await;
    let other = yard.neighbour("api").await;
    let path = path(Dialect::Backstage);
    for _ in 0..12 {
        yard.get(&path).await.expect(200);
    }
    // A node learns of a bucket when it tells of its own use of it.
    let begun = std::time::Instant::now();
    until("the other node has heard of it", seconds(6), async || {
        (remaining(&other.get(&path).await) < 20 - 12).then_some(())
    })
    .await;
    assert!(begun.elapsed() < seconds(4), "two rounds: {:?}", begun.elapsed());
    until("both are used up", seconds(10), async || {
        let (here, there) = (yard.get(&path).await, other.get(&path).await);
        (here.status == 429 && there.status == 429).then_some(())
    })
    .await;
}

#[tokio::test]
async fn logins_have_a_limit_of_their_own() {
    let yard = limited("login=3/600").await;
    let body = json!({ "username": "nobody", "password": "wrong password" });
    for _ in 0..2 {
        yard.post("/nexus/api/v1/auth/login", &body).await.expect(401);
    }
    let langbot = json!({ "user": "nobody", "password": "wrong password" });
    yard.post("/langbot/api/v1/user/auth", &langbot).await.expect(200);
    let refused = Dialect::Langbot.refusal(&yard.post("/langbot/api/v1/user/auth", &langbot).await);
    assert_eq!(refused.status, 429, "one number for both");
    let answer = yard.post("/api/v1/auth/login", &body).await;
    assert_eq!(Dialect::Nexus.refusal(&answer).code, "RATE_LIMIT_EXCEEDED");
    assert!(number(&answer, "retry-after") > 1);
    yard.get("/nexus/identity").await.expect(200);
}

#[tokio::test]
async fn guessing_credentials_is_bounded_by_address_in_every_dialect() {
    let yard = limited("backstage=4/3600,credentials=4/3600").await;
    for dialect in Dialect::WITH_CREDENTIALS.into_iter().chain([Dialect::Yard]) {
        let guess = async |n: usize| yard.get_as(&path(dialect), &format!("guess-{n}")).await;
        let mut statuses = Vec::new();
        for n in 0..10 {
            statuses.push(guess(n).await.status);
        }
        assert_eq!(statuses.last(), Some(&429), "{}: {statuses:?}", dialect.name());
    }
    yard.get_as(&path(Dialect::Langbot), ADMIN).await.expect(200);
}
