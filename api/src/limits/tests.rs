use std::{
    collections::HashMap,
    net::IpAddr,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
};

use application::{
    Error,
    ports::quotas::{Quotas, Used},
    principal::Proof,
};
use async_trait::async_trait;
use domain::values::{AccountId, Allowance, KeyId};
use uuid::Uuid;

use super::{sharing::settle, *};
use crate::address::Addresses;

fn client(last: u8) -> Client {
    Client(IpAddr::from([192, 0, 2, last]))
}

fn limits(text: &str) -> Limits {
    Limits::new(text.parse().unwrap())
}

fn take(limits: &Limits, last: u8, now: Instant) -> Result<Standing, Standing> {
    limits.take(Dialect::Dify, Charge::Creation, &Principal::anonymous(), client(last), now).unwrap()
}

#[test]
fn a_client_has_its_number_and_gets_it_back_evenly() {
    let (limits, now) = (limits("dify=2/60"), Instant::now());
    assert_eq!(take(&limits, 1, now).unwrap().remaining, 1);
    assert_eq!(take(&limits, 1, now).unwrap().remaining, 0);
    let refused = take(&limits, 1, now + Duration::from_millis(10_001)).unwrap_err();
    assert_eq!((refused.remaining, refused.retry_after()), (0, 20));
    assert!(take(&limits, 2, now).is_ok(), "another client has its own number");
    assert!(take(&limits, 1, now + Duration::from_secs(30)).is_ok(), "one came back");
    assert!(take(&limits, 1, now + Duration::from_secs(30)).is_err());
    let later = now + Duration::from_mins(5);
    assert!(take(&limits, 1, later).is_ok() && take(&limits, 1, later).is_ok(), "never more than its number");
    assert!(take(&limits, 1, later).is_err());
}

#[test]
fn looking_counts_nothing() {
    let (limits, now) = (limits("dify=1/60"), Instant::now());
    let look = |now| {
        let anonymous = Principal::anonymous();
        limits.look(Dialect::Dify, Charge::Shown, &anonymous, client(1), now).unwrap().remaining
    };
    assert_eq!(look(now), 1);
    take(&limits, 1, now).unwrap();
    assert_eq!(look(now), 0);
    assert_eq!(look(now + Duration::from_secs(61)), 1);
}

#[test]
fn many_clients_take_bounded_memory() {
    let (limits, now) = (limits("dify=1/60"), Instant::now());
    for n in 0..100_000_u32 {
        let client = Client(IpAddr::from(n.to_be_bytes()));
        let _ = limits.take(Dialect::Dify, Charge::Creation, &Principal::anonymous(), client, now);
    }
    assert_eq!(limits.lock().len(), REMEMBERED.get());
}

/// In memory, as all nodes see them.
#[derive(Default)]
struct Shared {
    full_at: Mutex<HashMap<String, Instant>>,
    asked: AtomicUsize,
    down: AtomicBool,
}

#[async_trait]
impl Quotas for Shared {
    async fn settle(&self, used: &[Used]) -> Result<Vec<Duration>, Error> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        if self.down.load(Ordering::Relaxed) {
            return Err(Error::unavailable());
        }
        let (now, mut full_at) = (Instant::now(), self.full_at.lock().unwrap());
        let settle = |used: &Used| {
            let at = full_at.entry(used.bucket.clone()).or_insert(now);
            *at = (*at).max(now) + used.spent;
            at.duration_since(now)
        };
        Ok(used.iter().map(settle).collect())
    }
}

fn principal(account: u128, allowance: Option<&str>) -> Principal {
    Principal {
        proof: Proof::Token,
        account: Some(AccountId(Uuid::from_u128(account))),
        key: Some(KeyId(Uuid::from_u128(account + 1))),
        allowance: allowance.map(|text| text.parse().unwrap()),
        ..Principal::anonymous()
    }
}

fn left(limits: &Limits, dialect: Dialect, principal: &Principal, last: u8) -> Option<u32> {
    let look = limits.look(dialect, Charge::Shown, principal, client(last), Instant::now());
    look.map(|standing| standing.remaining)
}

fn spend(limits: &Limits, dialect: Dialect, principal: &Principal, last: u8) {
    let taken = limits.take(dialect, Charge::Usual, principal, client(last), Instant::now());
    assert!(!matches!(taken, Some(Err(_))), "{taken:?}");
}

