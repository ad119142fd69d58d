use std::net::IpAddr;

use super::*;

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
