//! Tickets: good once, on all nodes together, until they expire.

use std::time::Duration;

use application::ports::credentials::Tickets;
use chrono::{DateTime, Utc};
use domain::values::KeyId;
use futures::future::join_all;
use infrastructure::tickets::PgTickets;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::support::Yard;

const LASTS: Duration = Duration::from_secs(30);

#[tokio::test]
async fn a_ticket_ends_by_the_clock_that_judges_it() {
    let yard = Yard::fresh().await;
    let tickets = PgTickets::new(yard.pools.writes.clone());
    let now = "select clock_timestamp()";
    let before: DateTime<Utc> = yard.scalar(now).await;
    let end = tickets.put([6; 32], None, LASTS).await.unwrap();
    let after: DateTime<Utc> = yard.scalar(now).await;
    assert!((before + LASTS..=after + LASTS).contains(&end), "{before} {end} {after}");
    assert_eq!(yard.scalar::<DateTime<Utc>>("select expires_at from es.tickets").await, end);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_twenty_takers_one_gets_the_ticket() {
    let yard = Yard::fresh().await;
    let (tickets, key) = (PgTickets::new(yard.pools.writes.clone()), KeyId(Uuid::new_v4()));
    tickets.put([1; 32], Some(key), LASTS).await.unwrap();
    let takers: Vec<_> = (0..20)
        .map(|_| {
            let tickets = tickets.clone();
            async move { tickets.take([1; 32]).await.unwrap() }
        })
        .collect();
    let taken: Vec<_> = join_all(takers).await.into_iter().flatten().collect();
    assert_eq!(taken, [Some(key)]);
}

#[tokio::test]
async fn a_ticket_of_the_bootstrap_credential_has_no_key_and_an_unknown_one_is_none() {
    let yard = Yard::fresh().await;
    let tickets = PgTickets::new(yard.pools.writes.clone());
    tickets.put([2; 32], None, LASTS).await.unwrap();
    assert_eq!(tickets.take([3; 32]).await.unwrap(), None);
    assert_eq!(tickets.take([2; 32]).await.unwrap(), Some(None));
    assert_eq!(tickets.take([2; 32]).await.unwrap(), None);
}

#[tokio::test]
async fn an_expired_ticket_is_not_taken_and_is_removed() {
    let yard = Yard::fresh().await;
    let tickets = PgTickets::new(yard.pools.writes.clone());
    tickets.put([4; 32], None, Duration::ZERO).await.unwrap();
    tickets.put([5; 32], None, LASTS).await.unwrap();
    assert_eq!(tickets.take([4; 32]).await.unwrap(), None);
    yard.execute(
        "insert into es.rate_buckets values ('full', clock_timestamp() - interval '1 s'),
                                            ('not yet', clock_timestamp() + interval '1 h')",
    )
    .await;
    // Ends after its first round.
    let stop = CancellationToken::new();
    stop.cancel();
    infrastructure::housekeeping::keep_house(yard.pools.writes.clone(), stop).await;
    assert_eq!(yard.scalar::<Vec<u8>>("select string_agg(sha256, '') from es.tickets").await, [5; 32]);
    assert_eq!(yard.scalar::<String>("select string_agg(bucket, ' ') from es.rate_buckets").await, "not yet");
}