#[test]
fn whoever_is_known_is_counted_by_who_he_is_and_not_by_where() {
    let limits = limits("backstage=2/3600, backstage.authenticated=5/3600");
    let (anonymous, one, other) = (Principal::anonymous(), principal(1, None), principal(5, None));
    let left = |who: &Principal, last| left(&limits, Dialect::Backstage, who, last).unwrap();
    spend(&limits, Dialect::Backstage, &anonymous, 1);
    spend(&limits, Dialect::Backstage, &one, 1);
    spend(&limits, Dialect::Backstage, &one, 2);
    spend(&limits, Dialect::Backstage, &Principal::bootstrap(), 1);
    assert_eq!((left(&anonymous, 1), left(&anonymous, 2)), (1, 2));
    assert_eq!((left(&one, 1), left(&one, 3)), (3, 3), "wherever he comes from");
    assert_eq!((left(&other, 1), left(&Principal::bootstrap(), 9)), (5, 4));
    spend(&limits, Dialect::Inkdrop, &one, 1);
    let inkdrop = |who: &Principal, last| {
        limits.look(Dialect::Inkdrop, Charge::Shown, who, client(last), Instant::now())
    };
    assert_eq!(inkdrop(&anonymous, 1).unwrap().remaining, 119, "this dialect counts by address alone");
}

#[test]
fn the_allowance_of_a_key_is_one_bucket_wherever_it_is_used_and_whatever_is_off() {
    let (all_off, usual) = (limits("off"), limits(""));
    let key = principal(1, Some("4/3600"));
    for limits in [all_off, usual] {
        for dialect in [Dialect::Backstage, Dialect::Nexus, Dialect::Inkdrop, Dialect::Langbot] {
            spend(&limits, dialect, &key, 1);
        }
        assert_eq!(left(&limits, Dialect::Backstage, &key, 9), Some(0));
        let next = limits.take(Dialect::Yard, Charge::Usual, &key, client(1), Instant::now());
        assert!(matches!(next, Some(Err(_))), "{next:?}");
        let guess = limits.take(Dialect::Yard, Charge::Login, &key, client(1), Instant::now());
        assert!(!matches!(guess, Some(Err(_))), "logins are counted by address");
    }
    let off = limits("off");
    assert_eq!(left(&off, Dialect::Nexus, &principal(1, None), 1), None);
    assert_eq!(left(&limits(""), Dialect::Langbot, &principal(1, None), 1), None, "it has none");
}

#[tokio::test]
async fn nodes_end_with_the_sum_of_what_each_has_let_through() {
    let (shared, addresses) = (Shared::default(), Addresses::new(&[], [7; 32]));
    let (here, there) = (limits("dify=10/3600"), limits("dify=10/3600"));
    let now = Instant::now();
    settle(&here, &shared, &addresses).await;
    assert_eq!(shared.asked.load(Ordering::Relaxed), 0, "nothing was taken: no statement");
    for _ in 0..3 {
        take(&here, 1, now).unwrap();
    }
    for _ in 0..4 {
        take(&there, 1, now).unwrap();
    }
    shared.down.store(true, Ordering::Relaxed);
    settle(&here, &shared, &addresses).await;
    shared.down.store(false, Ordering::Relaxed);
    settle(&here, &shared, &addresses).await;
    settle(&there, &shared, &addresses).await;
    let nobody = Principal::anonymous();
    assert_eq!(left(&there, Dialect::Dify, &nobody, 1), Some(3), "what could not be told is told later");
    take(&here, 1, now).unwrap();
    settle(&here, &shared, &addresses).await;
    assert_eq!(left(&here, Dialect::Dify, &nobody, 1), Some(2));
    let asked = shared.asked.load(Ordering::Relaxed);
    settle(&here, &shared, &addresses).await;
    settle(&there, &shared, &addresses).await;
    assert_eq!(shared.asked.load(Ordering::Relaxed), asked, "told once");
    let names: Vec<String> = shared.full_at.lock().unwrap().keys().cloned().collect();
    assert!(names.iter().all(|name| name.starts_with("dify:") && !name.contains("192.0.2")), "{names:?}");
}

#[test]
fn limits_are_off_default_or_given() {
    let read = |text: &str, limit| text.parse::<RateLimits>().map(|limits| limits.of(limit));
    let rate = |most, seconds| Ok(Allowance::new(most, seconds));
    assert_eq!(read("off", LimitName::Dify), Ok(None));
    assert_eq!(read("dify=off", LimitName::Dify), Ok(None));
    assert_eq!(read("dify=off", LimitName::Nexus), rate(100, 3600));
    assert_eq!(read("", LimitName::Dify), rate(10, 60));
    assert_eq!(read("dify=3/5, nexus.authenticated=7/9", LimitName::Dify), rate(3, 5));
    assert_eq!(read("dify=3/5, nexus.authenticated=7/9", LimitName::NexusAuthenticated), rate(7, 9));
    for text in ["dify", "dify=0/60", "dify=10/0", "other=1/1", "10/60"] {
        assert!(text.parse::<RateLimits>().is_err(), "{text}");
    }
}
