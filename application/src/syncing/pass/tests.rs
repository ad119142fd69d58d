use super::*;

fn at(day: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + Duration::days(20_000 + day)
}

fn listing(name: &str, day: i64) -> Listing {
    Listing {
        author: "a".to_owned(),
        name: name.to_owned(),
        updated_at: Some(at(day)),
        download_count: 1_000,
        ..Listing::default()
    }
}

fn known(listings: &[Listing], day: i64) -> BTreeMap<String, Taken> {
    let taken =
        |listing: &Listing| Taken { repository: "r".to_owned(), listing: listing.clone(), at: at(day) };
    listings.iter().map(|listing| (id(listing), taken(listing))).collect()
}

fn page(listings: Vec<Listing>, total: u64) -> Changes {
    Changes { listings, unreadable: 0, total }
}

fn names(listings: &[Listing]) -> Vec<&str> {
    listings.iter().map(|listing| listing.name.as_str()).collect()
}

fn place_of(day: i64) -> Place {
    Place { newest: Some(at(day)), whole_at: at(day) }
}

#[test]
fn what_changed_since_is_read_and_no_page_more() {
    let old = [listing("old", 1), listing("older", 0)];
    let mut pass = Pass::new(known(&old, 1), Some(place_of(1)), Depth::AsDue, at(1) + Duration::hours(2));
    let changed = pass.take(page(vec![listing("new", 1), old[0].clone()], 9)).unwrap();
    assert_eq!((names(&changed), pass.next_page()), (vec!["new"], Some(2)));
    assert!(pass.take(page(vec![old[1].clone()], 9)).unwrap().is_empty());
    assert_eq!((pass.next_page(), pass.missing()), (None, Vec::new()));
    assert_eq!(pass.outcome(), Synced { whole: false, pages: 2, added: 1, updated: 0, removed: 0 });
    assert_eq!(pass.place().whole_at, at(1));
}

#[test]
fn once_a_day_everything_is_read_and_what_is_not_there_is_missing() {
    let old = [listing("old", 1), listing("gone", 0)];
    for (place, depth, now) in [
        (Some(place_of(1)), Depth::AsDue, at(3)),
        (Some(place_of(1)), Depth::Everything, at(1)),
        (None, Depth::AsDue, at(1)),
    ] {
        let mut pass = Pass::new(known(&old, 1), place, depth, now);
        assert!(pass.take(page(vec![old[0].clone()], 2)).unwrap().is_empty());
        assert_eq!(pass.missing(), Vec::<String>::new(), "the second page may hold it");
        assert_eq!(names(&pass.take(page(vec![listing("b", 0)], 2)).unwrap()), ["b"]);
        assert_eq!((pass.next_page(), pass.missing()), (None, vec!["a/gone".to_owned()]));
        assert_eq!((pass.place().whole_at, pass.outcome().whole), (now, true));
    }
}

#[test]
fn an_empty_answer_takes_nothing_away_and_an_empty_catalogue_is_one() {
    let mut pass = Pass::new(known(&[listing("a", 0)], 0), None, Depth::AsDue, at(1));
    assert!(pass.take(page(Vec::new(), 0)).is_err());
    let mut pass = Pass::new(BTreeMap::new(), None, Depth::AsDue, at(1));
    assert!(pass.take(page(Vec::new(), 0)).unwrap().is_empty());
    assert_eq!(pass.next_page(), None);
}

#[test]
fn a_counter_alone_is_news_once_a_day_and_when_it_has_grown() {
    let old = listing("a", 0);
    let taken = Taken { repository: "r".to_owned(), listing: old.clone(), at: at(5) };
    let counts = |count| Listing { download_count: count, ..old.clone() };
    assert!(!is_other(&taken, &counts(2_000), at(5) + Duration::hours(1)));
    assert!(is_other(&taken, &counts(2_000), at(6)));
    assert!(!is_other(&taken, &counts(1_009), at(9)));
    assert!(is_other(&taken, &Listing { latest_version: "2".to_owned(), ..counts(1_000) }, at(5)));
    let detailed = Listing { readme: Some("# A".to_owned()), created_at: Some(at(0)), ..old.clone() };
    assert!(!is_other(&Taken { listing: detailed, ..taken }, &old, at(9)), "lists leave that out");
}

#[test]
fn a_time_that_has_not_come_is_no_place_to_begin() {
    let mut pass = Pass::new(BTreeMap::new(), None, Depth::AsDue, at(1));
    pass.take(page(vec![listing("a", 9_000), listing("b", 0)], 2)).unwrap();
    assert_eq!(Place::read(&pass.place().to_string()), Some(pass.place()));
    assert_eq!(pass.place().newest, Some(at(0)));
    assert_eq!(Place::read("7"), None);
    let nothing = Place { newest: None, whole_at: at(0) };
    assert_eq!(Place::read(&nothing.to_string()), Some(nothing));
}

#[test]
fn events_hold_no_more_than_a_page_and_a_megabyte() {
    let many = (0..450).map(|number| listing(&number.to_string(), 0)).collect();
    assert_eq!(events(many).iter().map(Vec::len).collect::<Vec<_>>(), [200, 200, 50]);
    let readme = Some("x".repeat(400_000));
    let large = (0..5).map(|_| Listing { readme: readme.clone(), ..listing("a", 0) }).collect();
    assert_eq!(events(large).iter().map(Vec::len).collect::<Vec<_>>(), [2, 2, 1]);
    let mut card = listing("a", 0);
    complete(&mut card, &Listing { readme: Some("ü".repeat(40_000)), ..Listing::default() });
    assert!(card.readme.unwrap().len() <= LONGEST_README);
}
