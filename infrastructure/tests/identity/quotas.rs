//! Quotas: what the nodes have used adds up.

use std::time::Duration;

use application::ports::quotas::{Quotas, Used};
use futures::future::join_all;
use infrastructure::{postgres::Pools, quotas::PgQuotas};

use crate::support::Yard;

fn used(bucket: &str, seconds: u64) -> Used {
    Used { bucket: bucket.to_owned(), spent: Duration::from_secs(seconds), since: Duration::ZERO }
}

fn node(yard: &Yard) -> PgQuotas {
    PgQuotas::new(Pools::new(&yard.options).writes)
}

/// Time goes on while a test runs.
fn about(found: Duration, seconds: u64) -> bool {
    found <= Duration::from_secs(seconds) && found + Duration::from_secs(20) > Duration::from_secs(seconds)
}

#[tokio::test]
async fn what_two_nodes_have_used_adds_up() {
    let yard = Yard::fresh().await;
    let (one, other) = (node(&yard), node(&yard));
    assert!(about(one.settle(&[used("a", 100)]).await.unwrap()[0], 100));
    assert!(about(other.settle(&[used("a", 200)]).await.unwrap()[0], 300));
    assert!(about(one.settle(&[used("a", 0)]).await.unwrap()[0], 300), "asking costs nothing");
}

#[tokio::test]
async fn answers_come_in_the_order_of_the_questions_and_a_bucket_may_be_asked_twice() {
    let yard = Yard::fresh().await;
    let answers =
        node(&yard).settle(&[used("b", 100), used("a", 200), used("c", 0), used("b", 300)]).await.unwrap();
    let fits: Vec<_> = answers.iter().zip([400, 200, 0, 400]).map(|(&found, s)| about(found, s)).collect();
    assert_eq!(fits, [true; 4], "{answers:?}");
    assert_eq!(node(&yard).settle(&[]).await.unwrap(), []);
}

#[tokio::test]
async fn a_bucket_that_has_filled_up_begins_anew() {
    let yard = Yard::fresh().await;
    yard.execute("insert into es.rate_buckets values ('a', clock_timestamp() - interval '1 day')").await;
    assert!(about(node(&yard).settle(&[used("a", 100)]).await.unwrap()[0], 100));
}

#[tokio::test]
async fn what_is_told_late_has_been_refilling_since_it_was_used() {
    let yard = Yard::fresh().await;
    let late = |seconds: u64| Used { since: Duration::from_secs(40), ..used("a", seconds) };
    assert!(about(node(&yard).settle(&[late(100)]).await.unwrap()[0], 60));
    assert!(about(node(&yard).settle(&[late(100)]).await.unwrap()[0], 160), "the bucket was not full then");
    let long_ago = Used { since: Duration::from_secs(400), ..used("b", 100) };
    assert_eq!(node(&yard).settle(&[long_ago]).await.unwrap(), [Duration::ZERO]);
}

#[tokio::test]
async fn nonsense_is_bounded() {
    let yard = Yard::fresh().await;
    let forever = Used { bucket: "a".to_owned(), spent: Duration::MAX, since: Duration::ZERO };
    let found = node(&yard).settle(&[forever]).await.unwrap()[0];
    assert!(found > Duration::from_hours(24) && found <= Duration::from_hours(366 * 24), "{found:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_that_settle_the_same_buckets_in_other_orders_do_not_wait_for_each_other_for_ever() {
    let yard = Yard::fresh().await;
    let forwards: Vec<_> = (0..200).map(|n| used(&format!("bucket {n}"), 100)).collect();
    let backwards: Vec<_> = forwards.iter().rev().cloned().collect();
    let nodes: Vec<_> = (0..4).map(|_| node(&yard)).collect();
    let rounds = (0..20).flat_map(|_| nodes.iter().zip([&forwards, &backwards, &forwards, &backwards]));
    let settled = join_all(rounds.map(|(node, used)| async move { node.settle(used).await })).await;
    assert!(settled.iter().all(Result::is_ok));
    let all: i64 = yard
        .scalar("select min(extract(epoch from full_at - clock_timestamp()))::bigint from es.rate_buckets")
        .await;
    assert!(all > 80 * 100 - 60 && all <= 80 * 100, "nothing is lost: {all}");
}
